//! The data folder and its lock.
//!
//! ```text
//! DATA_DIR/locum.lock         held by the running locum, whose process id it contains
//! DATA_DIR/cluster/           PostgreSQL's own data folder
//! DATA_DIR/cluster.new/       a cluster in the making; after a crash, half of one
//! DATA_DIR/socket/            the Unix socket, unless its path would be too long
//! DATA_DIR/postgres.log       what PostgreSQL said since the last start; `postgres.log.old` the run before
//! ```

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

/// The data folder, locked for as long as this value lives, also against other processes.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if missing, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        make(path).with_context(|| format!("making the data folder {}", path.display()))?;
        let path =
            path.canonicalize().with_context(|| format!("finding the data folder {}", path.display()))?;
        if path.join("PG_VERSION").exists() {
            bail!(
                "{} is itself a PostgreSQL cluster, which locum leaves alone; give it an empty folder instead",
                path.display()
            );
        }
        let _lock = lock(&path)?;
        Ok(Self { path, _lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("cluster")
    }

    pub(super) fn draft(&self) -> PathBuf {
        self.path.join("cluster.new")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    /// An empty log for the coming run; the last run's is kept, those before are not, so that they do not
    /// pile up.
    pub(super) fn fresh_log(&self) -> Result<File> {
        let log = self.log();
        if log.exists() {
            let old = self.path.join("postgres.log.old");
            fs::rename(&log, &old).with_context(|| format!("putting {} aside", log.display()))?;
        }
        let opened = File::options().append(true).create(true).mode(0o600).open(&log);
        opened.with_context(|| format!("opening PostgreSQL's log {}", log.display()))
    }
}

/// Makes the folder if missing. Others may pass through it, not look: run by root, PostgreSQL is one of those
/// others and must reach its cluster.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o711))
}

/// Takes the folder's lock, which the system gives back when this process ends in whatever way.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("locum.lock");
    let opened = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = opened
        .with_context(|| format!("opening {}; does the folder belong to another user?", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(folder, &mut file)),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()))
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(file)
}

fn in_use(folder: &Path, lock: &mut File) -> anyhow::Error {
    let mut holder = String::new();
    let process = match lock.read_to_string(&mut holder) {
        Ok(_) if !holder.is_empty() => format!("process {holder}"),
        _ => "process id not known".to_owned(),
    };
    anyhow!(
        "another locum ({process}) is using {}; stop that one, or choose another folder with --data-dir",
        folder.display()
    )
}
