//! Impersonations: a delegate works as a principal, in one session, for a time, and the principal can see it.
//!
//! Whether one still runs is judged by the clock at every use ([`end_by_now`]), whatever the row says. One that ended
//! without the actor's doing stays with the session until the actor takes note of it, by stopping or switching:
//! nobody goes on working under their own name without knowing.

mod ending;
mod seen;
mod store;

pub use ending::{report_unwanted, revoke};
pub use seen::{Seen, note_read};
pub use store::{EndReason, Impersonation, ImpersonationRow};

use super::delegation::{self, DelegationRow, State};
use super::session;
use super::text;
use super::user::{self, User};
use crate::caller::{Action, Caller, Kind, Mode, Permission, UserKey};
use crate::defaults::{IMPERSONATION, IMPERSONATION_IDLE};
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::event::Parties;
use crate::events::{Author, Event, Subject, Tx};
use crate::id::NodeType;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// May act for those who let them; judged as the actor, whoever they act for at the moment.
#[derive(Debug)]
pub struct Impersonate;

impl Permission for Impersonate {
    const RULE: &'static str = "Only advisers, assistants and back-office users act for others.";
    const GRANTABLE_BY: &'static str = "a setup admin of the firm, by the kind of user";

    fn allows(caller: &Caller) -> bool {
        matches!(caller.kind, Kind::Adviser | Kind::Assistant | Kind::BackOffice)
    }
}

/// Whom to act for, and how.
#[derive(Clone, Debug)]
pub struct Start {
    pub delegation: Uuid,
    pub mode: Mode,
    pub reason: Option<String>,
}

/// Starts to act for a principal, or goes over from another one in the same step.
pub async fn start(tx: &mut Tx, caller: &Caller, start: Start) -> Result<Impersonation> {
    let permit = caller.permit(Impersonate)?;
    let reason = start.reason.as_deref().map(|reason| text::line("reason", reason, 500)).transpose()?;
    let session_expires = session::lock(tx, caller.actor, caller.session)
        .await?
        .ok_or_else(|| Error::stop(ErrorCode::Unauthenticated))?;
    let delegation = delegation::usable(tx, caller.actor, start.delegation).await?;
    if start.mode == Mode::ReadWrite
        && !delegation.row.actions.iter().any(|action| matches!(action, Action::Edit | Action::Share))
    {
        return Err(Refusal::new(ErrorCode::ScopeExceeded).at("mode").into());
    }
    let previous = leave(tx, caller, EndReason::Switched).await?;
    let ends = [Some(tx.now + IMPERSONATION), Some(session_expires), delegation.row.valid_until];
    let expires_at = ends.into_iter().flatten().min().unwrap_or(session_expires);
    let row = store::insert(tx, &permit, caller, &delegation.row, start.mode, reason, expires_at).await?;
    let actor =
        user::find(tx.sql(), caller.actor).await?.ok_or_else(|| Error::stop(ErrorCode::Unauthenticated))?;
    let impersonation = Impersonation { row, principal: delegation.principal, actor };
    let (subject, principal, actor, parties) = impersonation.subjects();
    let (mode, reason) = (impersonation.row.mode, impersonation.row.reason.clone());
    tx.author = impersonation.author(caller.session);
    let event = match previous {
        None => {
            Event::ImpersonationStarted { impersonation: subject, principal, actor, mode, reason, parties }
        }
        Some(_) => {
            Event::ImpersonationSwitched { impersonation: subject, principal, actor, mode, reason, parties }
        }
    };
    tx.record(impersonation.row.firm_id, event);
    Ok(impersonation)
}

/// Stops acting for anybody; the session goes on as the actor's own. `NOT_FOUND` if nobody was acted for.
pub async fn stop(tx: &mut Tx, caller: &Caller) -> Result<Impersonation> {
    session::lock(tx, caller.actor, caller.session)
        .await?
        .ok_or_else(|| Error::stop(ErrorCode::Unauthenticated))?;
    let left = leave(tx, caller, EndReason::Stopped).await?;
    left.ok_or_else(|| Refusal::new(ErrorCode::NotFound).saying("You are not acting for anybody.").into())
}

/// Leaves the impersonation that the session is in, if any. One that still runs ends for `reason`.
async fn leave(tx: &mut Tx, caller: &Caller, reason: EndReason) -> Result<Option<Impersonation>> {
    let Some((mut impersonation, delegation)) =
        store::of_session_locked(tx, caller.actor, caller.session).await?
    else {
        return Ok(None);
    };
    let running = impersonation.row.ended_at.is_none();
    let reason =
        end_by_now(&impersonation.row, &delegation, &impersonation.principal, tx.now).unwrap_or(reason);
    impersonation.row = store::leave(tx, &impersonation.row, reason).await?;
    if running {
        tx.author = impersonation.author(caller.session);
        record_end(tx, &impersonation);
    }
    Ok(Some(impersonation))
}

/// Why an impersonation is over at that moment, if it is.
pub fn end_by_now(
    row: &ImpersonationRow,
    delegation: &DelegationRow,
    principal: &User,
    now: DateTime<Utc>,
) -> Option<EndReason> {
    if let Some(reason) = row.end_reason {
        return Some(reason);
    }
    if matches!(delegation.state, State::Revoked | State::Declined | State::Pending) {
        return Some(EndReason::Revoked);
    }
    if !principal.is_active() {
        return Some(EndReason::Inactivated);
    }
    if now >= row.expires_at || !delegation.holds_at(now) {
        return Some(EndReason::Expired);
    }
    (now >= row.last_seen_at + IMPERSONATION_IDLE).then_some(EndReason::Idle)
}

/// Ends what runs in sessions that have just ended.
pub async fn end_in_sessions(tx: &mut Tx, actor: UserKey, sessions: &[Uuid]) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    for row in store::end_in_sessions(tx, actor, sessions.to_vec()).await? {
        let principal = UserKey { firm: row.firm_id, id: row.principal_id };
        record_end_of(tx, &row, Parties { principal, delegate: Some(actor) });
    }
    Ok(())
}

fn record_end(tx: &mut Tx, impersonation: &Impersonation) {
    let (_, _, _, parties) = impersonation.subjects();
    record_end_of(tx, &impersonation.row, parties);
}

fn record_end_of(tx: &mut Tx, row: &ImpersonationRow, parties: Parties) {
    let Some(end_reason) = row.end_reason else { return };
    tx.record(
        row.firm_id,
        Event::ImpersonationEnded {
            impersonation: Subject(NodeType::Impersonation, row.id),
            principal: Subject(NodeType::User, row.principal_id),
            actor: Subject(NodeType::User, row.actor_id),
            end_reason: end_reason.as_str(),
            parties,
        },
    );
}

impl Impersonation {
    fn subjects(&self) -> (Subject, Subject, Subject, Parties) {
        let (principal, actor) = (self.principal.key(), self.actor.key());
        let parties = Parties { principal, delegate: Some(actor) };
        (
            Subject(NodeType::Impersonation, self.row.id),
            Subject::user(principal),
            Subject::user(actor),
            parties,
        )
    }

    /// Both names under what happens in it.
    fn author(&self, session: Uuid) -> Author {
        Author::User {
            actor: self.actor.key(),
            principal: Some(self.principal.key()),
            impersonation: Some(self.row.id),
            session: Some(session),
        }
    }
}
