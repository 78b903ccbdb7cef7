//! Whoever acts does not do so a moment longer than they may: abuse cases 6 and 7, while many requests are under way.

use crate::support::{Actor, Answer, PASSPHRASE, TestApp, app_with, stranger};
use chrono::{Datelike, TimeDelta};
use futures_util::future::join_all;
use locum::app::Running;
use locum::clock::Clock;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::Notify;

/// How somebody's acting is ended, and how often that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Revoke,
    Decline,
    EndOfMe,
    TakeTimeAway,
    Inactivate,
    SignOut,
}

const ENDINGS: [(Ending, usize); 6] = [
    (Ending::Revoke, 90),
    (Ending::Decline, 80),
    (Ending::EndOfMe, 120),
    (Ending::TakeTimeAway, 90),
    (Ending::Inactivate, 80),
    (Ending::SignOut, 40),
];
/// Requests of each kind that have to be refused after an ending, before the next one is tried.
const REFUSALS: usize = 2;
/// The seed of what happens in which order.
const SEED: u64 = 6;

/// A request in the principal's name.
#[derive(Debug)]
struct Request {
    began: Instant,
    /// The code, if it was refused: nothing was shown or changed.
    refused: Option<String>,
    changed: bool,
}

/// What the requests of a round share.
#[derive(Default)]
struct Round {
    /// When the ending was answered: by then it is committed.
    ended: OnceLock<Instant>,
    answers: AtomicUsize,
    answered: Notify,
}

/// What the delegate keeps doing.
#[derive(Clone, Copy)]
enum Work {
    Clients,
    ReadCase,
    UpdateCase,
}

/// One principal, one delegate, and what is tried between them.
struct Pair<'a> {
    app: &'a TestApp,
    second: String,
    principal: &'static str,
    of_principal: Actor,
    delegate: &'static str,
    /// The delegate's session in which they act, and another one of theirs.
    acts: Actor,
    own: Actor,
    delegation: String,
    version: i64,
    case: String,
    case_version: i64,
    chance: StdRng,
    sql: tokio_postgres::Client,
    requests: usize,
    endings: BTreeMap<Ending, usize>,
    /// How long before each ending's answer the last request began that still succeeded.
    ahead: Vec<TimeDelta>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn abuse_6_no_request_that_begins_after_a_revocation_succeeds() {
    let app = app_with(|config| {
        config.limits.cost_bucket = 1_000_000_000;
        config.limits.mails_per_actor_per_hour = 1_000_000;
        config.limits.sign_ins_per_minute = 1_000_000;
    })
    .await;
    let second = app.second_server().await;
    println!("seed {SEED}");
    let began = Instant::now();
    let pairs = [("ana", "Chidi Okafor", "bo"), ("ben", "Dorota Nowak", "ali")];
    let pairs = pairs.into_iter().zip(SEED..).map(async |((principal, client, delegate), seed)| {
        let mut pair = Pair::new(&app, &second, principal, client, delegate, seed).await;
        pair.run().await;
        pair
    });
    let pairs = join_all(pairs).await;
    let requests: usize = pairs.iter().map(|pair| pair.requests).sum();
    let endings: usize = pairs.iter().flat_map(|pair| pair.endings.values()).sum();
    let closest = pairs.iter().flat_map(|pair| &pair.ahead).min().unwrap();
    println!(
        "{requests} requests, {endings} endings in {:.1} s; the last that succeeded began {} µs before an ending was answered",
        began.elapsed().as_secs_f64(),
        closest.num_microseconds().unwrap()
    );
    assert!(*closest > TimeDelta::zero());
    second.close().await;
}

impl<'a> Pair<'a> {
    async fn new(
        app: &'a TestApp,
        second: &Running,
        principal: &'static str,
        client: &str,
        delegate: &'static str,
        seed: u64,
    ) -> Self {
        let of_principal = app.actor(principal).await;
        let client = of_principal.client_id(client).await;
        let case =
            of_principal.create_case(&client, "A plan", json!([])).await.text("/data/createCase/case/id");
        Self {
            app,
            second: format!("http://{}", second.address),
            principal,
            of_principal,
            delegate,
            acts: app.actor(delegate).await,
            own: app.actor(delegate).await,
            delegation: String::new(),
            version: 0,
            case,
            case_version: 1,
            chance: StdRng::seed_from_u64(seed),
            sql: app.database.client().await,
            requests: 0,
            endings: BTreeMap::new(),
            ahead: Vec::new(),
        }
    }

    async fn run(&mut self) {
        let mut endings: Vec<_> =
            ENDINGS.iter().flat_map(|(ending, times)| std::iter::repeat_n(*ending, *times)).collect();
        while !endings.is_empty() {
            let ending = endings.swap_remove(self.chance.random_range(0..endings.len()));
            self.round(ending).await;
        }
        let query = "query ($id: ID!) { node(id: $id) { ... on Case { version } } }";
        let case = self.of_principal.send(query, json!({ "id": self.case })).await;
        assert_eq!(*case.at("/data/node/version"), self.case_version, "what was refused changed nothing");
    }

    /// The delegate acts and keeps asking of both servers; it is ended; they are refused.
    async fn round(&mut self, ending: Ending) {
        if self.delegation.is_empty() {
            let email = format!("{}@harbour.example", self.delegate);
            self.delegation = self.of_principal.granted(&email, json!({})).await;
            self.version = 1;
        }
        let started = self.acts.start(&self.delegation, "READ_WRITE").await;
        let impersonation = started.text("/data/startImpersonation/impersonation/id");
        let round = Arc::new(Round::default());
        let works = [Work::Clients, Work::ReadCase, Work::UpdateCase];
        let here_first = self.chance.random_range(0..2);
        let working: Vec<_> = works
            .into_iter()
            .enumerate()
            .map(|(n, work)| {
                let mut actor = self.acts.clone();
                if (n + here_first) % 2 == 1 {
                    actor.base = self.second.clone();
                }
                let (case, version, round) = (self.case.clone(), self.case_version, round.clone());
                tokio::spawn(async move { keep_working(&actor, work, &case, version, &round).await })
            })
            .collect();
        let enough = self.chance.random_range(3..8);
        while round.answers.load(Ordering::Relaxed) < enough {
            round.answered.notified().await;
        }
        let done = self.end(ending, &impersonation).await;
        round.ended.set(Instant::now()).unwrap();
        let ended = *round.ended.get().unwrap();
        assert_eq!(done.and_then(|answer| answer.code()), None, "{ending:?}");
        let mut requests = Vec::new();
        for working in working {
            requests.extend(working.await.unwrap());
        }
        self.judge(ending, ended, &requests);
        self.mend(ending).await;
    }

    fn judge(&mut self, ending: Ending, ended: Instant, requests: &[Request]) {
        let expected = if ending == Ending::SignOut { "UNAUTHENTICATED" } else { "IMPERSONATION_ENDED" };
        let number = self.endings.values().sum::<usize>();
        for request in requests {
            let late = request.began >= ended;
            let what =
                || format!("seed {SEED}, {}, ending {number} ({ending:?}): {request:?}", self.principal);
            assert!(!late || request.refused.is_some(), "began after the ending: {}", what());
            assert!(request.refused.as_deref().is_none_or(|code| code == expected), "{}", what());
        }
        let last =
            requests.iter().filter(|request| request.refused.is_none()).map(|request| request.began).max();
        let last = last.unwrap_or_else(|| panic!("nothing succeeded before ending {number} ({ending:?})"));
        self.ahead.push(TimeDelta::from_std(ended - last).unwrap());
        self.case_version += requests.iter().filter(|request| request.changed).count() as i64;
        self.requests += requests.len();
        *self.endings.entry(ending).or_default() += 1;
    }

    /// Ends it, from another connection than those that work.
    async fn end(&mut self, ending: Ending, impersonation: &str) -> Option<Answer> {
        let answer = match ending {
            Ending::Revoke => self.of_principal.revoke(&self.delegation).await,
            Ending::Decline => self.own.decline(&self.delegation).await,
            Ending::EndOfMe => self.of_principal.end_of_me(impersonation).await,
            Ending::TakeTimeAway => {
                let later = self.app.clock.now() + TimeDelta::days(3);
                let days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
                let day = days[later.weekday().num_days_from_monday() as usize];
                let terms = if self.chance.random_bool(0.5) {
                    json!({ "validFrom": later.to_rfc3339() })
                } else {
                    json!({ "schedule": [{ "day": day, "from": "09:00", "until": "10:00" }] })
                };
                self.change(terms).await
            }
            Ending::Inactivate => {
                self.set_active(false).await;
                return None;
            }
            Ending::SignOut => {
                let elsewhere = stranger(&self.second).with(self.acts.token.as_deref().unwrap());
                elsewhere.sign_out().await
            }
        };
        Some(answer)
    }

    /// Makes everything as it was before.
    async fn mend(&mut self, ending: Ending) {
        match ending {
            Ending::Revoke | Ending::Decline => self.delegation.clear(),
            Ending::EndOfMe => {}
            Ending::TakeTimeAway => {
                let mended = self.change(json!({ "validFrom": null, "schedule": null })).await;
                assert_eq!(mended.code(), None);
            }
            Ending::Inactivate => self.set_active(true).await,
            Ending::SignOut => {
                self.acts = Actor::sign_in(&self.app.base, "harbour", self.delegate, PASSPHRASE).await;
            }
        }
    }

    async fn change(&mut self, terms: Value) -> Answer {
        self.version += 1;
        self.of_principal.update_delegation(&self.delegation, self.version - 1, terms).await
    }

    async fn set_active(&self, active: bool) {
        let (principal, status) = (self.principal, if active { "ACTIVE" } else { "INACTIVE" });
        let update = format!(
            "update users set status = '{status}', can_login = {active} where handle = '{principal}'"
        );
        self.sql.batch_execute(&update).await.unwrap();
    }
}

/// Does the same over and over, until it was refused often enough after the ending.
async fn keep_working(
    actor: &Actor,
    work: Work,
    case: &str,
    mut version: i64,
    round: &Round,
) -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    let is_late = |request: &Request| round.ended.get().is_some_and(|ended| request.began >= *ended);
    while requests.iter().rev().take_while(|request| is_late(request)).count() < REFUSALS {
        let began = Instant::now();
        let answer = match work {
            Work::Clients => actor.send("{ clients { edges { node { name } } } }", json!({})).await,
            Work::ReadCase => {
                let query =
                    "query ($id: ID!) { node(id: $id) { ... on Case { title facts { name value } } } }";
                actor.send(query, json!({ "id": case })).await
            }
            Work::UpdateCase => {
                actor.update_case(case, version, json!({ "title": format!("A plan, {version}") })).await
            }
        };
        let changed = answer.at("/data/updateCase/case").is_object();
        version += i64::from(changed);
        requests.push(Request { began, refused: refusal(&answer), changed });
        round.answers.fetch_add(1, Ordering::Relaxed);
        round.answered.notify_one();
    }
    requests
}

/// The code of an answer that shows nothing and did nothing.
fn refusal(answer: &Answer) -> Option<String> {
    let nothing = answer.json.get("data").is_none() && answer.at("/extensions/acting").is_null();
    answer.code().filter(|_| nothing && matches!(answer.status.as_u16(), 401 | 403))
}
