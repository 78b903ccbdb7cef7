//! `locum config`: what is set, where, and whether it is enough.

use super::say;
use crate::config::{Config, explained, missing_for_serve};
use figment::Figment;
use std::process::ExitCode;

/// What to do with the configuration.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Shows each setting with its value and where that came from, and what `locum serve` would miss.
    Check,
}

/// Shows it. A configuration that cannot be taken does not get here: reading it says what is wrong.
pub fn run(command: Command, config: &Config, figment: &Figment) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check => Ok(check(config, figment)),
    }
}

fn check(config: &Config, figment: &Figment) -> ExitCode {
    let rows: Vec<_> =
        explained(figment).into_iter().map(|(key, value, source)| [key, value, source]).collect();
    say::table(&rows);
    let missing = missing_for_serve(config);
    say::line("");
    if missing.is_empty() {
        say::line("`locum serve` has all it needs; `locum doctor` tries whether it works.");
        return ExitCode::SUCCESS;
    }
    say::line("`locum serve` would miss:");
    missing.iter().for_each(|what| say::line(format_args!("  {what}")));
    ExitCode::FAILURE
}
