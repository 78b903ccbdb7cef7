//! What a crash left behind: a server that still runs, or the file in which it noted its process id.
//!
//! We hold the folder's lock, so whatever is found belongs to no living locum.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// How long an orphaned server may take to end.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// Makes way for a new server in `cluster`.
pub(super) fn clear(cluster: &Path) -> Result<()> {
    let file = cluster.join("postmaster.pid");
    let Some(pid) = noted_pid(&file)? else { return Ok(()) };
    if test_kill_process(pid).is_err_and(|error| error == rustix::io::Errno::SRCH) {
        // PostgreSQL sees that by itself.
        return Ok(());
    }
    if is_server_of(pid, cluster) { end(pid, cluster, &file) } else { disown(&file) }
}

fn noted_pid(file: &Path) -> Result<Option<Pid>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().next().and_then(parse_pid)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

/// The id, which a server in single-user mode notes with a minus sign.
fn parse_pid(line: &str) -> Option<Pid> {
    let number: i32 = line.trim().parse().ok()?;
    Pid::from_raw(number.checked_abs()?)
}

/// Whether the process is a server of this cluster, rather than a stranger who was given the same id later.
/// The server works in its data folder, which no one else has a reason to.
#[cfg(target_os = "linux")]
fn is_server_of(pid: Pid, cluster: &Path) -> bool {
    let link = format!("/proc/{}/cwd", pid.as_raw_nonzero());
    fs::read_link(link).is_ok_and(|folder| folder == cluster)
}

#[cfg(not(target_os = "linux"))]
fn is_server_of(pid: Pid, _cluster: &Path) -> bool {
    let pid = pid.as_raw_nonzero().to_string();
    let output = std::process::Command::new("ps").args(["-p", &pid, "-o", "comm="]).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim_end().ends_with("postgres"))
}

/// Ends a server that outlived its locum; it may be about to end anyway.
fn end(pid: Pid, cluster: &Path, file: &Path) -> Result<()> {
    let number = pid.as_raw_nonzero();
    tracing::info!(pid = number, "ending the PostgreSQL of a locum that was killed");
    // An error means that it has just gone.
    let _ = kill_process(pid, Signal::INT);
    let begun = Instant::now();
    while file.exists() && is_server_of(pid, cluster) {
        if begun.elapsed() > PATIENCE {
            bail!(
                "a PostgreSQL of a former run (process {number}) still uses {} and does not end; end it with \
                 `kill -QUIT {number}`, then start again",
                cluster.display()
            );
        }
        pause();
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "Starting a cluster blocks, as its documentation says.")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// The noted id is a stranger's by now, yet PostgreSQL would think that its server lives and refuse to start.
/// It disregards its parent's id, so that is put there; removing the file would also take away what
/// PostgreSQL looks up in it to find orphaned backends.
fn disown(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let rest = text.split_once('\n').map(|(_, rest)| rest).unwrap_or_default();
    fs::write(file, format!("{}\n{rest}", std::process::id()))
        .with_context(|| format!("writing {}", file.display()))
}
