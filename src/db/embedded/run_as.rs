//! Whose process PostgreSQL is. It refuses to run as root, so that root hands it to a lesser user.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, geteuid};

/// What the child may see of our environment, which holds secrets and may hold PG… variables that mislead it.
const PASSED_ON: [&str; 4] = ["DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH", "PATH", "TMPDIR"];

/// The user that PostgreSQL's processes run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RunAs {
    /// The user of this process.
    Ourselves,
    /// Another user, as this one is root.
    Lesser { name: String, uid: u32, gid: u32 },
}

impl RunAs {
    /// Ourselves or, as root, the cluster's owner, else `postgres`, else `nobody`.
    pub(super) fn choose(cluster: &Path) -> Result<Self> {
        let owner = match fs::metadata(cluster) {
            Ok(found) => Some((found.uid(), found.gid())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("looking at {}", cluster.display())),
        };
        let us = geteuid().as_raw();
        match owner {
            Some((uid, _)) if us != 0 && uid != us => {
                bail!(
                    "{} belongs to the user with id {uid}, not to you; choose another folder",
                    cluster.display()
                )
            }
            _ if us != 0 => Ok(Self::Ourselves),
            Some((0, _)) => bail!("{} belongs to root, as whom PostgreSQL refuses to run", cluster.display()),
            Some((uid, gid)) => Ok(Self::Lesser { name: format!("number {uid}"), uid, gid }),
            None => Self::lesser(),
        }
    }

    fn lesser() -> Result<Self> {
        let users = fs::read_to_string("/etc/passwd")
            .context("reading /etc/passwd for a user to run PostgreSQL as")?;
        ["postgres", "nobody"].iter().find_map(|name| parse_user(&users, name)).context(
            "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`; run locum as another \
             user",
        )
    }

    /// A command that runs as this user in `folder`, with next to nothing of our environment, and that no
    /// terminal signals: Ctrl-C is for us to pass on, when we are done.
    pub(super) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        let passed_on =
            std::env::vars_os().filter(|(name, _)| PASSED_ON.iter().any(|passed| *passed == name));
        command.env_clear().envs(passed_on).env("LC_ALL", "C");
        command.current_dir(folder).stdin(Stdio::null()).process_group(0);
        if let Self::Lesser { uid, gid, .. } = self {
            // Also drops root's supplementary groups.
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Hands a file or folder of ours to this user.
    pub(super) fn own(&self, path: &Path) -> Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Lesser { name, uid, gid } => chown(path, Some(*uid), Some(*gid))
                .with_context(|| format!("giving {} to the user {name}", path.display())),
        }
    }

    /// The id of this user.
    pub(super) fn uid(&self) -> u32 {
        match self {
            Self::Ourselves => geteuid().as_raw(),
            Self::Lesser { uid, .. } => *uid,
        }
    }

    /// Makes sure that this user can enter `folder`, an absolute path, and all folders above it; says
    /// `advice` if not.
    pub(super) fn check_reach(&self, folder: &Path, advice: &str) -> Result<()> {
        // For ourselves, the system says so when it comes to that.
        let Self::Lesser { name, uid, gid } = self else { return Ok(()) };
        for above in folder.ancestors() {
            let found = fs::metadata(above).with_context(|| format!("looking at {}", above.display()))?;
            if !may_enter(&found, *uid, *gid) {
                bail!(
                    "PostgreSQL refuses to run as root, and its user here, {name}, cannot enter {}; {advice}, \
                     or run locum as an ordinary user",
                    above.display(),
                );
            }
        }
        Ok(())
    }
}

fn may_enter(folder: &Metadata, uid: u32, gid: u32) -> bool {
    let needed = match (folder.uid() == uid, folder.gid() == gid) {
        (true, _) => 0o100,
        (false, true) => 0o010,
        (false, false) => 0o001,
    };
    folder.mode() & needed != 0
}

/// Has the system send `signal` to the command's process when the *thread* that spawns it ends, so also when
/// this process is killed. Linux only.
#[cfg(target_os = "linux")]
pub(super) fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = std::process::id();
    let arrange = move || {
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        // The parent may have gone before the line above took effect.
        let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
        if now == Some(parent) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: these two system calls are, and
    // nothing here allocates or locks. It runs after the change of user, which would have cleared the death
    // signal.
    unsafe { command.pre_exec(arrange) };
}

#[cfg(not(target_os = "linux"))]
pub(super) fn die_with_parent(_command: &mut Command, _signal: Signal) {}

/// Reads a user of `/etc/passwd`: `name:password:uid:gid:…`.
fn parse_user(users: &str, name: &str) -> Option<RunAs> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(RunAs::Lesser { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_user() {
        let users =
            "# comment\nroot:x:0:0::/root:/bin/sh\nnobody:*:-2:-2::/:\npostgres:x:101:104:P,,,:/:/bin/sh\n";
        let postgres = RunAs::Lesser { name: "postgres".into(), uid: 101, gid: 104 };
        assert_eq!(parse_user(users, "postgres"), Some(postgres));
        assert_eq!(parse_user(users, "nobody"), None);
        assert_eq!(parse_user(users, "post"), None);
    }
}
