//! A private PostgreSQL, run as a child of this process from the binaries that the machine has.
//!
//! # The story
//!
//! 1. `folder` opens the data folder and locks it, so that one locum at a time uses it.
//! 2. `binaries` looks for installed PostgreSQL binaries: those of the cluster's own major version, else the
//!    newest.
//! 3. `run_as` decides whose process it is: ours, or, as PostgreSQL refuses root, that of a lesser user.
//! 4. `leftover` deals with what a crash left behind; `initdb` makes the cluster if there is none yet.
//! 5. `postmaster` starts the server in a thread of its own, and ends it when the [`Cluster`] goes.
//! 6. `session` connects until the server answers.
//!
//! # What can fail
//!
//! No binaries, binaries of another version than the cluster, a folder in use, a folder that the lesser user
//! cannot enter, a setting that PostgreSQL does not know. Each says what to do about it.
//!
//! # Who can connect
//!
//! Whoever may enter the socket's folder, which is the owner alone (mode 0700), without a password. There is
//! no TCP.

mod binaries;
mod folder;
mod initdb;
mod leftover;
mod postmaster;
mod run_as;
mod session;
mod socket;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use binaries::Binaries;
use folder::Folder;
use postmaster::Postmaster;
use run_as::RunAs;

/// What a [`Cluster`] is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds the cluster, its socket and its log; made if missing.
    pub data_dir: PathBuf,
    /// Further PostgreSQL settings by name, such as `("work_mem", "16MB")`; the last one of a name holds.
    pub settings: Vec<(String, String)>,
    /// How many connections the server takes at once.
    pub max_connections: u32,
}

impl Options {
    /// The defaults: no further settings and 100 connections.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), settings: Vec::new(), max_connections: 100 }
    }
}

/// A running private PostgreSQL, which ends when this value is dropped.
///
/// On Linux it ends cleanly even when this process is killed. Elsewhere it then stays, and the next start
/// ends it.
#[derive(Debug)]
pub struct Cluster {
    postmaster: Postmaster,
    socket: PathBuf,
    /// Holds the lock; dropped last, when the server has ended.
    folder: Folder,
}

impl Cluster {
    /// Starts the cluster in `options.data_dir`, making it first if need be, and waits until it answers.
    ///
    /// **Blocks** for tens of milliseconds, for up to a second the first time, and for longer after a crash.
    /// Async callers go through `spawn_blocking`; the server does not depend on the thread that calls this.
    ///
    /// # Errors
    /// See [the module](self); the server's last words are part of the error when it would not start.
    pub fn start(options: Options) -> Result<Self> {
        let folder = Folder::open(&options.data_dir)?;
        let run_as = RunAs::choose(&folder.cluster())?;
        run_as.check_reach(folder.path(), "choose another folder with --data-dir, such as /var/lib/locum")?;
        let binaries = Binaries::choose(&folder.cluster())?;
        run_as.check_reach(binaries.path(), "install PostgreSQL where all users can run it")?;

        leftover::clear(&folder.cluster())?;
        if !folder.cluster().exists() {
            initdb::make(&binaries, &folder, &run_as)?;
        }
        let socket = socket::prepare(&folder, &run_as)?;
        let mut command = run_as.command(&binaries.postgres(), folder.path());
        command.args(arguments(&folder.cluster(), &socket, &options));
        let log = folder.fresh_log()?;
        command.stdout(log.try_clone().context("sharing PostgreSQL's log file")?).stderr(log);

        let cluster = Self { postmaster: Postmaster::spawn(command)?, socket, folder };
        session::wait_until_ready(&cluster.socket, &cluster.postmaster, &cluster.folder.log())?;
        Ok(cluster)
    }

    /// The URL of `database`, over the Unix socket and as the cluster's superuser:
    /// `postgres://postgres@%2F…/name`.
    pub fn url(&self, database: &str) -> String {
        socket::url(&self.socket, database)
    }

    /// Creates the database `name`, owned by the superuser, unless it exists.
    ///
    /// **Blocks** for about 50 ms when it does create one.
    ///
    /// # Errors
    /// When PostgreSQL refuses, for instance a name of more than 63 bytes.
    pub fn create_database_if_missing(&self, name: &str) -> Result<()> {
        session::create_database_if_missing(&self.socket, name)
    }

    /// Ends the server: clients are cut off, what is committed is on disk. **Blocks** until the server is
    /// gone.
    ///
    /// Dropping the value does the same, with the error only logged.
    ///
    /// # Errors
    /// When the server did not end in time and had to be cut off, which costs no data but a recovery at the
    /// next start.
    pub fn stop(self) -> Result<()> {
        self.postmaster.stop()
    }
}

/// The server's command line. What comes later wins, hence the caller's settings last.
fn arguments(cluster: &Path, socket: &Path, options: &Options) -> Vec<OsString> {
    let mut arguments = vec!["-D".into(), cluster.into(), "-c".into(), socket::setting(socket)];
    let ours = [
        ("cluster_name", "locum"),
        ("listen_addresses", ""),
        ("logging_collector", "off"),
        ("max_connections", &options.max_connections.to_string()),
        ("port", &socket::PORT.to_string()),
        ("unix_socket_permissions", "0700"),
        // The same everywhere, whatever zone the machine is in.
        ("log_timezone", "UTC"),
        ("timezone", "UTC"),
        // Rows and parameters are people's data: they stay out of the log.
        ("log_error_verbosity", "terse"),
        ("log_min_error_statement", "panic"),
    ];
    let theirs = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in ours.into_iter().chain(theirs) {
        arguments.extend(["-c".into(), format!("{name}={value}").into()]);
    }
    arguments
}
