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

/// Something that an answer shows: by which operation, and what it is about; a list as such is about nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    pub operation: &'static str,
    pub object: Option<Subject>,
}

/// Notes what an answer shows of the principal's: once in ten minutes for each operation of an impersonation and each
/// thing that it is about, so that the principal sees what was looked at, and not each page of it. Without the note, no
/// answer.
pub async fn note_reads(log: &Log, seen: &Seen, caller: &Caller, reads: Vec<Read>) -> Result<()> {
    let Some(acting) = caller.acting() else { return Ok(()) };
    let (now, impersonation) = (log.clock.now(), acting.impersonation);
    let mut due: Vec<Read> = Vec::new();
    for read in reads {
        if !due.contains(&read) && seen.is_due((impersonation, read), now) {
            due.push(read);
        }
    }
    if due.is_empty() {
        return Ok(());
    }
    log.transact(Author::from(caller), async |tx| {
        for of_operation in due.chunk_by(|one, next| one.operation == next.operation) {
            let operation = of_operation.first().map_or("", |read| read.operation);
            let event = Event::ImpersonatedAction {
                impersonation: Subject(NodeType::Impersonation, impersonation),
                action: Action::View,
                operation,
                objects: of_operation.iter().filter_map(|read| read.object).collect(),
                parties: Parties { principal: acting.principal, delegate: Some(caller.actor) },
            };
            tx.record(acting.principal.firm, event);
        }
        Ok(())
    })
    .await?;
    due.into_iter().for_each(|read| seen.note((impersonation, read), now));
    Ok(())
}

/// What this node noted lately.
#[derive(Debug, Default)]
pub struct Seen(dashmap::DashMap<What, DateTime<Utc>>);

/// In which impersonation, and what.
type What = (Uuid, Read);

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
