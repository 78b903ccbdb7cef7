//! The viewer: whose data is shown, and who is at the keyboard.

use super::client::{AddClientRule, add_client_rule};
use super::connection;
use super::context::Locum;
use super::delegation::Delegation;
use super::firm::Firm;
use super::guard::list_size;
use super::impersonation::{Impersonation, ImpersonationConnection, ImpersonationsOfMe};
use super::in_place::InPlace;
use super::user::User;
use super::workgroup::{
    Invite, InviteConnection, InvitesOfMine, Workgroup, WorkgroupConnection, WorkgroupList,
};
use crate::caller::Stand;
use crate::domain::page::Page;
use crate::domain::sign_in::{self, Authenticated};
use crate::domain::{delegation, impersonation, user, workgroup};
use crate::error::{Error, ErrorCode, Result};
use async_graphql::{Context, Description, Object};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Whose data is shown, and who is at the keyboard.
#[derive(Description)]
pub struct Viewer(pub Authenticated);

#[Object(use_type_description, serial)]
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
        self.0.impersonation.clone().map(Impersonation::from)
    }

    /// When the session ends at the latest.
    async fn session_expires_at(&self) -> DateTime<Utc> {
        self.0.session.expires_at
    }

    /// Those whom the viewer lets act for them: at most two. Not shown while impersonating.
    #[graphql(directive = list_size::apply(2))]
    async fn back_office_users(&self, ctx: &Context<'_>) -> Result<Vec<Delegation>> {
        self.only_as_oneself(ctx, "viewer.backOfficeUsers").await?;
        let now = ctx.services().log.clock.now();
        let mine = ctx
            .read(move |connection, caller| Box::pin(delegation::of_principal(connection, caller.actor, now)))
            .await?;
        Ok(mine.into_iter().map(Delegation::from).collect())
    }

    /// Who acts or acted for the viewer, newest first, and what they did. Not shown while impersonating.
    async fn impersonations_of_me(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
    ) -> Result<ImpersonationConnection> {
        self.only_as_oneself(ctx, "viewer.impersonationsOfMe").await?;
        let page = Page::new(first, connection::place_of_id(after)?, last, connection::place_of_id(before)?)?;
        let of_me = ctx.read(move |connection, caller| {
            Box::pin(async move { impersonation::of_principal(connection, caller.actor, &page).await })
        });
        Ok(ImpersonationConnection::new(of_me.await?.map(Impersonation::from), ImpersonationsOfMe))
    }

    /// The workgroups that the viewer owns, the oldest first.
    async fn workgroups_created(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
    ) -> Result<WorkgroupConnection> {
        let page = Page::new(first, connection::place_of_id(after)?, last, connection::place_of_id(before)?)?;
        workgroups(ctx, true, page).await
    }

    /// The workgroups that the viewer is in and does not own, the oldest first.
    async fn workgroups_joined(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
    ) -> Result<WorkgroupConnection> {
        let page = Page::new(first, connection::place_of_id(after)?, last, connection::place_of_id(before)?)?;
        workgroups(ctx, false, page).await
    }

    /// The invites to workgroups that wait for the viewer. Not shown while impersonating.
    async fn invites(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
    ) -> Result<InviteConnection> {
        self.only_as_oneself(ctx, "viewer.invites").await?;
        let page = Page::new(first, connection::place_of_id(after)?, last, connection::place_of_id(before)?)?;
        let now = ctx.services().log.clock.now();
        let waiting = ctx.read(move |connection, caller| {
            Box::pin(async move { workgroup::invites_to(connection, caller.actor, now, &page).await })
        });
        Ok(InviteConnection::new(waiting.await?.map(Invite::from), InvitesOfMine))
    }

    /// The workgroup that the viewer's new clients go into; null for none.
    async fn default_workgroup(&self, ctx: &Context<'_>) -> Result<Option<Workgroup>> {
        let found =
            ctx.read(|connection, caller| Box::pin(workgroup::default_of(connection, caller.subject())));
        Ok(found.await?.map(Workgroup::from))
    }

    /// How the viewer may add a client.
    async fn add_client_rule(&self, ctx: &Context<'_>) -> Result<AddClientRule> {
        add_client_rule(ctx).await
    }

    /// Whether the person at the keyboard wants a mail each morning about what was done in their name.
    async fn daily_summary(&self, ctx: &Context<'_>) -> Result<bool> {
        ctx.read(|connection, caller| Box::pin(user::wants_summary(connection, caller.actor))).await
    }

    /// Those for whom the person at the keyboard may act, now or at another time, also while they act for one of them.
    #[graphql(directive = list_size::apply(10))]
    async fn principals(&self, ctx: &Context<'_>) -> Result<Vec<InPlace<Delegation>>> {
        let (me, now) = (self.0.actor.clone(), ctx.services().log.clock.now());
        let theirs = ctx
            .read(move |connection, _| {
                Box::pin(async move { delegation::of_delegate(connection, &me, now).await })
            })
            .await?;
        Ok(theirs.into_iter().map(|delegation| InPlace(delegation.into())).collect())
    }
}

impl Viewer {
    /// Refuses what is not shown while impersonating, and notes it for the auditors.
    async fn only_as_oneself(&self, ctx: &Context<'_>, field: &str) -> Result<()> {
        if matches!(self.0.caller.stand, Stand::Own) {
            return Ok(());
        }
        let refused = ErrorCode::NotWhileImpersonating;
        sign_in::note_denial(&ctx.services().log, &self.0.caller, refused, field.to_owned()).await;
        Err(Error::stop(refused))
    }
}

async fn workgroups(ctx: &Context<'_>, owned: bool, page: Page<Uuid>) -> Result<WorkgroupConnection> {
    let mine = ctx.read(move |connection, caller| {
        Box::pin(async move { workgroup::of_user(connection, caller.subject(), owned, &page).await })
    });
    Ok(WorkgroupConnection::new(mine.await?.map(Workgroup::from), WorkgroupList { owned }))
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
