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

/// Notes that something was read in the principal's name: once in ten minutes for each operation of an impersonation and what it is about,
/// so that the principal sees what was looked at, and not each page of it. Without the note, no answer.
pub async fn note_read(
    log: &Log,
    seen: &Seen,
    caller: &Caller,
    operation: &'static str,
    object: Option<Subject>,
) -> Result<()> {
    let Some(acting) = caller.acting() else { return Ok(()) };
    let (now, what) = (log.clock.now(), (acting.impersonation, operation, object.map(|object| object.1)));
    if !seen.is_due(what, now) {
        return Ok(());
    }
    let event = Event::ImpersonatedAction {
        impersonation: Subject(NodeType::Impersonation, acting.impersonation),
        action: Action::View,
        operation,
        object,
        parties: Parties { principal: acting.principal, delegate: Some(caller.actor) },
    };
    log.transact(Author::from(caller), async |tx| {
        tx.record(acting.principal.firm, event);
        Ok(())
    })
    .await?;
    seen.note(what, now);
    Ok(())
}

/// What this node noted lately.
#[derive(Debug, Default)]
pub struct Seen(dashmap::DashMap<What, DateTime<Utc>>);

/// An impersonation, an operation in it, and what it was about.
type What = (Uuid, &'static str, Option<Uuid>);

impl Seen {
    fn is_due(&self, what: What, now: DateTime<Utc>) -> bool {
        self.0.get(&what).is_none_or(|at| *at + NOTED_EVERY <= now)
    }

    fn note(&self, what: What, now: DateTime<Utc>) {
        if self.0.len() > 10_000 {
            self.0.retain(|_, at| *at + NOTED_EVERY > now);
        }
        self.0.insert(what, now);
    }
}
