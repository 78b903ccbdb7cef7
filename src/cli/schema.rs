//! `locum schema`: the schema and the catalogues, as they are committed.

use super::catalogue;
use crate::graphql;
use std::process::ExitCode;

/// What to print.
#[derive(clap::Args)]
pub struct Args {
    /// The catalogue of error codes instead, in Markdown.
    #[arg(long, conflicts_with = "events")]
    errors: bool,
    /// The catalogue of events instead, in Markdown.
    #[arg(long)]
    events: bool,
}

/// Prints it.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let text = match (args.errors, args.events) {
        (true, _) => catalogue::errors(),
        (_, true) => catalogue::events(),
        _ => graphql::sdl(),
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
