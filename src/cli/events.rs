//! `locum events`: the log, as it grows.

use super::say;
use crate::domain::firm;
use crate::events::{Log, envelope};
use anyhow::Context;
use std::process::ExitCode;
use std::time::Duration;

/// What to do with the log.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Follows a firm's log: one event a line, as JSON, in the envelope of the feed and of webhooks.
    Tail(Tail),
}

/// Whose, and from where.
#[derive(clap::Args)]
pub struct Tail {
    /// The firm's short name.
    #[arg(long, value_name = "SLUG")]
    firm: String,
    /// A cursor, as each line has one: begins behind it instead of now. `start` begins at the first event.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Ends with the last event there is, instead of waiting for the next one.
    #[arg(long)]
    no_follow: bool,
}

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(500);
/// Events that are read at once.
const BATCH: i64 = 500;

/// Runs it.
pub async fn run(command: Command, log: &Log) -> anyhow::Result<ExitCode> {
    let Command::Tail(args) = command;
    let found = firm::by_slug(&mut *log.reader().await.map_err(say::error)?, &args.firm).await;
    let firm = found
        .map_err(say::error)?
        .with_context(|| format!("there is no firm with the short name {:?}", args.firm))?;
    let mut position = match args.after.as_deref() {
        None => envelope::head(log, firm.id).await.map_err(say::error)?,
        Some("start") => 0,
        Some(cursor) => envelope::position(cursor).context("--after: this is not a cursor")?,
    };
    loop {
        let events = envelope::after(log, firm.id, position, BATCH).await.map_err(say::error)?;
        for event in &events {
            if !say::could(event.to_json()) {
                return Ok(ExitCode::SUCCESS);
            }
        }
        match events.last() {
            Some(last) => position = last.position,
            None if args.no_follow => return Ok(ExitCode::SUCCESS),
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}
