//! What a delegation is limited to: which actions, which clients, when, and whether a reason has to be given.

use super::schedule::Schedule;
use super::store::DelegationRow;
use crate::caller::Action;
use crate::defaults::LIST_MAX;
use crate::error::{Refusal, Result};
use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

/// The terms of a delegation.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What the delegate may do; `VIEW` is always among it.
    pub scope: Vec<Action>,
    /// Only these of the principal's clients; `None` for all that the principal reaches.
    pub clients: Option<Vec<Uuid>>,
    /// From now on without a beginning, until it is taken back without an end.
    pub valid_from: Option<DateTime<Utc>>,
    pub valid_until: Option<DateTime<Utc>>,
    /// At all hours without one.
    pub schedule: Option<Schedule>,
    pub reason_required: bool,
}

/// Changed terms; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangedTerms {
    pub scope: Option<Vec<Action>>,
    pub clients: Option<Option<Vec<Uuid>>>,
    pub valid_from: Option<Option<DateTime<Utc>>>,
    pub valid_until: Option<Option<DateTime<Utc>>>,
    pub schedule: Option<Option<Schedule>>,
    pub reason_required: Option<bool>,
}

impl Terms {
    /// The terms as they are kept: refuses dates in the past or the wrong order, and lists that are too long.
    pub fn checked(mut self, now: DateTime<Utc>) -> Result<Self> {
        self.scope = with_view(&self.scope);
        if let Some(clients) = &mut self.clients {
            clients.sort();
            clients.dedup();
            check_list(clients)?;
        }
        check_dates(self.valid_from.unwrap_or(now), self.valid_until, now)?;
        Ok(self)
    }
}

impl ChangedTerms {
    /// Writes the changes into the row; the list of clients is for the store.
    pub fn apply(&self, row: &mut DelegationRow, now: DateTime<Utc>) -> Result<()> {
        if let Some(scope) = &self.scope {
            row.actions = with_view(scope);
        }
        if let Some(clients) = &self.clients {
            clients.as_deref().map(check_list).transpose()?;
            row.only_listed_clients = clients.is_some();
        }
        if let Some(valid_from) = self.valid_from {
            row.valid_from = valid_from.unwrap_or(row.created_at);
        }
        if let Some(valid_until) = self.valid_until {
            row.valid_until = valid_until;
            check_dates(row.valid_from, row.valid_until, now)?;
        }
        if let Some(schedule) = &self.schedule {
            row.schedule = schedule.clone();
        }
        row.reason_required = self.reason_required.unwrap_or(row.reason_required);
        check_dates(row.valid_from, row.valid_until, row.valid_from)
    }
}

/// In the order of the enum, and with `VIEW`.
fn with_view(scope: &[Action]) -> Vec<Action> {
    let granted = |action: &Action| *action == Action::View || scope.contains(action);
    Action::ALL.iter().copied().filter(granted).collect()
}

fn check_list(clients: &[Uuid]) -> Result<()> {
    if clients.is_empty() || clients.len() > LIST_MAX {
        let message = format!("List 1 to {LIST_MAX} clients, or leave the list out for all.");
        return Err(Refusal::input("clients", message).into());
    }
    Ok(())
}

fn check_dates(from: DateTime<Utc>, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<()> {
    for (field, moment) in [("validFrom", Some(from)), ("validUntil", until)] {
        if moment.is_some_and(|moment| !(1970..=9999).contains(&moment.year())) {
            return Err(Refusal::input(field, "This is not in the years 1970 to 9999.").into());
        }
    }
    if until.is_some_and(|until| until <= from || until <= now) {
        let message = "This is not after the beginning, or is over already.";
        return Err(Refusal::input("validUntil", message).into());
    }
    Ok(())
}
