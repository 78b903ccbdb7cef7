//! A clock that stories move.

use chrono::{DateTime, TimeDelta, Utc};
use locum::clock::Clock;
use std::sync::{Arc, Mutex};

/// Real time plus what a story added to it.
#[derive(Clone, Default)]
pub struct ManualClock(Arc<Mutex<TimeDelta>>);

impl ManualClock {
    /// Moves on.
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    #[expect(clippy::disallowed_methods, reason = "the real part of the story's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + *self.0.lock().unwrap()
    }
}
