//! Acting for someone: on which terms, with which cases, and what the principal sees of it.

mod cases;
mod ending;
mod printing;
mod rights;
mod seen;
mod terms;

use crate::support::{Actor, Answer};

/// The code of a refusal; empty if there was none.
fn code(answer: &Answer) -> String {
    answer.code().unwrap_or_default()
}

/// The field of the input that the first refusal points at.
fn field(answer: &Answer) -> String {
    let first = answer.at("/data").as_object().and_then(|data| data.values().next());
    let field = first.and_then(|payload| payload.pointer("/userErrors/0/field/1"));
    field.and_then(|field| field.as_str()).unwrap_or_default().to_owned()
}

/// What an impersonation lacks for it.
fn missing(answer: &Answer) -> (String, String) {
    (code(answer), answer.at("/errors/0/extensions/missing").as_str().unwrap_or_default().to_owned())
}

/// Opens a case of Ana's client Chidi; answers the ids of the client and the case.
async fn case_of_chidi(ana: &Actor) -> (String, String) {
    let chidi = ana.client_id("Chidi Okafor").await;
    let facts = serde_json::json!([
        { "name": "Income", "value": "48,000 a year" },
        { "name": "Notes", "value": "Wants to retire at 60.\nTwo children." },
    ]);
    let case = ana.create_case(&chidi, "Retirement plan", facts).await.text("/data/createCase/case/id");
    (chidi, case)
}
