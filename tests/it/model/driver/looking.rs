//! Looking at what is shown.

use super::Story;
use crate::model::chance::Deed;
use crate::model::world::{Asks, CLIENTS, Stand};
use serde_json::{Value, json};

impl Story {
    /// Who is seen, in which impersonation, and which clients.
    pub(super) async fn look(&mut self, seat: usize) {
        self.note(seat, Deed::Look, ());
        let session = self.seats[seat].session;
        let looked = self.world.admit(session, Asks::ToRead);
        let query = "{ viewer { user { id } actor { id }
              impersonation { id mode startedAt expiresAt endReason principal { id } actor { id } } }
            clients { edges { node { name } } } }";
        let answer = self.seats[seat].actor.send(query, json!({})).await;
        let Some(stand) = self.compare(Deed::Look, &answer, looked) else { return };
        let who = |person: usize| json!({ "id": self.world.ids[person] });
        let expected =
            json!({ "user": who(self.world.subject(session)), "actor": who(self.world.actor(session)) });
        for who in ["user", "actor"] {
            self.same(who, answer.at(&format!("/data/viewer/{who}")), &expected[who]);
        }
        let (impersonation, mode) = match stand {
            Stand::Acting(it) => (self.world.impersonation(it), json!(self.world.impersonations[it].mode)),
            _ => (Value::Null, Value::Null),
        };
        self.same("whom the session acts for", answer.at("/data/viewer/impersonation"), &impersonation);
        assert_eq!(*answer.at("/extensions/acting/mode"), mode, "seed {}, step {}", self.seed, self.steps);
        let edges = answer.at("/data/clients/edges").as_array().unwrap();
        let mut names: Vec<_> = edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap()).collect();
        let mut expected: Vec<_> = self.world.reach(session).into_iter().map(|n| CLIENTS[n]).collect();
        names.sort();
        expected.sort();
        if names != expected {
            self.disagree(&format!("the clients {names:?} are seen, the model says {expected:?}"));
        }
    }

    /// Whom one lets act, and who did.
    pub(super) async fn look_at_mine(&mut self, seat: usize) {
        self.note(seat, Deed::LookAtMine, ());
        let (session, me) = (self.seats[seat].session, self.seats[seat].person);
        let looked = self.world.admit(session, Asks::OwnOnly);
        let query = "{ viewer {
            backOfficeUsers { id state scope version validFrom validUntil holdsNow allClients reasonRequired
              onlyClients { name } schedule { day from until } delegate { id } }
            impersonationsOfMe(first: 30) { totalCount edges { node { id mode startedAt expiresAt endedAt endReason actor { id } } } } } }";
        let answer = self.seats[seat].actor.send(query, json!({})).await;
        if self.compare(Deed::LookAtMine, &answer, looked).is_none() {
            return;
        }
        let mine = self.world.seats(me).map(|it| self.world.delegation(it)).collect();
        self.same_list("back-office users", answer.at("/data/viewer/backOfficeUsers"), mine);
        let of_me =
            |it: &usize| self.world.delegations[self.world.impersonations[*it].delegation].principal == me;
        let of_me: Vec<_> = (0..self.world.impersonations.len()).rev().filter(of_me).collect();
        let shown = answer.at("/data/viewer/impersonationsOfMe");
        let edges = shown["edges"].as_array().unwrap();
        if shown["totalCount"] != of_me.len() || edges.len() != of_me.len().min(30) {
            self.disagree(&format!("{} impersonations: {shown}", of_me.len()));
        }
        for (edge, it) in edges.iter().zip(of_me) {
            let mut expected = self.world.impersonation(it);
            (expected["endedAt"], expected["endReason"]) =
                (edge["node"]["endedAt"].clone(), edge["node"]["endReason"].clone());
            self.same("an impersonation of me", &edge["node"], &expected);
            self.same_end(it, &edge["node"]);
        }
    }

    /// Whom one may act for.
    pub(super) async fn look_at_menu(&mut self, seat: usize) {
        self.note(seat, Deed::LookAtMenu, ());
        let looked = self.world.admit(self.seats[seat].session, Asks::ToRead);
        let query =
            "{ viewer { principals { id state scope version validFrom validUntil holdsNow allClients reasonRequired
              schedule { day from until } principal { id } } } }";
        let answer = self.seats[seat].actor.send(query, json!({})).await;
        if self.compare(Deed::LookAtMenu, &answer, looked).is_some() {
            let menu = self.world.menu(self.seats[seat].person).map(|it| self.world.delegation(it)).collect();
            self.same_list("principals", answer.at("/data/viewer/principals"), menu);
        }
    }

    pub(super) fn same_list(&self, what: &str, shown: &Value, mut expected: Vec<Value>) {
        let mut shown = shown.as_array().unwrap().clone();
        let id = |it: &Value| it["id"].as_str().unwrap().to_owned();
        shown.sort_by_key(id);
        expected.sort_by_key(id);
        if shown.len() != expected.len() {
            self.disagree(&format!("{what}: {shown:?}, the model says {expected:?}"));
        }
        shown.iter().zip(&expected).for_each(|(shown, expected)| self.same(what, shown, expected));
    }
}
