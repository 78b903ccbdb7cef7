//! The report: one table in Markdown, and what belongs to it.

use crate::measure::Measured;
use std::fmt::Write;
use std::time::Duration;

/// Sign-ins a second that each core shall give.
const SIGN_INS: f64 = 35.0;
/// What a delegate's reading may cost, where the adviser's own costs 1.
const DELEGATED: f64 = 1.15;
/// Milliseconds that others may wait meanwhile, in 99 of 100 cases.
const OTHERS: f64 = 50.0;

/// All figures of a run.
pub struct Report {
    pub rows: Vec<Row>,
    pub acting: Acted,
    pub sign_ins: SignIns,
    pub start: Start,
    /// The service's memory in MiB, before it is asked anything and after.
    pub memory: [Option<u64>; 2],
    /// PostgreSQL's.
    pub version: String,
    pub seconds: u64,
}

/// An operation, beside pgbench with the same statements.
pub struct Row {
    pub what: &'static str,
    pub statements: usize,
    pub locum: Measured,
    pub pgbench: f64,
    /// Least ratio of the two.
    pub target: f64,
}

/// What acting for somebody costs.
pub struct Acted {
    /// A page of cases, read by an adviser herself, and by her delegate as her.
    pub own: Measured,
    pub delegated: Measured,
    /// Beginning to act, reading a page of clients, stopping.
    pub turns: Measured,
}

/// Signing in, and what others feel of it.
pub struct SignIns {
    pub sign_ins: Measured,
    pub others: Measured,
}

/// How long `locum dev` takes until it is ready.
pub struct Start {
    pub cold: Duration,
    pub warm: Duration,
}

impl Report {
    /// How many answers were wrong.
    pub fn wrong(&self) -> usize {
        self.all().map(|measured| measured.wrong.len()).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Measured> {
        let SignIns { sign_ins, others } = &self.sign_ins;
        let Acted { own, delegated, turns } = &self.acting;
        self.rows.iter().map(|row| &row.locum).chain([own, delegated, turns, sign_ins, others])
    }
}

/// The report as text.
pub fn render(report: &Report) -> String {
    let mut text =
        "| operation | SQL statements | locum/s | p50 ms | p99 ms | pgbench/s | ratio | target | |\n"
            .to_owned();
    text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|---|\n");
    for row in &report.rows {
        text.push_str(&line(row));
    }
    text.push_str(&acting(&report.acting));
    let SignIns { sign_ins, others } = &report.sign_ins;
    let per_core = sign_ins.per_second / cores() as f64;
    let (p50, p99) = (sign_ins.quantile(0.5), sign_ins.quantile(0.99));
    let verdict = verdict(per_core >= SIGN_INS);
    let _ = writeln!(
        text,
        "| sign-ins per core | | {per_core:.1} | {p50:.1} | {p99:.1} | | | {SIGN_INS} | {verdict} |"
    );
    text.push_str(&beside(others));
    text.push('\n');
    for (what, value) in facts(report) {
        let _ = writeln!(text, "* {what}: {value}");
    }
    for wrong in report.all().flat_map(|measured| &measured.wrong).take(5) {
        let _ = writeln!(text, "* WRONG: {wrong}");
    }
    text
}

fn line(row: &Row) -> String {
    let Row { what, statements, locum, pgbench, target } = row;
    let ratio = locum.per_second / pgbench;
    let (rate, p50, p99) = (locum.per_second, locum.quantile(0.5), locum.quantile(0.99));
    let verdict = verdict(ratio >= *target);
    format!(
        "| {what} | {statements} | {rate:.0} | {p50:.2} | {p99:.2} | {pgbench:.0} | {ratio:.2} | {target} | {verdict} |\n"
    )
}

fn acting(Acted { own, delegated, turns }: &Acted) -> String {
    let plain = |what: &str, measured: &Measured, verdict: &str| {
        let (rate, p50, p99) = (measured.per_second, measured.quantile(0.5), measured.quantile(0.99));
        format!("| {what} | | {rate:.0} | {p50:.2} | {p99:.2} | | {verdict} |\n")
    };
    let cost = own.per_second / delegated.per_second;
    let verdict = format!("{cost:.2} × her cost | ≤ {DELEGATED} | {}", verdict(cost <= DELEGATED));
    plain("20 cases, by the adviser herself", own, " | |")
        + &plain("20 cases, as her delegate", delegated, &verdict)
        + &plain("startImpersonation, 50 clients, stopImpersonation", turns, " | |")
}

fn beside(others: &Measured) -> String {
    let (rate, p50, p99) = (others.per_second, others.quantile(0.5), others.quantile(0.99));
    let verdict = verdict(p99 < OTHERS);
    format!(
        "| reading principals meanwhile, at a pace | | {rate:.0} | {p50:.2} | {p99:.2} | | | p99 < {OTHERS} | {verdict} |\n"
    )
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn facts(report: &Report) -> [(&'static str, String); 6] {
    let [idle, busy] = report
        .memory
        .map(|memory| memory.map_or("unknown".to_owned(), |mebibytes| format!("{mebibytes} MiB")));
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
    [
        ("wrong answers", report.wrong().to_string()),
        (
            "`locum dev` until it is ready",
            format!("{} on an empty folder, then {}", ms(report.start.cold), ms(report.start.warm)),
        ),
        ("memory of `locum serve`", format!("{idle} idle, {busy} after the reading and the sign-ins")),
        ("each figure over", format!("{} s", report.seconds)),
        ("PostgreSQL", report.version.clone()),
        ("cores", cores().to_string()),
    ]
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
