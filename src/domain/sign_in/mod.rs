//! Who is at the keyboard: registering, signing in and out, passwords, and finding out who a token is.
//!
//! A request brings a token; [`authenticate`] finds, in one statement, the session, its user, and whom it acts for,
//! and judges all of it by the clock. Nothing is cached: what ended is over for the next request. Passwords are
//! hashed on threads of their own, never while a connection is held. Whoever has a link from a mail proves the
//! address by it: [`register`] is the only way to an active user whose address nobody else vouches for.

mod authenticate;
mod open;
mod registration;
mod reset;
mod seats;
mod store;

pub use authenticate::{Authenticated, authenticate, of_session};
pub use open::{Credentials, SignedIn, sign_in};
pub use registration::{Registration, register};
pub use reset::{process_reset_requests, request_password_reset, reset_password};
pub use seats::{judge_seats, ticket};

use super::link::{self, LinkPurpose};
use super::session::{self, EndReason};
use super::user::password::{Hasher, Password};
use super::{impersonation, throttle, user};
use crate::caller::{AsOneself, Caller, UserKey};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Author, Event, Log, Subject, Tx};
use crate::id::NodeType;
use crate::secret::{Purpose, Token};

/// Ends the caller's session, and the impersonation in it.
pub async fn sign_out(tx: &mut Tx, caller: &Caller) -> Result<()> {
    let ended = session::end_one(tx, caller.actor, caller.session, EndReason::SignedOut).await?;
    impersonation::end_in_sessions(tx, caller.actor, &ended).await
}

/// Ends all sessions of the caller; answers how many.
pub async fn sign_out_everywhere(tx: &mut Tx, caller: &Caller) -> Result<usize> {
    caller.permit(AsOneself)?;
    end_all(tx, caller.actor, EndReason::SignedOutEverywhere, None).await
}

/// Ends all sessions of a user but one, and the impersonations in them; answers how many could still be used.
pub async fn end_all(
    tx: &mut Tx,
    user: UserKey,
    reason: EndReason,
    but: Option<uuid::Uuid>,
) -> Result<usize> {
    let ended = session::end_all(tx, user, reason, but).await?;
    let ids: Vec<_> = ended.iter().map(|(id, _)| *id).collect();
    impersonation::end_in_sessions(tx, user, &ids).await?;
    Ok(ended.iter().filter(|(_, was_open)| *was_open).count())
}

/// Changes the caller's password: all other sessions end, all devices but the one at hand are forgotten, and this
/// session goes on under a new token.
pub async fn change_password(
    log: &Log,
    hasher: &Hasher,
    caller: &Caller,
    current: Password,
    new: Password,
    device: Option<&Token>,
) -> Result<Token> {
    caller.permit(AsOneself)?;
    let tries = throttle::key("password", &caller.actor.id.to_string());
    let now = log.clock.now();
    let looked_up = log.transact(Author::System, async |tx| {
        let (limit, minute) = (tx.limits.sign_ins_per_minute, chrono::TimeDelta::minutes(1));
        throttle::count(tx.sql(), now, std::slice::from_ref(&tries), limit, minute).await?;
        let me = user::find(tx.sql(), caller.actor).await?;
        let me = me.ok_or_else(|| Refusal::new(ErrorCode::NotFound))?;
        Ok((me, user::password_hash(tx.sql(), caller.actor).await?))
    });
    let (me, hash) = looked_up.await?;
    if !hasher.verify(current, hash).await? {
        log.transact(Author::System, async |tx| throttle::failed(tx.sql(), now, tries).await).await?;
        return Err(Refusal::new(ErrorCode::WrongPassword).at("currentPassword").into());
    }
    new.check("newPassword", &[&me.email, &me.handle, &me.display_name])?;
    let hash = hasher.hash(new).await?;
    let token = Token::generate(Purpose::Session)?;
    log.transact(Author::from(caller), async |tx| {
        // Whoever set another password in the meantime has ended this session, and this change comes to nothing.
        user::set_password(tx, caller.actor, hash).await?;
        end_all(tx, caller.actor, EndReason::PasswordChanged, Some(caller.session)).await?;
        session::forget_devices(tx, caller.actor, device.map(Token::hash)).await?;
        session::renew(tx, caller.actor, caller.session, token.hash()).await?;
        link::void(tx, caller.actor, LinkPurpose::PasswordReset).await?;
        throttle::succeeded(tx, &[tries]).await?;
        let user = Subject(NodeType::User, caller.actor.id);
        tx.record(caller.actor.firm, Event::PasswordChanged { user, key: caller.actor });
        Ok(())
    })
    .await?;
    Ok(token)
}

/// Notes for the auditors that someone was refused: once a minute for each session and code. Never fails the answer.
pub async fn note_denial(log: &Log, caller: &Caller, code: ErrorCode, operation: String) {
    let note = log.transact(Author::from(caller), async |tx| {
        let key = throttle::key("denied", &format!("{}/{}", caller.session, code.as_str()));
        let now = tx.now;
        if throttle::first_in(tx.sql(), now, key, chrono::TimeDelta::minutes(1)).await? {
            let operation = operation.chars().take(200).collect();
            tx.record(
                caller.subject().firm,
                Event::AccessDenied { code: code.as_str().to_owned(), operation },
            );
        }
        Ok(())
    });
    if let Err(error) = note.await {
        tracing::warn!(?error, "a refusal could not be noted");
    }
}
