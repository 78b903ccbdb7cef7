//! The figures of a run, as a table in Markdown.

use super::ledger::Account;
use crate::measure::Measured;
use std::fmt;
use std::time::Duration;

/// Sockets that shall be there at once.
const SOCKETS: usize = 10_000;
/// KiB that the service may hold for one of them.
const MEMORY: f64 = 20.0;
/// Frames a second.
const FRAMES: f64 = 2_000.0;
/// Milliseconds from a commit to a frame, in 99 of 100 cases.
const DELAY: f64 = 50.0;

/// All figures of a run.
pub struct Report {
    /// How many sockets there were.
    pub count: usize,
    /// How long it took until all of them followed.
    pub gathering: Duration,
    pub idle: Idle,
    pub delivery: Delivery,
    pub back: Return,
}

/// While nothing happened.
pub struct Idle {
    /// What the service held before and with the sockets, in KiB.
    pub memory: Option<(u64, u64)>,
    pub count: usize,
    /// How much of one core it took.
    pub processor: Option<f64>,
}

/// While things happened, up to the end of the service.
pub struct Delivery {
    pub account: Account,
    /// Frames with events.
    pub per_second: f64,
    pub changes: Measured,
    /// How much of one core the service took, and the driver.
    pub processor: Option<f64>,
    pub own: Option<f64>,
    /// How long it took until everybody was told to come back and the service had ended.
    pub closing: Duration,
    pub faults: Vec<String>,
}

/// When all came back to the new service.
pub struct Return {
    /// How long it took until everybody had caught up.
    pub took: Duration,
    pub changes: Measured,
    pub account: Account,
    pub faults: Vec<String>,
}

impl Idle {
    fn per_socket(&self) -> Option<f64> {
        let (before, with) = self.memory?;
        Some(with.saturating_sub(before) as f64 / self.count as f64)
    }
}

impl Report {
    /// What must not be, whatever the figures are.
    pub fn wrong(&self) -> Vec<String> {
        let Self { delivery, back, .. } = self;
        let accounts = [("before the restart", &delivery.account), ("after it", &back.account)];
        let unlike = accounts.into_iter().filter(|(_, account)| account.missed + account.stray > 0);
        let unlike = unlike.map(|(when, Account { missed, stray, .. })| {
            format!("{when}, {missed} events were missed and {stray} stray ones heard")
        });
        let faults = delivery.faults.iter().chain(&back.faults);
        let changes = delivery.changes.wrong.iter().chain(&back.changes.wrong);
        unlike.chain(faults.chain(changes).cloned()).collect()
    }

    fn rows(&self) -> [[String; 3]; 8] {
        let Self { count, gathering, idle, delivery, back } = self;
        let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
        let percent = |share: Option<f64>| {
            share.map_or("unknown".to_owned(), |share| format!("{:.0} %", share * 100.0))
        };
        let memory =
            idle.per_socket().zip(idle.memory).map_or("unknown".to_owned(), |(each, (before, with))| {
                format!("{each:.1} KiB ({:.1} → {:.1} MiB)", before as f64 / 1024.0, with as f64 / 1024.0)
            });
        let account = &delivery.account;
        let (p50, p99, worst) = (account.quantile(0.5), account.quantile(0.99), account.quantile(1.0));
        let row = |what: &str, value: String, target: String| [what.to_owned(), value, target];
        let verdict = |met: bool| if met { "met" } else { "missed" };
        [
            row(
                "sockets subscribed at once",
                format!("{count}, within {}", seconds(gathering)),
                format!("{SOCKETS}: {}", verdict(*count >= SOCKETS)),
            ),
            row(
                "resident memory per idle socket",
                memory,
                format!("≤ {MEMORY} KiB: {}", verdict(idle.per_socket().is_some_and(|each| each <= MEMORY))),
            ),
            row("processor time while idle", format!("{} of a core", percent(idle.processor)), String::new()),
            row(
                "frames with events",
                format!("{:.0} a second", delivery.per_second),
                // The pace is kept on average; the last change may fall just outside.
                format!("{FRAMES}: {}", verdict(delivery.per_second >= FRAMES * 0.99)),
            ),
            row(
                "from the commit to the frame",
                format!("p50 {p50:.1} ms, p99 {p99:.1} ms, worst {worst:.1} ms"),
                format!("p99 < {DELAY} ms: {}", verdict(p99 < DELAY)),
            ),
            row(
                "processor time meanwhile",
                format!("{} of a core, the driver {}", percent(delivery.processor), percent(delivery.own)),
                String::new(),
            ),
            row("all told to come back, service ended", seconds(&delivery.closing), String::new()),
            row(
                "all back and caught up, while things happen",
                format!("{}, {} events on their way", seconds(&back.took), back.account.delays.len()),
                format!("nothing missed: {}", verdict(self.wrong().is_empty())),
            ),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | | target |\n|---|---|---|")?;
        for [what, value, target] in self.rows() {
            writeln!(f, "| {what} | {value} | {target} |")?;
        }
        let changes = &self.delivery.changes;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        writeln!(
            f,
            "\n* a change meanwhile: p50 {:.1} ms, p99 {:.1} ms",
            changes.quantile(0.5),
            changes.quantile(0.99)
        )?;
        writeln!(f, "* cores: {cores}; load average at the end: {}", load.trim())?;
        for wrong in self.wrong().iter().take(5) {
            writeln!(f, "* WRONG: {wrong}")?;
        }
        Ok(())
    }
}
