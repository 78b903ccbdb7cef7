//! `locum postgres`: runs a command beside a private PostgreSQL, which ends with it.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::thread;

use anyhow::{Context, Result};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process, waitid};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::db::embedded::{Cluster, Options};

/// Run a command beside a private PostgreSQL, which is stopped afterwards. The command finds it in
/// DATABASE_URL.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of the cluster; made if missing
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,

    /// A PostgreSQL setting for this run, such as work_mem=16MB; may be given several times
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,

    /// The command to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Starts the cluster, runs the command with DATABASE_URL set, and stops the cluster.
///
/// Returns the command's exit code; as in a shell, 128 more than the signal's number if a signal ended it.
/// **Blocks** for as long as the command runs.
///
/// # Errors
/// When the cluster or the command does not start.
pub fn run(args: Args) -> Result<ExitCode> {
    let (program, arguments) = args.command.split_first().context("there is no command to run")?;
    let options = Options { settings: args.settings, ..Options::new(args.data_dir) };
    let cluster = Cluster::start(options)?;

    let mut command = Command::new(program);
    command.args(arguments).env("DATABASE_URL", cluster.url("postgres"));
    let child = command.spawn().with_context(|| format!("running {}", program.to_string_lossy()))?;
    let status = wait(child)?;

    if let Err(error) = cluster.stop() {
        tracing::warn!(%error, "stopping PostgreSQL");
    }
    Ok(exit_code(status))
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Waits for the command's end. Signals do not end us meanwhile, but the command, so that the cluster is
/// stopped after.
fn wait(mut child: Child) -> Result<ExitStatus> {
    let pid = Pid::from_child(&child);
    let (over, until_over) = oneshot::channel();
    let forwarder = thread::spawn(move || forward_signals(pid, until_over));
    // Without reaping, so that the id stays the child's while signals may still be sent to it.
    let _ = retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
    drop(over);
    match forwarder.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "passing signals on to the command"),
        Err(_) => tracing::warn!("the thread that passes signals on to the command panicked"),
    }
    child.wait().context("waiting for the command")
}

/// Passes signals on to the command until it is over. A thread of its own, as ours may belong to another
/// runtime.
fn forward_signals(pid: Pid, mut over: oneshot::Receiver<()>) -> std::io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            let caught = tokio::select! {
                _ = &mut over => return Ok(()),
                _ = hang_up.recv() => Signal::HUP,
                _ = interrupt.recv() => Signal::INT,
                _ = terminate.recv() => Signal::TERM,
            };
            if caught == Signal::TERM || !in_the_foreground() {
                // An error means that the command has just ended.
                let _ = kill_process(pid, caught);
            }
        }
    })
}

/// Whether the terminal sends what its keys mean, such as Ctrl-C, to our whole group and thus to the command
/// as well, which many a program takes for an order to stop at once if it comes twice.
fn in_the_foreground() -> bool {
    File::open("/dev/tty").and_then(|terminal| Ok(tcgetpgrp(terminal)?)).is_ok_and(|group| group == getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_setting() {
        assert_eq!(parse_setting("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(parse_setting("a="), Ok(("a".into(), String::new())));
        assert!(parse_setting("a").is_err() && parse_setting("=b").is_err());
    }
}
