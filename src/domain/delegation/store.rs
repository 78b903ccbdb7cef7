//! The delegations' SQL.

use super::ManageOwnDelegations;
use super::schedule::Schedule;
use super::terms::Terms;
use crate::caller::{Action, Permit, UserKey};
use crate::db::row::SqlOf;
use crate::db::schema::{delegation_clients, delegations};
use crate::db::statement::{Statement, sql};
use crate::domain::user::User;
use crate::error::rules::SEATS;
use crate::error::{Error, Result};
use crate::events::Tx;
use crate::secret;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use uuid::Uuid;

crate::text_enum! {
    /// Where a delegation stands.
    pub enum State {
        /// Waits for the owner of the address to register or to sign in.
        Pending = "PENDING",
        /// The delegate can act.
        Active = "ACTIVE",
        /// The delegate does not want it.
        Declined = "DECLINED",
        /// The principal, or a setup admin, took it back.
        Revoked = "REVOKED",
        /// Its time is over.
        Expired = "EXPIRED",
    }
}

crate::row! {
    /// A delegation's own columns.
    pub struct DelegationRow from delegations {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub principal_id: Uuid,
        pub email: String,
        pub actions: Vec<Action>,
        pub valid_from: DateTime<Utc>,
        pub valid_until: Option<DateTime<Utc>>,
        pub state: State,
        pub created_at: DateTime<Utc>,
        pub activated_at: Option<DateTime<Utc>>,
        pub ended_at: Option<DateTime<Utc>>,
        pub version: i32,
        pub only_listed_clients: bool,
        pub schedule: Option<Schedule>,
        pub reason_required: bool,
    }
}

impl DelegationRow {
    /// Whether it has ended, or its time has, by that moment.
    pub fn is_over_at(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_some() || self.valid_until.is_some_and(|until| until <= now)
    }

    /// Whether the delegate can act by it at that moment, as far as its state and its dates go; for the weekly schedule
    /// see [`Schedule::holds_at`].
    pub fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.state == State::Active
            && self.valid_from <= now
            && self.valid_until.is_none_or(|until| now < until)
    }
}

/// A delegation with its two sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delegation {
    pub row: DelegationRow,
    pub principal: User,
    pub delegate: Option<User>,
}

type WithSides = (SqlOf<DelegationRow>, SqlOf<User>, Nullable<SqlOf<User>>);

/// Begins a statement that reads delegations with their sides.
macro_rules! with_sides {
    ($rest:literal) => {{
        static TEXT: LazyLock<String> = LazyLock::new(|| {
            format!(
                "select {}, {}, {} from delegations d
                 join users p on p.firm_id = d.firm_id and p.id = d.principal_id
                 left join users b on b.firm_id = d.delegate_firm_id and b.id = d.delegate_id
                 where {}",
                DelegationRow::columns("d"),
                User::columns("p"),
                User::columns("b"),
                $rest
            )
        });
        sql::<WithSides>(&TEXT)
    }};
}

async fn load(connection: &mut AsyncPgConnection, query: Statement<WithSides>) -> Result<Vec<Delegation>> {
    let rows: Vec<(DelegationRow, User, Option<User>)> = query.load(connection).await?;
    Ok(rows.into_iter().map(|(row, principal, delegate)| Delegation { row, principal, delegate }).collect())
}

/// The principal's live delegations, by seat.
pub async fn of_principal(
    connection: &mut AsyncPgConnection,
    principal: UserKey,
    now: DateTime<Utc>,
) -> Result<Vec<Delegation>> {
    let query = with_sides!(
        "d.firm_id = ? and d.principal_id = ? and d.ended_at is null and (d.valid_until is null or d.valid_until > ?)
         order by d.slot"
    );
    load(connection, query.bind(principal.firm).bind(principal.id).bind(now)).await
}

/// The delegations by which someone can act, now or at another time, by the principals' names.
pub async fn of_delegate(
    connection: &mut AsyncPgConnection,
    delegate: &User,
    now: DateTime<Utc>,
) -> Result<Vec<Delegation>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {}, {} from delegations d join users p on p.firm_id = d.firm_id and p.id = d.principal_id
             where d.delegate_firm_id = ? and d.delegate_id = ? and d.ended_at is null and d.state = 'ACTIVE'
               and (d.valid_until is null or d.valid_until > ?)
               and p.status = 'ACTIVE' and p.can_login and p.kind in ('ADVISER', 'ASSISTANT')
             order by p.display_name, d.id limit 1000",
            DelegationRow::columns("d"),
            User::columns("p")
        )
    });
    let find = sql::<(SqlOf<DelegationRow>, SqlOf<User>)>(&FIND);
    let rows: Vec<(DelegationRow, User)> =
        find.bind(delegate.firm_id).bind(delegate.id).bind(now).load(connection).await?;
    let with_delegate = |(row, principal)| Delegation { row, principal, delegate: Some(delegate.clone()) };
    Ok(rows.into_iter().map(with_delegate).collect())
}

/// A delegation of any firm by its id; the caller decides who may know of it.
pub async fn find(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Delegation>> {
    Ok(load(connection, with_sides!("d.id = ?").bind(id)).await?.pop())
}

/// A delegation of any firm, locked for a change; the caller decides who may make it.
pub async fn find_locked(tx: &mut Tx, id: Uuid) -> Result<Option<Delegation>> {
    Ok(load(tx.sql(), with_sides!("d.id = ? for no key update of d").bind(id)).await?.pop())
}

/// A delegation to the delegate, locked against being changed.
pub(super) async fn of_delegate_locked(
    tx: &mut Tx,
    delegate: UserKey,
    id: Uuid,
) -> Result<Option<Delegation>> {
    let query = with_sides!("d.delegate_firm_id = ? and d.delegate_id = ? and d.id = ? for share of d");
    Ok(load(tx.sql(), query.bind(delegate.firm).bind(delegate.id).bind(id)).await?.pop())
}

/// Delegations that are live by their row and over by the clock, locked; those that somebody else has are passed over.
pub(super) async fn due(tx: &mut Tx, principal: Option<UserKey>) -> Result<Vec<Delegation>> {
    let (now, most) = (tx.now, 100_i64);
    let query = match principal {
        Some(principal) => with_sides!(
            "d.firm_id = ? and d.principal_id = ? and d.ended_at is null and d.valid_until <= ? order by d.slot for no key update of d"
        )
        .bind(principal.firm)
        .bind(principal.id)
        .bind(now),
        None => with_sides!(
            "d.ended_at is null and d.valid_until <= ? order by d.valid_until limit ? for no key update of d skip locked"
        )
        .bind(now)
        .bind(most),
    };
    load(tx.sql(), query).await
}

/// Takes the first free seat beside the principal; `None` if there is none. Of many at once, each waits for the one
/// before it, so that as many succeed as there are seats.
pub(super) async fn insert(
    tx: &mut Tx,
    permit: &Permit<ManageOwnDelegations>,
    email: String,
    delegate: Option<&User>,
    terms: Terms,
) -> Result<Option<DelegationRow>> {
    static INSERT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "insert into delegations as d (firm_id, id, principal_id, email, delegate_firm_id, delegate_id, slot, actions,
               valid_from, valid_until, only_listed_clients, schedule, reason_required, state, created_at, activated_at)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             on conflict (firm_id, principal_id, slot) where ended_at is null do nothing
             returning {}",
            DelegationRow::columns("d")
        )
    });
    let (id, now, principal) = (tx.new_id(), tx.now, permit.subject());
    let state = if delegate.is_some() { State::Active } else { State::Pending };
    let actions: Vec<String> = terms.scope.iter().map(|action| action.as_str().to_owned()).collect();
    let schedule = terms.schedule.map(serde_json::to_value).transpose().map_err(Error::internal)?;
    for seat in 1..=SEATS {
        let insert = sql::<SqlOf<DelegationRow>>(&INSERT)
            .bind(principal.firm)
            .bind(id)
            .bind(principal.id)
            .bind(email.clone());
        let insert = insert
            .bind(delegate.map(|user| user.firm_id))
            .bind(delegate.map(|user| user.id))
            .bind(seat)
            .bind(actions.clone());
        let insert = insert
            .bind(terms.valid_from.unwrap_or(now))
            .bind(terms.valid_until)
            .bind(terms.clients.is_some())
            .bind(schedule.clone())
            .bind(terms.reason_required);
        let insert = insert.bind(state.as_str()).bind(now).bind(delegate.map(|_| now));
        if let Some(row) = insert.get_result(tx.sql()).await.optional()? {
            if let Some(clients) = &terms.clients {
                list_clients(tx, &row, clients).await?;
            }
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Writes changed terms.
pub(super) async fn update(
    tx: &mut Tx,
    _permit: &Permit<ManageOwnDelegations>,
    row: &DelegationRow,
) -> Result<DelegationRow> {
    let update = diesel::update(delegations::table.find((row.firm_id, row.id)));
    let update = update.set((
        delegations::actions.eq(&row.actions),
        delegations::valid_from.eq(row.valid_from),
        delegations::valid_until.eq(row.valid_until),
        delegations::only_listed_clients.eq(row.only_listed_clients),
        delegations::schedule.eq(&row.schedule),
        delegations::reason_required.eq(row.reason_required),
        delegations::version.eq(delegations::version + 1),
    ));
    Ok(update.returning(DelegationRow::as_returning()).get_result(tx.sql()).await?)
}

/// Lists these clients for a delegation, and no others.
pub(super) async fn list_clients(tx: &mut Tx, row: &DelegationRow, clients: &[Uuid]) -> Result<()> {
    let listed = delegation_clients::table
        .filter(delegation_clients::firm_id.eq(row.firm_id))
        .filter(delegation_clients::delegation_id.eq(row.id));
    diesel::delete(listed).execute(tx.sql()).await?;
    let insert = |client: &Uuid| {
        (
            delegation_clients::firm_id.eq(row.firm_id),
            delegation_clients::delegation_id.eq(row.id),
            delegation_clients::client_id.eq(*client),
        )
    };
    let rows: Vec<_> = clients.iter().map(insert).collect();
    diesel::insert_into(delegation_clients::table).values(rows).execute(tx.sql()).await?;
    Ok(())
}

/// Ends a live delegation.
pub(super) async fn end(tx: &mut Tx, row: &DelegationRow, how: State) -> Result<DelegationRow> {
    let now = tx.now;
    let update = diesel::update(delegations::table.find((row.firm_id, row.id)));
    let update = update.set((
        delegations::state.eq(how),
        delegations::ended_at.eq(now),
        delegations::version.eq(delegations::version + 1),
    ));
    Ok(update.returning(DelegationRow::as_returning()).get_result(tx.sql()).await?)
}

/// Activates what waits for the user's address.
pub(super) async fn activate_waiting(tx: &mut Tx, user: &User) -> Result<Vec<DelegationRow>> {
    static ACTIVATE: LazyLock<String> = LazyLock::new(|| {
        format!(
            "update delegations d set delegate_firm_id = ?, delegate_id = ?, state = 'ACTIVE', activated_at = ?, version = d.version + 1
             where (d.firm_id, d.id) in (
               select w.firm_id, w.id from delegations w join firms f on f.id = w.firm_id
               where w.state = 'PENDING' and lower(w.email) = lower(?) and (w.valid_until is null or w.valid_until > ?)
                 and (w.firm_id = ? or f.allow_external_delegates) and (w.firm_id, w.principal_id) <> (?, ?)
               order by w.firm_id, w.id for no key update of w)
             returning {}",
            DelegationRow::columns("d")
        )
    });
    let (now, me) = (tx.now, user.key());
    let update = sql::<SqlOf<DelegationRow>>(&ACTIVATE).bind(me.firm).bind(me.id).bind(now);
    Ok(update
        .bind(user.email.clone())
        .bind(now)
        .bind(me.firm)
        .bind(me.firm)
        .bind(me.id)
        .load(tx.sql())
        .await?)
}

/// The address of a delegation that waits for its owner to register, by a principal who may still grant it.
pub async fn waiting_email(
    connection: &mut AsyncPgConnection,
    firm: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let find = sql::<Text>(
        "select d.email from delegations d join users p on p.firm_id = d.firm_id and p.id = d.principal_id
         where d.firm_id = ? and d.id = ? and d.state = 'PENDING'
           and (d.valid_until is null or d.valid_until > ?) and p.status = 'ACTIVE' and p.kind in ('ADVISER', 'ASSISTANT')",
    );
    Ok(find.bind(firm).bind(id).bind(now).get_result(connection).await.optional()?)
}

/// Sends no more mails from the firm to an address.
pub async fn suppress(tx: &mut Tx, firm: Uuid, email: &str) -> Result<()> {
    let (hash, now) = (secret::hash(email.to_lowercase().as_bytes()), tx.now);
    let insert = sql::<Bool>(
        "insert into mail_suppressions (firm_id, address_hash, created_at) values (?, ?, ?) on conflict do nothing",
    );
    insert.bind(firm).bind(hash).bind(now).execute(tx.sql()).await?;
    Ok(())
}
