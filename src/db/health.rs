//! Whether the database is what the program needs.

use super::Connection;
use super::statement::sql;
use crate::error::Result;
use diesel::sql_types::{Bool, Nullable};
use diesel_async::RunQueryDsl;

/// What is wrong with the database, in words; nothing if it is well.
pub async fn complaints(connection: &mut Connection, newest_migration: &str) -> Result<Vec<String>> {
    // A webhook is late if nobody has taken it up although something was due all the time: what its receiver does not take
    // is not counted, nor what it asked to be spared.
    let check = sql::<(Bool, Nullable<Bool>, Bool)>(
        "select exists (select from __diesel_schema_migrations where version = ?),
           (select min(next_attempt_at) < clock_timestamp() - interval '15 minutes' from mail_deliveries where state = 'QUEUED'),
           exists (select from webhooks w, (select clock_timestamp() - interval '15 minutes' as at) long_ago
             where w.state = 'ACTIVE' and greatest(w.created_at, w.claimed_until, w.quiet_until) < long_ago.at
               and (exists (select from events e
                      where e.firm_id = w.firm_id and e.position = w.position + 1 and e.occurred_at < long_ago.at)
                 or exists (select from webhook_deliveries d where d.firm_id = w.firm_id and d.webhook_id = w.id
                      and d.state = 'QUEUED' and d.next_attempt_at < long_ago.at)))",
    );
    let (migrated, late, webhooks_late): (bool, Option<bool>, bool) =
        check.bind(newest_migration.to_owned()).get_result(connection).await?;
    let complaints = [
        (!migrated).then(|| "the database is not migrated: run `locum migrate`".to_owned()),
        (late == Some(true)).then(|| "mails wait for more than 15 minutes".to_owned()),
        webhooks_late.then(|| "webhooks wait for more than 15 minutes".to_owned()),
    ];
    Ok(complaints.into_iter().flatten().collect())
}
