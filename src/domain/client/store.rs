//! The clients' SQL, over those that someone reaches.

use crate::caller::{Caller, Permit, UserKey};
use crate::db::row::SqlOf;
use crate::db::schema::clients;
use crate::db::statement::{Statement, sql};
use crate::domain::access::{Forms, Reach, WorkOnClients, edges_change, reached_by};
use crate::domain::user::User;
use crate::error::Result;
use crate::events::Tx;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::LazyLock;
use uuid::Uuid;

crate::text_enum! {
    /// What a client is to the firm.
    pub enum ClientType {
        /// May become one.
        Prospect = "PROSPECT",
        /// Is one.
        Client = "CLIENT",
        /// Was one.
        Inactive = "INACTIVE",
        /// Only for trying things out.
        Test = "TEST",
    }
}

crate::row! {
    /// A client's own columns.
    pub struct ClientRow from clients {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub name: String,
        pub emails: Vec<String>,
        pub type_: ClientType,
        pub reference: Option<String>,
        pub details: serde_json::Value,
        pub workgroup_id: Option<Uuid>,
        pub created_at: DateTime<Utc>,
        pub version: i32,
    }
}

/// A client with its advisers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    pub row: ClientRow,
    /// Whether all of it is shown, or only what stands in the directory.
    pub whole: bool,
    pub primary_adviser: Option<User>,
    pub secondary_adviser: Option<User>,
}

pub(super) type WithAdvisers = (SqlOf<ClientRow>, Bool, Nullable<SqlOf<User>>, Nullable<SqlOf<User>>);

pub(super) type Found = (ClientRow, bool, Option<User>, Option<User>);

impl From<Found> for Client {
    fn from((row, whole, primary_adviser, secondary_adviser): Found) -> Self {
        Self { row, whole, primary_adviser, secondary_adviser }
    }
}

/// The clients out of `source`, with their advisers.
pub(super) fn with_advisers(source: &str) -> String {
    format!("select {}", advised(source))
}

/// What `select` is followed by to have the clients out of `source`, read as `c`, with their advisers.
pub(super) fn advised(source: &str) -> String {
    format!(
        "{}, c.whole, {}, {} from ({source}) c
         left join users p on p.firm_id = c.firm_id and p.id = c.primary_adviser_id
         left join users s on s.firm_id = c.firm_id and s.id = c.secondary_adviser_id",
        ClientRow::columns("c"),
        User::columns("p"),
        User::columns("s")
    )
}

/// The same of clients that a statement over [`Forms`] found.
pub(super) fn found_with_advisers(found: &str) -> String {
    with_advisers(&format!(
        "select c.*, r.whole from ({found}) r join clients c on c.firm_id = r.firm_id and c.id = r.id"
    ))
}

pub(super) async fn load(
    connection: &mut AsyncPgConnection,
    query: Statement<WithAdvisers>,
) -> Result<Vec<Client>> {
    let rows: Vec<Found> = query.load(connection).await?;
    Ok(rows.into_iter().map(Client::from).collect())
}

/// A client by its id, if the caller reaches it, or finds it in the directory.
pub async fn find(connection: &mut AsyncPgConnection, caller: &Caller, id: Uuid) -> Result<Option<Client>> {
    static FIND: LazyLock<Forms> =
        LazyLock::new(|| Forms::new(|clients| found_with_advisers(&clients(" and c.id = ?"))));
    let find = Reach::with_directory(caller).statement(&FIND, |query| query.bind(id));
    Ok(load(connection, find).await?.pop())
}

/// The same, locked for a change: whoever takes the client away from the caller meanwhile comes before or after it.
pub(super) async fn find_locked(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Option<Client>> {
    let key = (Reach::of(caller).subject().firm, id);
    let lock = clients::table.find(key).select(clients::id).for_no_key_update();
    match lock.get_result::<Uuid>(tx.sql()).await.optional()? {
        Some(_) => find(tx.sql(), caller, id).await,
        None => Ok(None),
    }
}

/// Clients by their keys, for whoever has reached something of theirs.
pub async fn find_many(connection: &mut AsyncPgConnection, keys: &[UserKey]) -> Result<Vec<Client>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        with_advisers(
            "select c.*, true as whole from unnest(?, ?) as k (firm_id, id)
             join clients c on c.firm_id = k.firm_id and c.id = k.id",
        )
    });
    let (firms, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|key| (key.firm, key.id)).unzip();
    load(connection, sql(&FIND).bind(firms).bind(ids)).await
}

/// The clients that delegations list, as far as their principals reach them, by name.
pub async fn listed(
    connection: &mut AsyncPgConnection,
    delegations: &[UserKey],
) -> Result<HashMap<UserKey, Vec<Client>>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        let source = format!(
            "select c.*, true as whole, d.id as delegation_id from unnest(?, ?) as k (firm_id, id)
             join delegations d on d.firm_id = k.firm_id and d.id = k.id
             join delegation_clients l on l.firm_id = d.firm_id and l.delegation_id = d.id
             join clients c on c.firm_id = l.firm_id and c.id = l.client_id and {}",
            reached_by("d.principal_id")
        );
        format!("select c.delegation_id, {} order by c.name, c.id", advised(&source))
    });
    let (firms, ids): (Vec<Uuid>, Vec<Uuid>) = delegations.iter().map(|key| (key.firm, key.id)).unzip();
    let find = sql::<(SqlUuid, WithAdvisers)>(&FIND).bind(firms).bind(ids);
    let rows: Vec<(Uuid, Found)> = find.load(connection).await?;
    let mut listed = HashMap::<UserKey, Vec<Client>>::new();
    for (id, client) in rows {
        let client = Client::from(client);
        listed.entry(UserKey { firm: client.row.firm_id, id }).or_default().push(client);
    }
    Ok(listed)
}

/// Writes a changed client.
pub(super) async fn update(
    tx: &mut Tx,
    _permit: &Permit<WorkOnClients>,
    row: &ClientRow,
) -> Result<ClientRow> {
    let update = diesel::update(clients::table.find((row.firm_id, row.id)));
    let update = update.set((
        clients::name.eq(&row.name),
        clients::emails.eq(&row.emails),
        clients::type_.eq(row.type_),
        clients::reference.eq(&row.reference),
        clients::version.eq(clients::version + 1),
    ));
    Ok(update.returning(ClientRow::as_returning()).get_result(tx.sql()).await?)
}

/// A client to be.
#[derive(Clone, Debug)]
pub struct Draft {
    pub name: String,
    pub emails: Vec<String>,
    pub client_type: ClientType,
    /// The client's number in the books it came from; unique in the firm.
    pub reference: Option<String>,
    /// Whatever else an import brought along.
    pub details: serde_json::Value,
    pub primary_adviser: Option<Uuid>,
    pub secondary_adviser: Option<Uuid>,
}

/// Adds many clients to a firm; references that are taken are left out. Answers the references that were added.
pub async fn insert_batch(tx: &mut Tx, firm: Uuid, batch: Vec<Draft>) -> Result<Vec<Option<String>>> {
    let now = tx.now;
    let rows: Vec<_> = batch
        .into_iter()
        .map(|new| {
            (
                clients::firm_id.eq(firm),
                clients::id.eq(crate::id::new(now)),
                clients::name.eq(new.name),
                clients::emails.eq(new.emails),
                clients::type_.eq(new.client_type),
                clients::reference.eq(new.reference),
                clients::details.eq(new.details),
                clients::primary_adviser_id.eq(new.primary_adviser),
                clients::secondary_adviser_id.eq(new.secondary_adviser),
                clients::created_at.eq(now),
            )
        })
        .collect();
    let insert = diesel::insert_into(clients::table).values(rows).on_conflict_do_nothing();
    Ok(insert.returning(clients::reference).get_results(tx.sql()).await?)
}

/// Adds a client, to a workgroup that someone is in, or to none; answers its id. The primary adviser is the workgroup's owner
/// unless the draft has one. Without the membership there is no client (I26): the workgroup is kept as it is by the
/// transaction.
pub(super) async fn insert(
    tx: &mut Tx,
    member: UserKey,
    workgroup: Option<Uuid>,
    new: Draft,
) -> Result<Option<Uuid>> {
    let insert = sql::<SqlUuid>(
        "insert into clients (firm_id, id, name, emails, type, reference, details, primary_adviser_id, secondary_adviser_id,
           workgroup_id, created_at)
         select k.firm_id, ?, ?, ?, ?, ?, ?, coalesce(?, g.owner_id), ?, k.workgroup_id, ?
         from (select ?::uuid as firm_id, ?::uuid as workgroup_id, ?::uuid as user_id) k
         left join memberships m on m.firm_id = k.firm_id and m.workgroup_id = k.workgroup_id and m.user_id = k.user_id
         left join workgroups g on g.firm_id = m.firm_id and g.id = m.workgroup_id
         where k.workgroup_id is null or g.id is not null
         returning id",
    );
    let insert = insert.bind(tx.new_id()).bind(new.name).bind(new.emails).bind(new.client_type.as_str());
    let insert = insert.bind(new.reference).bind(new.details);
    let insert = insert.bind(new.primary_adviser).bind(new.secondary_adviser).bind(tx.now);
    let insert = insert.bind(member.firm).bind(workgroup).bind(member.id);
    Ok(insert.get_result(tx.sql()).await.optional()?)
}

/// Whether the firm lets only a few people change a client's workgroup.
pub(super) async fn moves_are_strict(tx: &mut Tx, firm: Uuid) -> Result<bool> {
    let find = sql::<Bool>("select strict_workgroup_moves from firms where id = ?");
    Ok(find.bind(firm).get_result(tx.sql()).await?)
}

/// Puts a client into a workgroup, or into none.
pub(super) async fn set_workgroup(tx: &mut Tx, row: &ClientRow, workgroup: Option<Uuid>) -> Result<()> {
    edges_change(tx).await?;
    let update = diesel::update(clients::table.find((row.firm_id, row.id)));
    let update = update.set((clients::workgroup_id.eq(workgroup), clients::version.eq(clients::version + 1)));
    update.execute(tx.sql()).await?;
    Ok(())
}

/// Sets a client's advisers.
pub(super) async fn set_advisers(
    tx: &mut Tx,
    row: &ClientRow,
    primary: Option<Uuid>,
    secondary: Option<Uuid>,
) -> Result<()> {
    edges_change(tx).await?;
    let update = diesel::update(clients::table.find((row.firm_id, row.id)));
    let update = update.set((
        clients::primary_adviser_id.eq(primary),
        clients::secondary_adviser_id.eq(secondary),
        clients::version.eq(clients::version + 1),
    ));
    update.execute(tx.sql()).await?;
    Ok(())
}
