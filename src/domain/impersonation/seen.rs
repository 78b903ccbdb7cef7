//! What is read in a principal's name, for the principal to see.

use crate::caller::{Action, Caller};
use crate::error::Result;
use crate::events::event::Parties;
use crate::events::{Author, Event, Log, Subject};
use crate::id::NodeType;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// How often the same thing read in the same impersonation is noted anew.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(10);

/// Notes that something was read in the principal's name: once in ten minutes for each operation of an impersonation,
/// so that the principal sees what was looked at, and not each page of it. Without the note, no answer.
pub async fn note_read(log: &Log, seen: &Seen, caller: &Caller, operation: &'static str) -> Result<()> {
    let Some(acting) = caller.acting() else { return Ok(()) };
    let now = log.clock.now();
    if !seen.is_due(acting.impersonation, operation, now) {
        return Ok(());
    }
    let event = Event::ImpersonatedAction {
        impersonation: Subject(NodeType::Impersonation, acting.impersonation),
        action: Action::View,
        operation,
        parties: Parties { principal: acting.principal, delegate: Some(caller.actor) },
    };
    log.transact(Author::from(caller), async |tx| {
        tx.record(acting.principal.firm, event);
        Ok(())
    })
    .await?;
    seen.note(acting.impersonation, operation, now);
    Ok(())
}

/// What this node noted lately.
#[derive(Debug, Default)]
pub struct Seen(dashmap::DashMap<(Uuid, &'static str), DateTime<Utc>>);

impl Seen {
    fn is_due(&self, impersonation: Uuid, operation: &'static str, now: DateTime<Utc>) -> bool {
        self.0.get(&(impersonation, operation)).is_none_or(|at| *at + NOTED_EVERY <= now)
    }

    fn note(&self, impersonation: Uuid, operation: &'static str, now: DateTime<Utc>) {
        if self.0.len() > 10_000 {
            self.0.retain(|_, at| *at + NOTED_EVERY > now);
        }
        self.0.insert((impersonation, operation), now);
    }
}
