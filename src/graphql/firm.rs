//! Firms.

use super::context::Locum;
use super::error::OfOne;
use super::guard::{alone, public};
use super::node::{given, global};
use crate::domain::{firm, throttle};
use crate::error::{Error, Refusal, Result};
use crate::events::Author;
use crate::id::NodeType;
use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object};
use futures_util::FutureExt;

/// An advisory firm.
#[derive(Description)]
pub struct Firm(firm::Firm);

impl From<firm::Firm> for Firm {
    fn from(firm: firm::Firm) -> Self {
        Self(firm)
    }
}

#[Object(use_type_description)]
impl Firm {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Firm, self.0.id)
    }

    /// The short name that people sign in with.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// The name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The time zone, as an IANA name such as `Europe/Berlin`.
    async fn time_zone(&self) -> &str {
        &self.0.time_zone
    }

    /// Whether back-office users may belong to another firm.
    async fn allow_external_delegates(&self) -> bool {
        self.0.allow_external_delegates
    }

    /// Whether a client's workgroup is changed by its primary adviser, the owner of the workgroup and setup admins only;
    /// otherwise by everybody who works on the client.
    async fn strict_workgroup_moves(&self) -> bool {
        self.0.strict_workgroup_moves
    }

    /// For how many days an invite to a workgroup holds; null for as long as it waits.
    async fn invite_days(&self) -> Option<i16> {
        self.0.invite_days
    }

    /// Goes up by one with each change.
    async fn version(&self) -> i32 {
        self.0.version
    }
}

/// What changes about the firm; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateFirmInput {
    /// The version that was read; `CONFLICT` if somebody else changed it since.
    expected_version: i32,
    /// The name: 1 to 200 characters.
    name: Option<String>,
    /// An IANA time zone, such as `Europe/Berlin`.
    time_zone: Option<String>,
    /// Whether back-office users may belong to another firm.
    allow_external_delegates: Option<bool>,
    /// Whether only a few people change a client's workgroup.
    strict_workgroup_moves: Option<bool>,
    /// For how many days an invite to a workgroup holds, 1 to 90; null for as long as it waits.
    invite_days: MaybeUndefined<i32>,
}

crate::payload! {
    /// The answer of `updateFirm`.
    UpdateFirmPayload {
        /// The firm as it is now.
        firm: Firm,
    }
}

/// A firm to be, and who sets it up.
#[derive(InputObject)]
struct RegisterFirmInput {
    /// The short name that people sign in with: 1 to 63 of a-z, 0-9 and `-`.
    slug: String,
    /// The name: 1 to 200 characters.
    name: String,
    /// An IANA time zone, such as `Europe/Berlin`.
    #[graphql(default_with = "\"UTC\".to_owned()")]
    time_zone: String,
    /// The user ID of the first user, a setup admin.
    handle: String,
    /// Their address; the registration link goes there.
    email: String,
    /// Their name.
    display_name: String,
}

crate::payload! {
    /// The answer of `registerFirm`.
    RegisterFirmPayload {
        /// The firm. It can be used as soon as its first user has registered.
        firm: Firm,
    }
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "FirmMutations")]
impl Mutations {
    /// Registers a firm. Its first user gets a mail with a registration link.
    #[graphql(directive = public::apply(), directive = alone::apply())]
    async fn register_firm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The firm and who sets it up.")] input: RegisterFirmInput,
    ) -> Result<RegisterFirmPayload> {
        let services = ctx.services();
        throttle::public_action(&services.log, "register firm", ctx.request().network).await?;
        let new = firm::NewFirm {
            slug: input.slug,
            name: input.name,
            time_zone: input.time_zone,
            handle: input.handle,
            email: input.email,
            display_name: input.display_name,
        };
        let (log, open) = (services.log.clone(), services.open_registration);
        let registered = ctx.detached(async move {
            if !open {
                let rule = "Firms are registered by whoever runs this service.";
                return Err(Error::from(Refusal::forbidden(
                    rule,
                    "whoever runs this service, by `locum user create --new-firm`",
                )));
            }
            log.transact(Author::System, async |tx| firm::register(tx, new).await).await
        });
        RegisterFirmPayload::answer(registered.await.map(|(firm, _)| firm))
    }

    /// Changes the viewer's firm and its policies. For setup admins.
    async fn update_firm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateFirmInput,
    ) -> Result<UpdateFirmPayload> {
        let version = input.expected_version;
        let changed = firm::ChangedFirm {
            name: input.name,
            time_zone: input.time_zone,
            allow_external_delegates: input.allow_external_delegates,
            strict_workgroup_moves: input.strict_workgroup_moves,
            invite_days: given(input.invite_days),
        };
        let updated = ctx.mutate(move |tx, caller| firm::update(tx, caller, version, changed).boxed());
        UpdateFirmPayload::answer(updated.await)
    }
}
