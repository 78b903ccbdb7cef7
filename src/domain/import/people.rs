//! The people of an import: they become pending users of the firm.

use super::columns::{Known, optional, required};
use super::csv::Row;
use super::report::{RefusedRow, Report};
use super::roster::Roster;
use super::row::Examined;
use super::store;
use super::table::Table;
use crate::caller::Kind;
use crate::domain::text;
use crate::domain::user::{self, Draft, User};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::Tx;
use std::collections::HashMap;
use uuid::Uuid;

/// Any further column goes into the user's details.
pub const COLUMNS: &[Known] =
    &[required("handle"), required("email"), required("display_name"), optional("kind"), optional("level")];

/// Adds all of a file's people to a firm; with `invite`, each gets a mail with a registration link. Answers how many.
pub async fn add(
    tx: &mut Tx,
    firm: Uuid,
    table: &mut Table,
    invite: bool,
    roster: &mut Roster,
    report: &mut Report<'_>,
) -> Result<usize> {
    let mut added = 0;
    while let Some(rows) = store::while_waiting(tx, table.next()).await? {
        match rows {
            Ok(rows) => {
                let (users, refused) = add_stretch(tx, firm, table, &rows, roster).await?;
                report.refuse(refused);
                added += users.len();
                if invite {
                    send_invitations(tx, &users, added)?;
                }
            }
            Err(broken) => {
                roster.has_gaps = true;
                report.refuse(vec![broken]);
            }
        }
    }
    Ok(added)
}

async fn add_stretch(
    tx: &mut Tx,
    firm: Uuid,
    table: &Table,
    rows: &[Row],
    roster: &mut Roster,
) -> Result<(Vec<User>, Vec<RefusedRow>)> {
    let (mut refused, mut drafts, mut waiting) = (Vec::new(), Vec::new(), HashMap::new());
    for mut row in rows.iter().filter_map(|row| Examined::begin(row, &table.columns)) {
        match draft(&mut row, roster).filter(|_| !row.is_refused()) {
            Some(draft) => {
                waiting.insert(draft.handle.clone(), row);
                drafts.push(draft);
            }
            None => refused.extend(row.refused(&table.file)),
        }
    }
    let users = if drafts.is_empty() { Vec::new() } else { user::insert_batch(tx, firm, drafts).await? };
    for user in &users {
        waiting.remove(&user.handle);
        roster.note(user);
    }
    for mut row in waiting.into_values() {
        row.refuse("handle", "is taken in the firm");
        refused.extend(row.refused(&table.file));
    }
    Ok((users, refused))
}

/// The user that a row becomes.
pub(super) fn draft(row: &mut Examined<'_>, roster: &mut Roster) -> Option<Draft> {
    // Entered even if the row is refused, so that the clients' rows are not refused for it as well.
    let before = row.text("handle").and_then(|handle| roster.enter(handle, row.line));
    if row.is_refused() {
        return None;
    }
    let handle = row.require("handle", |value| text::handle("handle", value));
    if let Some(line) = before {
        row.refuse("handle", format!("stands in line {line} already"));
    }
    let email = row.require("email", |value| text::email("email", value));
    let display_name = row.require("display_name", |value| text::line("displayName", value, 200));
    let kind = row.allow("kind", kind);
    let level = row.allow("level", |value| text::line("level", value, 64));
    let details = row.details();
    let kind = kind.unwrap_or(Kind::Adviser);
    Some(Draft {
        handle: handle?,
        email: email?,
        display_name: display_name?,
        kind,
        level,
        capabilities: Vec::new(),
        details,
    })
}

fn kind(value: &str) -> Result<Kind> {
    value.to_uppercase().parse().map_err(|why: String| Refusal::input("kind", why).into())
}

/// Invites those who were just added. More than a firm may mail in a day would never get their mail.
fn send_invitations(tx: &mut Tx, users: &[User], so_far: usize) -> Result<()> {
    let most = tx.limits.mails_per_firm_per_day;
    if i64::try_from(so_far).map_or(true, |so_far| so_far > most) {
        let message = format!(
            "These are more people than the {most} who can be invited in a day. Import them without inviting them."
        );
        return Err(Refusal::new(ErrorCode::LimitReached).saying(message).into());
    }
    for user in users {
        tx.record(user.firm_id, user::invited(user));
    }
    Ok(())
}
