//! Delegations: a principal lets someone act for them. At most two live ones a principal: the table has two seats.
//!
//! A delegate whom the firm knows can act at once and gets a notice; anybody else gets a mail, and nobody is told
//! whether the address has an account anywhere. Which of the two mails is right is found out when it goes out; the
//! delegation becomes active when the address's owner registers, or next signs in ([`activate_waiting`]).
//!
//! What ends or narrows a delegation also ends what runs by it; that is done by `impersonation::grant`.

pub mod schedule;
mod store;
mod terms;

pub(super) use store::find_locked;
pub use store::{Delegation, DelegationRow, State, find, of_delegate, of_principal, suppress, waiting_email};
pub use terms::{ChangedTerms, Terms};

use super::user::{self, Status, User};
use super::{access, firm, text, throttle};
use crate::caller::{Caller, Kind, Permission, Permit, UserKey};
use crate::error::rules::{SEATS, limit_reached};
use crate::error::{Detail, ErrorCode, Refusal, Result};
use crate::events::event::{self, Parties};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// May choose who acts for them.
#[derive(Debug)]
pub struct ManageOwnDelegations;

impl Permission for ManageOwnDelegations {
    const RULE: &'static str = "Only advisers and assistants have back-office users of their own.";
    const GRANTABLE_BY: &'static str = "a setup admin of the firm, by the kind of user";

    fn allows(caller: &Caller) -> bool {
        caller.acting().is_none() && can_be_principal(caller.kind)
    }
}

fn can_be_principal(kind: Kind) -> bool {
    matches!(kind, Kind::Adviser | Kind::Assistant)
}

/// Someone to act for the caller.
#[derive(Clone, Debug)]
pub struct NewDelegation {
    pub email: String,
    /// Which one, where several people of the firm share the address.
    pub handle: Option<String>,
    pub terms: Terms,
}

/// Seats `email` beside the caller; the table has only two seats.
pub async fn add(tx: &mut Tx, caller: &Caller, new: NewDelegation) -> Result<Delegation> {
    let permit = caller.permit(ManageOwnDelegations)?;
    let email = text::email("email", &new.email)?;
    let terms = new.terms.checked(tx.now)?;
    reaches_all(tx, caller, terms.clients.as_deref()).await?;
    expire_due(tx, Some(permit.subject())).await?;
    let principal =
        user::find(tx.sql(), permit.subject()).await?.ok_or_else(|| Refusal::new(ErrorCode::NotFound))?;
    let delegate = known_delegate(tx, &principal, &email, new.handle.as_deref()).await?;
    let row = store::insert(tx, &permit, email, delegate.as_ref(), terms)
        .await?
        .ok_or_else(|| limit_reached(i32::from(SEATS)))?;
    throttle::mail_of(tx, caller.actor).await?;
    let delegation = Delegation { row, principal, delegate };
    let (subject, principal, parties) = delegation.subjects();
    let terms = delegation.terms();
    tx.record(
        delegation.row.firm_id,
        Event::DelegationCreated { delegation: subject, principal, terms, parties },
    );
    Ok(delegation)
}

/// Nobody lists a client whom they do not reach: `NOT_FOUND`, as for one who does not exist.
async fn reaches_all(tx: &mut Tx, caller: &Caller, clients: Option<&[Uuid]>) -> Result<()> {
    let Some(clients) = clients else { return Ok(()) };
    if access::count_of(tx.sql(), caller, clients).await? < clients.len() {
        return Err(Refusal::new(ErrorCode::NotFound).at("clients").into());
    }
    Ok(())
}

/// Changes the terms of a live delegation of the caller's; they hold from the next request on. Only
/// [`super::impersonation`] calls it, for what runs by it may have to end sooner.
pub(super) async fn update(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    expected_version: i32,
    mut changed: ChangedTerms,
) -> Result<Delegation> {
    let permit = caller.permit(ManageOwnDelegations)?;
    let mut delegation = own_live(tx, &permit, id).await?;
    if delegation.row.version != expected_version {
        return Err(Refusal::conflict(delegation.row.version).into());
    }
    if let Some(Some(clients)) = &mut changed.clients {
        clients.sort();
        clients.dedup();
    }
    changed.apply(&mut delegation.row, tx.now)?;
    if let Some(clients) = &changed.clients {
        reaches_all(tx, caller, clients.as_deref()).await?;
        store::list_clients(tx, &delegation.row, clients.as_deref().unwrap_or_default()).await?;
    }
    delegation.row = store::update(tx, &permit, &delegation.row).await?;
    let (subject, principal, parties) = delegation.subjects();
    let terms = delegation.terms();
    tx.record(
        delegation.row.firm_id,
        Event::DelegationChanged { delegation: subject, principal, terms, parties },
    );
    Ok(delegation)
}

/// Sends the invitation of a pending delegation once more, with a new link.
pub async fn resend_invite(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Delegation> {
    let permit = caller.permit(ManageOwnDelegations)?;
    let delegation = own_live(tx, &permit, id).await?;
    if delegation.row.state == State::Active {
        return Err(Refusal::new(ErrorCode::AlreadyActive).at("delegationId").into());
    }
    throttle::mail_of(tx, caller.actor).await?;
    let (subject, principal, parties) = delegation.subjects();
    tx.record(
        delegation.row.firm_id,
        Event::DelegationInviteResent { delegation: subject, principal, parties },
    );
    Ok(delegation)
}

/// A delegation of the subject's that is not over, locked.
async fn own_live(tx: &mut Tx, permit: &Permit<ManageOwnDelegations>, id: Uuid) -> Result<Delegation> {
    let me = permit.subject();
    let found = find_locked(tx, id).await?.filter(|delegation| delegation.principal.key() == me);
    let found = found.ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("delegationId"))?;
    if found.row.is_over_at(tx.now) {
        return Err(Refusal::new(ErrorCode::DelegationNotActive).at("delegationId").into());
    }
    Ok(found)
}

/// Ends delegations whose time is over, of one principal or of anybody, and frees their seats. What ran by them is over
/// by the clock already. Answers how many; there may be more.
pub async fn expire_due(tx: &mut Tx, principal: Option<UserKey>) -> Result<usize> {
    let due = store::due(tx, principal).await?;
    let count = due.len();
    for delegation in due {
        end(tx, delegation, State::Expired).await?;
    }
    Ok(count)
}

/// Who of the principal's own firm is meant. Outside of it nobody is looked for: the answer shall not tell.
async fn known_delegate(
    tx: &mut Tx,
    principal: &User,
    email: &str,
    handle: Option<&str>,
) -> Result<Option<User>> {
    let mut found = user::of_email(tx.sql(), principal.firm_id, email).await?;
    if let Some(handle) = handle {
        found.retain(|user| user.handle.to_lowercase() == handle.trim().to_lowercase());
        if found.is_empty() {
            return Err(Refusal::input(
                "handle",
                "Nobody of your firm has both this user ID and this address.",
            )
            .into());
        }
    }
    let mut active: Vec<_> = found.iter().filter(|user| user.is_active()).cloned().collect();
    match (active.len(), found.iter().any(|user| user.status == Status::Pending)) {
        (0, true) => Ok(None),
        (0, false) if found.is_empty() => Ok(None),
        (0, false) => Err(Refusal::new(ErrorCode::UserInactive).at("email").into()),
        (1, _) => Ok(active.pop()),
        _ => {
            let handles = active.into_iter().map(|user| user.handle).collect();
            Err(Refusal {
                detail: Detail::Handles(handles),
                ..Refusal::new(ErrorCode::AmbiguousEmail).at("handle")
            }
            .into())
        }
    }
}

/// Ends a live delegation and frees its seat. Only [`super::impersonation`] calls it, for it ends what runs by it too.
/// One whose time is over has expired, whether or not that is written down: nobody takes it back any more.
pub(super) async fn end(tx: &mut Tx, mut delegation: Delegation, how: State) -> Result<Delegation> {
    let is_over = match how {
        State::Expired => delegation.row.ended_at.is_some(),
        _ => delegation.row.is_over_at(tx.now),
    };
    if is_over {
        return Err(Refusal::new(ErrorCode::DelegationNotActive).at("delegationId").into());
    }
    delegation.row = store::end(tx, &delegation.row, how).await?;
    let (subject, principal, parties) = delegation.subjects();
    let event = match how {
        State::Declined => Event::DelegationDeclined { delegation: subject, principal, parties },
        State::Expired => Event::DelegationExpired { delegation: subject, principal, parties },
        _ => Event::DelegationRevoked { delegation: subject, principal, parties },
    };
    tx.record(delegation.row.firm_id, event);
    Ok(delegation)
}

/// Gives every delegation that waits for the address to the user who proved to own it (PF-23): in the user's own firm,
/// and in others that allow delegates from outside (A4). Answers how many.
pub async fn activate_waiting(tx: &mut Tx, user: &User) -> Result<usize> {
    let activated = store::activate_waiting(tx, user).await?;
    for row in &activated {
        let principal = UserKey { firm: row.firm_id, id: row.principal_id };
        tx.record(
            row.firm_id,
            Event::DelegationActivated {
                delegation: Subject(NodeType::Delegation, row.id),
                principal: Subject::user(principal),
                delegate: Subject::user(user.key()),
                parties: Parties { principal, delegate: Some(user.key()) },
            },
        );
    }
    Ok(activated.len())
}

/// A delegation that the actor may use now, locked so that it cannot be revoked in the same moment; and until when its
/// weekly schedule lets them, if it has one.
pub async fn usable(tx: &mut Tx, actor: UserKey, id: Uuid) -> Result<(Delegation, Option<DateTime<Utc>>)> {
    let found = store::of_delegate_locked(tx, actor, id).await?;
    let delegation = found.ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("delegationId"))?;
    if !delegation.row.holds_at(tx.now)
        || !delegation.principal.is_active()
        || !can_be_principal(delegation.principal.kind)
    {
        return Err(Refusal::new(ErrorCode::DelegationNotActive).at("delegationId").into());
    }
    let Some(schedule) = &delegation.row.schedule else { return Ok((delegation, None)) };
    let zone = firm::zone_of(tx.sql(), delegation.row.firm_id).await?;
    let end = schedule.end_after(tx.now, zone);
    if end.is_none() {
        let message = "This delegation does not hold at this time of the week.";
        return Err(Refusal::new(ErrorCode::DelegationNotActive).at("delegationId").saying(message).into());
    }
    Ok((delegation, end))
}

/// A delegation that the caller is one of the two sides of.
pub async fn visible(
    connection: &mut diesel_async::AsyncPgConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Delegation>> {
    let found = find(connection, id).await?;
    let side = |delegation: &Delegation| {
        let principal = caller.may_end_for(delegation.principal.key());
        principal || delegation.delegate.as_ref().is_some_and(|delegate| delegate.key() == caller.actor)
    };
    Ok(found.filter(side))
}

impl Delegation {
    /// What events say it is.
    pub fn subject(&self) -> Subject {
        Subject(NodeType::Delegation, self.row.id)
    }

    /// What events say of it.
    fn subjects(&self) -> (Subject, Subject, Parties) {
        (self.subject(), Subject::user(self.principal.key()), self.parties())
    }

    /// The terms, as events say them.
    fn terms(&self) -> event::Terms {
        event::Terms {
            scope: self.row.actions.clone(),
            all_clients: !self.row.only_listed_clients,
            valid_from: self.row.valid_from,
            valid_until: self.row.valid_until,
            scheduled: self.row.schedule.is_some(),
            reason_required: self.row.reason_required,
        }
    }

    /// Both sides.
    pub fn parties(&self) -> Parties {
        Parties { principal: self.principal.key(), delegate: self.delegate.as_ref().map(User::key) }
    }
}
