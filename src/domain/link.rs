//! One-time links: minted when their mail goes out, looked up, consumed once. Only the token's hash is kept.

use crate::caller::UserKey;
use crate::db::row::SqlOf;
use crate::db::schema::links;
use crate::db::statement::sql;
use crate::defaults::{LINK_KEPT, SWEPT_AT_ONCE};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::Tx;
use crate::secret::Token;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

crate::text_enum! {
    /// What a link is for.
    pub enum LinkPurpose {
        /// To complete a registration.
        Registration = "REGISTRATION",
        /// To set a new password.
        PasswordReset = "PASSWORD_RESET",
        /// To say "this mail is not for me".
        Unwanted = "UNWANTED",
    }
}

crate::row! {
    /// A link, without its token.
    pub struct Link from links {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub purpose: LinkPurpose,
        pub user_id: Option<Uuid>,
        pub delegation_id: Option<Uuid>,
        pub expires_at: DateTime<Utc>,
        pub consumed_at: Option<DateTime<Utc>>,
    }
}

/// A link that holds now; `INVITE_INVALID` for everything else.
pub async fn look_up(
    connection: &mut AsyncPgConnection,
    token: &Token,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Link> {
    let find = links::table.filter(links::token_hash.eq(token.hash())).filter(links::purpose.eq(purpose));
    let find =
        find.filter(links::consumed_at.is_null()).filter(links::expires_at.gt(now)).select(Link::as_select());
    find.get_result(connection).await.optional()?.ok_or_else(|| Refusal::new(ErrorCode::InviteInvalid).into())
}

/// Uses a link up (I13): of many who try at once, one gets it; `INVITE_INVALID` for the others.
pub async fn consume(tx: &mut Tx, token: &Token, purpose: LinkPurpose) -> Result<Link> {
    static CONSUME: LazyLock<String> = LazyLock::new(|| {
        format!(
            "update links l set consumed_at = ? where token_hash = ? and purpose = ? and consumed_at is null and expires_at > ?
             returning {}",
            Link::columns("l")
        )
    });
    let now = tx.now;
    let update = sql::<SqlOf<Link>>(&CONSUME).bind(now).bind(token.hash()).bind(purpose.as_str()).bind(now);
    update.get_result(tx.sql()).await.optional()?.ok_or_else(|| Refusal::new(ErrorCode::InviteInvalid).into())
}

/// Uses up all links of a user for one purpose: none of those in older mails holds any more.
pub async fn void(tx: &mut Tx, user: UserKey, purpose: LinkPurpose) -> Result<()> {
    let now = tx.now;
    let open = links::table.filter(links::firm_id.eq(user.firm)).filter(links::user_id.eq(user.id));
    let open = open.filter(links::purpose.eq(purpose)).filter(links::consumed_at.is_null());
    diesel::update(open).set(links::consumed_at.eq(now)).execute(tx.sql()).await?;
    Ok(())
}

/// Forgets some of the links that have not held for long; answers how many.
pub async fn sweep(tx: &mut Tx) -> Result<usize> {
    let delete = sql::<()>(
        "delete from links where ctid = any(array(
           select ctid from links where least(expires_at, consumed_at) < ? limit ? for update skip locked))",
    );
    Ok(delete.bind(tx.now - LINK_KEPT).bind(SWEPT_AT_ONCE).execute(tx.sql()).await?)
}
