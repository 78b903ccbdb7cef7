//! Impersonations.

use super::connection::{self, Counted, Listed};
use super::context::Locum;
use super::error::OfOne;
use super::event::EventConnection;
use super::guard::{alone, as_actor};
use super::loaders::ActionLoader;
use super::node::{global, local};
use super::user::User;
use crate::caller::Mode;
use crate::domain::feed::Actions;
use crate::domain::impersonation::{self, EndReason, Start};
use crate::domain::page::Page;
use crate::error::{Error, Result};
use crate::id::NodeType;
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Description, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

/// Someone works as a principal, in one session, for a time.
#[derive(Description)]
pub struct Impersonation(impersonation::Impersonation);

impl From<impersonation::Impersonation> for Impersonation {
    fn from(impersonation: impersonation::Impersonation) -> Self {
        Self(impersonation)
    }
}

#[Object(use_type_description)]
impl Impersonation {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Impersonation, self.0.row.id)
    }

    /// In whose name.
    async fn principal(&self) -> User {
        self.0.principal.clone().into()
    }

    /// Who is at the keyboard.
    async fn actor(&self) -> User {
        self.0.actor.clone().into()
    }

    /// Whether anything may be changed.
    async fn mode(&self) -> Mode {
        self.0.row.mode
    }

    /// What the actor gave as the reason.
    async fn reason(&self) -> Option<&str> {
        self.0.row.reason.as_deref()
    }

    /// When it started.
    async fn started_at(&self) -> DateTime<Utc> {
        self.0.row.started_at
    }

    /// When it ends at the latest; left alone for 30 minutes, it ends earlier.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.row.expires_at
    }

    /// When it ended; null while it runs.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.ended_at
    }

    /// Why it ended; null while it runs.
    async fn end_reason(&self) -> Option<EndReason> {
        self.0.row.end_reason
    }

    /// What was done in it, in its order, as far as the viewer hears of it: the principal of all, the actor of their own.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
    ) -> Result<EventConnection> {
        let page = Page::new(first, connection::position(after)?, None, None)?;
        let actions = Actions {
            recipient: ctx.caller()?.actor,
            impersonation: self.0.row.id,
            after: page.from.unwrap_or_default(),
            fetch: page.fetch(),
        };
        let loader = ctx.data_unchecked::<DataLoader<ActionLoader>>();
        let entries = loader.load_one(actions).await.map_err(|error| Error::stop(error.code()))?;
        Ok(page.of(entries.unwrap_or_default()).into())
    }
}

/// What is or was done in the viewer's name.
pub struct ImpersonationsOfMe;

crate::connection! {
    /// A page of impersonations.
    ImpersonationConnection of ImpersonationsOfMe,
    /// An impersonation in a page.
    ImpersonationEdge,
    /// The impersonation.
    Impersonation,
}

impl Listed for Impersonation {
    fn cursor(&self) -> String {
        connection::by_id(self.0.row.id)
    }
}

impl Counted for ImpersonationsOfMe {
    async fn count(&self, ctx: &Context<'_>) -> Result<i64> {
        let counting = ctx
            .read(|connection, caller| Box::pin(impersonation::count_of_principal(connection, caller.actor)));
        counting.await
    }
}

/// Whom to act for, and how.
#[derive(InputObject)]
struct StartImpersonationInput {
    /// The delegation: one of `viewer.principals`.
    delegation_id: ID,
    /// `READ_WRITE` has to be asked for, and the scope must have `EDIT` or `SHARE`.
    #[graphql(default_with = "Mode::ReadOnly")]
    mode: Mode,
    /// Why, in at most 500 characters; the principal reads it.
    reason: Option<String>,
}

crate::payload! {
    /// The answer of `startImpersonation`.
    StartImpersonationPayload {
        /// The impersonation that runs now.
        impersonation: Impersonation,
    }
}

crate::payload! {
    /// The answer of `stopImpersonation`.
    StopImpersonationPayload {
        /// The impersonation that was left.
        impersonation: Impersonation,
    }
}

/// An impersonation to end.
#[derive(InputObject)]
struct EndImpersonationOfMeInput {
    /// One of `viewer.impersonationsOfMe`; for a setup admin, any of the firm's principals.
    impersonation_id: ID,
}

crate::payload! {
    /// The answer of `endImpersonationOfMe`.
    EndImpersonationOfMePayload {
        /// The impersonation, now ended.
        impersonation: Impersonation,
    }
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "ImpersonationMutations")]
impl Mutations {
    /// Works as a principal from now on, in this session; goes over from another one in the same step. From then on
    /// everything is seen as the principal sees it.
    #[graphql(directive = as_actor::apply(), directive = alone::apply())]
    async fn start_impersonation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to act for, and how.")] input: StartImpersonationInput,
    ) -> Result<StartImpersonationPayload> {
        let started = async {
            let delegation = local(NodeType::Delegation, &input.delegation_id, "delegationId")?;
            let start = Start { delegation, mode: input.mode, reason: input.reason };
            ctx.mutate_session(move |tx, caller| impersonation::start(tx, caller, start).boxed()).await
        };
        StartImpersonationPayload::answer(started.await.inspect(|started| {
            ctx.request().outcome(|outcome| outcome.acting = Some(Some(acting(started))));
        }))
    }

    /// Stops working as somebody else; the session goes on as the own one.
    #[graphql(directive = as_actor::apply(), directive = alone::apply())]
    async fn stop_impersonation(&self, ctx: &Context<'_>) -> Result<StopImpersonationPayload> {
        let stopped = ctx.mutate_session(|tx, caller| impersonation::stop(tx, caller).boxed()).await;
        StopImpersonationPayload::answer(stopped.inspect(|_| {
            ctx.request().outcome(|outcome| outcome.acting = Some(None));
        }))
    }

    /// Ends what somebody does in the viewer's name; the delegation stays. Whoever acts meets it with their next request.
    async fn end_impersonation_of_me(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: EndImpersonationOfMeInput,
    ) -> Result<EndImpersonationOfMePayload> {
        let ended = async {
            let id = local(NodeType::Impersonation, &input.impersonation_id, "impersonationId")?;
            ctx.mutate(move |tx, caller| impersonation::end_of_me(tx, caller, id).boxed()).await
        };
        EndImpersonationOfMePayload::answer(ended.await)
    }
}

/// What `extensions.acting` says of a running impersonation.
pub fn acting(impersonation: &impersonation::Impersonation) -> serde_json::Value {
    let person = |user: &crate::domain::user::User| serde_json::json!({ "id": crate::id::encode(NodeType::User, user.id), "name": user.display_name });
    serde_json::json!({
        "actor": person(&impersonation.actor),
        "principal": person(&impersonation.principal),
        "mode": impersonation.row.mode,
        "expiresAt": impersonation.row.expires_at,
    })
}
