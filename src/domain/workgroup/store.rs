//! The workgroups' SQL.

mod invites;

pub use invites::*;

use crate::caller::UserKey;
use crate::db::row::SqlOf;
use crate::db::schema::{deleted_workgroups, memberships, users, workgroups};
use crate::db::statement::sql;
use crate::defaults::{SWEPT_AT_ONCE, UNDO};
use crate::domain::access::{edges_change, edges_change_at};
use crate::domain::page::{Page, Slice};
use crate::domain::user::User;
use crate::error::Result;
use crate::events::Tx;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashMap;
use std::sync::LazyLock;
use uuid::Uuid;

crate::row! {
    /// A workgroup's own columns.
    pub struct WorkgroupRow from workgroups {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub owner_id: Uuid,
        pub description: String,
        pub created_at: DateTime<Utc>,
        pub version: i32,
    }
}

/// A workgroup with its owner, and how many members it has: the owner is one of them.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Workgroup {
    pub row: WorkgroupRow,
    pub owner: User,
    pub member_count: i64,
}

impl Workgroup {
    /// The key: `(firm, id)`.
    pub fn key(&self) -> UserKey {
        UserKey { firm: self.row.firm_id, id: self.row.id }
    }
}

type Found = (SqlOf<WorkgroupRow>, SqlOf<User>, BigInt);

/// The workgroups out of `source`, with what is shown of each.
fn with_owner(source: &str) -> String {
    format!(
        "select {}, {}, (select count(*) from memberships m where m.firm_id = g.firm_id and m.workgroup_id = g.id)
         from ({source}) g join users o on o.firm_id = g.firm_id and o.id = g.owner_id",
        WorkgroupRow::columns("g"),
        User::columns("o")
    )
}

async fn load(
    connection: &mut AsyncPgConnection,
    query: crate::db::statement::Statement<Found>,
) -> Result<Vec<Workgroup>> {
    let rows: Vec<(WorkgroupRow, User, i64)> = query.load(connection).await?;
    Ok(rows.into_iter().map(|(row, owner, member_count)| Workgroup { row, owner, member_count }).collect())
}

/// Workgroups by their keys.
pub async fn find_many(connection: &mut AsyncPgConnection, keys: &[UserKey]) -> Result<Vec<Workgroup>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        with_owner(
            "select g.* from unnest(?, ?) as k (firm_id, id)
             join workgroups g on g.firm_id = k.firm_id and g.id = k.id",
        )
    });
    let (firms, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|key| (key.firm, key.id)).unzip();
    load(connection, sql(&FIND).bind(firms).bind(ids)).await
}

/// Whether someone is a member.
pub async fn is_member(connection: &mut AsyncPgConnection, workgroup: Uuid, user: UserKey) -> Result<bool> {
    let find = memberships::table.find((user.firm, workgroup, user.id)).select(memberships::user_id);
    Ok(find.get_result::<Uuid>(connection).await.optional()?.is_some())
}

/// A page of someone's workgroups, the oldest first: those that they own, or those that they are in and do not own.
pub async fn of_user(
    connection: &mut AsyncPgConnection,
    user: UserKey,
    owned: bool,
    page: &Page<Uuid>,
) -> Result<Slice<Workgroup>> {
    static OWNED: LazyLock<[String; 2]> = LazyLock::new(|| both(OWNED_BY));
    static JOINED: LazyLock<[String; 2]> = LazyLock::new(|| both(JOINED_BY));
    let [forward, backward] = if owned { &*OWNED } else { &*JOINED };
    let (text, nowhere) = if page.backward { (backward, Uuid::max()) } else { (forward, Uuid::nil()) };
    let query = sql(text).bind(user.firm).bind(user.id);
    Ok(page.of(load(connection, query.bind(page.from.unwrap_or(nowhere)).bind(page.fetch())).await?))
}

const OWNED_BY: &str = "select g.* from workgroups g where g.firm_id = ? and g.owner_id = ?";
const JOINED_BY: &str =
    "select g.* from memberships m join workgroups g on g.firm_id = m.firm_id and g.id = m.workgroup_id
    where m.firm_id = ? and m.user_id = ? and g.owner_id <> m.user_id";

fn both(source: &str) -> [String; 2] {
    [(">", "asc"), ("<", "desc")].map(|(beyond, order)| {
        format!(
            "{} order by g.id {order}",
            with_owner(&format!("{source} and g.id {beyond} ? order by g.id {order} limit ?"))
        )
    })
}

/// How many workgroups someone owns, or is in and does not own.
pub async fn count_of_user(connection: &mut AsyncPgConnection, user: UserKey, owned: bool) -> Result<i64> {
    static COUNTS: LazyLock<[String; 2]> =
        LazyLock::new(|| [JOINED_BY, OWNED_BY].map(|source| format!("select count(*) from ({source}) g")));
    let [joined, mine] = &*COUNTS;
    let count = sql::<BigInt>(if owned { mine } else { joined }).bind(user.firm).bind(user.id);
    Ok(count.get_result(connection).await?)
}

/// All the workgroups that someone is in, with their owners: the ones that a client of theirs may go into.
pub async fn all_of_user(connection: &mut AsyncPgConnection, user: UserKey) -> Result<Vec<Workgroup>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        let source = "select g.* from memberships m join workgroups g on g.firm_id = m.firm_id and g.id = m.workgroup_id
            where m.firm_id = ? and m.user_id = ?";
        format!("{} order by g.description, g.id", with_owner(source))
    });
    load(connection, sql(&FIND).bind(user.firm).bind(user.id)).await
}

/// Someone's default workgroup.
pub async fn default_of(connection: &mut AsyncPgConnection, user: UserKey) -> Result<Option<Workgroup>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        with_owner(
            "select g.* from users u join workgroups g on g.firm_id = u.firm_id and g.id = u.default_workgroup_id
             where u.firm_id = ? and u.id = ?",
        )
    });
    Ok(load(connection, sql(&FIND).bind(user.firm).bind(user.id)).await?.pop())
}

/// Changes someone's default workgroup; `users_default_workgroup` refuses one that they are not in.
pub(super) async fn set_default(tx: &mut Tx, user: UserKey, workgroup: Option<Uuid>) -> Result<()> {
    let update = diesel::update(users::table.find((user.firm, user.id)));
    update.set(users::default_workgroup_id.eq(workgroup)).execute(tx.sql()).await?;
    Ok(())
}

/// A member, and since when.
#[derive(Clone, Debug)]
pub struct Member {
    pub user: User,
    pub joined_at: DateTime<Utc>,
}

/// Some members of a workgroup: so many, in the order of their ids, behind one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Members {
    pub workgroup: UserKey,
    pub after: Uuid,
    pub fetch: i64,
}

/// The members of workgroups, a page of each.
pub async fn members(
    connection: &mut AsyncPgConnection,
    pages: &[Members],
) -> Result<HashMap<Members, Vec<Member>>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select k.place, m.joined_at, {} from unnest(?, ?, ?, ?) with ordinality as k (firm_id, workgroup_id, after, most, place)
             cross join lateral (
               select * from memberships where firm_id = k.firm_id and workgroup_id = k.workgroup_id and user_id > k.after
               order by user_id limit k.most) m
             join users u on u.firm_id = m.firm_id and u.id = m.user_id
             order by k.place, m.user_id",
            User::columns("u")
        )
    });
    let ids = |id: fn(&Members) -> Uuid| pages.iter().map(id).collect::<Vec<_>>();
    let find = sql::<(BigInt, Timestamptz, SqlOf<User>)>(&FIND).bind(ids(|page| page.workgroup.firm));
    let find = find.bind(ids(|page| page.workgroup.id)).bind(ids(|page| page.after));
    let find = find.bind(pages.iter().map(|page| page.fetch).collect::<Vec<_>>());
    let rows: Vec<(i64, DateTime<Utc>, User)> = find.load(connection).await?;
    let mut found: HashMap<_, Vec<_>> = pages.iter().map(|page| (*page, Vec::new())).collect();
    for (place, joined_at, user) in rows {
        // Ordinality counts from one.
        let page = usize::try_from(place - 1).ok().and_then(|place| pages.get(place));
        if let Some(members) = page.and_then(|page| found.get_mut(page)) {
            members.push(Member { user, joined_at });
        }
    }
    Ok(found)
}

/// The ids of all members.
pub(super) async fn member_ids(tx: &mut Tx, workgroup: UserKey) -> Result<Vec<UserKey>> {
    let find = memberships::table
        .filter(memberships::firm_id.eq(workgroup.firm).and(memberships::workgroup_id.eq(workgroup.id)))
        .select(memberships::user_id);
    let ids: Vec<Uuid> = find.load(tx.sql()).await?;
    Ok(ids.into_iter().map(|id| UserKey { firm: workgroup.firm, id }).collect())
}

/// The ids of the clients that are in it.
pub(super) async fn client_ids(tx: &mut Tx, workgroup: UserKey) -> Result<Vec<Uuid>> {
    let find = sql::<SqlUuid>("select id from clients where firm_id = ? and workgroup_id = ?");
    Ok(find.bind(workgroup.firm).bind(workgroup.id).load(tx.sql()).await?)
}

/// A workgroup's row, locked: what is done to a workgroup is done one after the other.
pub(super) async fn lock(tx: &mut Tx, key: UserKey) -> Result<Option<WorkgroupRow>> {
    let find = workgroups::table.find((key.firm, key.id)).select(WorkgroupRow::as_select()).for_update();
    Ok(find.get_result(tx.sql()).await.optional()?)
}

/// Keeps a workgroup as it is, with its owner and its members, until the transaction ends; answers the owner.
pub async fn share(tx: &mut Tx, key: UserKey) -> Result<Option<Uuid>> {
    let lock = sql::<SqlUuid>("select owner_id from workgroups where firm_id = ? and id = ? for key share");
    Ok(lock.bind(key.firm).bind(key.id).get_result(tx.sql()).await.optional()?)
}

/// Those whose default this workgroup is.
pub(super) async fn default_of_whom(tx: &mut Tx, workgroup: UserKey) -> Result<Vec<UserKey>> {
    let find = users::table
        .filter(users::firm_id.eq(workgroup.firm).and(users::default_workgroup_id.eq(workgroup.id)))
        .select(users::id);
    let ids: Vec<Uuid> = find.load(tx.sql()).await?;
    Ok(ids.into_iter().map(|id| UserKey { firm: workgroup.firm, id }).collect())
}

/// Adds a workgroup with its owner as the first member.
pub(super) async fn insert(tx: &mut Tx, owner: UserKey, description: String) -> Result<Uuid> {
    let (id, now) = (tx.new_id(), tx.now);
    let insert = diesel::insert_into(workgroups::table).values((
        workgroups::firm_id.eq(owner.firm),
        workgroups::id.eq(id),
        workgroups::owner_id.eq(owner.id),
        workgroups::description.eq(description),
        workgroups::created_at.eq(now),
    ));
    insert.execute(tx.sql()).await?;
    insert_member(tx, id, owner).await?;
    Ok(id)
}

/// Adds a member; `memberships_pkey` refuses one who is there already.
pub(super) async fn insert_member(tx: &mut Tx, workgroup: Uuid, user: UserKey) -> Result<()> {
    let joined_at = tx.now;
    let insert = diesel::insert_into(memberships::table).values((
        memberships::firm_id.eq(user.firm),
        memberships::workgroup_id.eq(workgroup),
        memberships::user_id.eq(user.id),
        memberships::joined_at.eq(joined_at),
    ));
    insert.execute(tx.sql()).await?;
    Ok(())
}

/// Takes a member out; answers whether there was one.
pub(super) async fn delete_member(tx: &mut Tx, workgroup: Uuid, user: UserKey) -> Result<bool> {
    edges_change(tx).await?;
    let delete = diesel::delete(memberships::table.find((user.firm, workgroup, user.id)));
    Ok(delete.execute(tx.sql()).await? == 1)
}

/// Changes a workgroup's description and owner.
pub(super) async fn update(tx: &mut Tx, row: &WorkgroupRow) -> Result<()> {
    let update = diesel::update(workgroups::table.find((row.firm_id, row.id)));
    let update = update.set((
        workgroups::description.eq(&row.description),
        workgroups::owner_id.eq(row.owner_id),
        workgroups::version.eq(workgroups::version + 1),
    ));
    update.execute(tx.sql()).await?;
    Ok(())
}

/// Deletes a workgroup; what it was is kept, to bring it back.
pub(super) async fn delete(tx: &mut Tx, row: &WorkgroupRow, by: Uuid) -> Result<()> {
    let deleted_at = after_all_edges(tx, row).await?;
    edges_change_at(tx, deleted_at).await?;
    let insert = diesel::insert_into(deleted_workgroups::table).values((
        deleted_workgroups::firm_id.eq(row.firm_id),
        deleted_workgroups::id.eq(row.id),
        deleted_workgroups::owner_id.eq(row.owner_id),
        deleted_workgroups::description.eq(&row.description),
        deleted_workgroups::created_at.eq(row.created_at),
        deleted_workgroups::version.eq(row.version),
        deleted_workgroups::deleted_at.eq(deleted_at),
        deleted_workgroups::deleted_by.eq(by),
    ));
    insert.execute(tx.sql()).await?;
    diesel::delete(workgroups::table.find((row.firm_id, row.id))).execute(tx.sql()).await?;
    Ok(())
}

/// A moment, now if possible, at which no other edge of the workgroup ended: what ends then is told from what ended before.
async fn after_all_edges(tx: &mut Tx, row: &WorkgroupRow) -> Result<DateTime<Utc>> {
    let find = sql::<Nullable<Timestamptz>>(
        "with g as (select ?::uuid as firm_id, ?::uuid as id)
         select max(at) + interval '1 microsecond' from g cross join lateral (
           select max(joined_at) from memberships m where m.firm_id = g.firm_id and m.workgroup_id = g.id
           union all select max(held_until) from past_memberships p where p.firm_id = g.firm_id and p.workgroup_id = g.id
           union all select max(workgroup_since) from clients c where c.firm_id = g.firm_id and c.workgroup_id = g.id
           union all select max(held_until) from past_assignments p
             where p.firm_id = g.firm_id and p.holder_id = g.id and p.role = 'WORKGROUP') edges (at)",
    );
    let last: Option<DateTime<Utc>> = find.bind(row.firm_id).bind(row.id).get_result(tx.sql()).await?;
    Ok(last.map_or(tx.now, |last| last.max(tx.now)))
}

/// A workgroup that was deleted, and when; locked.
pub(super) async fn lock_deleted(tx: &mut Tx, key: UserKey) -> Result<Option<(WorkgroupRow, DateTime<Utc>)>> {
    type Columns = (SqlUuid, SqlUuid, SqlUuid, Text, Timestamptz, Integer, Timestamptz);
    let find = sql::<Columns>(
        "select firm_id, id, owner_id, description, created_at, version, deleted_at from deleted_workgroups
         where firm_id = ? and id = ? for update",
    );
    type Deleted = (Uuid, Uuid, Uuid, String, DateTime<Utc>, i32, DateTime<Utc>);
    let found: Option<Deleted> = find.bind(key.firm).bind(key.id).get_result(tx.sql()).await.optional()?;
    Ok(found.map(|(firm_id, id, owner_id, description, created_at, version, deleted_at)| {
        (WorkgroupRow { firm_id, id, owner_id, description, created_at, version }, deleted_at)
    }))
}

/// Puts a deleted workgroup back, with those of its members who can be in one and, of its clients, those that nobody has put
/// into another workgroup meanwhile, or into one and out of it again.
pub(super) async fn restore(tx: &mut Tx, row: &WorkgroupRow, deleted_at: DateTime<Utc>) -> Result<()> {
    edges_change(tx).await?;
    let now = tx.now;
    let (firm, id) = (row.firm_id, row.id);
    let insert = diesel::insert_into(workgroups::table).values((
        workgroups::firm_id.eq(firm),
        workgroups::id.eq(id),
        workgroups::owner_id.eq(row.owner_id),
        workgroups::description.eq(&row.description),
        workgroups::created_at.eq(row.created_at),
        workgroups::version.eq(row.version + 1),
    ));
    insert.execute(tx.sql()).await?;
    let members = sql::<()>(
        "insert into memberships (firm_id, workgroup_id, user_id, joined_at)
         select p.firm_id, p.workgroup_id, p.user_id, ? from past_memberships p
         join users u on u.firm_id = p.firm_id and u.id = p.user_id and u.can_join and u.status <> 'INACTIVE'
         where p.firm_id = ? and p.workgroup_id = ? and p.held_until = ?",
    );
    members.bind(now).bind(firm).bind(id).bind(deleted_at).execute(tx.sql()).await?;
    let clients = sql::<()>(
        "update clients c set workgroup_id = p.holder_id from past_assignments p
         where p.firm_id = ? and p.holder_id = ? and p.role = 'WORKGROUP' and p.held_until = ?
           and c.firm_id = p.firm_id and c.id = p.client_id and c.workgroup_id is null
           and not exists (select from past_assignments later
             where later.firm_id = p.firm_id and later.client_id = p.client_id and later.role = 'WORKGROUP' and later.held_from >= p.held_until)",
    );
    clients.bind(firm).bind(id).bind(deleted_at).execute(tx.sql()).await?;
    diesel::delete(deleted_workgroups::table.find((firm, id))).execute(tx.sql()).await?;
    Ok(())
}

/// The clients that were in a workgroup when it was deleted.
pub(super) async fn clients_at_deletion(
    tx: &mut Tx,
    key: UserKey,
    deleted_at: DateTime<Utc>,
) -> Result<Vec<Uuid>> {
    let find = sql::<SqlUuid>(
        "select client_id from past_assignments where firm_id = ? and holder_id = ? and role = 'WORKGROUP' and held_until = ?",
    );
    Ok(find.bind(key.firm).bind(key.id).bind(deleted_at).load(tx.sql()).await?)
}

/// Forgets some of the workgroups that cannot be brought back any more; answers how many.
pub async fn sweep(tx: &mut Tx) -> Result<usize> {
    let delete = sql::<()>(
        "delete from deleted_workgroups where ctid = any(array(
           select ctid from deleted_workgroups where deleted_at < ? limit ? for update skip locked))",
    );
    Ok(delete.bind(tx.now - UNDO).bind(SWEPT_AT_ONCE).execute(tx.sql()).await?)
}
