//! The viewer: whose data is shown, and who is at the keyboard.

use super::context::Locum;
use super::delegation::Delegation;
use super::firm::Firm;
use super::guard::list_size;
use super::impersonation::Impersonation;
use super::user::User;
use crate::caller::Stand;
use crate::domain::delegation;
use crate::domain::sign_in::{self, Authenticated};
use crate::error::{Error, ErrorCode, Result};
use async_graphql::{Context, Description, Object};
use chrono::{DateTime, Utc};

/// Whose data is shown, and who is at the keyboard.
#[derive(Description)]
pub struct Viewer(pub Authenticated);

#[Object(use_type_description)]
impl Viewer {
    /// Whose data is shown: the principal while impersonating.
    async fn user(&self) -> User {
        self.0.user().clone().into()
    }

    /// Who is at the keyboard.
    async fn actor(&self) -> User {
        self.0.actor.clone().into()
    }

    /// The firm of the person at the keyboard.
    async fn firm(&self) -> Firm {
        self.0.firm.clone().into()
    }

    /// Whom the session acts for; null if nobody.
    async fn impersonation(&self) -> Option<Impersonation> {
        self.0.impersonation.clone().map(|(impersonation, _)| impersonation.into())
    }

    /// When the session ends at the latest.
    async fn session_expires_at(&self) -> DateTime<Utc> {
        self.0.session.expires_at
    }

    /// Those whom the viewer lets act for them: at most two. Not shown while impersonating.
    #[graphql(directive = list_size::apply(2))]
    async fn back_office_users(&self, ctx: &Context<'_>) -> Result<Vec<Delegation>> {
        if !matches!(self.0.caller.stand, Stand::Own) {
            let refused = ErrorCode::NotWhileImpersonating;
            sign_in::note_denial(
                &ctx.services().log,
                &self.0.caller,
                refused,
                "viewer.backOfficeUsers".to_owned(),
            )
            .await;
            return Err(Error::stop(refused));
        }
        let mine = ctx
            .read(|connection, caller| Box::pin(delegation::of_principal(connection, caller.actor)))
            .await?;
        Ok(mine.into_iter().map(Delegation::from).collect())
    }

    /// Those for whom the person at the keyboard may act, also while they act for one of them.
    #[graphql(directive = list_size::apply(10))]
    async fn principals(&self, ctx: &Context<'_>) -> Result<Vec<Delegation>> {
        let now = ctx.services().log.clock.now();
        let theirs = ctx
            .read(move |connection, caller| Box::pin(delegation::of_delegate(connection, caller.actor, now)))
            .await?;
        Ok(theirs.into_iter().map(Delegation::from).collect())
    }
}

#[derive(Default)]
pub struct Queries;

#[Object(name = "ViewerQueries")]
impl Queries {
    /// Whose data is shown, and who is at the keyboard.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(ctx.authenticated()?.clone()))
    }
}
