//! Asks again and again, and counts. Each connection has one request under way: as pgbench does it.

use crate::client::Connection;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// Wrong answers of one connection, after which it gives up.
const GIVES_UP: usize = 20;

/// Something that is done again and again over a connection.
pub trait Work {
    /// Does it once; an error is a wrong answer.
    async fn once(&mut self, connection: &mut Connection) -> anyhow::Result<()>;
}

/// When to begin counting, and when to stop.
#[derive(Clone, Copy)]
pub struct Span {
    from: Instant,
    to: Instant,
}

impl Span {
    /// So long, after a fifth of it to warm up.
    pub fn of(measured: Duration) -> Self {
        let from = Instant::now() + measured / 5;
        Self { from, to: from + measured }
    }
}

/// What was counted.
#[derive(Default)]
pub struct Measured {
    pub per_second: f64,
    /// In microseconds, ascending.
    latencies: Vec<u64>,
    pub wrong: Vec<String>,
}

impl Measured {
    /// Both, as one: of two spans that were equally long.
    pub fn and(mut self, other: Self) -> Self {
        self.per_second = (self.per_second + other.per_second) / 2.0;
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
        self.wrong.extend(other.wrong);
        self
    }

    /// The latency, in milliseconds, that this share of all stayed below.
    pub fn quantile(&self, share: f64) -> f64 {
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies
            .get(index.min(self.latencies.len().saturating_sub(1)))
            .map_or(0.0, |micros| *micros as f64 / 1e3)
    }
}

/// Has every worker work on its connection without a pause.
pub async fn without_pause<W: Work>(workers: Vec<(Connection, W)>, span: Span) -> Measured {
    together(workers.into_iter().map(|worker| work(worker, span, None)), span).await
}

/// Has every worker work once in so long. Latency counts from when it was due: whoever is kept waiting is not asked less
/// often for it.
pub async fn at_a_pace<W: Work>(workers: Vec<(Connection, W)>, span: Span, pace: Duration) -> Measured {
    together(workers.into_iter().map(|worker| work(worker, span, Some(pace))), span).await
}

async fn together(workers: impl Iterator<Item = impl Future<Output = Counted>>, span: Span) -> Measured {
    let mut all = Measured::default();
    for one in join_all(workers).await {
        all.latencies.extend(one.latencies);
        all.wrong.extend(one.wrong);
    }
    all.latencies.sort_unstable();
    all.per_second = all.latencies.len() as f64 / (span.to - span.from).as_secs_f64();
    all
}

#[derive(Default)]
struct Counted {
    latencies: Vec<u64>,
    wrong: Vec<String>,
}

async fn work<W: Work>(
    (mut connection, mut worker): (Connection, W),
    span: Span,
    pace: Option<Duration>,
) -> Counted {
    let mut counted = Counted::default();
    let mut ticks = pace.map(interval);
    if let Some(ticks) = &mut ticks {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    }
    while Instant::now() < span.to && counted.wrong.len() < GIVES_UP {
        let begun = match &mut ticks {
            Some(ticks) => ticks.tick().await,
            None => Instant::now(),
        };
        let done = worker.once(&mut connection).await;
        let ended = Instant::now();
        match done {
            Err(error) => counted.wrong.push(error.to_string()),
            // What ends in the span counts, so that slow and quick ones are counted alike.
            Ok(()) if ended >= span.from && ended < span.to => {
                counted.latencies.push(u64::try_from((ended - begun).as_micros()).unwrap_or(u64::MAX));
            }
            Ok(()) => {}
        }
    }
    sleep_until(span.to).await;
    counted
}
