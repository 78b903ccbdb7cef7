//! The impersonations' SQL.

use super::Impersonate;
use crate::caller::{Caller, Mode, Permit, UserKey};
use crate::db::row::SqlOf;
use crate::db::schema::impersonations;
use crate::db::statement::sql;
use crate::domain::delegation::DelegationRow;
use crate::domain::user::User;
use crate::error::Result;
use crate::events::Tx;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use uuid::Uuid;

crate::text_enum! {
    /// Why an impersonation ended.
    pub enum EndReason {
        /// The actor stopped.
        Stopped = "STOPPED",
        /// The actor went over to another principal.
        Switched = "SWITCHED",
        /// Its time, or the delegation's, was over.
        Expired = "EXPIRED",
        /// It was left alone for too long.
        Idle = "IDLE",
        /// The delegation's weekly hours were over.
        Schedule = "SCHEDULE",
        /// The delegation was taken back or declined.
        Revoked = "REVOKED",
        /// The principal ended it.
        PrincipalEnded = "PRINCIPAL_ENDED",
        /// One of the two was made inactive.
        Inactivated = "INACTIVATED",
        /// The actor's session ended.
        SignedOut = "SIGNED_OUT",
    }
}

crate::row! {
    /// An impersonation's own columns.
    pub struct ImpersonationRow from impersonations {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub delegation_id: Uuid,
        pub principal_id: Uuid,
        pub actor_firm_id: Uuid,
        pub actor_id: Uuid,
        pub mode: Mode,
        pub reason: Option<String>,
        pub started_at: DateTime<Utc>,
        pub expires_at: DateTime<Utc>,
        pub last_seen_at: DateTime<Utc>,
        pub ended_at: Option<DateTime<Utc>>,
        pub end_reason: Option<EndReason>,
    }
}

/// An impersonation with its two sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Impersonation {
    pub row: ImpersonationRow,
    pub principal: User,
    pub actor: User,
}

/// Opens an impersonation in the caller's session.
pub(super) async fn insert(
    tx: &mut Tx,
    _permit: &Permit<Impersonate>,
    caller: &Caller,
    delegation: &DelegationRow,
    mode: Mode,
    reason: Option<String>,
    expires_at: DateTime<Utc>,
) -> Result<ImpersonationRow> {
    let (id, now) = (tx.new_id(), tx.now);
    let insert = diesel::insert_into(impersonations::table).values((
        impersonations::firm_id.eq(delegation.firm_id),
        impersonations::id.eq(id),
        impersonations::delegation_id.eq(delegation.id),
        impersonations::principal_id.eq(delegation.principal_id),
        impersonations::actor_firm_id.eq(caller.actor.firm),
        impersonations::actor_id.eq(caller.actor.id),
        impersonations::session_id.eq(caller.session),
        impersonations::mode.eq(mode),
        impersonations::reason.eq(reason),
        impersonations::started_at.eq(now),
        impersonations::expires_at.eq(expires_at),
        impersonations::last_seen_at.eq(now),
    ));
    Ok(insert.returning(ImpersonationRow::as_returning()).get_result(tx.sql()).await?)
}

/// The impersonation that a session is in, locked, with its delegation.
pub(super) async fn of_session_locked(
    tx: &mut Tx,
    actor: UserKey,
    session: Uuid,
) -> Result<Option<(Impersonation, DelegationRow)>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {}, {}, {}, {} from impersonations i
             join delegations d on d.firm_id = i.firm_id and d.id = i.delegation_id
             join users p on p.firm_id = i.firm_id and p.id = i.principal_id
             join users a on a.firm_id = i.actor_firm_id and a.id = i.actor_id
             where i.actor_firm_id = ? and i.session_id = ? and i.left_at is null for no key update of i",
            ImpersonationRow::columns("i"),
            DelegationRow::columns("d"),
            User::columns("p"),
            User::columns("a")
        )
    });
    type Row = (SqlOf<ImpersonationRow>, SqlOf<DelegationRow>, SqlOf<User>, SqlOf<User>);
    let find = sql::<Row>(&FIND).bind(actor.firm).bind(session);
    let found: Option<(ImpersonationRow, DelegationRow, User, User)> =
        find.get_result(tx.sql()).await.optional()?;
    Ok(found.map(|(row, delegation, principal, actor)| (Impersonation { row, principal, actor }, delegation)))
}

/// Notes that the actor has left it; one that still runs ends for this reason.
pub(super) async fn leave(
    tx: &mut Tx,
    row: &ImpersonationRow,
    reason: super::EndReason,
) -> Result<ImpersonationRow> {
    let (now, ended_at) = (tx.now, row.ended_at.unwrap_or(tx.now));
    let update = diesel::update(impersonations::table.find((row.firm_id, row.id)));
    let update = update.set((
        impersonations::ended_at.eq(ended_at),
        impersonations::end_reason.eq(reason),
        impersonations::left_at.eq(now),
    ));
    Ok(update.returning(ImpersonationRow::as_returning()).get_result(tx.sql()).await?)
}

/// Ends what runs by a delegation; the actors have not taken note of it yet.
pub(super) async fn end_of_delegation(
    tx: &mut Tx,
    delegation: &DelegationRow,
) -> Result<Vec<ImpersonationRow>> {
    let now = tx.now;
    let running = impersonations::table
        .filter(impersonations::firm_id.eq(delegation.firm_id))
        .filter(impersonations::delegation_id.eq(delegation.id))
        .filter(impersonations::ended_at.is_null());
    let update = diesel::update(running)
        .set((impersonations::ended_at.eq(now), impersonations::end_reason.eq(EndReason::Revoked)));
    Ok(update.returning(ImpersonationRow::as_returning()).get_results(tx.sql()).await?)
}

/// Ends and leaves what is left in sessions that are over; answers those that still ran.
pub(super) async fn end_in_sessions(
    tx: &mut Tx,
    actor: UserKey,
    sessions: Vec<Uuid>,
) -> Result<Vec<ImpersonationRow>> {
    let now = tx.now;
    let in_sessions = impersonations::table
        .filter(impersonations::actor_firm_id.eq(actor.firm))
        .filter(impersonations::session_id.eq_any(sessions))
        .filter(impersonations::left_at.is_null());
    let running = in_sessions.clone().filter(impersonations::ended_at.is_null());
    let end = diesel::update(running).set((
        impersonations::ended_at.eq(now),
        impersonations::end_reason.eq(EndReason::SignedOut),
        impersonations::left_at.eq(now),
    ));
    let ended = end.returning(ImpersonationRow::as_returning()).get_results(tx.sql()).await?;
    diesel::update(in_sessions).set(impersonations::left_at.eq(now)).execute(tx.sql()).await?;
    Ok(ended)
}
