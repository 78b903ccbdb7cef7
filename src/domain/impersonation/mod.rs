//! Impersonations: a delegate works as a principal, in one session, for a time, and the principal can see it.
//!
//! Whether one still runs is judged by the clock at every use ([`end_by_now`]), whatever the row says. One that ended
//! without the actor's doing stays with the session until the actor takes note of it, by stopping or switching:
//! nobody goes on working under their own name without knowing.
//!
//! It also ends when its grant does ([`grant`]); what nobody uses any more is written down by a sweep ([`end_overdue`]).
//! What is read in it is noted ([`note_reads`]), what is changed is in the log anyway, with both names.

mod grant;
mod seen;
mod store;
mod sweep;

pub use grant::{decline, report_unwanted, revoke, update};
pub use seen::{Read, Seen, note_reads};
pub use store::{EndReason, Impersonation, ImpersonationRow, count_of_principal, of_principal};
pub use sweep::{end_overdue, summarize};

use super::delegation::{self, DelegationRow, State};
use super::session;
use super::text;
use super::user;
use crate::caller::{Action, AsOneself, Caller, Kind, Mode, Permission, UserKey};
use crate::defaults::{IMPERSONATION, IMPERSONATION_IDLE};
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::event::Parties;
use crate::events::{Author, Event, Subject, Tx};
use crate::id::NodeType;
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
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
    let (delegation, schedule_ends) = delegation::usable(tx, caller.actor, start.delegation).await?;
    if delegation.row.reason_required && reason.is_none() {
        return Err(Refusal::new(ErrorCode::ReasonRequired).at("reason").into());
    }
    if start.mode == Mode::ReadWrite
        && !delegation.row.actions.iter().any(|action| matches!(action, Action::Edit | Action::Share))
    {
        return Err(Refusal::new(ErrorCode::ScopeExceeded).at("mode").into());
    }
    let previous = leave(tx, caller, EndReason::Switched).await?;
    let by_time = [Some(session_expires), delegation.row.valid_until].into_iter().flatten();
    let by_time = by_time.map(|at| Ending { reason: EndReason::Expired, at });
    let by_schedule = schedule_ends.map(|at| Ending { reason: EndReason::Schedule, at });
    let longest = Ending { reason: EndReason::Expired, at: tx.now + IMPERSONATION };
    let ending = latest_end(longest, by_time.chain(by_schedule));
    let first = !store::has_acted(tx, caller.actor, delegation.principal.key()).await?;
    let row = store::insert(tx, &permit, caller, &delegation.row, start.mode, reason, ending).await?;
    let actor =
        user::find(tx.sql(), caller.actor).await?.ok_or_else(|| Error::stop(ErrorCode::Unauthenticated))?;
    let impersonation = Impersonation { row, principal: delegation.principal, actor };
    let (subject, principal, actor, parties) = impersonation.subjects();
    let (mode, reason) = (impersonation.row.mode, impersonation.row.reason.clone());
    tx.author = impersonation.author(caller.session);
    let event = match previous {
        None => Event::ImpersonationStarted {
            impersonation: subject,
            principal,
            actor,
            mode,
            reason,
            first,
            parties,
        },
        Some(_) => Event::ImpersonationSwitched {
            impersonation: subject,
            principal,
            actor,
            mode,
            reason,
            first,
            parties,
        },
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
    let ending = end_by_now(&impersonation, &delegation, tx.now).unwrap_or(Ending { reason, at: tx.now });
    impersonation.row = store::leave(tx, &impersonation.row, ending).await?;
    tx.changes_rights_of(caller.actor);
    if running {
        tx.author = impersonation.author(caller.session);
        record_end(tx, &impersonation);
    }
    Ok(Some(impersonation))
}

/// Ends an impersonation of the caller, or, for a setup admin, of anybody in the firm. Whoever acts meets it with their
/// next request.
pub async fn end_of_me(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Impersonation> {
    let permit = caller.permit(AsOneself)?;
    let found = store::find_locked(tx, permit.subject().firm, id).await?;
    let mine = |(found, _): &(Impersonation, DelegationRow)| caller.may_end_for(found.principal.key());
    let (mut found, delegation) =
        found.filter(mine).ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("impersonationId"))?;
    if end_by_now(&found, &delegation, tx.now).is_some() {
        return Err(Refusal::new(ErrorCode::AlreadyEnded).at("impersonationId").into());
    }
    let ending = Ending { reason: EndReason::PrincipalEnded, at: tx.now };
    found.row = store::end(tx, &found.row, ending).await?;
    record_end(tx, &found);
    Ok(found)
}

/// An impersonation that the caller may know of: of themselves, their own, and, for a setup admin, any of the firm's.
pub async fn visible(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Impersonation>> {
    let found = store::find(connection, id).await?;
    let side = |found: &Impersonation| {
        caller.may_end_for(found.principal.key()) || found.actor.key() == caller.actor
    };
    Ok(found.filter(side))
}

/// Why and when an impersonation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub reason: EndReason,
    pub at: DateTime<Utc>,
}

/// The first of several endings.
fn latest_end(first: Ending, others: impl Iterator<Item = Ending>) -> Ending {
    others.fold(first, |first, other| if other.at < first.at { other } else { first })
}

/// How an impersonation has ended by that moment, if it has: of several reasons, the one that came first.
pub fn end_by_now(
    impersonation: &Impersonation,
    delegation: &DelegationRow,
    now: DateTime<Utc>,
) -> Option<Ending> {
    let Impersonation { row, principal, actor } = impersonation;
    if let (Some(reason), Some(at)) = (row.end_reason, row.ended_at) {
        return Some(Ending { reason, at });
    }
    let because = |reason, at| Ending { reason, at };
    let revoked = delegation.ended_at.map(|at| because(EndReason::Revoked, at));
    let inactive = !(principal.is_active() && actor.is_active());
    let endings = [
        revoked.filter(|_| !matches!(delegation.state, State::Expired)),
        inactive.then_some(because(EndReason::Inactivated, now)),
        delegation.valid_until.map(|until| because(EndReason::Expired, until)),
        (!delegation.holds_at(now)).then_some(because(EndReason::Expired, now)),
        Some(because(EndReason::Idle, row.last_seen_at + IMPERSONATION_IDLE)),
    ];
    let ending = latest_end(because(row.expiry_reason, row.expires_at), endings.into_iter().flatten());
    (ending.at <= now).then_some(ending)
}

/// Ends and leaves what runs in sessions that have just ended.
pub async fn end_in_sessions(tx: &mut Tx, actor: UserKey, sessions: &[Uuid]) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let signed_out = Ending { reason: EndReason::SignedOut, at: tx.now };
    for (mut impersonation, delegation) in store::of_sessions_locked(tx, actor, sessions.to_vec()).await? {
        let running = impersonation.row.ended_at.is_none();
        let ending = end_by_now(&impersonation, &delegation, tx.now).unwrap_or(signed_out);
        impersonation.row = store::leave(tx, &impersonation.row, ending).await?;
        if running {
            record_end(tx, &impersonation);
        }
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
            ended_at: row.ended_at.unwrap_or(tx.now),
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
