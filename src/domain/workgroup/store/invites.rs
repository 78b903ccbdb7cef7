//! The invites' SQL.

use crate::caller::UserKey;
use crate::db::row::SqlOf;
use crate::db::schema::invites;
use crate::db::statement::{Statement, sql};
use crate::domain::page::{Page, Slice};
use crate::domain::user::User;
use crate::error::Result;
use crate::events::Tx;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

crate::row! {
    /// An invite's own columns.
    pub struct InviteRow from invites {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub workgroup_id: Uuid,
        pub inviter_id: Uuid,
        pub invitee_id: Uuid,
        pub created_at: DateTime<Utc>,
        pub expires_at: Option<DateTime<Utc>>,
    }
}

/// An invite that waits, with both people and the workgroup's description.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Invite {
    pub row: InviteRow,
    pub description: String,
    pub inviter: User,
    pub invitee: User,
}

type FoundInvite = (SqlOf<InviteRow>, Text, SqlOf<User>, SqlOf<User>);

fn invites_where(condition: &str) -> String {
    format!(
        "select {}, g.description, {}, {} from invites i
         join workgroups g on g.firm_id = i.firm_id and g.id = i.workgroup_id
         join users a on a.firm_id = i.firm_id and a.id = i.inviter_id
         join users b on b.firm_id = i.firm_id and b.id = i.invitee_id
         where {condition}",
        InviteRow::columns("i"),
        User::columns("a"),
        User::columns("b")
    )
}

async fn load_invites(
    connection: &mut AsyncPgConnection,
    query: Statement<FoundInvite>,
) -> Result<Vec<Invite>> {
    let rows: Vec<(InviteRow, String, User, User)> = query.load(connection).await?;
    let invite = |(row, description, inviter, invitee)| Invite { row, description, inviter, invitee };
    Ok(rows.into_iter().map(invite).collect())
}

/// An invite by its id.
pub async fn find_invite(connection: &mut AsyncPgConnection, key: UserKey) -> Result<Option<Invite>> {
    static FIND: LazyLock<String> = LazyLock::new(|| invites_where("i.firm_id = ? and i.id = ?"));
    Ok(load_invites(connection, sql(&FIND).bind(key.firm).bind(key.id)).await?.pop())
}

/// The invite of someone to a workgroup, if one waits.
pub(in crate::domain::workgroup) async fn find_pending(
    tx: &mut Tx,
    workgroup: UserKey,
    invitee: Uuid,
) -> Result<Option<Invite>> {
    static FIND: LazyLock<String> =
        LazyLock::new(|| invites_where("i.firm_id = ? and i.workgroup_id = ? and i.invitee_id = ?"));
    Ok(load_invites(tx.sql(), sql(&FIND).bind(workgroup.firm).bind(workgroup.id).bind(invitee)).await?.pop())
}

/// Takes away all invites to a workgroup, also those that have run out.
pub(in crate::domain::workgroup) async fn take_invites(
    tx: &mut Tx,
    workgroup: UserKey,
) -> Result<Vec<Invite>> {
    static FIND: LazyLock<String> =
        LazyLock::new(|| format!("{} order by i.id", invites_where("i.firm_id = ? and i.workgroup_id = ?")));
    let found = load_invites(tx.sql(), sql(&FIND).bind(workgroup.firm).bind(workgroup.id)).await?;
    let of_it = invites::firm_id.eq(workgroup.firm).and(invites::workgroup_id.eq(workgroup.id));
    diesel::delete(invites::table.filter(of_it)).execute(tx.sql()).await?;
    Ok(found)
}

/// The invites that wait for someone and hold now, a page of them, the oldest first.
pub async fn invites_to(
    connection: &mut AsyncPgConnection,
    invitee: UserKey,
    now: DateTime<Utc>,
    page: &Page<Uuid>,
) -> Result<Slice<Invite>> {
    static BOTH: LazyLock<[String; 2]> = LazyLock::new(|| {
        [(">", "asc"), ("<", "desc")].map(|(beyond, order)| {
            let condition = format!(
                "i.firm_id = ? and i.invitee_id = ? and (i.expires_at is null or i.expires_at > ?) and i.id {beyond} ?
                 order by i.id {order} limit ?"
            );
            invites_where(&condition)
        })
    });
    let [forward, backward] = &*BOTH;
    let (text, nowhere) = if page.backward { (backward, Uuid::max()) } else { (forward, Uuid::nil()) };
    let query = sql(text).bind(invitee.firm).bind(invitee.id).bind(now);
    Ok(page.of(load_invites(connection, query.bind(page.from.unwrap_or(nowhere)).bind(page.fetch())).await?))
}

/// How many invites wait for someone and hold now.
pub async fn count_of_invites(
    connection: &mut AsyncPgConnection,
    invitee: UserKey,
    now: DateTime<Utc>,
) -> Result<i64> {
    let count = sql::<BigInt>(
        "select count(*) from invites where firm_id = ? and invitee_id = ? and (expires_at is null or expires_at > ?)",
    );
    Ok(count.bind(invitee.firm).bind(invitee.id).bind(now).get_result(connection).await?)
}

/// The invites to workgroups that wait and hold now: at most so many of each.
pub async fn invites_of(
    connection: &mut AsyncPgConnection,
    workgroups: &[UserKey],
    now: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Invite>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {}, g.description, {}, {} from unnest(?, ?) as k (firm_id, workgroup_id)
             cross join lateral (
               select * from invites where firm_id = k.firm_id and workgroup_id = k.workgroup_id
               and (expires_at is null or expires_at > ?) order by id limit ?) i
             join workgroups g on g.firm_id = i.firm_id and g.id = i.workgroup_id
             join users a on a.firm_id = i.firm_id and a.id = i.inviter_id
             join users b on b.firm_id = i.firm_id and b.id = i.invitee_id
             order by i.id",
            InviteRow::columns("i"),
            User::columns("a"),
            User::columns("b")
        )
    });
    let (firms, ids): (Vec<Uuid>, Vec<Uuid>) = workgroups.iter().map(|key| (key.firm, key.id)).unzip();
    load_invites(connection, sql(&FIND).bind(firms).bind(ids).bind(now).bind(most)).await
}

/// Adds an invite.
pub(in crate::domain::workgroup) async fn insert_invite(
    tx: &mut Tx,
    workgroup: UserKey,
    (inviter, invitee): (Uuid, Uuid),
    expires_at: Option<DateTime<Utc>>,
) -> Result<Uuid> {
    let (id, now) = (tx.new_id(), tx.now);
    let insert = diesel::insert_into(invites::table).values((
        invites::firm_id.eq(workgroup.firm),
        invites::id.eq(id),
        invites::workgroup_id.eq(workgroup.id),
        invites::inviter_id.eq(inviter),
        invites::invitee_id.eq(invitee),
        invites::created_at.eq(now),
        invites::expires_at.eq(expires_at),
    ));
    insert.execute(tx.sql()).await?;
    Ok(id)
}

/// Takes an invite away: however many try, one of them has it.
pub(in crate::domain::workgroup) async fn consume_invite(tx: &mut Tx, key: UserKey) -> Result<bool> {
    Ok(diesel::delete(invites::table.find((key.firm, key.id))).execute(tx.sql()).await? == 1)
}

/// For how many days the firm's invites hold; `None` for as long as they wait.
pub(in crate::domain::workgroup) async fn invite_days(tx: &mut Tx, firm: Uuid) -> Result<Option<i16>> {
    let find = sql::<Nullable<diesel::sql_types::SmallInt>>("select invite_days from firms where id = ?");
    Ok(find.bind(firm).get_result(tx.sql()).await?)
}
