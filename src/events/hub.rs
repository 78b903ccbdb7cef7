//! Wake-ups: "something was committed". They carry no data; whoever wakes reads the tables.

use std::time::Duration;
use tokio::sync::watch;

/// Wakes those of this node who wait for something to be committed.
#[derive(Clone)]
pub struct Hub(watch::Sender<()>);

impl Default for Hub {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Hub {
    /// Says that something was committed.
    pub fn wake(&self) {
        self.0.send_replace(());
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> Wakeups {
        Wakeups(self.0.subscribe())
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
