//! Users: the staff of a firm. They are invited, register, and are never deleted, because history refers to them.

pub mod password;
mod store;

pub use store::{
    Draft, Status, User, Vouched, activate, by_firm_and_handle, by_handle, candidates, find, find_many,
    find_unchanged, handles, insert, insert_batch, lock_email, of_email, password_hash, set_password,
    taken_handles, wants_summary,
};

use super::text;
use crate::caller::{AsOneself, Caller, Capability, Kind, Permission, UserKey};
use crate::error::Result;
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;

/// May invite staff.
#[derive(Debug)]
pub struct ManageStaff;

impl Permission for ManageStaff {
    const RULE: &'static str = "Only a setup admin manages the firm's staff.";
    const GRANTABLE_BY: &'static str = "a setup admin of the firm, by the capability SETUP_ADMIN";

    fn allows(caller: &Caller) -> bool {
        caller.has(Capability::SetupAdmin)
    }
}

/// A member of staff to invite.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub handle: String,
    pub email: String,
    pub display_name: String,
    pub kind: Kind,
    pub level: Option<String>,
    pub capabilities: Vec<Capability>,
}

impl Invitation {
    /// The row it becomes; refuses what cannot be taken, naming the field.
    pub fn draft(&self) -> Result<Draft> {
        Ok(Draft {
            handle: text::handle("handle", &self.handle)?,
            email: text::email("email", &self.email)?,
            display_name: text::line("displayName", &self.display_name, 200)?,
            kind: self.kind,
            level: self.level.as_deref().map(|level| text::line("level", level, 64)).transpose()?,
            capabilities: self.capabilities.clone(),
            details: serde_json::json!({}),
        })
    }
}

/// Invites someone to the caller's firm: they get a mail with a registration link.
pub async fn invite(tx: &mut Tx, caller: &Caller, new: Invitation) -> Result<User> {
    let permit = caller.permit(ManageStaff)?;
    let draft = new.draft()?;
    super::throttle::mail_of(tx, caller.actor).await?;
    let user =
        store::insert(tx, permit.subject().firm, draft, None).await.map_err(|error| error.at("handle"))?;
    tx.record(user.firm_id, invited(&user));
    Ok(user)
}

/// What changes about a profile; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangedProfile {
    pub display_name: Option<String>,
    /// Whether they want a mail each morning about what was done in their name.
    pub daily_summary: Option<bool>,
}

/// Changes the caller's own profile.
pub async fn update_profile(tx: &mut Tx, caller: &Caller, mut changed: ChangedProfile) -> Result<User> {
    let permit = caller.permit(AsOneself)?;
    changed.display_name =
        changed.display_name.map(|name| text::line("displayName", &name, 200)).transpose()?;
    let user = store::update_profile(tx, permit.subject(), changed).await?;
    let (subject, key, version) = (Subject(NodeType::User, user.id), user.key(), user.version);
    tx.record(user.firm_id, Event::UserUpdated { user: subject, version, key });
    Ok(user)
}

/// Adds someone whom the operator vouches for, at the command line: active at once with a password, or invited.
pub async fn create(
    tx: &mut Tx,
    firm: uuid::Uuid,
    new: Invitation,
    password_hash: Option<String>,
) -> Result<User> {
    let vouched = password_hash.map(|password_hash| Vouched { password_hash });
    let at_once = vouched.is_some();
    let user = store::insert(tx, firm, new.draft()?, vouched).await?;
    let event = if at_once { registered(&user) } else { invited(&user) };
    tx.record(firm, event);
    Ok(user)
}

/// That someone was invited; it causes the mail.
pub fn invited(user: &User) -> Event {
    Event::UserInvited {
        user: Subject(NodeType::User, user.id),
        handle: user.handle.clone(),
        key: user.key(),
    }
}

/// That someone registered.
pub fn registered(user: &User) -> Event {
    Event::UserRegistered {
        user: Subject(NodeType::User, user.id),
        handle: user.handle.clone(),
        key: user.key(),
    }
}

impl User {
    /// The key.
    pub fn key(&self) -> UserKey {
        UserKey { firm: self.firm_id, id: self.id }
    }

    /// Whether this person can sign in and act now.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active && self.can_login
    }
}

/// A user whom the caller may know of: those of the own firm, for whoever works there.
pub async fn visible(
    connection: &mut diesel_async::AsyncPgConnection,
    caller: &Caller,
    id: uuid::Uuid,
) -> Result<Option<User>> {
    let subject = caller.subject();
    let kind = caller.acting().map_or(caller.kind, |acting| acting.principal_kind);
    let works_there = matches!(kind, Kind::Adviser | Kind::Assistant);
    if id != subject.id && !works_there {
        return Ok(None);
    }
    find(connection, UserKey { firm: subject.firm, id }).await
}
