//! Mutations that are repeated with the same key: the first success is answered again, for 24 hours.
//!
//! The record is written in the mutation's own transaction: there is no moment at which one exists without the
//! other. Who takes part: the one lock on the key (a twin that runs at the same time is told so), and the record.

use super::Tx;
use crate::caller::UserKey;
use crate::db::statement::sql;
use crate::defaults::SWEPT_AT_ONCE;
use crate::error::{Error, ErrorCode, Result};
use crate::secret;
use chrono::TimeDelta;
use diesel::OptionalExtension;
use diesel::sql_types::{Binary, Bool, Jsonb};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a success is remembered.
pub const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// What identifies a repetition: who sends it, the key, which field of the operation, and the whole body's hash.
#[derive(Clone, Debug)]
pub struct Key {
    pub user: UserKey,
    pub key: String,
    pub field: String,
    pub body_hash: Vec<u8>,
}

/// What the first success answered, if there was one with the same body.
pub async fn recall<T: DeserializeOwned>(tx: &mut Tx, key: &Key) -> Result<Option<T>> {
    let lock = secret::hash(format!("{}/{}", key.user.id, key.key).as_bytes());
    let lock = i64::from_be_bytes(lock.first_chunk().copied().unwrap_or_default());
    let free: bool =
        sql::<Bool>("select pg_try_advisory_xact_lock(?)").bind(lock).get_result(tx.sql()).await?;
    if !free {
        return Err(Error::stop(ErrorCode::IdempotencyInProgress));
    }
    // Another body is a conflict whichever field of it the record is of.
    let find = sql::<(Binary, Jsonb)>(
        "select body_hash, payload from idempotency_records
         where firm_id = ? and user_id = ? and key = ? and created_at > ? and (field = ? or body_hash <> ?)
         order by body_hash = ? limit 1",
    );
    let find = find.bind(key.user.firm).bind(key.user.id).bind(key.key.clone()).bind(tx.now - REMEMBERED);
    let find = find.bind(key.field.clone()).bind(key.body_hash.clone()).bind(key.body_hash.clone());
    let found: Option<(Vec<u8>, serde_json::Value)> = find.get_result(tx.sql()).await.optional()?;
    match found {
        None => Ok(None),
        Some((body_hash, _)) if body_hash != key.body_hash => {
            Err(Error::stop(ErrorCode::IdempotencyConflict))
        }
        Some((_, payload)) => serde_json::from_value(payload).map(Some).map_err(Error::internal),
    }
}

/// Remembers a success.
pub async fn remember<T: Serialize>(tx: &mut Tx, key: Key, payload: &T) -> Result<()> {
    let payload = serde_json::to_value(payload).map_err(Error::internal)?;
    let now = tx.now;
    let insert = sql::<()>(
        "insert into idempotency_records (firm_id, user_id, key, field, body_hash, payload, created_at)
         values (?, ?, ?, ?, ?, ?, ?)
         on conflict on constraint idempotency_records_pkey do update
         set body_hash = excluded.body_hash, payload = excluded.payload, created_at = excluded.created_at",
    );
    let insert =
        insert.bind(key.user.firm).bind(key.user.id).bind(key.key).bind(key.field).bind(key.body_hash);
    insert.bind(payload).bind(now).execute(tx.sql()).await?;
    Ok(())
}

/// Forgets some of what is too old; answers how much.
pub async fn sweep(tx: &mut Tx) -> Result<usize> {
    let delete = sql::<()>(
        "delete from idempotency_records where ctid = any(array(
           select ctid from idempotency_records where created_at < ? limit ? for update skip locked))",
    );
    Ok(delete.bind(tx.now - REMEMBERED).bind(SWEPT_AT_ONCE).execute(tx.sql()).await?)
}
