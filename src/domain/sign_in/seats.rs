//! Whether those who are connected may stay: their tokens are judged as those of requests are, many in one statement.
//!
//! A connection is bound to what its token stood for when it was opened: the session, and whom it acted for. If that
//! changes in any way, the connection is over, and a new one is judged anew. Being connected is no use of a session:
//! operations are.

use super::authenticate::{Authenticated, judge};
use super::store;
use crate::caller::Stand;
use crate::defaults::{IMPERSONATION_IDLE, SESSION_IDLE};
use crate::error::Result;
use crate::events::Log;
use crate::events::seats::{Doubtful, Ticket};
use crate::secret::Token;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How often the clock is compared with when seats are over.
const TICK: Duration = Duration::from_millis(100);
/// How often all of them are judged, whether or not there is a doubt: wake-ups may be lost.
const ALL: Duration = Duration::from_secs(4);
/// Tokens that are judged by one statement.
const BATCH: usize = 500;

/// By what somebody is let in.
pub fn ticket(authenticated: &Authenticated, token: &Token) -> Ticket {
    ticket_of(authenticated, token.hash())
}

fn ticket_of(authenticated: &Authenticated, token_hash: Vec<u8>) -> Ticket {
    let impersonation = match &authenticated.caller.stand {
        Stand::Own => None,
        Stand::Acting(acting) => Some((acting.impersonation, true)),
        Stand::Lapsed { impersonation, .. } => Some((*impersonation, false)),
    };
    Ticket { actor: authenticated.caller.actor, token_hash, impersonation }
}

/// Judges seats until `stop`, and on until the last one is free: those who are still connected while the house closes are
/// neither kept in doubt nor kept beyond their right.
pub async fn judge_seats(log: Log, stop: CancellationToken) {
    let seats = log.hub.seats().clone();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut all_judged = Instant::now();
    while !(stop.is_cancelled() && seats.count() == 0) {
        tokio::select! {
            () = stop.cancelled(), if !stop.is_cancelled() => {}
            () = seats.doubted() => {}
            _ = tick.tick() => seats.doubt_overdue(log.clock.now()),
        }
        let all = all_judged.elapsed() >= ALL;
        for batch in seats.doubtful(all).chunks(BATCH) {
            if let Err(error) = judge_batch(&log, batch).await {
                // Nothing is delivered to those in doubt until it succeeds.
                tracing::warn!(?error, "connections could not be judged; it is tried again");
                tokio::time::sleep(TICK).await;
                break;
            }
        }
        if all {
            all_judged = Instant::now();
        }
    }
}

async fn judge_batch(log: &Log, batch: &[Doubtful]) -> Result<()> {
    let mut hashes: Vec<_> = batch.iter().map(|doubtful| doubtful.ticket.token_hash.clone()).collect();
    hashes.sort();
    hashes.dedup();
    let found = store::by_tokens(&mut *log.reader().await?, hashes).await?;
    let now = log.clock.now();
    let judged = found.into_iter().filter_map(|(hash, found)| {
        let authenticated = judge(Some(found), now).ok()?;
        Some((hash.clone(), (ticket_of(&authenticated, hash), good_until(&authenticated))))
    });
    let judged: HashMap<_, _> = judged.collect();
    for doubtful in batch {
        let good = judged.get(&doubtful.ticket.token_hash).filter(|(ticket, _)| *ticket == doubtful.ticket);
        log.hub.seats().judged(doubtful, good.map(|(_, until)| *until));
    }
    Ok(())
}

/// When it is over at the earliest, if nothing happens.
fn good_until(authenticated: &Authenticated) -> DateTime<Utc> {
    let session = &authenticated.session;
    let until = session.expires_at.min(session.last_seen_at + SESSION_IDLE);
    match (&authenticated.impersonation, &authenticated.caller.stand) {
        (Some(running), Stand::Acting(_)) => {
            until.min(running.row.expires_at).min(running.row.last_seen_at + IMPERSONATION_IDLE)
        }
        _ => until,
    }
}
