//! The terms of a delegation, as they are asked for and shown.

use super::node::{given, local};
use crate::caller::Action;
use crate::domain::delegation::schedule::{Day, Hours, Schedule, time_of_day};
use crate::domain::delegation::{ChangedTerms, NewDelegation, Terms};
use crate::error::Result;
use crate::id::NodeType;
use async_graphql::{ID, InputObject, MaybeUndefined, SimpleObject};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A piece of a day of the week.
#[derive(SimpleObject, InputObject)]
#[graphql(input_name = "WeeklyHoursInput")]
pub struct WeeklyHours {
    /// The day.
    day: Day,
    /// From when on, as `09:00`.
    from: String,
    /// Until when, as `17:30`; `24:00` is the end of the day.
    until: String,
}

impl WeeklyHours {
    pub fn of(hours: &Hours) -> Self {
        Self { day: hours.day, from: time_of_day(hours.from), until: time_of_day(hours.until) }
    }
}

fn schedule(hours: Vec<WeeklyHours>) -> Result<Schedule> {
    let pieces = hours.iter().map(|hours| Hours::parse(hours.day, &hours.from, &hours.until));
    Schedule::new(pieces.collect::<Result<_>>()?)
}

fn clients(ids: Vec<ID>) -> Result<Vec<Uuid>> {
    ids.iter().map(|id| local(NodeType::Client, id, "clients")).collect()
}

/// Someone to act for the viewer.
#[derive(InputObject)]
pub struct AddBackOfficeUserInput {
    /// Their address. They may be a user already or not.
    email: String,
    /// Their user ID, where several people of the firm share the address.
    handle: Option<String>,
    /// What they may do; `VIEW` is always among it.
    #[graphql(default_with = "vec![Action::View, Action::Edit, Action::Print]")]
    scope: Vec<Action>,
    /// Only these of the viewer's clients, at most 250; null for all that the viewer reaches.
    clients: Option<Vec<ID>>,
    /// From when on it holds; null from now on.
    valid_from: Option<DateTime<Utc>>,
    /// Until when it holds; null until it is taken back.
    valid_until: Option<DateTime<Utc>>,
    /// The hours of the week at which it holds, in the time zone of the viewer's firm; null at all hours.
    schedule: Option<Vec<WeeklyHours>>,
    /// Whether whoever acts has to give a reason.
    #[graphql(default)]
    reason_required: bool,
}

impl AddBackOfficeUserInput {
    pub fn domain(self) -> Result<NewDelegation> {
        let terms = Terms {
            scope: self.scope,
            clients: self.clients.map(clients).transpose()?,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            schedule: self.schedule.map(schedule).transpose()?,
            reason_required: self.reason_required,
        };
        Ok(NewDelegation { email: self.email, handle: self.handle, terms })
    }
}

/// Changed terms of a delegation; what is left out stays as it is, null takes a limit away.
#[derive(InputObject)]
pub struct UpdateDelegationInput {
    /// Which one.
    pub delegation_id: ID,
    /// The version that was read; `CONFLICT` if it was changed since.
    pub expected_version: i32,
    /// What the delegate may do; `VIEW` is always among it.
    scope: Option<Vec<Action>>,
    /// Only these of the viewer's clients, at most 250; null for all that the viewer reaches.
    clients: MaybeUndefined<Vec<ID>>,
    /// From when on it holds; null from when it was given.
    valid_from: MaybeUndefined<DateTime<Utc>>,
    /// Until when it holds; null until it is taken back.
    valid_until: MaybeUndefined<DateTime<Utc>>,
    /// The hours of the week at which it holds; null at all hours.
    schedule: MaybeUndefined<Vec<WeeklyHours>>,
    /// Whether whoever acts has to give a reason.
    reason_required: Option<bool>,
}

impl UpdateDelegationInput {
    pub fn domain(self) -> Result<ChangedTerms> {
        Ok(ChangedTerms {
            scope: self.scope,
            clients: given(self.clients).map(|ids| ids.map(clients).transpose()).transpose()?,
            valid_from: given(self.valid_from),
            valid_until: given(self.valid_until),
            schedule: given(self.schedule).map(|hours| hours.map(schedule).transpose()).transpose()?,
            reason_required: self.reason_required,
        })
    }
}
