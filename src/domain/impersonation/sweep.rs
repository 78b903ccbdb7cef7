//! What is over by the clock, written down. Enforcement never waits for it; whoever follows the log does.

use super::store;
use super::{end_by_now, record_end};
use crate::domain::delegation;
use crate::error::Result;
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;

/// Ends delegations and impersonations whose time is over; of several nodes, one does each. Answers how many it ended;
/// there may be more.
pub async fn end_overdue(tx: &mut Tx) -> Result<usize> {
    let mut ended = delegation::expire_due(tx, None).await?;
    for (mut impersonation, delegation) in store::overdue(tx).await? {
        let Some(ending) = end_by_now(&impersonation, &delegation, tx.now) else { continue };
        impersonation.row = store::end(tx, &impersonation.row, ending).await?;
        record_end(tx, &impersonation);
        ended += 1;
    }
    Ok(ended)
}

/// Has a mail sent to those who want one each morning, if something was done in their name since the last one was due.
/// Answers how many were looked at; there may be more.
pub async fn summarize(tx: &mut Tx) -> Result<usize> {
    let due = store::claim_summaries(tx).await?;
    let count = due.len();
    for summary in due.into_iter().filter(|summary| summary.something_happened) {
        let (key, since, until) = (summary.user, summary.since, summary.until);
        let user = Subject(NodeType::User, key.id);
        tx.record(key.firm, Event::DailySummaryDue { user, since, until, key });
    }
    Ok(count)
}
