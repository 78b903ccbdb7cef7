//! The import's own SQL; rows are written by the stores of users and clients.

use crate::db::statement::sql;
use crate::error::Result;
use crate::events::Tx;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use std::pin::pin;
use std::time::Duration;

/// How long the database is left without a word; well below the 15 s after which it would end the transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for something that is not the database, and keeps the transaction alive meanwhile.
pub async fn while_waiting<T>(tx: &mut Tx, something: impl Future<Output = T>) -> Result<T> {
    let mut something = pin!(something);
    loop {
        match tokio::time::timeout(PATIENCE, something.as_mut()).await {
            Ok(value) => return Ok(value),
            Err(_) => sql::<Bool>("select true").get_result::<bool>(tx.sql()).await?,
        };
    }
}
