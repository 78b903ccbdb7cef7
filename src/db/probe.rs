//! What `locum doctor` and `locum migrate` ask a database: over a plain connection, as whoever the URL names, and
//! without changing anything.

use super::migrations;
use super::statement::sql;
use crate::clock::DatabaseClock;
use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Integer, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use std::time::Duration;

/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// The oldest PostgreSQL that is supported, as `server_version_num` has it.
pub const OLDEST: i32 = 150_000;

/// What a database said.
pub struct Findings {
    /// As `server_version_num` has it, and as people read it.
    pub version: (i32, String),
    /// As whom the URL lets us in.
    pub user: String,
    pub clock: DatabaseClock,
    /// Which migrations ran; otherwise what the database says to the question.
    pub migrations: Result<Migrations, String>,
    /// Whether the service can work in it, as the role `locum_app`; otherwise what the database says to that.
    pub works_as_app: Result<(), String>,
}

/// Which migrations ran.
#[derive(Debug, Default, PartialEq)]
pub struct Migrations {
    pub applied: Vec<String>,
    /// Ours, not applied yet.
    pub pending: Vec<String>,
    /// Applied, but not ours: by a newer program.
    pub unknown: Vec<String>,
}

/// Asks everything.
pub async fn ask(url: &str) -> Result<Findings> {
    let mut connection = connect(url).await?;
    let select = sql::<(Integer, Text, Text, Timestamptz)>(
        "select current_setting('server_version_num')::integer, current_setting('server_version'), current_user::text, clock_timestamp()",
    );
    let (number, name, user, now): (i32, String, String, DateTime<Utc>) =
        select.get_result(&mut connection).await?;
    let clock = DatabaseClock::new(now);
    let migrations = migrations_of(&mut connection).await.map_err(|error| error.to_string());
    let works_as_app = work_as_app(&mut connection).await.map_err(|error| error.to_string());
    Ok(Findings { version: (number, name), user, clock, migrations, works_as_app })
}

/// Asks only for the migrations.
pub async fn migrations(url: &str) -> Result<Migrations> {
    migrations_of(&mut connect(url).await?).await
}

async fn connect(url: &str) -> Result<AsyncPgConnection> {
    let connecting = tokio::time::timeout(PATIENCE, super::tls::establish(url));
    let connection =
        connecting.await.map_err(|_| anyhow!("it does not answer within {} s", PATIENCE.as_secs()))?;
    connection.context("it cannot be reached")
}

async fn migrations_of(connection: &mut AsyncPgConnection) -> Result<Migrations> {
    let exists = sql::<Bool>("select to_regclass('__diesel_schema_migrations') is not null");
    let applied: Vec<String> = if exists.get_result::<bool>(connection).await? {
        sql::<Text>("select version::text from __diesel_schema_migrations order by version")
            .load(connection)
            .await?
    } else {
        Vec::new()
    };
    let ours = migrations::versions()?;
    let pending = ours.iter().filter(|version| !applied.contains(version)).cloned().collect();
    let unknown = applied.iter().filter(|version| !ours.contains(version)).cloned().collect();
    Ok(Migrations { applied, pending, unknown })
}

async fn work_as_app(connection: &mut AsyncPgConnection) -> diesel::QueryResult<()> {
    connection.batch_execute("set role locum_app").await?;
    sql::<Bool>("select exists (select from firms)").get_result::<bool>(connection).await?;
    Ok(())
}
