//! What should be so: who lets whom act, who acts, and in which session, as the design has it. Written from the design and
//! the schema's descriptions, in memory; nothing here asks the service.
//!
//! Each request is judged by what is so at its moment: the clock ends things by itself, and no note of it is needed.
//! The last use of a session, and of the impersonation in it, is noted to the minute, so that a time of idleness ends
//! up to a minute early; [`World::in_doubt`] says when, and the story leaves these minutes out.

mod deeds;

use super::terms::{Terms, next_change};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

pub type Moment = DateTime<Utc>;

/// The codes of which a refusal has one: all the reasons there are to refuse.
pub type Refusal = Vec<&'static str>;

/// Somebody of the two firms.
pub struct Person {
    pub firm: &'static str,
    pub handle: &'static str,
    pub email: &'static str,
    /// Whether they can let others act for them, and have clients.
    pub advises: bool,
    pub administers: bool,
    pub clients: &'static [usize],
}

const fn person(
    firm: &'static str,
    handle: &'static str,
    email: &'static str,
    advises: bool,
    clients: &'static [usize],
) -> Person {
    Person { firm, handle, email, advises, administers: false, clients }
}

/// Everybody.
pub const PEOPLE: [Person; 6] = [
    person("harbour", "ana", "ana@harbour.example", true, &[0, 1, 2]),
    person("harbour", "ben", "ben@harbour.example", true, &[0, 1, 3]),
    person("harbour", "ali", "ali@harbour.example", true, &[]),
    person("harbour", "bo", "bo@harbour.example", false, &[]),
    person("summit", "bo", "bo@summit.example", false, &[]),
    Person { administers: true, ..person("harbour", "sam", "sam@harbour.example", true, &[]) },
];
/// The clients of `harbour`.
pub const CLIENTS: [&str; 4] = ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor", "Dorota Nowak"];

const SESSION: TimeDelta = TimeDelta::hours(12);
const SESSION_IDLE: TimeDelta = TimeDelta::hours(1);
const IMPERSONATION: TimeDelta = TimeDelta::hours(8);
const IMPERSONATION_IDLE: TimeDelta = TimeDelta::minutes(30);
/// How much too early the last use of something may be noted.
const PRECISION: TimeDelta = TimeDelta::minutes(1);

/// From signing in to signing out.
pub struct Session {
    pub person: usize,
    pub expires: Moment,
    pub used: Moment,
    pub ended: bool,
}

/// Somebody lets somebody act.
pub struct Delegation {
    pub id: String,
    pub principal: usize,
    pub email: String,
    pub delegate: Option<usize>,
    pub given: Moment,
    pub terms: Terms,
    pub version: i64,
    /// How it was ended, if somebody did.
    pub ended: Option<&'static str>,
}

/// Somebody acts.
pub struct Impersonation {
    pub id: String,
    pub delegation: usize,
    pub session: usize,
    pub mode: &'static str,
    pub started: Moment,
    pub expires: Moment,
    /// Why it will have ended by then.
    why: Refusal,
    pub used: Moment,
    /// How it was ended, if somebody did.
    ended: Option<End>,
    /// Whether the actor took note of its end.
    pub left: bool,
    /// Whether its end is written down, also if the clock ended it.
    pub noted: bool,
}

/// How an impersonation ended: for one of these reasons, at some moment of these.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub why: Refusal,
    pub from: Moment,
    pub until: Moment,
}

/// A case, its client and its version.
pub struct Case {
    pub id: String,
    pub client: usize,
    pub version: i64,
}

/// Whom a session stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stand {
    /// It is over.
    Nobody,
    Own,
    Acting(usize),
    /// Whoever acted has not taken note of the end yet.
    Lapsed(usize),
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub enum Asks {
    /// To be judged as the person at the keyboard.
    AsActor,
    /// What is not done in somebody else's name.
    OwnOnly,
    /// To read.
    ToRead,
    /// What the scope has to include.
    For(&'static str),
}

/// All of it.
pub struct World {
    pub now: Moment,
    /// The ids of all people.
    pub ids: [String; PEOPLE.len()],
    pub active: [bool; PEOPLE.len()],
    pub sessions: Vec<Session>,
    pub delegations: Vec<Delegation>,
    pub impersonations: Vec<Impersonation>,
    pub clients: [i64; CLIENTS.len()],
    pub cases: Vec<Case>,
}

impl World {
    /// At that moment, nobody is there.
    pub fn new(now: Moment) -> Self {
        let (ids, sessions, delegations, impersonations, cases) = Default::default();
        Self { now, ids, active: [true; _], sessions, delegations, impersonations, clients: [1; _], cases }
    }

    /// Whether a session can be used.
    fn is_open(&self, session: &Session) -> bool {
        !session.ended && self.now < session.expires && self.now < session.used + SESSION_IDLE
    }

    /// Whom a session stands for now.
    pub fn stand(&self, session: usize) -> Stand {
        let of = &self.sessions[session];
        if !self.is_open(of) || !self.active[of.person] {
            return Stand::Nobody;
        }
        let inside = self.impersonations.iter().rposition(|it| it.session == session && !it.left);
        match inside {
            None => Stand::Own,
            Some(it) if self.end_of(it).is_none() => Stand::Acting(it),
            Some(it) => Stand::Lapsed(it),
        }
    }

    /// How an impersonation has ended by now, if it has.
    pub fn end_of(&self, impersonation: usize) -> Option<End> {
        let it = &self.impersonations[impersonation];
        if it.ended.is_some() {
            return it.ended.clone();
        }
        let idle = it.used + IMPERSONATION_IDLE;
        let mut ends = vec![
            End { why: it.why.clone(), from: it.expires, until: it.expires },
            End { why: vec!["IDLE"], from: idle - PRECISION, until: idle },
        ];
        ends.retain(|end| end.until <= self.now);
        ends.sort_by_key(|end| end.from);
        let (first, others) = ends.split_first()?;
        let mut first = first.clone();
        for other in others {
            if other.from <= first.until {
                first.why.extend(&other.why);
            }
        }
        Some(first)
    }

    /// A time, if it is not the present one, until which it is in doubt whether something is idle already.
    pub fn in_doubt(&self) -> Option<Moment> {
        let sessions = self.sessions.iter().filter(|of| self.is_open(of)).map(|of| of.used + SESSION_IDLE);
        let running = (0..self.impersonations.len()).filter(|it| self.end_of(*it).is_none());
        let impersonations = running.map(|it| self.impersonations[it].used + IMPERSONATION_IDLE);
        sessions.chain(impersonations).filter(|end| *end - PRECISION < self.now && self.now < *end).max()
    }

    /// The moments to come at which the clock changes something.
    pub fn turning_points(&self) -> Vec<Moment> {
        let mut points = Vec::new();
        for of in self.sessions.iter().filter(|of| self.is_open(of)) {
            points.extend([of.expires, of.used + SESSION_IDLE - PRECISION, of.used + SESSION_IDLE]);
        }
        for it in (0..self.impersonations.len()).filter(|it| self.end_of(*it).is_none()) {
            let it = &self.impersonations[it];
            let idle = it.used + IMPERSONATION_IDLE;
            points.extend([it.expires, idle - PRECISION, idle]);
        }
        for given in (0..self.delegations.len()).filter(|given| self.is_live(*given)) {
            let terms = &self.delegations[given].terms;
            points.extend([Some(terms.from), terms.until].into_iter().flatten());
            let hours = terms.hours.as_deref();
            points.extend(hours.and_then(|hours| next_change(hours, self.now, self.now + SESSION)));
        }
        points.retain(|point| *point > self.now);
        points
    }

    /// When what runs ends, if it does so before it has been left alone for too long.
    pub fn ends_of_running(&self) -> Vec<Moment> {
        let running = (0..self.impersonations.len()).filter(|it| self.end_of(*it).is_none());
        let running = running.map(|it| &self.impersonations[it]);
        let by_terms = running.filter(|it| it.expires < it.used + IMPERSONATION_IDLE - PRECISION);
        by_terms.map(|it| it.expires).collect()
    }

    /// Judges a request before anything of it is done. It is a use of the session, whatever comes of it.
    pub fn admit(&mut self, session: usize, asks: Asks) -> Result<Stand, Refusal> {
        let stand = self.stand(session);
        if stand == Stand::Nobody {
            return Err(vec!["UNAUTHENTICATED"]);
        }
        self.sessions[session].used = self.now;
        if let Stand::Acting(it) = stand {
            self.impersonations[it].used = self.now;
        }
        match (stand, asks) {
            (_, Asks::AsActor) | (Stand::Own, _) | (Stand::Acting(_), Asks::ToRead) => Ok(stand),
            (Stand::Lapsed(_), _) => Err(vec!["IMPERSONATION_ENDED"]),
            (Stand::Acting(it), Asks::For(action)) => {
                let it = &self.impersonations[it];
                let changes = action != "PRINT" && action != "VIEW";
                let granted = self.delegations[it.delegation].terms.scope.contains(&action);
                if granted && (!changes || it.mode == "READ_WRITE") {
                    Ok(stand)
                } else {
                    Err(vec!["OUT_OF_SCOPE"])
                }
            }
            _ => Err(vec!["NOT_WHILE_IMPERSONATING"]),
        }
    }

    /// Who is at the keyboard.
    pub fn actor(&self, session: usize) -> usize {
        self.sessions[session].person
    }

    /// Whose data a session shows.
    pub fn subject(&self, session: usize) -> usize {
        match self.stand(session) {
            Stand::Acting(it) => self.delegations[self.impersonations[it].delegation].principal,
            _ => self.actor(session),
        }
    }

    /// The clients that a session shows.
    pub fn reach(&self, session: usize) -> Vec<usize> {
        let mut reach = PEOPLE[self.subject(session)].clients.to_vec();
        if let Stand::Acting(it) = self.stand(session) {
            let terms = &self.delegations[self.impersonations[it].delegation].terms;
            reach.retain(|client| terms.clients.as_ref().is_none_or(|listed| listed.contains(client)));
        }
        reach
    }

    /// Whether a session finds all of the firm's clients in the directory.
    pub fn finds(&self, session: usize) -> bool {
        PEOPLE[self.actor(session)].administers && matches!(self.stand(session), Stand::Own)
    }

    /// Whether a delegation takes a seat.
    pub fn is_live(&self, delegation: usize) -> bool {
        let it = &self.delegations[delegation];
        it.ended.is_none() && it.terms.until.is_none_or(|until| self.now < until)
    }

    /// The live delegations of a principal.
    pub fn seats(&self, principal: usize) -> impl Iterator<Item = usize> {
        let of_principal =
            move |it: &usize| self.delegations[*it].principal == principal && self.is_live(*it);
        (0..self.delegations.len()).filter(of_principal)
    }

    /// The delegations that someone is shown to act by.
    pub fn menu(&self, delegate: usize) -> impl Iterator<Item = usize> {
        let for_delegate = move |it: &usize| {
            let given = &self.delegations[*it];
            given.delegate == Some(delegate) && self.is_live(*it) && self.active[given.principal]
        };
        (0..self.delegations.len()).filter(for_delegate)
    }

    /// Whether the delegate could act by it.
    pub fn holds(&self, delegation: usize) -> bool {
        let it = &self.delegations[delegation];
        self.is_live(delegation) && it.delegate.is_some() && it.terms.hold_at(self.now)
    }

    /// What runs or ran by a delegation.
    fn by(&self, delegation: usize) -> Vec<usize> {
        let by = |it: &usize| self.impersonations[*it].delegation == delegation;
        (0..self.impersonations.len()).filter(by).collect()
    }

    /// What runs by a delegation.
    pub fn running_by(&self, delegation: usize) -> Vec<usize> {
        self.by(delegation).into_iter().filter(|it| self.end_of(*it).is_none()).collect()
    }

    /// A delegation as its principal is shown it.
    pub fn delegation(&self, delegation: usize) -> Value {
        let it = &self.delegations[delegation];
        let state = it.ended.unwrap_or(if it.delegate.is_some() { "ACTIVE" } else { "PENDING" });
        let mut shown = it.terms.json();
        shown["id"] = json!(it.id);
        shown["state"] = json!(state);
        shown["version"] = json!(it.version);
        shown["holdsNow"] = json!(self.holds(delegation));
        shown["delegate"] = json!(it.delegate.map(|who| json!({ "id": self.ids[who] })));
        shown["principal"] = json!({ "id": self.ids[it.principal] });
        shown
    }

    /// An impersonation that runs, as those concerned are shown it.
    pub fn impersonation(&self, impersonation: usize) -> Value {
        let it = &self.impersonations[impersonation];
        let who = |person: usize| json!({ "id": self.ids[person] });
        json!({
            "id": it.id,
            "mode": it.mode,
            "startedAt": it.started.to_rfc3339(),
            "expiresAt": it.expires.to_rfc3339(),
            "endReason": null,
            "principal": who(self.delegations[it.delegation].principal),
            "actor": who(self.sessions[it.session].person),
        })
    }

    /// Whether somebody ended it, and not the clock.
    pub fn ended_by_somebody(&self, impersonation: usize) -> bool {
        self.impersonations[impersonation].ended.is_some()
    }

    /// Ends an impersonation now, for one of these reasons. What the clock ends at this very moment ends for either.
    fn end(&mut self, impersonation: usize, why: &[&'static str]) {
        let now = self.now;
        let mut end = self.end_of(impersonation).unwrap_or(End { why: Vec::new(), from: now, until: now });
        if end.until == now && self.impersonations[impersonation].ended.is_none() {
            end.why.extend(why);
            self.impersonations[impersonation].ended = Some(end);
        }
    }

    fn end_session(&mut self, session: usize) {
        self.sessions[session].ended = true;
        for it in 0..self.impersonations.len() {
            if self.impersonations[it].session == session && !self.impersonations[it].left {
                self.end(it, &["SIGNED_OUT"]);
                self.impersonations[it].left = true;
            }
        }
    }
}
