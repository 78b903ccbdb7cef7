//! `locum completions`: what a shell needs to complete our commands.

use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;
use std::process::ExitCode;

/// For which shell.
#[derive(clap::Args)]
#[command(
    after_help = "For example: locum completions bash > ~/.local/share/bash-completion/completions/locum"
)]
pub struct Args {
    shell: Shell,
}

/// Prints the script.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "locum", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
