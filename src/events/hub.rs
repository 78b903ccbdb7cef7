//! Wake-ups: "firm F has reached position P", "the rights of user U may have changed". They carry no data: whoever wakes
//! reads the tables.
//!
//! A commit wakes the readers of its own node at once. For the other nodes it leaves a note in the outbox, where many of
//! one firm become one, and a [`super::bus`] carries them over outside of every transaction. A wake-up that is lost
//! delays, but loses nothing: a sweep compares the firms' heads each five seconds ([`Hub::sweep`]).

use super::seats::Seats;
use crate::caller::UserKey;
use crate::db::Database;
use crate::db::statement::sql;
use crate::error::Result;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longest delay of something whose wake-up was lost.
pub const SWEEP: Duration = Duration::from_secs(5);

/// What nodes tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// A firm's log has reached this position.
    Reached(Uuid, i64),
    /// A session of this user, or whom it acts for, may have ended.
    Rights(UserKey),
}

/// Wakes those of this node who wait for something to be committed.
#[derive(Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Default)]
struct Inner {
    any: watch::Sender<()>,
    /// The positions of the firms that somebody of this node waits for.
    firms: Mutex<HashMap<Uuid, watch::Sender<i64>>>,
    outbox: Mutex<Outbox>,
    posted: Notify,
    missed: Notify,
    seats: Seats,
}

#[derive(Default)]
struct Outbox {
    heads: HashMap<Uuid, i64>,
    rights: HashSet<UserKey>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// Says what was committed on this node: to its readers at once, and to the other nodes as soon as the bus takes it.
    pub fn committed(&self, heads: &[(Uuid, i64)], rights: &[UserKey]) {
        // Doubt comes first: what follows is not delivered to somebody who has just lost the right to it.
        rights.iter().for_each(|user| self.0.seats.doubt(*user));
        heads.iter().for_each(|(firm, position)| self.reached(*firm, *position));
        self.0.any.send_replace(());
        let mut outbox = locked(&self.0.outbox);
        for (firm, position) in heads {
            let head = outbox.heads.entry(*firm).or_default();
            *head = (*head).max(*position);
        }
        outbox.rights.extend(rights);
        drop(outbox);
        self.0.posted.notify_one();
    }

    /// Takes note of what another node said.
    pub fn heard(&self, wakeup: Wakeup) {
        match wakeup {
            Wakeup::Reached(firm, position) => self.reached(firm, position),
            Wakeup::Rights(user) => self.0.seats.doubt(user),
        }
    }

    /// Says that wake-ups may have been missed: the sweep comes now.
    pub fn missed(&self) {
        self.0.seats.doubt_all();
        self.0.missed.notify_one();
    }

    /// Takes what is to be said to the other nodes, as soon as there is something.
    pub async fn outgoing(&self) -> Vec<Wakeup> {
        loop {
            let outbox = std::mem::take(&mut *locked(&self.0.outbox));
            let heads = outbox.heads.into_iter().map(|(firm, position)| Wakeup::Reached(firm, position));
            // Doubts go first here too.
            let wakeups: Vec<_> = outbox.rights.into_iter().map(Wakeup::Rights).chain(heads).collect();
            if !wakeups.is_empty() {
                return wakeups;
            }
            self.0.posted.notified().await;
        }
    }

    /// Listens to everything from now on.
    pub fn subscribe(&self) -> Wakeups {
        Wakeups(self.0.any.subscribe())
    }

    /// Listens to one firm. The position is 0 until the first wake-up, for nothing is known before.
    pub fn follow(&self, firm: Uuid) -> watch::Receiver<i64> {
        locked(&self.0.firms).entry(firm).or_default().subscribe()
    }

    /// Those who are connected to this node.
    pub fn seats(&self) -> &Seats {
        &self.0.seats
    }

    fn reached(&self, firm: Uuid, position: i64) {
        if let Some(head) = locked(&self.0.firms).get(&firm) {
            head.send_if_modified(|head| std::mem::replace(head, position.max(*head)) < position);
        }
    }

    /// Heals lost wake-ups until `stop`: one statement each five seconds, for the firms that somebody waits for.
    pub async fn sweep(self, database: Database, stop: CancellationToken) {
        loop {
            let missed = tokio::time::timeout(SWEEP, self.0.missed.notified());
            tokio::select! {
                () = stop.cancelled() => return,
                _ = missed => {}
            }
            if let Err(error) = self.compare_heads(&database).await {
                tracing::warn!(?error, "the logs' heads could not be compared; it is tried again");
            }
            self.0.any.send_replace(());
        }
    }

    async fn compare_heads(&self, database: &Database) -> Result<()> {
        let firms: Vec<_> = {
            let mut firms = locked(&self.0.firms);
            firms.retain(|_, head| head.receiver_count() > 0);
            firms.keys().copied().collect()
        };
        if firms.is_empty() {
            return Ok(());
        }
        let heads =
            sql::<(SqlUuid, BigInt)>("select firm_id, position from event_heads where firm_id = any(?)");
        let heads: Vec<(Uuid, i64)> = heads.bind(firms).load(&mut *database.connection().await?).await?;
        let behind = {
            let known = locked(&self.0.firms);
            let known = |firm: &Uuid| known.get(firm).map_or(0, |head| *head.borrow());
            heads.iter().any(|(firm, position)| known(firm) < *position)
        };
        if behind {
            // Where this wake-up was lost, one about rights may have been lost too.
            self.0.seats.doubt_all();
        }
        heads.into_iter().for_each(|(firm, position)| self.reached(firm, position));
        Ok(())
    }
}

impl fmt::Display for Wakeup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached(firm, position) => write!(f, "log {firm} {position}"),
            Self::Rights(user) => write!(f, "rights {} {}", user.firm, user.id),
        }
    }
}

impl FromStr for Wakeup {
    type Err = ();

    /// Of what a newer node says, an older one understands what it can.
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let mut words = text.split(' ');
        let (kind, firm, rest) = (words.next(), words.next(), words.next().ok_or(())?);
        let firm = firm.and_then(|firm| firm.parse().ok()).ok_or(())?;
        match kind {
            Some("log") => Ok(Self::Reached(firm, rest.parse().map_err(|_| ())?)),
            Some("rights") => Ok(Self::Rights(UserKey { firm, id: rest.parse().map_err(|_| ())? })),
            _ => Err(()),
        }
    }
}

/// One listener's view of the wake-ups; many at once are one.
pub struct Wakeups(watch::Receiver<()>);

impl Wakeups {
    /// Waits for the next wake-up, or `at_most` so long: a lost wake-up delays, but loses nothing.
    pub async fn wait(&mut self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.0.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wakeup_is_read_as_it_was_written() {
        let (firm, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for wakeup in [Wakeup::Reached(firm, 42), Wakeup::Rights(UserKey { firm, id })] {
            assert_eq!(wakeup.to_string().parse(), Ok(wakeup));
        }
        for other in ["", "log", "log x 1", "something newer", "rights 0 0"] {
            assert_eq!(other.parse::<Wakeup>(), Err(()), "{other}");
        }
    }

    #[tokio::test]
    async fn many_commits_of_a_firm_are_one_wakeup() {
        let (hub, firm) = (Hub::default(), Uuid::from_u128(1));
        let mut head = hub.follow(firm);
        for position in [1, 3, 2] {
            hub.committed(&[(firm, position)], &[]);
        }
        assert_eq!(hub.outgoing().await, [Wakeup::Reached(firm, 3)]);
        assert_eq!(*head.borrow_and_update(), 3);
        hub.heard(Wakeup::Reached(firm, 2));
        assert!(!head.has_changed().unwrap(), "an old wake-up wakes nobody");
    }
}
