//! Working on clients and cases.

use super::Story;
use crate::model::chance::Deed;
use crate::model::world::{Asks, CLIENTS, Case};
use serde_json::json;

impl Story {
    /// One of so many things of clients, most often of a client that the session reaches.
    pub(super) fn some_client(&mut self, seat: usize) -> usize {
        let reach = self.world.reach(self.seats[seat].session);
        let reached = self.chance.of_hundred(80).then(|| self.chance.one_of(&reach)).flatten();
        reached.unwrap_or_else(|| self.chance.below(CLIENTS.len()))
    }

    pub(super) fn some_case(&mut self, seat: usize) -> Option<usize> {
        let client = self.some_client(seat);
        let cases = (0..self.world.cases.len()).rev().filter(|it| self.world.cases[*it].client == client);
        let cases: Vec<_> = cases.take(5).collect();
        self.chance.one_of(&cases)
    }

    /// The version to name, which is sometimes an old one.
    pub(super) fn version(&mut self, version: i64) -> i64 {
        version - i64::from(self.chance.of_hundred(8))
    }

    pub(super) async fn create_case(&mut self, seat: usize) {
        let client = self.some_client(seat);
        self.note(seat, Deed::CreateCase, client);
        let created = self.world.work_on(self.seats[seat].session, client, Asks::For("EDIT"));
        let answer = self.seats[seat].actor.create_case(&self.clients[client], "A plan", json!([])).await;
        if self.compare(Deed::CreateCase, &answer, created).is_some() {
            let id = answer.text("/data/createCase/case/id");
            self.world.cases.push(Case { id, client, version: 1 });
        }
    }

    pub(super) async fn update_case(&mut self, seat: usize) {
        let Some(case) = self.some_case(seat) else { return self.create_case(seat).await };
        let Case { client, version: current, .. } = self.world.cases[case];
        let version = self.version(current);
        self.note(seat, Deed::UpdateCase, (case, client, version));
        let may = self.world.work_on(self.seats[seat].session, client, Asks::For("EDIT"));
        let updated = may.and_then(|()| if version == current { Ok(()) } else { Err(vec!["CONFLICT"]) });
        let (id, title) = (self.world.cases[case].id.clone(), format!("A plan of step {}", self.steps));
        let answer = self.seats[seat].actor.update_case(&id, version, json!({ "title": title })).await;
        if self.compare(Deed::UpdateCase, &answer, updated).is_some() {
            self.world.cases[case].version += 1;
            let expected =
                json!({ "id": id, "title": title, "state": "OPEN", "version": current + 1, "facts": [] });
            self.same("the changed case", answer.at("/data/updateCase/case"), &expected);
        }
    }

    pub(super) async fn print_case(&mut self, seat: usize) {
        let Some(case) = self.some_case(seat) else { return self.create_case(seat).await };
        let client = self.world.cases[case].client;
        self.note(seat, Deed::PrintCase, (case, client));
        let printed = self.world.work_on(self.seats[seat].session, client, Asks::For("PRINT"));
        let answer = self.seats[seat].actor.print_case(&self.world.cases[case].id).await;
        self.compare(Deed::PrintCase, &answer, printed);
    }

    pub(super) async fn update_client(&mut self, seat: usize) {
        let client = self.some_client(seat);
        let current = self.world.clients[client];
        let version = self.version(current);
        self.note(seat, Deed::UpdateClient, (client, version));
        let session = self.seats[seat].session;
        let may = self.world.work_on(session, client, Asks::For("EDIT"));
        // Who administers the firm finds the client in the directory, and may not change it.
        let may = may.map_err(|refused| {
            let finds = refused == ["NOT_FOUND"] && self.world.finds(session);
            if finds { vec!["FORBIDDEN"] } else { refused }
        });
        let updated = may.and_then(|()| if version == current { Ok(()) } else { Err(vec!["CONFLICT"]) });
        let change = json!({ "emails": [format!("step{}@mail.example", self.steps)] });
        let answer = self.seats[seat].actor.update_client(&self.clients[client], version, change).await;
        if self.compare(Deed::UpdateClient, &answer, updated).is_some() {
            self.world.clients[client] += 1;
            assert_eq!(*answer.at("/data/updateClient/client/version"), current + 1, "seed {}", self.seed);
        }
    }
}
