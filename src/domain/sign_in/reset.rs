//! Setting a new password behind a link from a mail.
//!
//! Asking for it only notes the wish. Whether there is such a person is found out later by the relay, so that the
//! answer says the same, in the same time, to everybody.

use super::end_all;
use crate::caller::UserKey;
use crate::db::schema::password_reset_requests;
use crate::domain::link::{self, LinkPurpose};
use crate::domain::session::{self, EndReason};
use crate::domain::user::password::{Hasher, Password};
use crate::domain::user::{self, Status};
use crate::domain::{firm, text, throttle};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Author, Event, Log, Subject, Tx};
use crate::id::NodeType;
use crate::secret::Token;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

/// Notes that someone wants a link to set a new password.
pub async fn request_password_reset(tx: &mut Tx, firm_slug: &str, login: &str) -> Result<()> {
    let cut = |text: &str| text.trim().chars().take(254).collect::<String>();
    let insert = diesel::insert_into(password_reset_requests::table).values((
        password_reset_requests::id.eq(tx.new_id()),
        password_reset_requests::firm_slug.eq(cut(firm_slug)),
        password_reset_requests::login.eq(cut(&text::login(login))),
        password_reset_requests::requested_at.eq(tx.now),
    ));
    insert.execute(tx.sql()).await?;
    Ok(())
}

/// Takes up to 16 of the wishes and has a mail sent to each person meant. Answers how many wishes there were.
pub async fn process_reset_requests(tx: &mut Tx) -> Result<usize> {
    let take = crate::db::statement::sql::<(Text, Text)>(
        "delete from password_reset_requests where id in
           (select id from password_reset_requests order by id for update skip locked limit 16)
         returning firm_slug, login",
    );
    let wishes: Vec<(String, String)> = take.load(tx.sql()).await?;
    let count = wishes.len();
    for (firm_slug, login) in wishes {
        for (user, _) in user::candidates(tx.sql(), &firm_slug, &login).await? {
            if user.can_login && user.status != Status::Inactive {
                let (subject, registered) = (Subject(NodeType::User, user.id), user.status == Status::Active);
                tx.record(
                    user.firm_id,
                    Event::PasswordResetRequested { user: subject, key: user.key(), registered },
                );
            }
        }
    }
    Ok(count)
}

/// Sets a new password; every session of the person ends, and every device is forgotten. Whatever is wrong with the link: `INVITE_INVALID`.
pub async fn reset_password(log: &Log, hasher: &Hasher, token: Token, new: Password) -> Result<user::User> {
    let mut reader = log.reader().await?;
    let link = link::look_up(&mut reader, &token, LinkPurpose::PasswordReset, log.clock.now()).await?;
    let key = UserKey { firm: link.firm_id, id: link.user_id.ok_or_else(invalid)? };
    let user = user::find(&mut reader, key).await?.ok_or_else(invalid)?;
    drop(reader);
    new.check("newPassword", &[&user.email, &user.handle, &user.display_name])?;
    let hash = hasher.hash(new).await?;
    log.transact(Author::person(key), async |tx| {
        link::consume(tx, &token, LinkPurpose::PasswordReset).await?;
        let user = user::find(tx.sql(), key).await?.filter(|user| user.is_active()).ok_or_else(invalid)?;
        user::set_password(tx, key, hash).await?;
        end_all(tx, key, EndReason::PasswordReset, None).await?;
        session::forget_devices(tx, key, None).await?;
        link::void(tx, key, LinkPurpose::PasswordReset).await?;
        let slug = firm::slug_of(tx.sql(), key.firm).await?;
        throttle::forget_account(tx, &slug, [&user.handle, &user.email]).await?;
        tx.record(key.firm, Event::PasswordChanged { user: Subject(NodeType::User, key.id), key });
        Ok(user)
    })
    .await
}

fn invalid() -> crate::error::Error {
    Refusal::new(ErrorCode::InviteInvalid).into()
}
