//! The database: a pool of connections, the embedded default, the migrations, and the schema as diesel sees it.
//!
//! A connection works as the role `locum_app`, with a time limit on each statement, and changes nothing but in a transaction
//! that says so ([`begin`]): whatever only reads cannot write, by whatever mistake of ours. Statements are counted for the
//! request that causes them: see [`counting`].

pub mod embedded;
pub mod health;
pub mod listen;
pub mod migrations;
pub mod probe;
pub mod row;
#[rustfmt::skip]
pub mod schema;
pub mod statement;
mod tls;

use crate::error::{Error, ErrorCode, Result};
use diesel::connection::InstrumentationEvent;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A connection out of the pool; it goes back when dropped.
pub type Connection = Object<AsyncPgConnection>;

/// Longest wait for a connection before the caller is told to come back.
const CHECKOUT_WAIT: Duration = Duration::from_secs(2);

/// What each connection is set to. The planner's settings are the measured ones: without them `= ANY($1)` is
/// planned anew on each call, or as a sequential scan. Compiling a plan takes longer than running it does here.
const SESSION_SETTINGS: &str = "
    set role locum_app;
    set statement_timeout = '5s';
    set lock_timeout = '4s';
    set idle_in_transaction_session_timeout = '15s';
    set default_transaction_read_only = on;
    set random_page_cost = 1.1;
    set plan_cache_mode = force_generic_plan;
    set jit = off;";

/// The pool.
#[derive(Clone)]
pub struct Database {
    pool: Pool<AsyncPgConnection>,
}

impl Database {
    /// Prepares a pool of at most `size` connections; none is made yet.
    pub fn new(url: &str, size: usize) -> anyhow::Result<Self> {
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(|url| connect(url.to_owned()).boxed());
        let pool =
            Pool::builder(AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(url, config))
                .max_size(size)
                .wait_timeout(Some(CHECKOUT_WAIT))
                .create_timeout(Some(CHECKOUT_WAIT))
                .runtime(deadpool::Runtime::Tokio1)
                .build()?;
        Ok(Self { pool })
    }

    /// A connection; `UNAVAILABLE` if none is free in time, or if by then nobody waits for the answer any more: so the
    /// queue for connections is no longer than those who wait.
    pub async fn connection(&self) -> Result<Connection> {
        let connection = self.pool.get().await?;
        if awaited::is() { Ok(connection) } else { Err(Error::stop(ErrorCode::Unavailable)) }
    }

    /// The database's own clock.
    pub async fn now(&self) -> Result<chrono::DateTime<chrono::Utc>> {
        use diesel_async::RunQueryDsl;
        let now = statement::sql::<diesel::sql_types::Timestamptz>("select clock_timestamp()");
        Ok(now.get_result(&mut self.connection().await?).await?)
    }

    /// How many connections are open, and how many of them are idle.
    pub fn usage(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    /// Closes all connections.
    pub fn close(&self) {
        self.pool.close();
    }
}

async fn connect(url: String) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = tls::establish(&url).await?;
    connection.batch_execute(SESSION_SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    connection.set_instrumentation(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            counting::count(query);
        }
    });
    Ok(connection)
}

/// Counts the statements that a piece of work sends.
pub mod counting {
    use super::*;

    tokio::task_local! {
        static STATEMENTS: Arc<AtomicU64>;
    }

    /// Runs `work` and counts its statements into `counter`.
    pub async fn into<T>(counter: Arc<AtomicU64>, work: impl Future<Output = T>) -> T {
        STATEMENTS.scope(counter, work).await
    }

    /// The counter of the work that runs now, to hand it to a task of its own.
    pub fn current() -> Arc<AtomicU64> {
        STATEMENTS.try_with(Arc::clone).unwrap_or_default()
    }

    pub(super) fn count(query: &dyn diesel::connection::DebugQuery) {
        let counted = STATEMENTS.try_with(|counter| counter.fetch_add(1, Ordering::Relaxed)).is_ok();
        if counted {
            tracing::trace!(target: "locum::sql", query = without_values(query));
        }
    }

    /// A statement's text. Its values stay out of the log: hashes of passwords and people's addresses are among them.
    fn without_values(query: &dyn diesel::connection::DebugQuery) -> String {
        let mut text = query.to_string();
        text.truncate(text.find(" -- binds: ").unwrap_or(text.len()));
        text
    }
}

/// Whether anybody still waits for what a piece of work is to find out.
pub mod awaited {
    use std::sync::Weak;

    tokio::task_local! {
        static BY: Weak<()>;
    }

    /// Runs `work`, which nobody waits for any more as soon as what `by` points to is dropped.
    pub async fn by<T>(by: Weak<()>, work: impl Future<Output = T>) -> T {
        BY.scope(by, work).await
    }

    pub(super) fn is() -> bool {
        BY.try_with(|by| by.strong_count() > 0).unwrap_or(true)
    }
}

/// Begins a transaction that may change something.
pub async fn begin(connection: &mut Connection) -> Result<()> {
    use diesel_async::AnsiTransactionManager;
    Ok(AnsiTransactionManager::begin_transaction_sql(&mut **connection, "begin read write").await?)
}
