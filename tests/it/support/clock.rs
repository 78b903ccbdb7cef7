//! A clock that stories move.

use chrono::{DateTime, TimeDelta, Utc};
use locum::clock::Clock;
use std::sync::{Arc, Mutex};

/// Real time plus what a story added to it; once stopped, it only goes as the story moves it.
#[derive(Clone, Default)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Default)]
struct Hands {
    added: TimeDelta,
    stopped: Option<DateTime<Utc>>,
}

impl ManualClock {
    /// Moves on.
    pub fn advance(&self, by: TimeDelta) {
        let mut hands = self.0.lock().unwrap();
        match &mut hands.stopped {
            Some(at) => *at += by,
            None => hands.added += by,
        }
    }

    /// Stops it at a moment that is still to come.
    pub fn stop_at(&self, at: DateTime<Utc>) {
        assert!(at >= self.now(), "time does not go back");
        self.0.lock().unwrap().stopped = Some(at);
    }
}

impl Clock for ManualClock {
    #[expect(clippy::disallowed_methods, reason = "the real part of the story's clock")]
    fn now(&self) -> DateTime<Utc> {
        let hands = self.0.lock().unwrap();
        hands.stopped.unwrap_or_else(|| Utc::now() + hands.added)
    }
}
