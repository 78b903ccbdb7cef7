//! What PostgreSQL's log in JSON says was sent to it.

use serde_json::Value;

/// A statement with the values of its parameters as text; `None` is null.
#[derive(Clone, Debug)]
pub struct Statement {
    pub text: String,
    pub values: Vec<Option<String>>,
}

/// The statements in a part of the log that went to this database, in their order.
pub fn read(log: &str, database: &str) -> Vec<Statement> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["dbname"] == database).filter_map(|line| statement(&line)).collect()
}

/// `statement: TEXT`, or for a prepared one `execute NAME: TEXT` with a detail.
fn statement(line: &Value) -> Option<Statement> {
    let (kind, text) = line["message"].as_str()?.split_once(": ")?;
    let prepared = kind.starts_with("execute ");
    let values = line["detail"].as_str().filter(|_| prepared).map(values).unwrap_or_default();
    (prepared || kind == "statement").then(|| Statement { text: text.trim().to_owned(), values })
}

/// Reads `parameters: $1 = 'a', $2 = NULL`, in which a quote is doubled.
fn values(detail: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = detail;
    while let Some((_, behind)) = rest.split_once(" = ") {
        let (value, further) = match behind.strip_prefix('\'') {
            Some(quoted) => unquoted(quoted),
            None => (None, behind),
        };
        values.push(value);
        rest = further;
    }
    values
}

/// The text up to its closing quote, and what follows.
fn unquoted(quoted: &str) -> (Option<String>, &str) {
    let mut text = String::new();
    let mut rest = quoted;
    while let Some((part, behind)) = rest.split_once('\'') {
        text.push_str(part);
        match behind.strip_prefix('\'') {
            Some(further) => {
                text.push('\'');
                rest = further;
            }
            None => return (Some(text), behind),
        }
    }
    (Some(text), "")
}

/// One unit after the other: a transaction, or a statement of its own.
pub fn units(statements: Vec<Statement>) -> Vec<Vec<Statement>> {
    let mut units: Vec<Vec<Statement>> = Vec::new();
    let mut inside = false;
    for statement in statements {
        let word = statement.text.to_lowercase();
        let ends = word.starts_with("commit") || word.starts_with("rollback");
        let begins = word.starts_with("begin");
        match units.last_mut() {
            Some(unit) if inside => unit.push(statement),
            _ => units.push(vec![statement]),
        }
        inside = begins || inside && !ends;
    }
    units
}

/// What connections are set to, as `NAME=VALUE`: read from the `set` statements with which they begin.
pub fn session_settings(statements: &[Statement]) -> Vec<String> {
    let parts = statements.iter().flat_map(|statement| statement.text.split(';'));
    let mut settings: Vec<_> = parts.filter_map(|part| setting(part.trim())).collect();
    settings.sort();
    settings.dedup();
    settings
}

fn setting(part: &str) -> Option<String> {
    let rest = part.strip_prefix("set ").or_else(|| part.strip_prefix("SET "))?;
    let (name, value) = match rest.strip_prefix("role ") {
        Some(role) => ("role", role),
        None => rest.split_once('=')?,
    };
    let name = name.trim();
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    plain.then(|| format!("{name}={}", value.trim().trim_matches('\'')))
}
