//! Coming and going, and what is done behind everybody's back.

use super::{PASSPHRASES, Story};
use crate::model::chance::Deed;
use crate::model::world::{PEOPLE, Stand};
use crate::support::stranger;
use locum::domain::impersonation;
use locum::events::Author;
use serde_json::json;

impl Story {
    pub(super) async fn sign_in(&mut self, seat: usize) {
        let person = self.seats[seat].person;
        // More vain ones would have to wait.
        if self.failures[person] >= 4 && !self.world.active[person] {
            return;
        }
        self.note(seat, Deed::SignIn, ());
        let signed_in = self.world.sign_in(person);
        let (who, passphrase) = (&PEOPLE[person], PASSPHRASES[self.passphrases[person]]);
        let answer = stranger(&self.app.base).try_sign_in(who.firm, who.handle, passphrase).await;
        self.failures[person] += 1;
        if let Some(session) = self.compare(Deed::SignIn, &answer, signed_in) {
            self.failures[person] = 0;
            self.world.ids[person] = answer.text("/data/signIn/user/id");
            let seat = &mut self.seats[seat];
            (seat.session, seat.actor) = (session, seat.actor.with(&answer.text("/data/signIn/token")));
        }
    }

    pub(super) async fn sign_out(&mut self, seat: usize) {
        self.note(seat, Deed::SignOut, ());
        let signed_out = self.world.sign_out(self.seats[seat].session);
        let answer = self.seats[seat].actor.sign_out().await;
        self.compare(Deed::SignOut, &answer, signed_out);
        self.look(seat).await;
    }

    pub(super) async fn sign_out_everywhere(&mut self, seat: usize) {
        self.note(seat, Deed::SignOutEverywhere, ());
        let signed_out = self.world.end_sessions(self.seats[seat].session, true);
        let answer = self.seats[seat].actor.sign_out_everywhere().await;
        if let Some(ended) = self.compare(Deed::SignOutEverywhere, &answer, signed_out) {
            let shown = answer.at("/data/signOutEverywhere/signedOut");
            self.same("how many sessions ended", shown, &json!(ended));
            self.look_at_all(self.seats_with(self.seats[seat].person)).await;
        }
    }

    pub(super) async fn change_password(&mut self, seat: usize) {
        self.note(seat, Deed::ChangePassword, ());
        let person = self.seats[seat].person;
        let changed = self.world.end_sessions(self.seats[seat].session, false);
        let (current, new) = (self.passphrases[person], 1 - self.passphrases[person]);
        let answer = self.seats[seat].actor.change_password(PASSPHRASES[current], PASSPHRASES[new]).await;
        if self.compare(Deed::ChangePassword, &answer, changed).is_some() {
            self.passphrases[person] = new;
            self.seats[seat].actor = self.seats[seat].actor.with(&answer.text("/data/changePassword/token"));
            self.look_at_all(self.seats_with(person)).await;
        }
    }

    pub(super) fn seats_with(&self, person: usize) -> Vec<usize> {
        (0..self.seats.len()).filter(|seat| self.seats[*seat].person == person).collect()
    }

    /// Makes somebody inactive, or whoever is inactive active again.
    pub(super) async fn set_active(&mut self) {
        let inactive = self.world.active.iter().position(|active| !active);
        let running = |it: &usize| self.world.end_of(*it).is_none();
        let running: Vec<_> = (0..self.world.impersonations.len()).filter(running).collect();
        let concerned = self.chance.one_of(&running).map(|it| &self.world.impersonations[it]);
        let sides = concerned.map(|it| {
            let by = &self.world.delegations[it.delegation];
            [by.principal, self.world.actor(it.session), self.chance.below(PEOPLE.len())]
        });
        let person = inactive.or(sides.and_then(|sides| self.chance.one_of(&sides)));
        let person = person.unwrap_or_else(|| self.chance.below(PEOPLE.len()));
        let active = inactive.is_some();
        let Some(seat) = self.seats_with(person).pop() else { return };
        self.note(seat, Deed::SetActive, active);
        let by = |seat: &usize| match self.stand(*seat) {
            Stand::Acting(it) => {
                let by = &self.world.delegations[self.world.impersonations[it].delegation];
                by.principal == person || by.delegate == Some(person)
            }
            _ => false,
        };
        let seats = (0..self.seats.len()).filter(by).collect();
        self.world.set_active(person, active);
        let (status, who) = (if active { "ACTIVE" } else { "INACTIVE" }, &PEOPLE[person]);
        let (handle, firm) = (who.handle, who.firm);
        self.app
            .sql(&format!(
                "update users set status = '{status}', can_login = {active} where handle = '{handle}'
                 and firm_id = (select id from firms where slug = '{firm}')"
            ))
            .await;
        self.look_at_all(seats).await;
        // Nobody is made active again before what ended by it is written down.
        self.sweep().await;
    }

    /// Has everything written down that the clock has ended.
    pub(super) async fn sweep(&mut self) {
        let log = &self.app.running.app.log;
        let sweep = async || {
            log.transact(Author::System, async |tx| impersonation::end_overdue(tx).await).await.unwrap()
        };
        while sweep().await > 0 {}
        // The service's own sweep may be at it just now.
        self.app.sql("begin; lock table delegations, impersonations in exclusive mode; commit").await;
        for it in 0..self.world.impersonations.len() {
            self.world.impersonations[it].noted |= self.world.end_of(it).is_some();
        }
        self.lately.push_back(format!("{} swept", self.steps));
    }
}
