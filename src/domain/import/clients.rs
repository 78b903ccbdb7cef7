//! The clients of an import, each with its advisers.

use super::columns::{Known, optional, required};
use super::csv::Row;
use super::report::{RefusedRow, Report};
use super::roster::{Roster, Standing};
use super::row::Examined;
use super::store;
use super::table::Table;
use crate::caller::Kind;
use crate::domain::client::{self, ClientType, Draft};
use crate::domain::text;
use crate::error::{Refusal, Result};
use crate::events::Tx;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use uuid::Uuid;

const PRIMARY: &str = "primary_adviser";
const SECONDARY: &str = "secondary_adviser";

/// Any further column goes into the client's details.
pub const COLUMNS: &[Known] =
    &[required("reference"), required("name"), optional("email"), optional(PRIMARY), optional(SECONDARY)];

/// Where each reference stands: the one thing that grows with the file, by some 60 bytes a row.
pub(super) type Lines = HashMap<Box<str>, u64>;

/// Adds all of a file's clients to a firm. Answers how many.
pub async fn add(
    tx: &mut Tx,
    firm: Uuid,
    table: &mut Table,
    roster: &mut Roster,
    report: &mut Report<'_>,
) -> Result<usize> {
    let (mut added, mut lines) = (0, Lines::new());
    while let Some(rows) = store::while_waiting(tx, table.next()).await? {
        match rows {
            Ok(rows) => {
                let handles = rows.iter().filter_map(|row| Examined::begin(row, &table.columns));
                let handles: Vec<_> =
                    handles.flat_map(|row| [row.text(PRIMARY), row.text(SECONDARY)]).flatten().collect();
                roster.look_up(tx, firm, handles.into_iter()).await?;
                let (clients, refused) = add_stretch(tx, firm, table, &rows, roster, &mut lines).await?;
                report.refuse(refused);
                added += clients;
            }
            Err(broken) => report.refuse(vec![broken]),
        }
    }
    Ok(added)
}

async fn add_stretch(
    tx: &mut Tx,
    firm: Uuid,
    table: &Table,
    rows: &[Row],
    roster: &Roster,
    lines: &mut Lines,
) -> Result<(usize, Vec<RefusedRow>)> {
    let (mut refused, mut drafts, mut waiting) = (Vec::new(), Vec::new(), HashMap::new());
    for mut row in rows.iter().filter_map(|row| Examined::begin(row, &table.columns)) {
        match draft(&mut row, roster, lines).filter(|_| !row.is_refused()) {
            Some(draft) => {
                waiting.insert(draft.reference.clone(), row);
                drafts.push(draft);
            }
            None => refused.extend(row.refused(&table.file)),
        }
    }
    let added = if drafts.is_empty() { Vec::new() } else { client::insert_batch(tx, firm, drafts).await? };
    for reference in &added {
        waiting.remove(reference);
    }
    for mut row in waiting.into_values() {
        row.refuse("reference", "is taken in the firm");
        refused.extend(row.refused(&table.file));
    }
    Ok((added.len(), refused))
}

/// The client that a row becomes.
pub(super) fn draft(row: &mut Examined<'_>, roster: &Roster, lines: &mut Lines) -> Option<Draft> {
    if row.is_refused() {
        return None;
    }
    let reference = row.require("reference", |value| text::line("reference", value, 100));
    if let Some(line) = reference.as_deref().and_then(|reference| enter(lines, reference, row.line)) {
        row.refuse("reference", format!("stands in line {line} already"));
    }
    let name = row.require("name", |value| text::line("name", value, 200));
    let emails = row.allow("email", emails).unwrap_or_default();
    let primary_adviser = adviser(row, PRIMARY, roster);
    let secondary_adviser = adviser(row, SECONDARY, roster);
    if primary_adviser.is_some() && primary_adviser == secondary_adviser {
        row.refuse(SECONDARY, "is the primary adviser already");
    }
    let details = row.details();
    Some(Draft {
        client_type: ClientType::Client,
        name: name?,
        emails,
        reference: Some(reference?),
        details,
        primary_adviser,
        secondary_adviser,
    })
}

/// Enters a reference. Answers the line where it stands already, if it does.
fn enter(lines: &mut Lines, reference: &str, line: u64) -> Option<u64> {
    match lines.entry(reference.into()) {
        Entry::Vacant(free) => {
            free.insert(line);
            None
        }
        Entry::Occupied(taken) => Some(*taken.get()),
    }
}

/// Addresses with `;` or white space between them, each once.
fn emails(value: &str) -> Result<Vec<String>> {
    let mut emails = Vec::new();
    for part in value.split(|c: char| c == ';' || c.is_whitespace()).filter(|part| !part.is_empty()) {
        let email = text::email("email", part).map_err(|error| naming(error, value, part))?;
        if !emails.contains(&email) {
            emails.push(email);
        }
    }
    Ok(emails)
}

/// Where there are several addresses: says which one.
fn naming(error: crate::error::Error, value: &str, part: &str) -> crate::error::Error {
    if value.trim() == part {
        error
    } else {
        Refusal::input("email", format!("{part:?} is not an email address")).into()
    }
}

/// The adviser whom a column names; refuses whoever cannot be one.
fn adviser(row: &mut Examined<'_>, column: &'static str, roster: &Roster) -> Option<Uuid> {
    match roster.find(row.text(column)?) {
        Some(Standing::Is(Kind::Adviser, id)) => return Some(id),
        Some(Standing::Is(kind, _)) => {
            row.refuse(
                column,
                format!("is of the kind {} and cannot advise clients; only an ADVISER can", kind.as_str()),
            );
        }
        Some(Standing::Open) => {}
        None if roster.has_gaps => {}
        None => {
            row.refuse(column, "there is no such person, neither among the imported people nor in the firm")
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_addresses_in_one_cell() {
        let several = emails("a@b.example; c@d.example\na@b.example ;").ok();
        assert_eq!(several, Some(vec!["a@b.example".to_owned(), "c@d.example".to_owned()]));
        assert_eq!(emails(";").ok(), Some(vec![]));
        assert!(emails("a@b.example, c@d.example").is_err());
    }
}
