//! What time it is. Everything that judges a date asks the clock it was handed, so that tests move time
//! instead of waiting for it. In production the clock follows the database, so that no node's own wall
//! clock, wrong or stepped, decides whether a link or a grant still holds.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::RwLock;
use std::time::Instant;

/// Tells the time; UTC, microseconds.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> DateTime<Utc>;
}

/// The database's time, carried on between readings by this machine's monotonic clock.
pub struct DatabaseClock {
    reading: RwLock<(Instant, DateTime<Utc>)>,
}

impl DatabaseClock {
    /// Starts from a reading of the database's clock that has just been taken.
    pub fn new(database_now: DateTime<Utc>) -> Self {
        Self { reading: RwLock::new((Instant::now(), database_now)) }
    }

    /// Takes a newer reading, so that the two clocks do not drift apart.
    pub fn set(&self, database_now: DateTime<Utc>) {
        let mut reading = self.reading.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        *reading = (Instant::now(), database_now);
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> DateTime<Utc> {
        let (taken, at) = *self.reading.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        at + TimeDelta::from_std(taken.elapsed()).unwrap_or_default()
    }
}
