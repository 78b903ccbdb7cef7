//! Judging a token: what a session is worth at this moment.

use super::store::{self, Found};
use crate::caller::{Acting, Caller, Stand, UserKey};
use crate::defaults::{LAST_SEEN_PRECISION, SESSION_IDLE};
use crate::domain::firm::Firm;
use crate::domain::impersonation::{self, Impersonation};
use crate::domain::session::{self, Session};
use crate::domain::user::User;
use crate::error::{Error, ErrorCode, Result};
use crate::events::Log;
use crate::secret::Token;
use chrono::{DateTime, Utc};

/// Who a request comes from, with the rows that told so.
#[derive(Clone, Debug)]
pub struct Authenticated {
    pub caller: Caller,
    pub session: Session,
    pub actor: User,
    pub firm: Firm,
    /// The impersonation that the session is in, and its principal.
    pub impersonation: Option<(Impersonation, User)>,
}

impl Authenticated {
    /// Whose data is shown.
    pub fn user(&self) -> &User {
        match (&self.impersonation, self.caller.acting()) {
            (Some((_, principal)), Some(_)) => principal,
            _ => &self.actor,
        }
    }
}

/// Finds out who a token is. `UNAUTHENTICATED` for a token that is wrong, ended, expired, idle for too long, or of
/// somebody who may not sign in any more.
pub async fn authenticate(log: &Log, token: &Token) -> Result<Authenticated> {
    let now = log.clock.now();
    let mut connection = log.reader().await?;
    let found = store::by_token(&mut connection, token.hash()).await?;
    let found = found.filter(|(session, user, ..)| is_open(session, now) && user.is_active());
    let authenticated =
        found.map(|found| stand(found, now)).ok_or_else(|| Error::stop(ErrorCode::Unauthenticated))?;
    let used = &authenticated.session;
    let lapsed = matches!(authenticated.caller.stand, Stand::Lapsed { .. });
    if !lapsed && used.last_seen_at + LAST_SEEN_PRECISION <= now {
        session::touch(&mut connection, used, now).await?;
    }
    Ok(authenticated)
}

fn is_open(session: &Session, now: DateTime<Utc>) -> bool {
    session.ended_at.is_none() && now < session.expires_at && now < session.last_seen_at + SESSION_IDLE
}

fn stand(found: Found, now: DateTime<Utc>) -> Authenticated {
    let (session, actor, firm, impersonation, delegation, principal) = found;
    let mut acts_for = None;
    let mut stand = Stand::Own;
    if let (Some(row), Some(delegation), Some(principal)) = (impersonation, delegation, principal) {
        let key = UserKey { firm: row.firm_id, id: row.principal_id };
        stand = match impersonation::end_by_now(&row, &delegation, &principal, now) {
            Some(_) => Stand::Lapsed { impersonation: row.id, principal: key },
            None => Stand::Acting(Acting {
                impersonation: row.id,
                principal: key,
                principal_kind: principal.kind,
                mode: row.mode,
                scope: delegation.actions.clone(),
            }),
        };
        acts_for = Some((row, principal));
    }
    let caller = Caller {
        actor: actor.key(),
        kind: actor.kind,
        capabilities: actor.capabilities.clone(),
        session: session.id,
        stand,
    };
    let impersonation = acts_for.map(|(row, principal)| {
        (Impersonation { row, principal: principal.clone(), actor: actor.clone() }, principal)
    });
    Authenticated { caller, session, actor, firm, impersonation }
}
