//! Letting others act, acting, and ending it.

use super::Story;
use crate::model::chance::Deed;
use crate::model::terms::Wanted;
use crate::model::world::Stand;
use serde_json::json;

impl Story {
    pub(super) async fn add(&mut self, seat: usize) {
        let (email, person) = (self.chance.address(), self.seats[seat].person);
        let wanted = self.chance.terms(person, self.world.now, 75);
        self.note(seat, Deed::Add, (&email, &wanted));
        let added = self.world.add(self.seats[seat].session, &email, &wanted);
        let answer = self.seats[seat].actor.grant(&email, wanted.json(&self.clients)).await;
        if let Some(delegation) = self.compare(Deed::Add, &answer, added) {
            let mut shown = answer.at("/data/addBackOfficeUser/delegation").clone();
            // By handle, and so only for people of the same firm.
            shown.as_object_mut().unwrap().remove("delegate");
            self.world.delegations[delegation].id = shown["id"].as_str().unwrap().to_owned();
            self.same("the new delegation", &shown, &self.world.delegation(delegation));
        }
    }

    pub(super) async fn update(&mut self, seat: usize) {
        let Some(delegation) = self.some_delegation(seat, Deed::Update) else { return };
        let (person, stale) = (self.seats[seat].person, self.chance.of_hundred(8));
        let wanted: Wanted = self.chance.terms(person, self.world.now, 65);
        let version = self.world.delegations[delegation].version - i64::from(stale);
        self.note(seat, Deed::Update, (delegation, version, &wanted));
        let seats = self.seats_of(delegation);
        let updated = self.world.update(self.seats[seat].session, delegation, version, &wanted);
        let id = self.world.delegations[delegation].id.clone();
        let answer = self.seats[seat].actor.update_delegation(&id, version, wanted.json(&self.clients)).await;
        if self.compare(Deed::Update, &answer, updated).is_some() {
            let shown = answer.at("/data/updateDelegation/delegation");
            self.same("the changed delegation", shown, &self.world.delegation(delegation));
            self.look_at_all(seats).await;
        }
    }

    pub(super) async fn take_back(&mut self, seat: usize, deed: Deed) {
        let Some(delegation) = self.some_delegation(seat, deed) else { return };
        self.note(seat, deed, delegation);
        let (id, seats) = (self.world.delegations[delegation].id.clone(), self.seats_of(delegation));
        let (actor, session) = (self.seats[seat].actor.clone(), self.seats[seat].session);
        let (taken, answer, field) = if deed == Deed::Revoke {
            (self.world.revoke(session, delegation), actor.revoke(&id).await, "revokeDelegation")
        } else {
            (self.world.decline(session, delegation), actor.decline(&id).await, "declineDelegation")
        };
        if self.compare(deed, &answer, taken).is_some() {
            let mut expected = self.world.delegation(delegation);
            expected["endedAt"] = json!(self.world.now.to_rfc3339());
            self.same("what was taken back", answer.at(&format!("/data/{field}/delegation")), &expected);
            self.look_at_all(seats).await;
        }
    }

    pub(super) async fn resend(&mut self, seat: usize) {
        let Some(delegation) = self.some_delegation(seat, Deed::Resend) else { return };
        self.note(seat, Deed::Resend, delegation);
        let resent = self.world.resend(self.seats[seat].session, delegation);
        let answer = self.seats[seat].actor.resend(&self.world.delegations[delegation].id).await;
        self.compare(Deed::Resend, &answer, resent);
    }

    pub(super) async fn start(&mut self, seat: usize) {
        let Some(delegation) = self.some_delegation(seat, Deed::Start) else { return };
        let mode = if self.chance.of_hundred(60) { "READ_WRITE" } else { "READ_ONLY" };
        let reason = self.chance.of_hundred(60).then_some("month's end");
        self.note(seat, Deed::Start, (delegation, mode, reason));
        let before = self.stand(seat);
        let started = self.world.start(self.seats[seat].session, delegation, mode, reason.is_some());
        let query = "mutation ($id: ID!, $mode: Mode!, $reason: String) {
            startImpersonation(input: { delegationId: $id, mode: $mode, reason: $reason }) {
              impersonation { id mode startedAt expiresAt endReason principal { id } actor { id } } userErrors { code } } }";
        let id = &self.world.delegations[delegation].id;
        let variables = json!({ "id": id, "mode": mode, "reason": reason });
        let answer = self.seats[seat].actor.send(query, variables).await;
        if let Some(impersonation) = self.compare(Deed::Start, &answer, started) {
            let shown = answer.at("/data/startImpersonation/impersonation");
            self.world.impersonations[impersonation].id = shown["id"].as_str().unwrap().to_owned();
            self.same("what was started", shown, &self.world.impersonation(impersonation));
            if matches!(before, Stand::Acting(_) | Stand::Lapsed(_)) {
                self.look(seat).await;
            }
        }
    }

    pub(super) async fn stop(&mut self, seat: usize) {
        self.note(seat, Deed::Stop, ());
        let stopped = self.world.stop(self.seats[seat].session);
        let answer = self.seats[seat].actor.stop().await;
        if let Some(impersonation) = self.compare(Deed::Stop, &answer, stopped) {
            let shown = answer.at("/data/stopImpersonation/impersonation");
            self.same_end(impersonation, shown);
            let id = &self.world.impersonations[impersonation].id;
            assert_eq!(shown["id"], *id, "seed {}, step {}", self.seed, self.steps);
        }
    }

    pub(super) async fn end_of_me(&mut self, seat: usize) {
        let of_me = |it: &usize| {
            let by = self.world.impersonations[*it].delegation;
            let mine = self.world.delegations[by].principal == self.seats[seat].person;
            mine && self.world.end_of(*it).is_none()
        };
        let all: Vec<_> = (0..self.world.impersonations.len()).rev().take(20).collect();
        let fitting: Vec<_> = (0..self.world.impersonations.len()).filter(of_me).collect();
        let fits = !fitting.is_empty() && self.chance.of_hundred(85);
        let Some(impersonation) = self.chance.one_of(if fits { &fitting } else { &all }) else { return };
        self.note(seat, Deed::EndOfMe, impersonation);
        let seats = self.seats_of(self.world.impersonations[impersonation].delegation);
        let ended = self.world.end_of_me(self.seats[seat].session, impersonation);
        let answer = self.seats[seat].actor.end_of_me(&self.world.impersonations[impersonation].id).await;
        if self.compare(Deed::EndOfMe, &answer, ended).is_some() {
            self.same_end(impersonation, answer.at("/data/endImpersonationOfMe/impersonation"));
            self.look_at_all(seats).await;
        }
    }
}
