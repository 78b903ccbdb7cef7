//! Delegations.

use super::context::Locum;
use super::error::Payload;
use super::guard::{alone, public};
use super::node::{global, local};
use super::user::User;
use crate::caller::Action;
use crate::domain::delegation::{self, NewDelegation, State};
use crate::domain::{impersonation, throttle};
use crate::error::Result;
use crate::events::Author;
use crate::id::NodeType;
use crate::secret::Token;
use async_graphql::{Context, Description, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

/// A principal lets someone act for them.
#[derive(Description)]
pub struct Delegation(delegation::Delegation);

impl From<delegation::Delegation> for Delegation {
    fn from(delegation: delegation::Delegation) -> Self {
        Self(delegation)
    }
}

#[Object(use_type_description)]
impl Delegation {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Delegation, self.0.row.id)
    }

    /// Who lets someone act for them.
    async fn principal(&self) -> User {
        self.0.principal.clone().into()
    }

    /// The address that it was given to.
    async fn email(&self) -> &str {
        &self.0.row.email
    }

    /// Who may act; null until the address's owner has registered or signed in.
    async fn delegate(&self) -> Option<User> {
        self.0.delegate.clone().map(User::from)
    }

    /// What the delegate may do.
    async fn scope(&self) -> &[Action] {
        &self.0.row.actions
    }

    /// Where it stands.
    async fn state(&self) -> State {
        self.0.row.state
    }

    /// From when on it holds.
    async fn valid_from(&self) -> DateTime<Utc> {
        self.0.row.valid_from
    }

    /// Until when it holds; null without an end.
    async fn valid_until(&self) -> Option<DateTime<Utc>> {
        self.0.row.valid_until
    }

    /// When it was given.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.row.created_at
    }

    /// Since when the delegate can act.
    async fn activated_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.activated_at
    }

    /// When it ended; null while it is live.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.ended_at
    }

    /// Goes up by one with each change.
    async fn version(&self) -> i32 {
        self.0.row.version
    }
}

/// Someone to act for the viewer.
#[derive(InputObject)]
struct AddBackOfficeUserInput {
    /// Their address. They may be a user already or not.
    email: String,
    /// Their user ID, where several people of the firm share the address.
    handle: Option<String>,
    /// What they may do; `VIEW` is always among it.
    #[graphql(default_with = "vec![Action::View, Action::Edit, Action::Print]")]
    scope: Vec<Action>,
}

crate::payload! {
    /// The answer of `addBackOfficeUser`.
    AddBackOfficeUserPayload {
        /// The delegation: active at once for someone of the firm, otherwise pending.
        delegation: Delegation,
    }
}

/// A delegation to take back.
#[derive(InputObject)]
struct RevokeDelegationInput {
    /// The delegation.
    delegation_id: ID,
}

crate::payload! {
    /// The answer of `revokeDelegation`.
    RevokeDelegationPayload {
        /// The delegation, now revoked.
        delegation: Delegation,
    }
}

/// A mail that went to the wrong person.
#[derive(InputObject)]
struct ReportUnwantedMailInput {
    /// The token of the mail's link.
    token: String,
}

crate::payload! {
    /// The answer of `reportUnwantedMail`.
    ReportUnwantedMailPayload {
        /// Whether it was taken note of.
        reported: bool,
    }
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "DelegationMutations")]
impl Mutations {
    /// Lets someone act for the viewer, who may have at most two such people, pending ones included. They get a mail:
    /// with a registration link, or with the login link if they have an account.
    async fn add_back_office_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who may act, and what they may do.")] input: AddBackOfficeUserInput,
    ) -> Result<AddBackOfficeUserPayload> {
        let new = NewDelegation { email: input.email, handle: input.handle, scope: input.scope };
        let added = ctx.mutate(|tx, caller| delegation::add(tx, caller, new).boxed()).await;
        AddBackOfficeUserPayload::of(added, |delegation| AddBackOfficeUserPayload {
            delegation: Some(delegation.into()),
            ..Default::default()
        })
    }

    /// Takes a delegation back. Its seat is free at once, and whoever acts by it stops.
    async fn revoke_delegation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RevokeDelegationInput,
    ) -> Result<RevokeDelegationPayload> {
        let revoked = match local(NodeType::Delegation, &input.delegation_id, "delegationId") {
            Ok(id) => ctx.mutate(move |tx, caller| impersonation::revoke(tx, caller, id).boxed()).await,
            Err(error) => Err(error),
        };
        RevokeDelegationPayload::of(revoked, |delegation| RevokeDelegationPayload {
            delegation: Some(delegation.into()),
            ..Default::default()
        })
    }

    /// Says that a mail was not meant for its reader: the delegation in it is declined, and the firm sends no more mails
    /// to the address.
    #[graphql(directive = public::apply(), directive = alone::apply())]
    async fn report_unwanted_mail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The mail.")] input: ReportUnwantedMailInput,
    ) -> Result<ReportUnwantedMailPayload> {
        let (log, token) = (ctx.services().log.clone(), Token::presented(input.token));
        throttle::public_action(&log, "link", ctx.request().address).await?;
        let reported = ctx.detached(async move {
            log.transact(Author::System, async |tx| impersonation::report_unwanted(tx, &token).await).await
        });
        ReportUnwantedMailPayload::of(reported.await, |()| ReportUnwantedMailPayload {
            reported: Some(true),
            ..Default::default()
        })
    }
}
