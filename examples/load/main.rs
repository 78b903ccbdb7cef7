//! The load driver behind `bin/bench`. What it measures and how is told in `docs/benchmarks.md`.
//!
//! `operations`: how much of what PostgreSQL gives for an operation's statements reaches whoever asks for the operation.
//! `streams`: how ten thousand subscribers fare over WebSockets.
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
//! | [`rows`] | the story of each row of `operations` |
//! | [`table`] | its report |
//! | [`streams`] | the story of `streams`, with a folder of its own |

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
mod streams;
mod table;

use anyhow::Context;
use clap::{Parser, Subcommand};
use locum::config::{self, Flags};
use pgbench::Pgbench;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Measures `locum serve`. Run it with `bin/bench`.
#[derive(Parser)]
struct Args {
    /// The program to measure.
    #[arg(long)]
    locum: PathBuf,
    /// An empty folder that PostgreSQL's user can reach.
    #[arg(long)]
    folder: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Operations over HTTP, beside pgbench.
    Operations {
        /// PostgreSQL's own benchmark.
        #[arg(long)]
        pgbench: PathBuf,
        /// How long each figure is measured.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Subscribers over WebSockets. PostgreSQL has to be set to track_commit_timestamp=on.
    Streams,
}

/// What all parts of a run need to know.
pub struct Settings {
    pub locum: PathBuf,
    pub folder: PathBuf,
    /// The database of the run.
    pub database: String,
}

/// One thread, as pgbench has one: the machine's cores are for what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let (config, _) = config::load(None, Flags::new())?;
    let server = config.database_url().context("run this with bin/bench: it starts a PostgreSQL")?.to_owned();
    let database = firm::create_database(&server).await?;
    let settings = Settings { locum: args.locum, folder: args.folder, database };
    // Dropping the run ends the processes that it started.
    tokio::select! {
        went_well = run(args.what, &settings, &server) => {
            Ok(if went_well? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        () = told_to_stop() => Ok(ExitCode::from(130)),
    }
}

/// Prints the report; answers whether nothing went wrong, whatever the figures are.
async fn run(what: What, settings: &Settings, server: &str) -> anyhow::Result<bool> {
    match what {
        What::Operations { pgbench, seconds } => {
            let pgbench = Pgbench { program: pgbench, measured: Duration::from_secs(seconds.max(1)) };
            let report = rows::run(settings, &pgbench, server).await?;
            println!("{}", table::render(&report));
            Ok(report.wrong() == 0)
        }
        What::Streams => {
            let report = streams::run(settings).await?;
            println!("{report}");
            Ok(report.wrong().is_empty())
        }
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
