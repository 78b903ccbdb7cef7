//! The sessions' SQL.

use crate::caller::UserKey;
use crate::db::schema::{devices, sessions};
use crate::db::statement::sql;
use crate::defaults::{DEVICE, SESSION_IDLE, SWEPT_AT_ONCE};
use crate::error::{Error, ErrorCode, Result};
use crate::events::Tx;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

crate::text_enum! {
    /// Why a session ended.
    pub enum EndReason {
        /// Its user signed out.
        SignedOut = "SIGNED_OUT",
        /// Its user signed out everywhere.
        SignedOutEverywhere = "SIGNED_OUT_EVERYWHERE",
        /// Its user changed the password elsewhere.
        PasswordChanged = "PASSWORD_CHANGED",
        /// The password was set anew behind a link.
        PasswordReset = "PASSWORD_RESET",
        /// Its user was made inactive.
        Inactivated = "INACTIVATED",
    }
}

crate::row! {
    /// A session, without its token.
    pub struct Session from sessions {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub user_id: Uuid,
        pub created_at: DateTime<Utc>,
        pub expires_at: DateTime<Utc>,
        pub last_seen_at: DateTime<Utc>,
        pub ended_at: Option<DateTime<Utc>>,
    }
}

/// Opens a session.
pub async fn insert(tx: &mut Tx, user: UserKey, token_hash: Vec<u8>, lasts: TimeDelta) -> Result<Session> {
    let (id, now) = (tx.new_id(), tx.now);
    let insert = diesel::insert_into(sessions::table).values((
        sessions::firm_id.eq(user.firm),
        sessions::id.eq(id),
        sessions::user_id.eq(user.id),
        sessions::token_hash.eq(token_hash),
        sessions::created_at.eq(now),
        sessions::expires_at.eq(now + lasts),
        sessions::last_seen_at.eq(now),
    ));
    Ok(insert.returning(Session::as_returning()).get_result(tx.sql()).await?)
}

/// Notes that a session is in use, and the impersonation in it, if the session acts; locks them in this order, as everybody
/// does.
pub async fn touch(tx: &mut Tx, session: &Session, acts: bool) -> Result<()> {
    let now = tx.now;
    let update = sql::<()>(
        "with touched as (
           update sessions set last_seen_at = ? where firm_id = ? and id = ? and last_seen_at < ? and ended_at is null
           returning firm_id, id, last_seen_at
         )
         update impersonations i set last_seen_at = t.last_seen_at from touched t
         where ? and i.actor_firm_id = t.firm_id and i.session_id = t.id and i.left_at is null and i.ended_at is null",
    );
    let update = update.bind(now).bind(session.firm_id).bind(session.id).bind(now).bind(acts);
    update.execute(tx.sql()).await?;
    Ok(())
}

/// Ends one open session; answers its id.
pub async fn end_one(tx: &mut Tx, user: UserKey, session: Uuid, reason: EndReason) -> Result<Vec<Uuid>> {
    tx.changes_rights_of(user);
    let now = tx.now;
    let open = sessions::table.find((user.firm, session)).filter(sessions::ended_at.is_null());
    let update = diesel::update(open).set((sessions::ended_at.eq(now), sessions::end_reason.eq(reason)));
    Ok(update.returning(sessions::id).get_results(tx.sql()).await?)
}

/// Ends all sessions of a user but one; answers their ids, and of each whether it was not over by the clock already.
pub async fn end_all(
    tx: &mut Tx,
    user: UserKey,
    reason: EndReason,
    but: Option<Uuid>,
) -> Result<Vec<(Uuid, bool)>> {
    tx.changes_rights_of(user);
    let now = tx.now;
    let update = sql::<(diesel::sql_types::Uuid, diesel::sql_types::Bool)>(
        "update sessions set ended_at = ?, end_reason = ? where (firm_id, id) in (
           select firm_id, id from sessions where firm_id = ? and user_id = ? and ended_at is null and id is distinct from ?
           order by id for update)
         returning id, expires_at > ? and last_seen_at > ?",
    );
    let update = update.bind(now).bind(reason.as_str()).bind(user.firm).bind(user.id).bind(but);
    Ok(update.bind(now).bind(now - SESSION_IDLE).load(tx.sql()).await?)
}

/// Gives a session a new token; the old one is dead at once. `UNAUTHENTICATED` if the session has ended.
pub async fn renew(tx: &mut Tx, user: UserKey, session: Uuid, token_hash: Vec<u8>) -> Result<()> {
    tx.changes_rights_of(user);
    let open = sessions::table.find((user.firm, session)).filter(sessions::ended_at.is_null());
    let renewed = diesel::update(open).set(sessions::token_hash.eq(token_hash)).execute(tx.sql()).await?;
    if renewed == 1 { Ok(()) } else { Err(Error::stop(ErrorCode::Unauthenticated)) }
}

/// Locks an open session; answers when it expires.
pub async fn lock(tx: &mut Tx, user: UserKey, session: Uuid) -> Result<Option<DateTime<Utc>>> {
    let open = sessions::table.find((user.firm, session)).filter(sessions::ended_at.is_null());
    Ok(open.select(sessions::expires_at).for_no_key_update().get_result(tx.sql()).await.optional()?)
}

/// Whether the user signed in from this device before.
pub async fn knows_device(
    connection: &mut AsyncPgConnection,
    slug: &str,
    login: &str,
    token_hash: Vec<u8>,
) -> Result<bool> {
    let find = sql::<diesel::sql_types::Bool>(
        "select exists (select from devices d
           join users u on u.firm_id = d.firm_id and u.id = d.user_id join firms f on f.id = d.firm_id
           where d.token_hash = ? and f.slug = lower(?) and (lower(u.handle) = lower(?) or lower(u.email) = lower(?)))",
    );
    let find =
        find.bind(token_hash).bind(slug.trim().to_owned()).bind(login.to_owned()).bind(login.to_owned());
    Ok(find.get_result(connection).await?)
}

/// Remembers a device.
pub async fn remember_device(tx: &mut Tx, user: UserKey, token_hash: Vec<u8>) -> Result<()> {
    let (id, now) = (tx.new_id(), tx.now);
    let insert = diesel::insert_into(devices::table).values((
        devices::firm_id.eq(user.firm),
        devices::id.eq(id),
        devices::user_id.eq(user.id),
        devices::token_hash.eq(token_hash),
        devices::created_at.eq(now),
        devices::last_used_at.eq(now),
    ));
    insert
        .on_conflict(devices::token_hash)
        .do_update()
        .set(devices::last_used_at.eq(now))
        .execute(tx.sql())
        .await?;
    Ok(())
}

/// Forgets all devices of a user but the one whose token has this hash.
pub async fn forget_devices(tx: &mut Tx, user: UserKey, but: Option<Vec<u8>>) -> Result<()> {
    let delete =
        sql::<()>("delete from devices where firm_id = ? and user_id = ? and token_hash is distinct from ?");
    delete.bind(user.firm).bind(user.id).bind(but).execute(tx.sql()).await?;
    Ok(())
}

/// Forgets some of the devices that nobody used for long; answers how many.
pub async fn sweep_devices(tx: &mut Tx) -> Result<usize> {
    let delete = sql::<()>(
        "delete from devices where ctid = any(array(
           select ctid from devices where last_used_at < ? limit ? for update skip locked))",
    );
    Ok(delete.bind(tx.now - DEVICE).bind(SWEPT_AT_ONCE).execute(tx.sql()).await?)
}
