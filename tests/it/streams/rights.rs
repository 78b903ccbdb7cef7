//! A stream lasts as long as the right to it. Abuse cases 6, 7 and 24, with the time that it takes.

use super::patient;
use crate::support::socket::{FOLLOW, Socket};
use crate::support::{Actor, PASSPHRASE, TestApp, app_with};
use chrono::TimeDelta;
use locum::app::Running;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const IMPERSONATIONS: &str = "subscription ($after: String) { impersonationEvents(after: $after) { __typename
    ... on Event { id cursor type data actor { handle } principal { handle } } ... on Checkpoint { cursor } } }";

/// How long after `work` was answered a socket was closed with 4403.
async fn closes(what: &str, mut socket: Socket, work: impl Future<Output = ()>) -> Duration {
    let closed = tokio::spawn(async move { (socket.closed().await.0, Instant::now()) });
    tokio::task::yield_now().await;
    work.await;
    let answered = Instant::now();
    let (code, at) = closed.await.unwrap();
    assert_eq!(code, 4403, "{what}");
    let took = at.saturating_duration_since(answered);
    println!("{what}: closed {took:?} after the answer");
    took
}

async fn following(actor: &Actor) -> Socket {
    let mut socket = Socket::of(actor).await;
    socket.follow(None).await;
    socket
}

const ON_THE_NODE: Duration = Duration::from_millis(250);
const ON_ANOTHER: Duration = Duration::from_secs(1);
const WITHOUT_BUS: Duration = Duration::from_secs(5);

#[tokio::test]
async fn abuse_7_what_ends_a_session_closes_its_sockets() {
    let app = app_with(patient).await;
    let ana = app.actor("ana").await;
    let took = closes("sign-out", following(&ana).await, async {
        ana.sign_out().await;
    });
    assert!(took.await < ON_THE_NODE);

    let (here, elsewhere) = (app.actor("ana").await, app.actor("ana").await);
    let took = closes("sign-out everywhere", following(&elsewhere).await, async {
        here.sign_out_everywhere().await;
    });
    assert!(took.await < ON_THE_NODE);

    let (here, elsewhere) = (app.actor("ana").await, app.actor("ana").await);
    let old = following(&here).await;
    let took = closes("a new password, elsewhere", following(&elsewhere).await, async {
        assert_eq!(here.change_password(PASSPHRASE, "quite-another-passphrase").await.code(), None);
    });
    assert!(took.await < ON_THE_NODE);
    let took = closes("a new password, with the old token", old, async {});
    assert!(took.await < ON_THE_NODE);

    let ben = app.actor("ben").await;
    ben.request_reset("harbour", "ben").await;
    let link = app.mails.next("ben@harbour.example", "Set a new password").await.token("reset-password");
    let took = closes("a password that is set anew", following(&ben).await, async {
        assert_eq!(ben.reset_password(&link, "quite-another-passphrase").await.code(), None);
    });
    assert!(took.await < ON_THE_NODE);

    // Behind the service's back, as a database that is restored or mended: found by the sweep.
    let ali = app.actor("ali").await;
    let took = closes("made inactive in the database", following(&ali).await, async {
        app.sql("update users set status = 'INACTIVE', can_login = false where handle = 'ali'").await;
    });
    assert!(took.await < Duration::from_secs(5));
}

#[tokio::test]
async fn abuse_7_a_session_that_is_over_by_the_clock_closes_its_sockets() {
    let app = app_with(patient).await;
    let ana = app.actor("ana").await;
    let mut socket = following(&ana).await;
    app.clock.advance(TimeDelta::minutes(50));
    // Operations are use, also over the socket.
    socket.subscribe("q", "{ viewer { user { handle } } }", json!({})).await;
    assert_eq!(socket.item().await["user"]["handle"], "ana");
    tokio::time::sleep(Duration::from_secs(5)).await;
    app.clock.advance(TimeDelta::minutes(50));
    assert!(
        socket.hear_within(Duration::from_secs(1)).await.is_none_or(|heard| heard.is_ok()),
        "not idle yet"
    );
    let took = closes("idle for an hour", socket, async { app.clock.advance(TimeDelta::minutes(11)) });
    assert!(took.await < Duration::from_millis(500));
}

/// Bo acts for Ana, and follows what happens to that.
async fn acting(app: &TestApp, mode: &str) -> (Actor, Actor, String, Socket) {
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let delegation = ana.granted("bo@harbour.example", json!({})).await;
    assert_eq!(bo.start(&delegation, mode).await.code(), None);
    let mut socket = Socket::of(&bo).await;
    socket.subscribe("feed", IMPERSONATIONS, json!({})).await;
    assert_eq!(socket.item().await["__typename"], "Checkpoint");
    (ana, bo, delegation, socket)
}

#[tokio::test]
async fn abuse_6_a_delegation_that_is_revoked_closes_the_sockets_of_who_acts() {
    let mut took = Vec::new();
    let app = app_with(patient).await;
    for round in 0..8 {
        let (ana, bo, delegation, mut socket) = acting(&app, "READ_ONLY").await;
        // While acting, the own log is not shown.
        if round == 0 {
            socket.subscribe("own", FOLLOW, json!({})).await;
            let refused = socket.hear().await.unwrap();
            assert_eq!(refused["payload"][0]["extensions"]["code"], "NOT_WHILE_IMPERSONATING", "{refused}");
        }
        let mut of_ana = Socket::of(&ana).await;
        of_ana.subscribe("feed", IMPERSONATIONS, json!({})).await;
        of_ana.item().await;
        took.push(
            closes("revoked", socket, async {
                assert_eq!(ana.revoke(&delegation).await.code(), None);
            })
            .await,
        );
        assert_eq!(of_ana.event().await["type"], "ImpersonationEnded", "who has the right goes on");
        // Whoever comes back hears how it ended, and nothing of the principal's.
        let mut again = Socket::of(&bo).await;
        again.subscribe("feed", IMPERSONATIONS, json!({})).await;
        assert_eq!(again.item().await["__typename"], "Checkpoint");
        assert_eq!(bo.stop().await.code(), None);
        assert_eq!(again.closed().await.0, 4403, "as oneself it is another connection");
    }
    took.sort();
    println!("revoked, {} times: at most {:?}", took.len(), took.last().unwrap());
    assert!(took.iter().all(|took| *took < ON_THE_NODE));
}

#[tokio::test]
async fn abuse_6_starting_switching_and_ending_change_what_a_socket_is_for() {
    let app = app_with(patient).await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let delegation = ana.granted("bo@harbour.example", json!({})).await;
    let took = closes("started to act", following(&bo).await, async {
        assert_eq!(bo.start(&delegation, "READ_WRITE").await.code(), None);
    });
    assert!(took.await < ON_THE_NODE);
    let mut socket = Socket::of(&bo).await;
    socket.subscribe("feed", IMPERSONATIONS, json!({})).await;
    socket.item().await;
    let of_me = ana.impersonations_of_me().await;
    let running = of_me.text("/data/viewer/impersonationsOfMe/edges/0/node/id");
    let took = closes("ended by the principal", socket, async {
        assert_eq!(ana.end_of_me(&running).await.code(), None);
    });
    assert!(took.await < ON_THE_NODE);
}

/// Abuse case 24: what happens after the right has ended is never delivered, not then and not later.
#[tokio::test]
async fn abuse_24_nothing_is_delivered_after_the_right_has_ended() {
    let app = app_with(patient).await;
    for round in 0..10 {
        let (ana, other) = (app.actor("ana").await, app.actor("ana").await);
        let mut socket = following(&ana).await;
        let delegation = other.granted(&format!("x{round}@else.example"), json!({})).await;
        assert_eq!(socket.event().await["type"], "DelegationCreated");
        // What is committed behind the end of the session is not for it.
        ana.sign_out().await;
        other.revoke(&delegation).await;
        let mut heard = Vec::<Value>::new();
        let code = loop {
            match socket.hear().await {
                Ok(message) => heard.push(message),
                Err(code) => break code,
            }
        };
        assert_eq!((code, heard), (4403, Vec::new()));
        assert_eq!(
            Socket::open(&app.base)
                .await
                .init(json!({ "Authorization": format!("Bearer {}", ana.token.unwrap()) }))
                .await,
            Err(4403)
        );
        other.sign_out().await;
    }
}

/// How somebody's right to a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    SignOut,
    SignOutEverywhere,
    NewPassword,
    Revoked,
    ByTheClock,
    /// Behind the service's back.
    Inactive,
}

/// Two servers, and how long it takes until streams are closed there.
struct Measured {
    app: TestApp,
    there: String,
    passphrases: [String; 2],
}

impl Measured {
    async fn by(bus: Option<&str>) -> (Self, Running) {
        let app = app_with(|config| {
            patient(config);
            config.nats_url = bus.map(|url| url.to_owned().into());
        })
        .await;
        let other = app.second_server().await;
        let there = format!("http://{}", other.address);
        (Self { app, there, passphrases: [PASSPHRASE, "quite-another-passphrase"].map(str::to_owned) }, other)
    }

    /// Ends a right so many times, with five streams on the node and two on the other. Answers how long after the answer
    /// they were closed.
    async fn times(&mut self, ending: Ending, rounds: usize) -> [Vec<Duration>; 2] {
        let mut took = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            let (who, query) = self.who(ending).await;
            let mut closing = Vec::new();
            for number in 0..7 {
                let place = usize::from(number >= 5);
                let at = if place == 0 { who.clone() } else { who.at(&self.there) };
                let mut socket = Socket::of(&at).await;
                socket.subscribe("feed", query, json!({})).await;
                socket.item().await;
                closing.push(tokio::spawn(async move { (place, socket.closed().await.0, Instant::now()) }));
            }
            self.end(ending, &who).await;
            let answered = Instant::now();
            for closed in closing {
                let (place, code, at) = closed.await.unwrap();
                assert_eq!(code, 4403, "{ending:?}");
                took[place].push(at.saturating_duration_since(answered));
            }
            if ending == Ending::Inactive {
                self.app
                    .sql("update users set status = 'ACTIVE', can_login = true where handle = 'ali'")
                    .await;
            }
        }
        for (place, took) in ["on the node", "on another"].iter().zip(&mut took) {
            took.sort();
            let (half, most) = (took[took.len() / 2], took[took.len() - 1]);
            println!("{ending:?}, {} streams {place}: p50 {half:?}, at most {most:?}", took.len());
        }
        took
    }

    /// Whose right is to end, and what they follow.
    async fn who(&self, ending: Ending) -> (Actor, &'static str) {
        let base = &self.app.base;
        match ending {
            Ending::Revoked => {
                let (_, bo, _, _) = acting(&self.app, "READ_ONLY").await;
                (bo, IMPERSONATIONS)
            }
            Ending::NewPassword => {
                (Actor::sign_in(base, "harbour", "ben", &self.passphrases[0]).await, FOLLOW)
            }
            Ending::Inactive => (self.app.actor("ali").await, FOLLOW),
            _ => (self.app.actor("sam").await, FOLLOW),
        }
    }

    async fn end(&mut self, ending: Ending, who: &Actor) {
        match ending {
            Ending::SignOut => assert_eq!(who.sign_out().await.code(), None),
            Ending::SignOutEverywhere => assert_eq!(who.sign_out_everywhere().await.code(), None),
            Ending::NewPassword => {
                let [old, new] = &self.passphrases;
                assert_eq!(who.change_password(old, new).await.code(), None);
                self.passphrases.reverse();
            }
            Ending::Revoked => {
                let ana = self.app.actor("ana").await;
                let mine = ana.send("{ viewer { backOfficeUsers { id } } }", json!({})).await;
                let delegation = mine.text("/data/viewer/backOfficeUsers/0/id");
                assert_eq!(ana.revoke(&delegation).await.code(), None);
            }
            Ending::ByTheClock => self.app.clock.advance(TimeDelta::minutes(61)),
            Ending::Inactive => {
                self.app
                    .sql("update users set status = 'INACTIVE', can_login = false where handle = 'ali'")
                    .await
            }
        }
    }
}

fn assert_within(took: &[Vec<Duration>; 2], node: Duration, other: Duration) {
    assert!(took[0].iter().all(|took| *took < node), "{took:?}");
    assert!(took[1].iter().all(|took| *took < other), "{took:?}");
}

#[tokio::test]
async fn abuse_6_and_7_each_ending_closes_streams_in_time_on_both_nodes() {
    let (mut measured, other) = Measured::by(None).await;
    let endings = [
        Ending::SignOut,
        Ending::SignOutEverywhere,
        Ending::NewPassword,
        Ending::Revoked,
        Ending::ByTheClock,
    ];
    for ending in endings {
        assert_within(&measured.times(ending, 4).await, ON_THE_NODE, ON_ANOTHER);
    }
    // Nobody says so, and each node finds it by itself.
    assert_within(&measured.times(Ending::Inactive, 1).await, WITHOUT_BUS, WITHOUT_BUS);
    other.close().await;
}

#[tokio::test]
async fn abuse_6_and_7_each_ending_closes_streams_in_time_with_the_bus_down() {
    // Nobody listens on port 1.
    let (mut measured, other) = Measured::by(Some("nats://127.0.0.1:1")).await;
    for ending in [Ending::SignOut, Ending::Revoked] {
        assert_within(&measured.times(ending, 2).await, ON_THE_NODE, WITHOUT_BUS);
    }
    other.close().await;
}
