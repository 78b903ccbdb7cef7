//! The cases' SQL, over the clients that someone reaches.

use crate::caller::{Caller, Permit, UserKey};
use crate::db::row::SqlOf;
use crate::db::schema::{case_prints, cases};
use crate::db::statement::sql;
use crate::defaults::SWEPT_AT_ONCE;
use crate::domain::access::{Forms, Reach, WorkOnClients};
use crate::domain::client::ClientRow;
use crate::domain::page::{Page, Slice};
use crate::error::Result;
use crate::events::Tx;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use uuid::Uuid;

crate::text_enum! {
    /// Whether a case is worked on.
    pub enum CaseState {
        /// It is.
        Open = "OPEN",
        /// It was.
        Archived = "ARCHIVED",
    }
}

/// Something that a case says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

/// All that a case says, in its order.
#[derive(Clone, Debug, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = diesel::sql_types::Jsonb)]
pub struct Facts(pub Vec<Fact>);

crate::json_column!(Facts);

crate::row! {
    /// A case.
    pub struct Case from cases {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub client_id: Uuid,
        pub title: String,
        pub facts: Facts,
        pub state: CaseState,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
        pub version: i32,
    }
}

crate::row! {
    /// A link to a case on paper that was opened: in which session it was given out, and in which impersonation, if in one.
    pub struct Opened from case_prints {
        pub case_id: Uuid,
        pub session_firm_id: Uuid,
        pub session_id: Uuid,
        pub impersonation_id: Option<Uuid>,
    }
}

/// Which cases of all that someone reaches: of one client or of all, in one state or in any.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    pub client: Option<Uuid>,
    pub state: Option<CaseState>,
}

/// The cases of the clients, cut by a selection: bound as client, client, state, state.
fn selected(clients: &str) -> String {
    format!(
        "({clients}) c join cases k on k.firm_id = c.firm_id and k.client_id = c.id
         where (?::uuid is null or c.id = ?) and (?::text is null or k.state = ?)"
    )
}

/// A page of the cases that the caller reaches, newest first.
pub async fn page(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    of: Selection,
    page: &Page<Uuid>,
) -> Result<Slice<Case>> {
    static FORWARD: LazyLock<Forms> = LazyLock::new(|| page_forms("<", "desc"));
    static BACKWARD: LazyLock<Forms> = LazyLock::new(|| page_forms(">", "asc"));
    let (forms, nowhere) = if page.backward { (&*BACKWARD, Uuid::nil()) } else { (&*FORWARD, Uuid::max()) };
    let query = Reach::of(caller).statement::<SqlOf<Case>>(forms, |query| query);
    let state = of.state.map(|state| state.as_str().to_owned());
    let query = query.bind(of.client).bind(of.client).bind(state.clone()).bind(state);
    Ok(page.of(query.bind(page.from.unwrap_or(nowhere)).bind(page.fetch()).load(connection).await?))
}

fn page_forms(beyond: &str, order: &str) -> Forms {
    Forms::new(|clients| {
        let (columns, selected) = (Case::columns("k"), selected(&clients("")));
        format!("select {columns} from {selected} and k.id {beyond} ? order by k.id {order} limit ?")
    })
}

/// How many cases the caller reaches.
pub async fn count(connection: &mut AsyncPgConnection, caller: &Caller, of: Selection) -> Result<i64> {
    static COUNT: LazyLock<Forms> =
        LazyLock::new(|| Forms::new(|clients| format!("select count(*) from {}", selected(&clients("")))));
    let query = Reach::of(caller).statement::<BigInt>(&COUNT, |query| query);
    let state = of.state.map(|state| state.as_str().to_owned());
    Ok(query.bind(of.client).bind(of.client).bind(state.clone()).bind(state).get_result(connection).await?)
}

/// The newest open cases of each of these clients, which somebody has reached: at most so many of each.
pub async fn of_clients(
    connection: &mut AsyncPgConnection,
    clients: &[UserKey],
    most: i64,
) -> Result<Vec<Case>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {} from unnest(?, ?) as l (firm_id, client_id) cross join lateral (
               select * from cases where firm_id = l.firm_id and client_id = l.client_id and state = 'OPEN'
               order by id desc limit ?) k",
            Case::columns("k")
        )
    });
    let (firms, ids): (Vec<Uuid>, Vec<Uuid>) = clients.iter().map(|key| (key.firm, key.id)).unzip();
    Ok(sql::<SqlOf<Case>>(&FIND).bind(firms).bind(ids).bind(most).load(connection).await?)
}

/// A case by its id, if the caller reaches its client.
pub async fn find(connection: &mut AsyncPgConnection, caller: &Caller, id: Uuid) -> Result<Option<Case>> {
    static FIND: LazyLock<Forms> = LazyLock::new(|| {
        Forms::new(|clients| {
            let clients =
                clients(" and c.id = (select client_id from cases where firm_id = c.firm_id and id = ?)");
            format!(
                "select {} from ({clients}) c join cases k on k.firm_id = c.firm_id and k.client_id = c.id where k.id = ?",
                Case::columns("k")
            )
        })
    });
    let query = Reach::of(caller).statement::<SqlOf<Case>>(&FIND, |query| query.bind(id)).bind(id);
    Ok(query.get_result(connection).await.optional()?)
}

/// The same, locked for a change.
pub(super) async fn find_locked(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Option<Case>> {
    let key = (Reach::of(caller).subject().firm, id);
    let lock = cases::table.find(key).select(cases::id).for_no_key_update();
    match lock.get_result::<Uuid>(tx.sql()).await.optional()? {
        Some(_) => find(tx.sql(), caller, id).await,
        None => Ok(None),
    }
}

/// Opens a case.
pub(super) async fn insert(
    tx: &mut Tx,
    _permit: &Permit<WorkOnClients>,
    client: &ClientRow,
    title: String,
    facts: Vec<Fact>,
) -> Result<Case> {
    let (id, now) = (tx.new_id(), tx.now);
    let insert = diesel::insert_into(cases::table).values((
        cases::firm_id.eq(client.firm_id),
        cases::id.eq(id),
        cases::client_id.eq(client.id),
        cases::title.eq(title),
        cases::facts.eq(Facts(facts)),
        cases::created_at.eq(now),
        cases::updated_at.eq(now),
    ));
    Ok(insert.returning(Case::as_returning()).get_result(tx.sql()).await?)
}

/// Writes a changed case.
pub(super) async fn update(tx: &mut Tx, _permit: &Permit<WorkOnClients>, case: &Case) -> Result<Case> {
    let now = tx.now;
    let update = diesel::update(cases::table.find((case.firm_id, case.id)));
    let update = update.set((
        cases::title.eq(&case.title),
        cases::facts.eq(&case.facts),
        cases::state.eq(case.state),
        cases::updated_at.eq(now),
        cases::version.eq(cases::version + 1),
    ));
    Ok(update.returning(Case::as_returning()).get_result(tx.sql()).await?)
}

/// Keeps the hash of a link to a case on paper, with the session that it stands for.
pub(super) async fn insert_print(
    tx: &mut Tx,
    caller: &Caller,
    case: &Case,
    token_hash: Vec<u8>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    let (id, now) = (tx.new_id(), tx.now);
    let insert = diesel::insert_into(case_prints::table).values((
        case_prints::firm_id.eq(case.firm_id),
        case_prints::id.eq(id),
        case_prints::case_id.eq(case.id),
        case_prints::session_firm_id.eq(caller.actor.firm),
        case_prints::session_id.eq(caller.session),
        case_prints::impersonation_id.eq(caller.acting().map(|acting| acting.impersonation)),
        case_prints::token_hash.eq(token_hash),
        case_prints::created_at.eq(now),
        case_prints::expires_at.eq(expires_at),
    ));
    insert.execute(tx.sql()).await?;
    Ok(())
}

/// Uses a link up that holds now.
pub(super) async fn open_print(tx: &mut Tx, token_hash: Vec<u8>) -> Result<Option<Opened>> {
    let now = tx.now;
    let open = case_prints::table
        .filter(case_prints::token_hash.eq(token_hash))
        .filter(case_prints::opened_at.is_null())
        .filter(case_prints::expires_at.gt(now));
    let update = diesel::update(open).set(case_prints::opened_at.eq(now)).returning(Opened::as_returning());
    Ok(update.get_result(tx.sql()).await.optional()?)
}

/// Forgets some links that were over an hour ago; that something was printed stays in the log. Answers how many.
pub async fn sweep_prints(tx: &mut Tx) -> Result<usize> {
    let delete = sql::<()>(
        "delete from case_prints where (firm_id, id) in (
           select firm_id, id from case_prints where expires_at < ? limit ? for update skip locked)",
    );
    Ok(delete.bind(tx.now - TimeDelta::hours(1)).bind(SWEPT_AT_ONCE).execute(tx.sql()).await?)
}
