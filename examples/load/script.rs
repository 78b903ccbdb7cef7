//! pgbench scripts out of recorded statements.
//!
//! A statement's text stays as it was sent, but for its parameters: `$1` becomes a variable of pgbench, which sends it as
//! the parameter of a prepared statement again.

use crate::statements::Statement;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::fmt::Write;

/// A script, and the values of its variables.
#[derive(Default)]
pub struct Script {
    pub text: String,
    pub values: Vec<(String, String)>,
}

/// Something that is another in each transaction.
pub struct Fresh {
    /// Its variable.
    name: String,
    /// What it was when it was recorded.
    recorded: String,
    /// What makes a new one, in SQL; as text.
    sql: String,
}

impl Fresh {
    /// Something of the client's own: a column of the table of actors.
    pub fn of_actor(column: &str, recorded: String) -> Self {
        Self { name: column.to_owned(), recorded, sql: format!("a.{column}") }
    }

    /// Something new.
    pub fn made(name: impl Into<String>, recorded: String, sql: &str) -> Self {
        Self { name: name.into(), recorded, sql: sql.to_owned() }
    }

    /// The ids inside of events: their own, and their mails'.
    pub fn of_events(statements: &[Statement]) -> anyhow::Result<Vec<Self>> {
        let batches = statements.iter().filter(|statement| statement.text.contains("append_events("));
        let mut ids = Vec::new();
        for batch in
            batches.flat_map(|statement| &statement.values).flatten().filter(|value| value.starts_with('['))
        {
            let events: Value = serde_json::from_str(batch)?;
            for event in events.as_array().context("not a list of events")? {
                ids.push(event["id"].clone());
                ids.extend(event["mails"].as_array().into_iter().flatten().map(|mail| mail["id"].clone()));
            }
        }
        ensure!(!ids.is_empty(), "no events were recorded");
        let ids = ids.iter().filter_map(Value::as_str).enumerate();
        Ok(ids
            .map(|(at, id)| Self::made(format!("made{at}"), id.to_owned(), "gen_random_uuid()::text"))
            .collect())
    }
}

/// A script that sends the same values each time. `name` tells its variables from those of other scripts of a run.
pub fn repeating(name: &str, statements: &[Statement]) -> Script {
    let mut script = Script::default();
    for (number, statement) in statements.iter().enumerate() {
        let variable = |at: usize| format!("{name}s{number}v{at}");
        script.add(statement, variable);
        let values = statement.values.iter().enumerate();
        script.values.extend(values.filter_map(|(at, value)| Some((variable(at + 1), value.clone()?))));
    }
    script
}

/// A script of which some values are others each time. One more statement, in front, makes them.
pub fn varying(statements: &[Statement], fresh: &[Fresh]) -> Script {
    let mut script = Script::default();
    let mut made = vec!["f.*".to_owned()];
    for one in fresh {
        script.values.push((format!("recorded_{}", one.name), one.recorded.clone()));
    }
    for (number, statement) in statements.iter().enumerate() {
        let variable = |at: usize| format!("s{number}v{at}");
        script.add(statement, variable);
        for (at, value) in
            statement.values.iter().enumerate().filter_map(|(at, value)| Some((at + 1, value.as_ref()?)))
        {
            match replaced(&format!(":recorded_{}", variable(at)), value, fresh) {
                Some(sql) => {
                    made.push(format!("{sql} as {}", variable(at)));
                    script.values.push((format!("recorded_{}", variable(at)), value.clone()));
                }
                None => script.values.push((variable(at), value.clone())),
            }
        }
    }
    let sources: Vec<_> = fresh.iter().map(|one| format!("{} as {}", one.sql, one.name)).collect();
    let source =
        format!("select {} from bench_actors a where a.client = :client_id offset 0", sources.join(", "));
    script.text = format!("select {} from ({source}) f \\gset\n{}", made.join(",\n"), script.text);
    script
}

/// SQL that puts in what is fresh, if any of it is in the value.
fn replaced(variable: &str, value: &str, fresh: &[Fresh]) -> Option<String> {
    let inside = fresh.iter().filter(|one| value.contains(&one.recorded));
    inside.fold(None, |sql, one| {
        let into = sql.unwrap_or_else(|| variable.to_owned());
        Some(format!("replace({into}, :recorded_{0}, f.{0})", one.name))
    })
}

impl Script {
    fn add(&mut self, statement: &Statement, variable: impl Fn(usize) -> String) {
        let mut parts = statement.text.split('$');
        self.text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let (number, rest) = part.split_at(digits);
            let at: usize = number.parse().unwrap_or_default();
            let value = statement.values.get(at.wrapping_sub(1)).and_then(Option::as_ref);
            // pgbench has no null to send.
            let parameter =
                value.map_or("null".to_owned(), |value| format!(":{}{}", variable(at), cast(value)));
            // Writing to a string does not fail.
            _ = write!(self.text, "{parameter}{rest}");
        }
        self.text.push_str(";\n");
    }
}

/// pgbench does not say of which type its parameters are; `unnest` wants to know.
fn cast(value: &str) -> &'static str {
    if value.starts_with("{\"\\\\x") { "::bytea[]" } else { "" }
}
