//! `locum migrate`: brings the database up to date, as the user whom `DATABASE_URL` names, who must own it.

use super::say;
use crate::config::Config;
use crate::db::{migrations, probe};
use std::process::ExitCode;

/// What to do instead of running what is pending.
#[derive(clap::Args)]
pub struct Args {
    /// Only says which migrations ran; fails if some did not.
    #[arg(long, conflicts_with_all = ["revert_last", "yes"])]
    status: bool,
    /// Takes the newest migration back, with the data that only it has a place for.
    #[arg(long)]
    revert_last: bool,
    /// Really takes it back.
    #[arg(long, requires = "revert_last")]
    yes: bool,
}

/// Migrates, or says how things stand.
pub async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let url = config.database_url()?;
    if args.status {
        return status(url).await;
    }
    if args.revert_last {
        return revert_last(url, args.yes).await;
    }
    let ran = migrations::run(url).await?;
    ran.iter().for_each(|version| say::line(format_args!("applied  {version}")));
    say::line("The database is up to date.");
    Ok(ExitCode::SUCCESS)
}

async fn status(url: &str) -> anyhow::Result<ExitCode> {
    let found = probe::migrations(url).await?;
    for version in found.applied.iter().filter(|version| !found.unknown.contains(version)) {
        say::line(format_args!("applied  {version}"));
    }
    found.pending.iter().for_each(|version| say::line(format_args!("pending  {version}")));
    found
        .unknown
        .iter()
        .for_each(|version| say::line(format_args!("unknown  {version} (of a newer program)")));
    Ok(if found.pending.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn revert_last(url: &str, really: bool) -> anyhow::Result<ExitCode> {
    let found = probe::migrations(url).await?;
    let Some(last) = found.applied.last() else {
        anyhow::bail!("no migration ran yet; there is nothing to take back")
    };
    anyhow::ensure!(
        !found.unknown.contains(last),
        "the newest migration, {last}, is of a newer program; only that can take it back"
    );
    anyhow::ensure!(
        really,
        "this takes back {last}, with the data that only it has a place for; add --yes to do it"
    );
    say::line(format_args!("reverted {}", migrations::revert(url).await?));
    Ok(ExitCode::SUCCESS)
}
