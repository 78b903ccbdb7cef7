//! Delegations.

use super::client::Client;
use super::context::Locum;
use super::error::OfOne;
use super::guard::{alone, list_size, public};
use super::in_place::InPlace;
use super::loaders::{FirmLoader, ListedLoader};
use super::node::{global, local};
use super::terms::{AddBackOfficeUserInput, UpdateDelegationInput, WeeklyHours};
use super::user::User;
use crate::caller::{Action, UserKey};
use crate::domain::delegation::{self, State};
use crate::domain::firm::zone;
use crate::domain::{impersonation, throttle};
use crate::error::{Error, Result};
use crate::events::Author;
use crate::id::NodeType;
use crate::secret::Token;
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Description, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

/// A principal lets someone act for them.
#[derive(Description)]
pub struct Delegation {
    row: delegation::DelegationRow,
    principal: User,
    delegate: Option<User>,
}

impl From<delegation::Delegation> for Delegation {
    fn from(delegation: delegation::Delegation) -> Self {
        Self {
            row: delegation.row,
            principal: delegation.principal.into(),
            delegate: delegation.delegate.map(User::from),
        }
    }
}

#[Object(use_type_description, serial)]
impl Delegation {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Delegation, self.row.id)
    }

    /// Who lets someone act for them.
    async fn principal(&self) -> InPlace<&User> {
        InPlace(&self.principal)
    }

    /// The address that it was given to.
    async fn email(&self) -> &str {
        &self.row.email
    }

    /// Who may act; null until the address's owner has registered or signed in.
    async fn delegate(&self) -> Option<InPlace<&User>> {
        self.delegate.as_ref().map(InPlace)
    }

    /// What the delegate may do.
    async fn scope(&self) -> &[Action] {
        &self.row.actions
    }

    /// Whether the delegate can see all the clients that the principal can see.
    async fn all_clients(&self) -> bool {
        !self.row.only_listed_clients
    }

    /// The clients that it is limited to, by name; null if it is not, and for everybody but the principal.
    #[graphql(directive = list_size::apply(20))]
    async fn only_clients(&self, ctx: &Context<'_>) -> Result<Option<Vec<Client>>> {
        let caller = ctx.caller()?;
        let principal_key = UserKey { firm: self.row.firm_id, id: self.row.principal_id };
        let principal = caller.acting().is_none() && caller.actor == principal_key;
        if !principal || !self.row.only_listed_clients {
            return Ok(None);
        }
        let key = UserKey { firm: self.row.firm_id, id: self.row.id };
        let loader = ctx.data_unchecked::<DataLoader<ListedLoader>>();
        let listed = loader.load_one(key).await.map_err(|error| Error::stop(error.code()))?;
        Ok(Some(listed.unwrap_or_default().into_iter().map(Client::from).collect()))
    }

    /// The hours of the week at which it holds, in the time zone of the principal's firm; null if at all hours.
    async fn schedule(&self) -> Option<Vec<WeeklyHours>> {
        let schedule = self.row.schedule.as_ref()?;
        Some(schedule.pieces().iter().map(WeeklyHours::of).collect())
    }

    /// Whether whoever acts has to give a reason.
    async fn reason_required(&self) -> bool {
        self.row.reason_required
    }

    /// Whether the delegate can act by it at this moment: it is active, between its dates and within its hours.
    async fn holds_now(&self, ctx: &Context<'_>) -> Result<bool> {
        let (row, now) = (&self.row, ctx.services().log.clock.now());
        let Some(schedule) = &row.schedule else { return Ok(row.holds_at(now)) };
        let loader = ctx.data_unchecked::<DataLoader<FirmLoader>>();
        let firm = loader.load_one(row.firm_id).await.map_err(|error| Error::stop(error.code()))?;
        let firm = firm.ok_or_else(|| Error::internal("a delegation without a firm"))?;
        Ok(row.holds_at(now) && schedule.holds_at(now, zone(&firm.time_zone)))
    }

    /// Where it stands.
    async fn state(&self) -> State {
        self.row.state
    }

    /// From when on it holds.
    async fn valid_from(&self) -> DateTime<Utc> {
        self.row.valid_from
    }

    /// Until when it holds; null without an end.
    async fn valid_until(&self) -> Option<DateTime<Utc>> {
        self.row.valid_until
    }

    /// When it was given.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// Since when the delegate can act.
    async fn activated_at(&self) -> Option<DateTime<Utc>> {
        self.row.activated_at
    }

    /// When it ended; null while it is live.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.row.ended_at
    }

    /// Goes up by one with each change.
    async fn version(&self) -> i32 {
        self.row.version
    }
}

crate::payload! {
    /// The answer of `addBackOfficeUser`.
    AddBackOfficeUserPayload {
        /// The delegation: active at once for someone of the firm, otherwise pending.
        delegation: Delegation,
    }
}

crate::payload! {
    /// The answer of `updateDelegation`.
    UpdateDelegationPayload {
        /// The delegation as it is now.
        delegation: Delegation,
    }
}

/// An invitation to send again.
#[derive(InputObject)]
struct ResendDelegationInviteInput {
    /// The pending delegation.
    delegation_id: ID,
}

crate::payload! {
    /// The answer of `resendDelegationInvite`.
    ResendDelegationInvitePayload {
        /// The delegation, still pending.
        delegation: Delegation,
    }
}

/// A delegation that its delegate does not want.
#[derive(InputObject)]
struct DeclineDelegationInput {
    /// One of `viewer.principals`.
    delegation_id: ID,
}

crate::payload! {
    /// The answer of `declineDelegation`.
    DeclineDelegationPayload {
        /// The delegation, now declined.
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
        let added = async {
            let new = input.domain()?;
            ctx.mutate(|tx, caller| delegation::add(tx, caller, new).boxed()).await
        };
        AddBackOfficeUserPayload::answer(added.await)
    }

    /// Changes what a delegation is limited to: what the delegate may do, with which clients, when, and whether they have to
    /// give a reason. It holds from the next request on; what is not allowed any more ends. For its principal.
    async fn update_delegation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateDelegationInput,
    ) -> Result<UpdateDelegationPayload> {
        let updated = async {
            let id = local(NodeType::Delegation, &input.delegation_id, "delegationId")?;
            let (version, changed) = (input.expected_version, input.domain()?);
            ctx.mutate(move |tx, caller| impersonation::update(tx, caller, id, version, changed).boxed())
                .await
        };
        UpdateDelegationPayload::answer(updated.await)
    }

    /// Sends the mail of a pending delegation again, with a new link. For its principal.
    async fn resend_delegation_invite(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: ResendDelegationInviteInput,
    ) -> Result<ResendDelegationInvitePayload> {
        let resent = async {
            let id = local(NodeType::Delegation, &input.delegation_id, "delegationId")?;
            ctx.mutate(move |tx, caller| delegation::resend_invite(tx, caller, id).boxed()).await
        };
        ResendDelegationInvitePayload::answer(resent.await)
    }

    /// Says that the viewer does not want to act for a principal any more. The seat is free at once, and what runs by the
    /// delegation ends. For its delegate.
    async fn decline_delegation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeclineDelegationInput,
    ) -> Result<DeclineDelegationPayload> {
        let declined = async {
            let id = local(NodeType::Delegation, &input.delegation_id, "delegationId")?;
            ctx.mutate(move |tx, caller| impersonation::decline(tx, caller, id).boxed()).await
        };
        DeclineDelegationPayload::answer(declined.await)
    }

    /// Takes a delegation back. Its seat is free at once, and whoever acts by it stops.
    async fn revoke_delegation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RevokeDelegationInput,
    ) -> Result<RevokeDelegationPayload> {
        let revoked = async {
            let id = local(NodeType::Delegation, &input.delegation_id, "delegationId")?;
            ctx.mutate(move |tx, caller| impersonation::revoke(tx, caller, id).boxed()).await
        };
        RevokeDelegationPayload::answer(revoked.await)
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
        throttle::public_action(&log, "link", ctx.request().network).await?;
        let reported = ctx.detached(async move {
            log.transact(Author::System, async |tx| impersonation::report_unwanted(tx, &token).await).await
        });
        ReportUnwantedMailPayload::answer(reported.await.map(|()| true))
    }
}
