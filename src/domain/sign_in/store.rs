//! The one statement that finds out who a token is.

use crate::db::row::SqlOf;
use crate::db::statement::sql;
use crate::domain::delegation::DelegationRow;
use crate::domain::firm::Firm;
use crate::domain::impersonation::ImpersonationRow;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::error::Result;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

/// All that decides who a token is: the session, its user and firm, and the impersonation it is in, if any, with
/// its delegation and principal.
pub type Found = (Session, User, Firm, Option<ImpersonationRow>, Option<DelegationRow>, Option<User>);

type Row = (
    SqlOf<Session>,
    SqlOf<User>,
    SqlOf<Firm>,
    Nullable<SqlOf<ImpersonationRow>>,
    Nullable<SqlOf<DelegationRow>>,
    Nullable<SqlOf<User>>,
);

fn session_where(condition: &str) -> String {
    format!("select {}", from_sessions_where(condition))
}

fn from_sessions_where(condition: &str) -> String {
    format!(
        "{}, {}, {}, {}, {}, {}
         from sessions s
         join users u on u.firm_id = s.firm_id and u.id = s.user_id
         join firms f on f.id = s.firm_id
         left join impersonations i on i.actor_firm_id = s.firm_id and i.session_id = s.id and i.left_at is null
         left join delegations d on d.firm_id = i.firm_id and d.id = i.delegation_id
         left join users p on p.firm_id = i.firm_id and p.id = i.principal_id
         where {condition}",
        Session::columns("s"),
        User::columns("u"),
        Firm::columns("f"),
        ImpersonationRow::columns("i"),
        DelegationRow::columns("d"),
        User::columns("p"),
    )
}

/// Finds what a token's hash stands for.
pub async fn by_token(connection: &mut AsyncPgConnection, hash: Vec<u8>) -> Result<Option<Found>> {
    static FIND: LazyLock<String> = LazyLock::new(|| session_where("s.token_hash = ?"));
    Ok(sql::<Row>(&FIND).bind(hash).get_result(connection).await.optional()?)
}

/// The same for a session's key, for what was given out in it.
pub async fn by_session(connection: &mut AsyncPgConnection, firm: Uuid, id: Uuid) -> Result<Option<Found>> {
    static FIND: LazyLock<String> = LazyLock::new(|| session_where("s.firm_id = ? and s.id = ?"));
    Ok(sql::<Row>(&FIND).bind(firm).bind(id).get_result(connection).await.optional()?)
}

/// The same for many tokens at once, each found one with its hash.
pub async fn by_tokens(
    connection: &mut AsyncPgConnection,
    hashes: Vec<Vec<u8>>,
) -> Result<Vec<(Vec<u8>, Found)>> {
    static FIND: LazyLock<String> =
        LazyLock::new(|| format!("select s.token_hash, {}", from_sessions_where("s.token_hash = any(?)")));
    Ok(sql::<(Binary, Row)>(&FIND).bind(hashes).load(connection).await?)
}
