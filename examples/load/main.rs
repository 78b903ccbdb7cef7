//! The load driver behind `bin/bench`: how much of what PostgreSQL gives for an operation's statements reaches whoever
//! asks for the operation. What it measures and how is told in `docs/benchmarks.md`.
//!
//! | file | what it does |
//! |---|---|
//! | [`firm`] | makes the database and a firm in it, by way of the domain |
//! | [`house`] | runs `locum serve` and `locum dev` as processes |
//! | [`sink`] | takes the mails |
//! | [`client`] | HTTP at little cost, for the driver shares the machine with what it measures |
//! | [`operations`] | what is asked |
//! | [`measure`] | asks again and again, and counts |
//! | [`statements`] | reads in PostgreSQL's log what the service sends for an operation |
//! | [`recorder`] | has one operation at a time recorded there |
//! | [`recordings`] | has all of them recorded |
//! | [`script`] | makes pgbench scripts of it |
//! | [`pgbench`] | runs them |
//! | [`rows`] | the story of each row |
//! | [`table`] | the report |

mod client;
mod firm;
mod house;
mod measure;
mod operations;
mod pgbench;
mod recorder;
mod recordings;
mod rows;
mod script;
mod sink;
mod statements;
mod table;

use anyhow::Context;
use clap::Parser;
use locum::config::{self, Flags};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Measures `locum serve` beside pgbench. Run it with `bin/bench`.
#[derive(Parser)]
struct Args {
    /// The program to measure.
    #[arg(long)]
    locum: PathBuf,
    /// PostgreSQL's own benchmark.
    #[arg(long)]
    pgbench: PathBuf,
    /// An empty folder that PostgreSQL's user can reach.
    #[arg(long)]
    folder: PathBuf,
    /// How long each figure is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// What all parts of a run need to know.
pub struct Settings {
    pub locum: PathBuf,
    pub pgbench: PathBuf,
    pub folder: PathBuf,
    pub measured: Duration,
    /// The database of the run.
    pub database: String,
}

/// One thread, as pgbench has one: the machine's cores are for what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let (config, _) = config::load(None, Flags::new())?;
    let server = config.database_url().context("run this with bin/bench: it starts a PostgreSQL")?.to_owned();
    let measured = Duration::from_secs(args.seconds.max(1));
    let database = firm::create_database(&server).await?;
    let settings =
        Settings { locum: args.locum, pgbench: args.pgbench, folder: args.folder, measured, database };
    // Dropping the run ends the processes that it started.
    tokio::select! {
        report = rows::run(&settings, &server) => {
            let report = report?;
            println!("{}", table::render(&report));
            Ok(if report.wrong() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        () = told_to_stop() => Ok(ExitCode::from(130)),
    }
}

async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Says what goes on; the table alone goes to standard output.
pub fn say(what: &str) {
    eprintln!("{what}");
}
