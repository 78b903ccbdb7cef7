//! Wake-ups: "something was committed". They carry no data; whoever wakes reads the tables.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Wakes those of this node who wait for the log to grow.
#[derive(Clone, Default)]
pub struct Hub {
    grown: Arc<Notify>,
}

impl Hub {
    /// Says that something was committed.
    pub fn wake(&self) {
        self.grown.notify_one();
    }

    /// Waits for the next wake-up, or `at_most` so long: a lost wake-up delays, but loses nothing.
    pub async fn wait(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.grown.notified()).await;
    }
}
