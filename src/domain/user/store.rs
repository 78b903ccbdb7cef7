//! The users' SQL.

use super::ChangedProfile;
use crate::caller::{Capability, Kind, UserKey};
use crate::db::row::SqlOf;
use crate::db::schema::users;
use crate::db::statement::sql;
use crate::error::Result;
use crate::events::Tx;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashSet;
use std::sync::LazyLock;
use uuid::Uuid;

crate::text_enum! {
    /// Where a user stands.
    pub enum Status {
        /// Invited; has not registered yet.
        Pending = "PENDING",
        /// Registered.
        Active = "ACTIVE",
        /// Taken out of service.
        Inactive = "INACTIVE",
    }
}

crate::row! {
    /// A user, without their secrets. It is read for everybody who is shown beside something: what nobody asks for is not
    /// among it.
    pub struct User from users {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub handle: String,
        pub email: String,
        pub display_name: String,
        pub kind: Kind,
        pub capabilities: Vec<Capability>,
        pub status: Status,
        pub can_login: bool,
        pub version: i32,
    }
}

/// A user to be.
#[derive(Clone, Debug)]
pub struct Draft {
    pub handle: String,
    pub email: String,
    pub display_name: String,
    pub kind: Kind,
    pub level: Option<String>,
    pub capabilities: Vec<Capability>,
    /// Whatever else an import brought along.
    pub details: serde_json::Value,
}

/// What makes a user active at once: the address is vouched for, and there is a password.
#[derive(Clone, Debug)]
pub struct Vouched {
    pub password_hash: String,
}

/// Adds a user, pending unless vouched for. `users_handle` refuses a handle that is taken.
pub async fn insert(tx: &mut Tx, firm: Uuid, new: Draft, vouched: Option<Vouched>) -> Result<User> {
    let (id, now) = (tx.new_id(), tx.now);
    let status = if vouched.is_some() { Status::Active } else { Status::Pending };
    let insert = diesel::insert_into(users::table).values((
        users::firm_id.eq(firm),
        users::id.eq(id),
        users::handle.eq(new.handle),
        users::email.eq(new.email),
        users::email_verified_at.eq(vouched.as_ref().map(|_| now)),
        users::display_name.eq(new.display_name),
        users::kind.eq(new.kind),
        users::level.eq(new.level),
        users::capabilities.eq(new.capabilities),
        users::status.eq(status),
        users::can_login.eq(true),
        users::password_hash.eq(vouched.map(|vouched| vouched.password_hash)),
        users::details.eq(new.details),
        users::created_at.eq(now),
    ));
    Ok(insert.returning(User::as_returning()).get_result(tx.sql()).await?)
}

/// Adds many users to a firm, all pending; handles that are taken are left out. Answers the rows that were added.
pub async fn insert_batch(tx: &mut Tx, firm: Uuid, batch: Vec<Draft>) -> Result<Vec<User>> {
    let now = tx.now;
    let rows: Vec<_> = batch
        .into_iter()
        .map(|new| {
            (
                users::firm_id.eq(firm),
                users::id.eq(crate::id::new(now)),
                users::handle.eq(new.handle),
                users::email.eq(new.email),
                users::display_name.eq(new.display_name),
                users::kind.eq(new.kind),
                users::level.eq(new.level),
                users::capabilities.eq(new.capabilities),
                users::status.eq(Status::Pending),
                users::can_login.eq(true),
                users::details.eq(new.details),
                users::created_at.eq(now),
            )
        })
        .collect();
    let insert = diesel::insert_into(users::table).values(rows).on_conflict_do_nothing();
    Ok(insert.returning(User::as_returning()).get_results(tx.sql()).await?)
}

/// A user of a firm by the handle, whatever its case.
pub async fn by_handle(connection: &mut AsyncPgConnection, firm: Uuid, handle: &str) -> Result<Option<User>> {
    Ok(taken_handles(connection, firm, vec![handle.trim().to_lowercase()]).await?.pop())
}

/// Which of these handles (in lower case) belong to somebody of the firm, and to whom.
pub async fn taken_handles(
    connection: &mut AsyncPgConnection,
    firm: Uuid,
    lower: Vec<String>,
) -> Result<Vec<User>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!("select {} from users u where u.firm_id = ? and lower(u.handle) = any(?)", User::columns("u"))
    });
    Ok(sql::<SqlOf<User>>(&FIND).bind(firm).bind(lower).load(connection).await?)
}

/// A user by key.
pub async fn find(connection: &mut AsyncPgConnection, key: UserKey) -> Result<Option<User>> {
    let find = users::table.find((key.firm, key.id)).select(User::as_select());
    Ok(find.get_result(connection).await.optional()?)
}

/// Users by their keys.
pub async fn find_many(connection: &mut AsyncPgConnection, keys: &[UserKey]) -> Result<Vec<User>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {} from unnest(?, ?) as k (firm_id, id) join users u on u.firm_id = k.firm_id and u.id = k.id",
            User::columns("u")
        )
    });
    let (firms, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|key| (key.firm, key.id)).unzip();
    Ok(sql::<SqlOf<User>>(&FIND).bind(firms).bind(ids).load(connection).await?)
}

/// A user whose password still has this hash; it stays so until the end of the transaction.
pub async fn find_unchanged(tx: &mut Tx, key: UserKey, hash: &str) -> Result<Option<User>> {
    let find =
        users::table.find((key.firm, key.id)).filter(users::password_hash.eq(hash)).select(User::as_select());
    Ok(find.for_share().get_result(tx.sql()).await.optional()?)
}

/// A user by the firm's short name and the handle.
pub async fn by_firm_and_handle(
    connection: &mut AsyncPgConnection,
    slug: &str,
    handle: &str,
) -> Result<Option<User>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        let columns = User::columns("u");
        format!(
            "select {columns} from users u join firms f on f.id = u.firm_id where f.slug = ? and lower(u.handle) = lower(?)"
        )
    });
    let find = sql::<SqlOf<User>>(&FIND).bind(slug.to_owned()).bind(handle.to_owned());
    Ok(find.get_result(connection).await.optional()?)
}

/// The users of a firm who have this address, whatever its case.
pub async fn of_email(connection: &mut AsyncPgConnection, firm: Uuid, email: &str) -> Result<Vec<User>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {} from users u where u.firm_id = ? and lower(u.email) = lower(?) order by u.handle",
            User::columns("u")
        )
    });
    Ok(sql::<SqlOf<User>>(&FIND).bind(firm).bind(email.to_owned()).load(connection).await?)
}

/// Makes those who register or claim by the same address wait for each other until the end of the transaction.
pub async fn lock_email(tx: &mut Tx, email: &str) -> Result<()> {
    let lock =
        sql::<diesel::sql_types::Bool>("select pg_advisory_xact_lock(hashtextextended(lower(?), 0)) is null");
    lock.bind(email.to_owned()).get_result::<bool>(tx.sql()).await?;
    Ok(())
}

/// Who may be meant by a firm's short name and a handle or an address: by the handle, else by the address.
/// Comes with the password's hash. The statement is the same for people who do not exist.
pub async fn candidates(
    connection: &mut AsyncPgConnection,
    slug: &str,
    login: &str,
) -> Result<Vec<(User, Option<String>)>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        let columns = User::columns("u");
        format!(
            "select {columns}, u.password_hash from users u join firms f on f.id = u.firm_id
             where f.slug = lower(?) and (lower(u.handle) = lower(?) or lower(u.email) = lower(?))
             order by lower(u.handle) = lower(?) desc, u.created_at limit 10"
        )
    });
    let find = sql::<(SqlOf<User>, Nullable<Text>)>(&FIND).bind(slug.trim().to_owned());
    let find = find.bind(login.to_owned()).bind(login.to_owned()).bind(login.to_owned());
    let mut found: Vec<(User, Option<String>)> = find.load(connection).await?;
    if found.iter().any(|(user, _)| user.handle.to_lowercase() == login.to_lowercase()) {
        found.truncate(1);
    }
    Ok(found)
}

/// Whether a user wants a summary each morning of what was done in their name.
pub async fn wants_summary(connection: &mut AsyncPgConnection, key: UserKey) -> Result<bool> {
    Ok(users::table.find((key.firm, key.id)).select(users::daily_summary).get_result(connection).await?)
}

/// Changes how others see a user, and whether they want a summary: of the days from now on, in their firm's time zone.
pub(super) async fn update_profile(tx: &mut Tx, key: UserKey, changed: ChangedProfile) -> Result<User> {
    static UPDATE: LazyLock<String> = LazyLock::new(|| {
        format!(
            "update users u set display_name = coalesce(?, u.display_name), daily_summary = coalesce(?, u.daily_summary),
               summarized_on = case when u.daily_summary then u.summarized_on
                 else ((? at time zone f.time_zone) - interval '6 hours')::date end,
               version = u.version + 1
             from firms f where f.id = u.firm_id and u.firm_id = ? and u.id = ? returning {}",
            User::columns("u")
        )
    });
    let now = tx.now;
    let update = sql::<SqlOf<User>>(&UPDATE).bind(changed.display_name).bind(changed.daily_summary).bind(now);
    Ok(update.bind(key.firm).bind(key.id).get_result(tx.sql()).await?)
}

/// The hash of a user's password.
pub async fn password_hash(connection: &mut AsyncPgConnection, key: UserKey) -> Result<Option<String>> {
    let find = users::table.find((key.firm, key.id)).select(users::password_hash);
    Ok(find.get_result(connection).await.optional()?.flatten())
}

/// Sets the hash of a user's password.
pub async fn set_password(tx: &mut Tx, key: UserKey, hash: String) -> Result<()> {
    let update = diesel::update(users::table.find((key.firm, key.id)));
    update
        .set((users::password_hash.eq(hash), users::version.eq(users::version + 1)))
        .execute(tx.sql())
        .await?;
    Ok(())
}

/// Makes a pending user active: the address is proven, and there is a password. `None` if the user is not pending.
pub async fn activate(
    tx: &mut Tx,
    key: UserKey,
    display_name: Option<String>,
    hash: String,
) -> Result<Option<User>> {
    let now = tx.now;
    let update =
        diesel::update(users::table.find((key.firm, key.id)).filter(users::status.eq(Status::Pending)));
    let update = update.set((
        users::status.eq(Status::Active),
        users::email_verified_at.eq(now),
        users::password_hash.eq(hash),
        display_name.map(|name| users::display_name.eq(name)),
        users::version.eq(users::version + 1),
    ));
    Ok(update.returning(User::as_returning()).get_result(tx.sql()).await.optional()?)
}

/// Which of these users there is in the firm already, by handle in lower case.
pub fn handles(users: &[User]) -> HashSet<String> {
    users.iter().map(|user| user.handle.to_lowercase()).collect()
}
