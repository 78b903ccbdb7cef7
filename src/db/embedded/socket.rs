//! The Unix socket: its folder, and the URL that leads to it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::folder::Folder;
use super::run_as::RunAs;
use super::session::SUPERUSER;

/// Part of the socket's name; no TCP port is opened.
pub(super) const PORT: u16 = 5432;

/// The bytes a socket's path may have: macOS takes 103, Linux 107.
const LONGEST: usize = 103;

/// The socket in its folder.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join(format!(".s.PGSQL.{PORT}"))
}

/// Makes the socket's folder, which only PostgreSQL's user may enter, and clears away a dead server's socket.
pub(super) fn prepare(folder: &Folder, run_as: &RunAs) -> Result<PathBuf> {
    let socket = place(folder)?;
    make_private(&socket, run_as)?;
    run_as.check_reach(&socket, "set TMPDIR to a folder that all users can enter")?;
    for stale in [file(&socket), socket.join(format!(".s.PGSQL.{PORT}.lock"))] {
        match fs::remove_file(&stale) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing the stale {}", stale.display()));
            }
            _ => {}
        }
    }
    Ok(socket)
}

/// In the data folder or, where that path does not suit a socket, in a folder for temporary files.
fn place(folder: &Folder) -> Result<PathBuf> {
    // Device and inode: the same at every start, and no other folder's.
    let found =
        fs::metadata(folder.path()).with_context(|| format!("looking at {}", folder.path().display()))?;
    let name = format!("locum-{:x}-{:x}", found.dev(), found.ino());
    let temporary = std::env::temp_dir().canonicalize().unwrap_or_else(|_| PathBuf::from("/tmp"));
    let places = [folder.path().join("socket"), temporary.join(&name), Path::new("/tmp").join(&name)];
    places
        .into_iter()
        .find(|place| fits(place))
        .context("no folder has a path that suits PostgreSQL's socket")
}

/// Whether the path is short enough, and free of commas, with which PostgreSQL parts one folder from the
/// next.
fn fits(folder: &Path) -> bool {
    let path = file(folder);
    path.as_os_str().len() <= LONGEST && !path.as_os_str().as_bytes().contains(&b',')
}

/// Makes `path`, or makes sure that it is a folder of PostgreSQL's user alone: in a folder for temporary
/// files, a stranger could have put something of that name there first.
fn make_private(path: &Path, run_as: &RunAs) -> Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return run_as.own(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("making {}", path.display())),
    }
    let found = fs::symlink_metadata(path).with_context(|| format!("looking at {}", path.display()))?;
    if !found.is_dir() || found.uid() != run_as.uid() || found.mode() & 0o077 != 0 {
        bail!(
            "{} is not a folder that only PostgreSQL's user may enter; remove it and start again",
            path.display()
        );
    }
    Ok(())
}

/// The setting that has the server listen in `folder`.
pub(super) fn setting(folder: &Path) -> OsString {
    let mut setting = OsString::from("unix_socket_directories=");
    setting.push(folder);
    setting
}

/// The URL of `database` behind the socket in `folder`. The port is there because the client's PGPORT would
/// hold else.
pub(super) fn url(folder: &Path, database: &str) -> String {
    let host = percent_encoded(folder.as_os_str().as_bytes());
    format!("postgres://{SUPERUSER}@{host}:{PORT}/{}", percent_encoded(database.as_bytes()))
}

fn percent_encoded(bytes: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(*byte))
            }
            // Writing to a String does not fail.
            _ => _ = write!(encoded, "%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::Host;

    #[test]
    fn the_url_survives_odd_paths_and_names() {
        let folder = Path::new("/a b/ü,%:@?\"/socket");
        let config: tokio_postgres::Config = url(folder, "x/y?z=ä").parse().unwrap();
        assert_eq!(config.get_hosts(), [Host::Unix(folder.into())]);
        assert_eq!((config.get_user(), config.get_dbname()), (Some("postgres"), Some("x/y?z=ä")));
        assert!(url::Url::parse(&url(folder, "x")).is_ok());
    }
}
