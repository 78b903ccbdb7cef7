//! The impersonations' SQL.

use super::{Ending, Impersonate};
use crate::caller::{Caller, Mode, Permit, UserKey};
use crate::db::row::SqlOf;
use crate::db::schema::impersonations;
use crate::db::statement::{Statement, sql};
use crate::defaults::IMPERSONATION_IDLE;
use crate::domain::delegation::DelegationRow;
use crate::domain::page::{Page, Slice};
use crate::domain::user::User;
use crate::error::Result;
use crate::events::Tx;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Date, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
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
        /// Why it will have ended once `expires_at` has passed.
        pub expiry_reason: EndReason,
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
    ending: Ending,
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
        impersonations::expires_at.eq(ending.at),
        impersonations::expiry_reason.eq(ending.reason),
        impersonations::last_seen_at.eq(now),
    ));
    Ok(insert.returning(ImpersonationRow::as_returning()).get_result(tx.sql()).await?)
}

type WithSides = (SqlOf<ImpersonationRow>, SqlOf<DelegationRow>, SqlOf<User>, SqlOf<User>);

/// Begins a statement that reads impersonations with their delegation and their sides.
macro_rules! with_sides {
    ($rest:literal) => {{
        static TEXT: LazyLock<String> = LazyLock::new(|| {
            format!(
                "select {}, {}, {}, {} from impersonations i
                 join delegations d on d.firm_id = i.firm_id and d.id = i.delegation_id
                 join users p on p.firm_id = i.firm_id and p.id = i.principal_id
                 join users a on a.firm_id = i.actor_firm_id and a.id = i.actor_id
                 where {}",
                ImpersonationRow::columns("i"),
                DelegationRow::columns("d"),
                User::columns("p"),
                User::columns("a"),
                $rest
            )
        });
        sql::<WithSides>(&TEXT)
    }};
}

async fn load(
    connection: &mut AsyncPgConnection,
    query: Statement<WithSides>,
) -> Result<Vec<(Impersonation, DelegationRow)>> {
    let rows: Vec<(ImpersonationRow, DelegationRow, User, User)> = query.load(connection).await?;
    let impersonation =
        |(row, delegation, principal, actor)| (Impersonation { row, principal, actor }, delegation);
    Ok(rows.into_iter().map(impersonation).collect())
}

/// The impersonation that a session is in, locked, with its delegation.
pub(super) async fn of_session_locked(
    tx: &mut Tx,
    actor: UserKey,
    session: Uuid,
) -> Result<Option<(Impersonation, DelegationRow)>> {
    let query =
        with_sides!("i.actor_firm_id = ? and i.session_id = ? and i.left_at is null for no key update of i");
    Ok(load(tx.sql(), query.bind(actor.firm).bind(session)).await?.pop())
}

/// What actors have not left yet in these sessions, locked, with the delegations.
pub(super) async fn of_sessions_locked(
    tx: &mut Tx,
    actor: UserKey,
    sessions: Vec<Uuid>,
) -> Result<Vec<(Impersonation, DelegationRow)>> {
    let query = with_sides!(
        "i.actor_firm_id = ? and i.session_id = any(?) and i.left_at is null order by i.id for no key update of i"
    );
    load(tx.sql(), query.bind(actor.firm).bind(sessions)).await
}

/// An impersonation of a principal of the firm, locked for a change, with its delegation.
pub(super) async fn find_locked(
    tx: &mut Tx,
    firm: Uuid,
    id: Uuid,
) -> Result<Option<(Impersonation, DelegationRow)>> {
    let query = with_sides!("i.firm_id = ? and i.id = ? for no key update of i").bind(firm).bind(id);
    Ok(load(tx.sql(), query).await?.pop())
}

/// An impersonation of any firm by its id; the caller decides who may know of it.
pub(super) async fn find(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Impersonation>> {
    Ok(load(connection, with_sides!("i.id = ?").bind(id)).await?.pop().map(|(found, _)| found))
}

/// A page of the impersonations of a principal, newest first.
pub async fn of_principal(
    connection: &mut AsyncPgConnection,
    principal: UserKey,
    page: &Page<Uuid>,
) -> Result<Slice<Impersonation>> {
    let query = if page.backward {
        with_sides!("i.firm_id = ? and i.principal_id = ? and i.id > ? order by i.id asc limit ?")
    } else {
        with_sides!("i.firm_id = ? and i.principal_id = ? and i.id < ? order by i.id desc limit ?")
    };
    let nowhere = if page.backward { Uuid::nil() } else { Uuid::max() };
    let query = query.bind(principal.firm).bind(principal.id);
    let rows = load(connection, query.bind(page.from.unwrap_or(nowhere)).bind(page.fetch())).await?;
    Ok(page.of(rows.into_iter().map(|(found, _)| found).collect()))
}

/// How many impersonations of a principal there were.
pub async fn count_of_principal(connection: &mut AsyncPgConnection, principal: UserKey) -> Result<i64> {
    let of_principal = impersonations::table
        .filter(impersonations::firm_id.eq(principal.firm))
        .filter(impersonations::principal_id.eq(principal.id));
    Ok(of_principal.count().get_result(connection).await?)
}

/// Impersonations that run by their row and may be over by the clock, locked; those that somebody else has are passed over.
pub(super) async fn overdue(tx: &mut Tx) -> Result<Vec<(Impersonation, DelegationRow)>> {
    let query = with_sides!(
        "i.ended_at is null and (i.expires_at <= ? or i.last_seen_at <= ? or d.ended_at is not null or d.valid_until <= ?
           or d.valid_from > ? or p.status <> 'ACTIVE' or not p.can_login or a.status <> 'ACTIVE' or not a.can_login)
         limit 100 for no key update of i skip locked"
    );
    let now = tx.now;
    let query = query.bind(now).bind(now - IMPERSONATION_IDLE).bind(now).bind(now);
    load(tx.sql(), query).await
}

/// Whether someone has acted for a principal before.
pub(super) async fn has_acted(tx: &mut Tx, actor: UserKey, principal: UserKey) -> Result<bool> {
    let find = sql::<Bool>(
        "select exists (select from impersonations where firm_id = ? and principal_id = ? and actor_firm_id = ? and actor_id = ?)",
    );
    let find = find.bind(principal.firm).bind(principal.id).bind(actor.firm).bind(actor.id);
    Ok(find.get_result(tx.sql()).await?)
}

/// Notes that the actor has left it; one that still runs ends for this reason.
pub(super) async fn leave(tx: &mut Tx, row: &ImpersonationRow, ending: Ending) -> Result<ImpersonationRow> {
    let now = tx.now;
    let update = diesel::update(impersonations::table.find((row.firm_id, row.id)));
    let update = update.set((
        impersonations::ended_at.eq(ending.at),
        impersonations::end_reason.eq(ending.reason),
        impersonations::left_at.eq(now),
    ));
    Ok(update.returning(ImpersonationRow::as_returning()).get_result(tx.sql()).await?)
}

/// What runs by a delegation, locked.
pub(super) async fn running_by(tx: &mut Tx, delegation: &DelegationRow) -> Result<Vec<ImpersonationRow>> {
    let running = impersonations::table
        .filter(impersonations::firm_id.eq(delegation.firm_id))
        .filter(impersonations::delegation_id.eq(delegation.id))
        .filter(impersonations::ended_at.is_null())
        .order(impersonations::id);
    Ok(running.select(ImpersonationRow::as_select()).for_no_key_update().load(tx.sql()).await?)
}

/// Ends one that runs; its actor has not taken note of it yet.
pub(super) async fn end(tx: &mut Tx, row: &ImpersonationRow, ending: Ending) -> Result<ImpersonationRow> {
    let update = diesel::update(impersonations::table.find((row.firm_id, row.id)));
    let update =
        update.set((impersonations::ended_at.eq(ending.at), impersonations::end_reason.eq(ending.reason)));
    Ok(update.returning(ImpersonationRow::as_returning()).get_result(tx.sql()).await?)
}

/// Has one that runs end sooner.
pub(super) async fn shorten(tx: &mut Tx, row: &ImpersonationRow, ending: Ending) -> Result<()> {
    let update = diesel::update(impersonations::table.find((row.firm_id, row.id)));
    let update = update
        .set((impersonations::expires_at.eq(ending.at), impersonations::expiry_reason.eq(ending.reason)));
    update.execute(tx.sql()).await?;
    Ok(())
}

/// Someone who wants a summary of what was done in their name.
pub(super) struct Summary {
    pub user: UserKey,
    /// The first day it is about, and the one after the last, in the firm's time zone.
    pub since: NaiveDate,
    pub until: NaiveDate,
    pub something_happened: bool,
}

/// Whose summary is due: from six in the morning on, in their firm's time zone; marked as made. Of several nodes that ask,
/// each gets others.
pub(super) async fn claim_summaries(tx: &mut Tx) -> Result<Vec<Summary>> {
    let claim = sql::<(SqlUuid, SqlUuid, Date, Date, Bool)>(
        "with due as materialized (
           select u.firm_id, u.id, u.summarized_on as since, ((? at time zone f.time_zone) - interval '6 hours')::date as until, f.time_zone
           from users u join firms f on f.id = u.firm_id
           where u.daily_summary and u.status = 'ACTIVE' and u.summarized_on < ((? at time zone f.time_zone) - interval '6 hours')::date
           limit 100 for no key update of u skip locked
         ), claimed as (
           update users u set summarized_on = due.until from due where u.firm_id = due.firm_id and u.id = due.id
         )
         select due.firm_id, due.id, due.since, due.until, exists (
           select from events e where e.firm_id = due.firm_id and e.principal_id = due.id and e.type <> 'AccessDenied'
             and e.occurred_at >= due.since::timestamp at time zone due.time_zone
             and e.occurred_at < due.until::timestamp at time zone due.time_zone)
         from due",
    );
    let now = tx.now;
    let due: Vec<(Uuid, Uuid, NaiveDate, NaiveDate, bool)> = claim.bind(now).bind(now).load(tx.sql()).await?;
    let summary = |(firm, id, since, until, something_happened)| Summary {
        user: UserKey { firm, id },
        since,
        until,
        something_happened,
    };
    Ok(due.into_iter().map(summary).collect())
}
