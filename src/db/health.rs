//! Whether the database is what the program needs.

use super::Connection;
use super::statement::sql;
use crate::error::Result;
use diesel::sql_types::{Bool, Nullable};
use diesel_async::RunQueryDsl;

/// What is wrong with the database, in words; nothing if it is well.
pub async fn complaints(connection: &mut Connection, newest_migration: &str) -> Result<Vec<String>> {
    let check = sql::<(Bool, Nullable<Bool>)>(
        "select exists (select from __diesel_schema_migrations where version = ?),
           (select min(next_attempt_at) < clock_timestamp() - interval '15 minutes' from mail_deliveries where state = 'QUEUED')",
    );
    let (migrated, late): (bool, Option<bool>) =
        check.bind(newest_migration.to_owned()).get_result(connection).await?;
    let complaints = [
        (!migrated).then(|| "the database is not migrated: run `locum migrate`".to_owned()),
        (late == Some(true)).then(|| "mails wait for more than 15 minutes".to_owned()),
    ];
    Ok(complaints.into_iter().flatten().collect())
}
