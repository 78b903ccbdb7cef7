//! People who work on each other's clients: groups that they manage themselves, invites to them, assistants who work for
//! their owners, and clients that go from one to another.

mod assistants;
mod clients;
mod deletion;
mod groups;
mod invariants;
mod invites;
mod races;
mod rights;

use crate::support::{Actor, Answer, TestApp, app_with};
use locum::config::Config;
use serde_json::Value;

/// One person may do much.
fn patient(config: &mut Config) {
    config.limits.cost_bucket = 10_000_000;
    config.limits.sign_ins_per_minute = 1_000;
}

/// Those of `harbour`, signed in; Ana owns the workgroup, in which nobody else is yet.
struct Story {
    app: TestApp,
    ana: Actor,
    ben: Actor,
    ali: Actor,
    sam: Actor,
    group: String,
}

async fn story() -> Story {
    let app = app_with(patient).await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    let (ali, sam) = (app.actor("ali").await, app.actor("sam").await);
    let group = ana.workgroup("Retirement").await;
    Story { app, ana, ben, ali, sam, group }
}

impl Story {
    /// Takes Ben and Ali in.
    async fn of_three(self) -> Self {
        self.ana.takes_in(&self.group, &self.ben).await;
        self.ana.takes_in(&self.group, &self.ali).await;
        self
    }
}

fn code(answer: &Answer) -> String {
    answer.code().unwrap_or_else(|| "DONE".to_owned())
}

/// The field of the input that the first refusal points at.
fn field(answer: &Answer) -> &str {
    answer.of("/userErrors/0/field/1").as_str().unwrap_or_default()
}

/// The nodes of a connection, each by one of its fields.
fn listed(connection: &Value, by: &str) -> Vec<String> {
    let edges = connection["edges"].as_array().unwrap_or_else(|| panic!("no list: {connection}"));
    edges
        .iter()
        .map(|edge| edge["node"].pointer(by).unwrap().to_string().trim_matches('"').to_owned())
        .collect()
}

fn types(heard: &[(String, Value)]) -> Vec<&str> {
    heard.iter().map(|(name, _)| name.as_str()).collect()
}
