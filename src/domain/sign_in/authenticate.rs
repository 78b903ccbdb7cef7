//! Judging a token: what a session is worth at this moment.

use super::store::{self, Found};
use crate::caller::{Acting, Caller, Stand};
use crate::defaults::{LAST_SEEN_PRECISION, SESSION_IDLE};
use crate::domain::firm::Firm;
use crate::domain::impersonation::{self, Impersonation};
use crate::domain::session::{self, Session};
use crate::domain::user::User;
use crate::error::{Error, ErrorCode, Result};
use crate::events::{Author, Log, Tx};
use crate::secret::Token;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Who a request comes from, with the rows that told so.
#[derive(Clone, Debug)]
pub struct Authenticated {
    pub caller: Caller,
    pub session: Session,
    pub actor: User,
    pub firm: Firm,
    /// The impersonation that the session is in.
    pub impersonation: Option<Impersonation>,
}

impl Authenticated {
    /// Whose data is shown.
    pub fn user(&self) -> &User {
        match (&self.impersonation, self.caller.acting()) {
            (Some(impersonation), Some(_)) => &impersonation.principal,
            _ => &self.actor,
        }
    }
}

/// Finds out who a token is. `UNAUTHENTICATED` for a token that is wrong, ended, expired, idle for too long, or of
/// somebody who may not sign in any more.
pub async fn authenticate(log: &Log, token: &Token) -> Result<Authenticated> {
    let now = log.clock.now();
    let mut connection = log.reader().await?;
    let authenticated = judge(store::by_token(&mut connection, token.hash()).await?, now)?;
    let used = &authenticated.session;
    if used.last_seen_at + LAST_SEEN_PRECISION <= now {
        drop(connection);
        // What has lapsed is not used any more by whatever is asked of its session.
        let acts = authenticated.caller.acting().is_some();
        log.transact(Author::System, async |tx| session::touch(tx, used, acts).await).await?;
    }
    Ok(authenticated)
}

/// Who a session is by now, for what was given out in it and is used without its token.
pub async fn of_session(tx: &mut Tx, firm: Uuid, id: Uuid) -> Result<Authenticated> {
    judge(store::by_session(tx.sql(), firm, id).await?, tx.now)
}

pub(super) fn judge(found: Option<Found>, now: DateTime<Utc>) -> Result<Authenticated> {
    let found = found.filter(|(session, user, ..)| is_open(session, now) && user.is_active());
    found.map(|found| stand(found, now)).ok_or_else(|| Error::stop(ErrorCode::Unauthenticated))
}

fn is_open(session: &Session, now: DateTime<Utc>) -> bool {
    session.ended_at.is_none() && now < session.expires_at && now < session.last_seen_at + SESSION_IDLE
}

fn stand(found: Found, now: DateTime<Utc>) -> Authenticated {
    let (session, actor, firm, impersonation, delegation, principal) = found;
    let mut stand = Stand::Own;
    let mut acts_for = None;
    if let (Some(row), Some(delegation), Some(principal)) = (impersonation, delegation, principal) {
        let found = Impersonation { row, principal, actor: actor.clone() };
        let (impersonation, principal) = (found.row.id, found.principal.key());
        stand = match impersonation::end_by_now(&found, &delegation, now) {
            Some(_) => Stand::Lapsed { impersonation, principal },
            None => Stand::Acting(Acting {
                impersonation,
                delegation: delegation.id,
                principal,
                principal_kind: found.principal.kind,
                mode: found.row.mode,
                scope: delegation.actions,
                only_listed_clients: delegation.only_listed_clients,
            }),
        };
        acts_for = Some(found);
    }
    let caller = Caller {
        actor: actor.key(),
        kind: actor.kind,
        capabilities: actor.capabilities.clone(),
        session: session.id,
        stand,
    };
    Authenticated { caller, session, actor, firm, impersonation: acts_for }
}
