//! Registering behind a link: an invited member of staff, or a back-office user whom a principal named.

use crate::caller::{Caller, Kind, UserKey};
use crate::domain::link::{self, Link, LinkPurpose};
use crate::domain::user::{self, Draft, Status, User, Vouched, password};
use crate::domain::{delegation, text};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Author, Log, Tx};
use crate::secret::Token;

/// What a person gives to register.
#[derive(Clone, Debug)]
pub struct Registration {
    pub token: Token,
    /// The user ID that a new person would like; by default made of the address.
    pub handle: Option<String>,
    pub display_name: Option<String>,
    pub password: password::Password,
}

/// Completes a registration. Every reason for which a link does not hold gives the same answer in the same time:
/// `INVITE_INVALID`. The password is hashed between two looks at the link, so that no connection waits for it.
pub async fn register(
    log: &Log,
    hasher: &password::Hasher,
    caller: Option<&Caller>,
    new: Registration,
) -> Result<User> {
    let handle = new.handle.as_deref().map(|handle| text::handle("handle", handle)).transpose()?;
    let name = new.display_name.as_deref().map(|name| text::line("displayName", name, 200)).transpose()?;
    let link =
        link::look_up(&mut *log.reader().await?, &new.token, LinkPurpose::Registration, log.clock.now())
            .await?;
    let email = address_of(log, &link, caller).await?;
    new.password.check(
        "password",
        &[&email, handle.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default()],
    )?;
    let hash = hasher.hash(new.password).await?;
    log.transact(Author::System, async |tx| {
        let link = link::consume(tx, &new.token, LinkPurpose::Registration).await?;
        let user = match (link.user_id, link.delegation_id) {
            (Some(id), _) => activate_invited(tx, UserKey { firm: link.firm_id, id }, name, hash).await?,
            (None, Some(id)) => register_delegate(tx, &link, id, handle, name, hash).await?,
            (None, None) => return Err(invalid()),
        };
        tx.author = Author::person(user.key());
        tx.record(user.firm_id, user::registered(&user));
        delegation::activate_waiting(tx, &user).await?;
        Ok(user)
    })
    .await
}

/// The address that the link was sent to. Someone who is signed in with another one does not use it up.
async fn address_of(log: &Log, link: &Link, caller: Option<&Caller>) -> Result<String> {
    let mut reader = log.reader().await?;
    let email = match (link.user_id, link.delegation_id) {
        (Some(id), _) => {
            user::find(&mut reader, UserKey { firm: link.firm_id, id }).await?.map(|user| user.email)
        }
        (None, Some(id)) => delegation::waiting_email(&mut reader, link.firm_id, id, log.clock.now()).await?,
        (None, None) => None,
    };
    let email = email.ok_or_else(invalid)?;
    if let Some(caller) = caller {
        let signed_in = user::find(&mut reader, caller.actor).await?;
        if signed_in.is_none_or(|user| !user.email.eq_ignore_ascii_case(&email)) {
            return Err(invalid());
        }
    }
    Ok(email)
}

async fn activate_invited(tx: &mut Tx, key: UserKey, name: Option<String>, hash: String) -> Result<User> {
    user::activate(tx, key, name, hash).await?.ok_or_else(invalid)
}

/// A new person in the principal's firm, who can act for those who let them and nothing else (A51).
async fn register_delegate(
    tx: &mut Tx,
    link: &Link,
    delegation: uuid::Uuid,
    handle: Option<String>,
    name: Option<String>,
    hash: String,
) -> Result<User> {
    let now = tx.now;
    let email =
        delegation::waiting_email(tx.sql(), link.firm_id, delegation, now).await?.ok_or_else(invalid)?;
    // Two links to the same address, opened at once, make one person.
    user::lock_email(tx, &email).await?;
    let of_email = user::of_email(tx.sql(), link.firm_id, &email).await?;
    if of_email.iter().any(|user| user.status != Status::Inactive) {
        return Err(invalid());
    }
    let handle = match handle {
        Some(handle) => handle,
        None => free_handle(tx, link.firm_id, &email).await?,
    };
    let draft = Draft {
        display_name: name.unwrap_or_else(|| handle.clone()),
        handle,
        email,
        kind: Kind::BackOffice,
        level: None,
        capabilities: Vec::new(),
        details: serde_json::json!({}),
    };
    let vouched = Vouched { password_hash: hash };
    user::insert(tx, link.firm_id, draft, Some(vouched)).await.map_err(|error| error.at("handle"))
}

/// A user ID made of the address: `bea`, or `bea2` where there is one already.
async fn free_handle(tx: &mut Tx, firm: uuid::Uuid, email: &str) -> Result<String> {
    let local = email.split('@').next().unwrap_or_default();
    let mut base: String =
        local.chars().filter(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-')).take(56).collect();
    if base.chars().count() < 2 {
        base = format!("user-{base}");
    }
    let wishes: Vec<String> =
        std::iter::once(base.clone()).chain((2..100).map(|n| format!("{base}{n}"))).collect();
    let lower = wishes.iter().map(|wish| wish.to_lowercase()).collect();
    let taken = user::handles(&user::taken_handles(tx.sql(), firm, lower).await?);
    let free = wishes.into_iter().find(|wish| !taken.contains(&wish.to_lowercase()));
    free.ok_or_else(|| Refusal::new(ErrorCode::HandleTaken).at("handle").into())
}

fn invalid() -> crate::error::Error {
    Refusal::new(ErrorCode::InviteInvalid).into()
}
