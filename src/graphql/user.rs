//! Users.

use super::context::Locum;
use super::error::OfOne;
use super::firm::Firm;
use super::loaders::FirmLoader;
use super::node::global;
use crate::caller::{Capability, Kind};
use crate::domain::user::{self, ChangedProfile, Invitation, Status};
use crate::error::{Error, Result};
use crate::id::NodeType;
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Description, ID, InputObject, Object};
use futures_util::FutureExt;

/// A member of a firm's staff, or an outside representative.
#[derive(Description)]
pub struct User(user::User);

impl From<user::User> for User {
    fn from(user: user::User) -> Self {
        Self(user)
    }
}

impl User {
    /// Whether this is someone of the firm whose data is shown. Without a session, people only see themselves.
    fn is_own(&self, ctx: &Context<'_>) -> bool {
        ctx.caller().map_or(true, |caller| caller.subject().firm == self.0.firm_id)
    }
}

#[Object(use_type_description, serial)]
impl User {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::User, self.0.id)
    }

    /// The user ID: unique in the firm, whatever its case; null for people of another firm.
    async fn handle(&self, ctx: &Context<'_>) -> Option<&str> {
        self.is_own(ctx).then_some(self.0.handle.as_str())
    }

    /// The name that others see.
    async fn name(&self) -> &str {
        &self.0.display_name
    }

    /// The address; null for people of another firm.
    async fn email(&self, ctx: &Context<'_>) -> Option<&str> {
        self.is_own(ctx).then_some(self.0.email.as_str())
    }

    /// What kind of user this is.
    async fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Where this user stands; null for people of another firm.
    async fn status(&self, ctx: &Context<'_>) -> Option<Status> {
        self.is_own(ctx).then_some(self.0.status)
    }

    /// The administrative rights; empty for people of another firm.
    async fn capabilities(&self, ctx: &Context<'_>) -> Vec<Capability> {
        if self.is_own(ctx) { self.0.capabilities.clone() } else { Vec::new() }
    }

    /// The firm that this user belongs to.
    async fn firm(&self, ctx: &Context<'_>) -> Result<Firm> {
        let loader = ctx.data_unchecked::<DataLoader<FirmLoader>>();
        // In a box: the field is large and seldom asked for, and the others would be as large.
        let firm =
            Box::pin(loader.load_one(self.0.firm_id)).await.map_err(|error| Error::stop(error.code()))?;
        firm.map(Firm::from).ok_or_else(|| Error::internal("a user without a firm"))
    }
}

/// A member of staff to invite.
#[derive(InputObject)]
struct InviteUserInput {
    /// The user ID: 2 to 64 letters, digits, `.`, `_` or `-`; unique in the firm.
    handle: String,
    /// The address that the registration link goes to.
    email: String,
    /// The name that others see: 1 to 200 characters.
    display_name: String,
    /// What kind of user it will be.
    kind: Kind,
    /// What the firm's entitlements call this user's level; locum does not interpret it.
    level: Option<String>,
    /// The administrative rights.
    #[graphql(default)]
    capabilities: Vec<Capability>,
}

crate::payload! {
    /// The answer of `inviteUser`.
    InviteUserPayload {
        /// Who was invited; pending until they register.
        user: User,
    }
}

/// What changes about the own profile; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateProfileInput {
    /// The name that others see: 1 to 200 characters.
    display_name: Option<String>,
    /// Whether to get a mail each morning, from six o'clock in the firm's time zone, about what was done in the own name
    /// on the days before; none if nothing was.
    daily_summary: Option<bool>,
}

crate::payload! {
    /// The answer of `updateProfile`.
    UpdateProfilePayload {
        /// The person at the keyboard.
        user: User,
    }
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "UserMutations")]
impl Mutations {
    /// Invites someone to the firm: they get a mail with a registration link. For setup admins.
    async fn invite_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who is invited.")] input: InviteUserInput,
    ) -> Result<InviteUserPayload> {
        let invitation = Invitation {
            handle: input.handle,
            email: input.email,
            display_name: input.display_name,
            kind: input.kind,
            level: input.level,
            capabilities: input.capabilities,
        };
        let invited = ctx.mutate(|tx, caller| user::invite(tx, caller, invitation).boxed()).await;
        InviteUserPayload::answer(invited)
    }

    /// Changes the profile of the person at the keyboard.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateProfileInput,
    ) -> Result<UpdateProfilePayload> {
        let changed = ChangedProfile { display_name: input.display_name, daily_summary: input.daily_summary };
        let updated = ctx.mutate(|tx, caller| user::update_profile(tx, caller, changed).boxed()).await;
        UpdateProfilePayload::answer(updated)
    }
}
