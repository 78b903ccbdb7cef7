//! The story itself: each step lets time pass, has somebody try something at the front door, and compares the answer with
//! what the model says. The clock stands still while it does, so that a seed always tells the same story.

mod acting;
mod going;
mod looking;
mod working;

use super::chance::{Chance, Deed};
use super::world::{CLIENTS, End, Moment, PEOPLE, Refusal, Stand, World};
use crate::support::{Actor, Answer, PASSPHRASE, TestApp, app_with, stranger};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::time::Instant;

/// Who sits at a keyboard; some at several.
const SEATED: [usize; 9] = [0, 0, 1, 2, 3, 3, 3, 4, 5];
const PASSPHRASES: [&str; 2] = [PASSPHRASE, "purple-granite-teapot-13"];
/// All there are.
const ENDINGS: [&str; 9] = [
    "STOPPED",
    "SWITCHED",
    "EXPIRED",
    "IDLE",
    "SCHEDULE",
    "REVOKED",
    "PRINCIPAL_ENDED",
    "INACTIVATED",
    "SIGNED_OUT",
];

struct Seat {
    person: usize,
    actor: Actor,
    session: usize,
}

pub struct Story {
    app: TestApp,
    seed: u64,
    steps: usize,
    began: Instant,
    chance: Chance,
    world: World,
    seats: Vec<Seat>,
    /// The ids of the clients.
    clients: Vec<String>,
    passphrases: [usize; PEOPLE.len()],
    /// How often people were refused to sign in since they last did.
    failures: [usize; PEOPLE.len()],
    /// What was done lately.
    lately: VecDeque<String>,
    /// How often each deed came to what.
    outcomes: BTreeMap<(Deed, String), usize>,
    endings: BTreeMap<String, usize>,
}

impl Story {
    /// Opens a house at that moment, with everybody at their keyboards.
    pub async fn begin(seed: u64, from: Moment) -> Self {
        println!("seed {seed}");
        let app = app_with(|config| {
            let limits = &mut config.limits;
            limits.cost_bucket = 1_000_000_000;
            limits.mails_per_actor_per_hour = 1_000_000;
            limits.sign_ins_per_minute = 1_000_000;
        })
        .await;
        app.clock.stop_at(from);
        let mut story = Self {
            seed,
            steps: 0,
            began: Instant::now(),
            chance: Chance::new(seed),
            world: World::new(from),
            seats: Vec::new(),
            clients: Vec::new(),
            passphrases: Default::default(),
            failures: Default::default(),
            lately: VecDeque::new(),
            outcomes: BTreeMap::new(),
            endings: BTreeMap::new(),
            app,
        };
        for person in SEATED {
            story.seats.push(Seat { person, actor: stranger(&story.app.base), session: usize::MAX });
            story.sign_in(story.seats.len() - 1).await;
        }
        for (client, name) in CLIENTS.iter().enumerate() {
            let reaches = |seat: &&Seat| PEOPLE[seat.person].clients.contains(&client);
            let adviser = story.seats.iter().find(reaches).unwrap().actor.clone();
            story.clients.push(adviser.client_id(name).await);
        }
        story
    }

    /// One step.
    pub async fn step(&mut self) {
        self.steps += 1;
        self.pause();
        let mut seat = self.chance.below(self.seats.len());
        if self.stand(seat) == Stand::Nobody && self.chance.of_hundred(40) {
            seat = self.chance.below(self.seats.len());
        }
        let person = self.seats[seat].person;
        let mut deed = self.chance.deed();
        let of_principals = [Deed::Add, Deed::Update, Deed::Resend, Deed::Revoke, Deed::EndOfMe];
        let of_clients = [Deed::CreateCase, Deed::UpdateCase, Deed::PrintCase, Deed::UpdateClient];
        let own = matches!(self.stand(seat), Stand::Own);
        let vain = of_principals.contains(&deed) || own && of_clients.contains(&deed);
        if !PEOPLE[person].advises && vain && self.chance.of_hundred(75) {
            deed = Deed::Start;
        }
        if deed == Deed::Start && self.world.menu(person).next().is_none() && self.chance.of_hundred(70) {
            deed = if PEOPLE[person].advises { Deed::Add } else { Deed::Look };
        }
        if self.stand(seat) == Stand::Nobody && self.chance.of_hundred(85) {
            deed = Deed::SignIn;
        }
        if self.world.active.contains(&false) && self.chance.of_hundred(8) {
            deed = Deed::SetActive;
        }
        match deed {
            Deed::Add => self.add(seat).await,
            Deed::Update => self.update(seat).await,
            Deed::Revoke | Deed::Decline => self.take_back(seat, deed).await,
            Deed::Resend => self.resend(seat).await,
            Deed::Start => self.start(seat).await,
            Deed::Stop => self.stop(seat).await,
            Deed::EndOfMe => self.end_of_me(seat).await,
            Deed::Look => self.look(seat).await,
            Deed::LookAtMine => self.look_at_mine(seat).await,
            Deed::LookAtMenu => self.look_at_menu(seat).await,
            Deed::CreateCase => self.create_case(seat).await,
            Deed::UpdateCase => self.update_case(seat).await,
            Deed::PrintCase => self.print_case(seat).await,
            Deed::UpdateClient => self.update_client(seat).await,
            Deed::SignIn => self.sign_in(seat).await,
            Deed::SignOut => self.sign_out(seat).await,
            Deed::SignOutEverywhere => self.sign_out_everywhere(seat).await,
            Deed::ChangePassword => self.change_password(seat).await,
            Deed::SetActive => self.set_active().await,
            Deed::Sweep => self.sweep().await,
        }
        if self.chance.of_hundred(25) {
            let acts = |seat: &usize| matches!(self.stand(*seat), Stand::Acting(_) | Stand::Lapsed(_));
            let acting: Vec<_> = (0..self.seats.len()).filter(acts).collect();
            let acting = self.chance.one_of(&acting).filter(|_| self.chance.of_hundred(60));
            let seat = acting.unwrap_or_else(|| self.chance.below(self.seats.len()));
            self.look(seat).await;
        }
    }

    /// Looks at everything once more, and says what happened.
    pub async fn finish(mut self) {
        self.sweep().await;
        for seat in 0..self.seats.len() {
            self.look(seat).await;
            self.look_at_mine(seat).await;
            self.look_at_menu(seat).await;
        }
        let (seed, steps, took) = (self.seed, self.steps, self.began.elapsed().as_secs_f64());
        println!("seed {seed}: {steps} steps in {took:.1} s");
        println!(
            "{} delegations, {} impersonations, ended {:?}",
            self.world.delegations.len(),
            self.world.impersonations.len(),
            self.endings
        );
        println!("{:?}", self.outcomes);
        let missing: Vec<_> = ENDINGS.iter().filter(|ending| !self.endings.contains_key(**ending)).collect();
        assert!(missing.is_empty(), "seed {seed}: nothing ended for {missing:?}");
    }

    fn stand(&self, seat: usize) -> Stand {
        self.world.stand(self.seats[seat].session)
    }

    /// Lets time pass: often a little, sometimes to the very moment at which something ends. Where it is in doubt whether
    /// something is idle already, time goes on until it is.
    fn pause(&mut self) {
        let before = self.world.now;
        self.world.now = self.chance.pause(&self.world);
        while let Some(clear) = self.world.in_doubt() {
            self.world.now = clear;
        }
        self.app.clock.advance(self.world.now - before);
    }

    /// Notes what somebody is about to do.
    fn note(&mut self, seat: usize, deed: Deed, detail: impl Debug) {
        let person = &PEOPLE[self.seats[seat].person];
        let stand = if self.seats[seat].session == usize::MAX { Stand::Nobody } else { self.stand(seat) };
        let who = format!("{}@{} at {seat} ({stand:?})", person.handle, person.firm);
        self.lately.push_back(format!("{} {} {who} {deed:?} {detail:?}", self.steps, self.world.now));
        if self.lately.len() > 25 {
            self.lately.pop_front();
        }
    }

    /// Compares how an answer came out; what the model's deed came to, if it was done.
    fn compare<T: Debug>(&mut self, deed: Deed, answer: &Answer, expected: Result<T, Refusal>) -> Option<T> {
        let code = answer.code();
        if let Some(last) = self.lately.back_mut() {
            last.push_str(&format!(" → {}", code.as_deref().unwrap_or("done")));
        }
        *self.outcomes.entry((deed, code.clone().unwrap_or_default())).or_default() += 1;
        match (expected, code) {
            (Ok(value), None) => Some(value),
            (Err(codes), Some(code)) if codes.contains(&code.as_str()) => None,
            (expected, _) => self.disagree(&format!("the model says {expected:?}: {}", answer.json)),
        }
    }

    /// Compares what is shown, field by field of the answer.
    fn same(&self, what: &str, shown: &Value, expected: &Value) {
        let differs = match shown.as_object() {
            Some(fields) => fields.iter().find(|(name, value)| expected[name.as_str()] != **value),
            None if shown == expected => None,
            None => self.disagree(&format!("{what} is {shown}, the model says {expected}")),
        };
        if let Some((name, value)) = differs {
            self.disagree(&format!("{what}: {name} is {value}, the model says {}", expected[name.as_str()]));
        }
    }

    /// Compares how an impersonation ended; it need not be written down yet if the clock ended it.
    fn same_end(&mut self, impersonation: usize, shown: &Value) {
        let (reason, at) = (shown["endReason"].as_str(), shown["endedAt"].as_str());
        let at = at.map(|at| at.parse::<Moment>().unwrap());
        let noted = self.world.impersonations[impersonation].noted;
        match (self.world.end_of(impersonation), reason, at) {
            (None, None, None) => {}
            (Some(End { why, from, until }), Some(reason), Some(at))
                if why.contains(&reason) && from <= at && at <= until =>
            {
                *self.endings.entry(reason.to_owned()).or_default() += 1;
            }
            (Some(_), None, None) if !noted && !self.world.ended_by_somebody(impersonation) => {}
            (expected, ..) => {
                self.disagree(&format!("impersonation {impersonation} {shown}: the model says {expected:?}"))
            }
        }
    }

    fn disagree(&self, what: &str) -> ! {
        let lately: Vec<_> = self.lately.iter().map(String::as_str).collect();
        let (seed, step) = (self.seed, self.steps);
        panic!("seed {seed}, step {step}: {what}\nlately:\n{}", lately.join("\n"));
    }

    /// A delegation to do something about: most often one for which it makes sense.
    fn some_delegation(&mut self, seat: usize, deed: Deed) -> Option<usize> {
        let person = self.seats[seat].person;
        let fitting: Vec<_> = match deed {
            Deed::Start | Deed::Decline => self.world.menu(person).collect(),
            Deed::Revoke if PEOPLE[person].administers => {
                (0..self.world.delegations.len()).filter(|it| self.world.is_live(*it)).collect()
            }
            _ => self.world.seats(person).collect(),
        };
        let all: Vec<_> = (0..self.world.delegations.len()).rev().take(40).collect();
        let in_use = |it: &usize| !self.world.running_by(*it).is_empty();
        let used: Vec<_> = fitting.iter().copied().filter(in_use).collect();
        match self.chance.below(20) {
            0..10 if deed != Deed::Start && !used.is_empty() => self.chance.one_of(&used),
            0..17 if !fitting.is_empty() => self.chance.one_of(&fitting),
            _ => self.chance.one_of(&all),
        }
    }

    /// The seats at which something runs by a delegation.
    fn seats_of(&self, delegation: usize) -> Vec<usize> {
        let by = |seat: &usize| matches!(self.stand(*seat), Stand::Acting(it) if self.world.impersonations[it].delegation == delegation);
        (0..self.seats.len()).filter(by).collect()
    }

    async fn look_at_all(&mut self, seats: Vec<usize>) {
        for seat in seats {
            self.look(seat).await;
        }
    }
}
