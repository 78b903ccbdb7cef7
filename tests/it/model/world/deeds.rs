//! What becomes of it when people do something.

use super::{
    Asks, Delegation, IMPERSONATION, Impersonation, Moment, PEOPLE, Refusal, SESSION, Session, Stand, World,
};
use crate::model::terms::{Terms, Wanted, next_change, within};

/// All reasons to refuse something, or nothing that speaks against it.
fn unless(reasons: &[(&'static str, bool)]) -> Result<(), Refusal> {
    let holding: Refusal = reasons.iter().filter(|(_, holds)| *holds).map(|(code, _)| *code).collect();
    if holding.is_empty() { Ok(()) } else { Err(holding) }
}

impl World {
    pub fn sign_in(&mut self, person: usize) -> Result<usize, Refusal> {
        unless(&[("INVALID_CREDENTIALS", !self.active[person])])?;
        for given in 0..self.delegations.len() {
            let live = self.is_live(given);
            let it = &mut self.delegations[given];
            if live && it.delegate.is_none() && it.email.to_lowercase() == PEOPLE[person].email {
                it.delegate = Some(person);
                it.version += 1;
            }
        }
        self.sessions.push(Session { person, expires: self.now + SESSION, used: self.now, ended: false });
        Ok(self.sessions.len() - 1)
    }

    pub fn sign_out(&mut self, session: usize) -> Result<(), Refusal> {
        self.admit(session, Asks::AsActor)?;
        self.end_session(session);
        Ok(())
    }

    /// Ends all sessions of the person, perhaps but this one; answers how many.
    pub fn end_sessions(&mut self, session: usize, this_too: bool) -> Result<usize, Refusal> {
        self.admit(session, Asks::OwnOnly)?;
        let theirs = |it: &usize| {
            let of = &self.sessions[*it];
            of.person == self.actor(session) && self.is_open(of) && (this_too || *it != session)
        };
        let theirs: Vec<_> = (0..self.sessions.len()).filter(theirs).collect();
        theirs.iter().for_each(|it| self.end_session(*it));
        Ok(theirs.len())
    }

    pub fn add(&mut self, session: usize, email: &str, wanted: &Wanted) -> Result<usize, Refusal> {
        self.admit(session, Asks::OwnOnly)?;
        let (me, now) = (self.actor(session), self.now);
        let terms = wanted.applied_to(&Terms::usual(now), now);
        let address = email.to_lowercase();
        let known = |who: &usize| PEOPLE[*who].firm == PEOPLE[me].firm && PEOPLE[*who].email == address;
        let delegate = (0..PEOPLE.len()).find(known);
        unless(&[
            ("FORBIDDEN", !PEOPLE[me].advises),
            ("INVALID_INPUT", wanted.is_malformed() || terms.are_over_before_they_begin(now)),
            ("NOT_FOUND", !reaches(me, &terms)),
            ("USER_INACTIVE", delegate.is_some_and(|who| !self.active[who])),
            ("CANNOT_DELEGATE_TO_SELF", delegate == Some(me)),
            ("LIMIT_REACHED", self.seats(me).count() == 2),
            (
                "ALREADY_DELEGATED",
                self.seats(me).any(|it| self.delegations[it].email.to_lowercase() == address),
            ),
        ])?;
        let (id, email, version) = (String::new(), email.to_owned(), 1);
        self.delegations.push(Delegation {
            id,
            principal: me,
            email,
            delegate,
            given: now,
            terms,
            version,
            ended: None,
        });
        Ok(self.delegations.len() - 1)
    }

    /// Refuses what is done about a delegation by somebody else than its principal, or too late.
    fn own_live(&self, session: usize, delegation: usize) -> Result<(), Refusal> {
        let (me, mine) = (self.actor(session), self.delegations[delegation].principal == self.actor(session));
        unless(&[("FORBIDDEN", !PEOPLE[me].advises), ("NOT_FOUND", !mine)])?;
        unless(&[("DELEGATION_NOT_ACTIVE", !self.is_live(delegation))])
    }

    pub fn update(
        &mut self,
        session: usize,
        delegation: usize,
        version: i64,
        wanted: &Wanted,
    ) -> Result<(), Refusal> {
        self.admit(session, Asks::OwnOnly)?;
        let or_malformed = |mut refused: Refusal| {
            refused.extend(wanted.is_malformed().then_some("INVALID_INPUT"));
            refused
        };
        self.own_live(session, delegation).map_err(or_malformed)?;
        let (me, now) = (self.actor(session), self.now);
        let it = &self.delegations[delegation];
        let terms = wanted.applied_to(&it.terms, it.given);
        unless(&[
            ("CONFLICT", it.version != version),
            ("INVALID_INPUT", wanted.is_malformed() || terms.are_over_before_they_begin(now)),
            ("NOT_FOUND", wanted.clients.is_some() && !reaches(me, &terms)),
        ])?;
        self.delegations[delegation].version += 1;
        self.delegations[delegation].terms = terms.clone();
        for running in self.by(delegation) {
            let (at, why) = self.latest_end(&terms, self.impersonations[running].expires, &["EXPIRED"]);
            if at == now {
                self.end(running, &why);
            } else if self.end_of(running).is_none() && at < self.impersonations[running].expires {
                (self.impersonations[running].expires, self.impersonations[running].why) = (at, why);
            }
        }
        Ok(())
    }

    /// The first of the ends that terms set to what runs by them, at the latest `latest`, and the reasons for it.
    fn latest_end(&self, terms: &Terms, latest: Moment, why: &[&'static str]) -> (Moment, Refusal) {
        let now = self.now;
        let mut ends: Vec<(Moment, &'static str)> = why.iter().map(|why| (latest, *why)).collect();
        ends.extend((terms.from > now).then_some((now, "EXPIRED")));
        ends.extend(terms.until.map(|until| (until, "EXPIRED")));
        if let Some(hours) = &terms.hours {
            let holds = within(hours, now);
            let end = if holds { next_change(hours, now, latest) } else { Some(now) };
            ends.extend(end.map(|end| (end, "SCHEDULE")));
        }
        let first = ends.iter().map(|(at, _)| *at).min().unwrap();
        (first, ends.into_iter().filter(|(at, _)| *at == first).map(|(_, why)| why).collect())
    }

    pub fn resend(&mut self, session: usize, delegation: usize) -> Result<(), Refusal> {
        self.admit(session, Asks::OwnOnly)?;
        self.own_live(session, delegation)?;
        unless(&[("ALREADY_ACTIVE", self.delegations[delegation].delegate.is_some())])
    }

    pub fn revoke(&mut self, session: usize, delegation: usize) -> Result<(), Refusal> {
        self.admit(session, Asks::OwnOnly)?;
        let me = self.actor(session);
        let may = self.delegations[delegation].principal == me || PEOPLE[me].administers;
        unless(&[("NOT_FOUND", !may)])?;
        self.take_back(delegation, "REVOKED")
    }

    pub fn decline(&mut self, session: usize, delegation: usize) -> Result<(), Refusal> {
        self.admit(session, Asks::OwnOnly)?;
        unless(&[("NOT_FOUND", self.delegations[delegation].delegate != Some(self.actor(session)))])?;
        self.take_back(delegation, "DECLINED")
    }

    fn take_back(&mut self, delegation: usize, how: &'static str) -> Result<(), Refusal> {
        unless(&[("DELEGATION_NOT_ACTIVE", !self.is_live(delegation))])?;
        self.by(delegation).into_iter().for_each(|it| self.end(it, &["REVOKED"]));
        self.delegations[delegation].ended = Some(how);
        self.delegations[delegation].version += 1;
        Ok(())
    }

    pub fn start(
        &mut self,
        session: usize,
        delegation: usize,
        mode: &'static str,
        with_reason: bool,
    ) -> Result<usize, Refusal> {
        let stand = self.admit(session, Asks::AsActor)?;
        let given = &self.delegations[delegation];
        unless(&[("NOT_FOUND", given.delegate != Some(self.actor(session)))])?;
        let changes = given.terms.scope.iter().any(|action| ["EDIT", "SHARE"].contains(action));
        unless(&[
            ("DELEGATION_NOT_ACTIVE", !self.holds(delegation) || !self.active[given.principal]),
            ("REASON_REQUIRED", given.terms.reason_required && !with_reason),
            ("SCOPE_EXCEEDED", mode == "READ_WRITE" && !changes),
        ])?;
        let now = self.now;
        let longest = (now + IMPERSONATION).min(self.sessions[session].expires);
        let (expires, why) = self.latest_end(&given.terms, longest, &["EXPIRED"]);
        self.leave(stand, "SWITCHED");
        self.impersonations.push(Impersonation {
            id: String::new(),
            delegation,
            session,
            mode,
            started: now,
            expires,
            why,
            used: now,
            ended: None,
            left: false,
            noted: false,
        });
        Ok(self.impersonations.len() - 1)
    }

    /// Leaves what a session is in; answers which.
    fn leave(&mut self, stand: Stand, why: &'static str) -> Option<usize> {
        let (Stand::Acting(it) | Stand::Lapsed(it)) = stand else { return None };
        self.end(it, &[why]);
        (self.impersonations[it].left, self.impersonations[it].noted) = (true, true);
        Some(it)
    }

    pub fn stop(&mut self, session: usize) -> Result<usize, Refusal> {
        let stand = self.admit(session, Asks::AsActor)?;
        self.leave(stand, "STOPPED").ok_or_else(|| vec!["NOT_FOUND"])
    }

    pub fn end_of_me(&mut self, session: usize, impersonation: usize) -> Result<(), Refusal> {
        self.admit(session, Asks::OwnOnly)?;
        let me = self.actor(session);
        let principal = self.delegations[self.impersonations[impersonation].delegation].principal;
        unless(&[("NOT_FOUND", principal != me && !PEOPLE[me].administers)])?;
        unless(&[("ALREADY_ENDED", self.end_of(impersonation).is_some())])?;
        self.end(impersonation, &["PRINCIPAL_ENDED"]);
        Ok(())
    }

    /// Makes a person inactive, and active again.
    pub fn set_active(&mut self, person: usize, active: bool) {
        self.active[person] = active;
        for it in (0..self.impersonations.len()).filter(|_| !active) {
            let by = &self.delegations[self.impersonations[it].delegation];
            let concerned = by.principal == person || by.delegate == Some(person);
            if concerned {
                let runs = self.end_of(it).is_none();
                self.end(it, &["INACTIVATED"]);
                // A sweep that began before can be the one that writes it down, with its own time.
                let Impersonation { started, ended, .. } = &mut self.impersonations[it];
                if let Some(end) = ended.as_mut().filter(|_| runs) {
                    end.from = *started;
                }
            }
        }
    }

    /// Judges what is done with a client: what the request asks for, and whether its subject reaches the client.
    pub fn work_on(&mut self, session: usize, client: usize, asks: Asks) -> Result<(), Refusal> {
        self.admit(session, asks)?;
        let works = PEOPLE[self.subject(session)].advises;
        unless(&[("FORBIDDEN", !works), ("NOT_FOUND", !self.reach(session).contains(&client))])
    }
}

fn reaches(person: usize, terms: &Terms) -> bool {
    terms.clients.iter().flatten().all(|client| PEOPLE[person].clients.contains(client))
}
