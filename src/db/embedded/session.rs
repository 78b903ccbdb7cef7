//! What is said to the server over its socket: are you ready, and make this database.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::net::UnixStream;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{Client, Config, NoTls};

use super::postmaster::Postmaster;
use super::socket;

/// The role that owns the cluster.
pub(super) const SUPERUSER: &str = "postgres";

/// How long a start may take; after a crash, it includes the recovery.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks until the server answers.
pub(super) fn wait_until_ready(folder: &Path, postmaster: &Postmaster, log: &Path) -> Result<()> {
    blocking(async {
        let ready = tokio::time::timeout(PATIENCE, ask_until_ready(folder, postmaster)).await;
        let said = || format!("; its last words in {}:\n{}", log.display(), last_lines(log));
        match ready {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(anyhow!("{error}{}", said())),
            Err(_) => Err(anyhow!("PostgreSQL was not ready within {} s{}", PATIENCE.as_secs(), said())),
        }
    })?
}

async fn ask_until_ready(folder: &Path, postmaster: &Postmaster) -> Result<()> {
    let mut pause = Duration::from_millis(1);
    while let Err(error) = connect(folder, SUPERUSER).await {
        if let Some(status) = postmaster.exit_status() {
            bail!("PostgreSQL did not start ({status})");
        }
        if let Some(refusal) = refusal(&error) {
            bail!("PostgreSQL started, but lets nobody in: {refusal}");
        }
        tokio::time::sleep(pause).await;
        // Every refusal is a line in the log, and a recovery may take long.
        pause = (pause * 9 / 8).min(Duration::from_millis(250));
    }
    Ok(())
}

/// What the server said, unless that was that it will be there soon.
fn refusal(error: &anyhow::Error) -> Option<&DbError> {
    let said = error.downcast_ref::<tokio_postgres::Error>()?.as_db_error()?;
    (*said.code() != SqlState::CANNOT_CONNECT_NOW).then_some(said)
}

/// Creates the database unless it exists.
pub(super) fn create_database_if_missing(folder: &Path, name: &str) -> Result<()> {
    let made: Result<()> = blocking(async {
        let client = connect(folder, SUPERUSER).await?;
        if client.query_opt("select from pg_database where datname = $1", &[&name]).await?.is_some() {
            return Ok(());
        }
        let statement = format!("create database \"{}\"", name.replace('"', "\"\""));
        match client.batch_execute(&statement).await {
            // Someone else was faster.
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
            done => Ok(done?),
        }
    })?;
    made.with_context(|| format!("creating the database {name:?}"))
}

async fn connect(folder: &Path, database: &str) -> Result<Client> {
    let stream = UnixStream::connect(socket::file(folder)).await?;
    let (client, connection) =
        Config::new().user(SUPERUSER).dbname(database).connect_raw(stream, NoTls).await?;
    // Ends with the client; a broken connection shows as an error of the client's next call.
    tokio::spawn(connection);
    Ok(client)
}

/// Runs `work` in a small runtime on a thread of its own, as the caller's thread may belong to another
/// runtime.
fn blocking<T: Send>(work: impl Future<Output = T> + Send) -> Result<T> {
    let run = || Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work));
    let done: Result<T> = thread::scope(|scope| {
        scope.spawn(run).join().map_err(|_| anyhow!("the thread that talks to PostgreSQL panicked"))?
    });
    done.context("talking to PostgreSQL")
}

/// The end of the log, with its errors.
fn last_lines(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
}
