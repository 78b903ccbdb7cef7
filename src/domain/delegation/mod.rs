//! Delegations: a principal lets someone act for them. At most two live ones a principal: the table has two seats.
//!
//! A delegate whom the firm knows can act at once and gets a notice; anybody else gets a mail, and nobody is told
//! whether the address has an account anywhere. Which of the two mails is right is found out when it goes out; the
//! delegation becomes active when the address's owner registers, or next signs in ([`activate_waiting`]). Taking one back also ends what runs by it: see `impersonation::revoke`.

mod store;

pub(super) use store::find_locked;
pub use store::{Delegation, DelegationRow, State, find, of_delegate, of_principal, suppress, waiting_email};

use super::user::{self, Status, User};
use super::{text, throttle};
use crate::caller::{Action, Caller, Kind, Permission, UserKey};
use crate::error::rules::{SEATS, limit_reached};
use crate::error::{Detail, ErrorCode, Refusal, Result};
use crate::events::event::Parties;
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
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
    /// What they may do; `VIEW` is always among it.
    pub scope: Vec<Action>,
}

/// Seats `email` beside the caller; the table has only two seats.
pub async fn add(tx: &mut Tx, caller: &Caller, new: NewDelegation) -> Result<Delegation> {
    let permit = caller.permit(ManageOwnDelegations)?;
    let email = text::email("email", &new.email)?;
    let scope = Action::ALL
        .iter()
        .copied()
        .filter(|action| *action == Action::View || new.scope.contains(action))
        .collect();
    let principal =
        user::find(tx.sql(), permit.subject()).await?.ok_or_else(|| Refusal::new(ErrorCode::NotFound))?;
    let delegate = known_delegate(tx, &principal, &email, new.handle.as_deref()).await?;
    let row = store::insert(tx, &permit, email, delegate.as_ref(), scope)
        .await?
        .ok_or_else(|| limit_reached(i32::from(SEATS)))?;
    throttle::mail_of(tx, caller.actor).await?;
    let delegation = Delegation { row, principal, delegate };
    tx.record(
        delegation.row.firm_id,
        Event::DelegationCreated {
            delegation: delegation.subject(),
            principal: Subject::user(delegation.principal.key()),
            scope: delegation.row.actions.clone(),
            parties: delegation.parties(),
        },
    );
    Ok(delegation)
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
pub(super) async fn end(tx: &mut Tx, mut delegation: Delegation, how: State) -> Result<Delegation> {
    if delegation.row.ended_at.is_some() {
        return Err(Refusal::new(ErrorCode::DelegationNotActive).at("delegationId").into());
    }
    delegation.row = store::end(tx, &delegation.row, how).await?;
    let (subject, principal, parties) =
        (delegation.subject(), Subject::user(delegation.principal.key()), delegation.parties());
    let event = match how {
        State::Declined => Event::DelegationDeclined { delegation: subject, principal, parties },
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

/// A delegation that the actor may use now, locked so that it cannot be revoked in the same moment.
pub async fn usable(tx: &mut Tx, actor: UserKey, id: Uuid) -> Result<Delegation> {
    let found = store::of_delegate_locked(tx, actor, id).await?;
    let delegation = found.ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("delegationId"))?;
    if !delegation.row.holds_at(tx.now)
        || !delegation.principal.is_active()
        || !can_be_principal(delegation.principal.kind)
    {
        return Err(Refusal::new(ErrorCode::DelegationNotActive).at("delegationId").into());
    }
    Ok(delegation)
}

/// A delegation that the caller is one of the two sides of.
pub async fn visible(
    connection: &mut diesel_async::AsyncPgConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Delegation>> {
    let found = find(connection, id).await?;
    let side = |delegation: &Delegation| {
        let principal = delegation.principal.key() == caller.actor && caller.acting().is_none();
        principal || delegation.delegate.as_ref().is_some_and(|delegate| delegate.key() == caller.actor)
    };
    Ok(found.filter(side))
}

impl Delegation {
    /// What events say it is.
    pub fn subject(&self) -> Subject {
        Subject(NodeType::Delegation, self.row.id)
    }

    /// Both sides.
    pub fn parties(&self) -> Parties {
        Parties { principal: self.principal.key(), delegate: self.delegate.as_ref().map(User::key) }
    }
}
