//! Invites to workgroups, and what people do about them.

use super::Workgroup;
use crate::domain::workgroup;
use crate::error::Result;
use crate::graphql::connection::{self, Counted, Listed};
use crate::graphql::context::Locum;
use crate::graphql::error::OfOne;
use crate::graphql::node::{global, local};
use crate::graphql::user::User;
use crate::id::NodeType;
use async_graphql::{Context, Description, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

/// Somebody is invited to a workgroup. An invite is there as long as it waits.
#[derive(Description)]
pub struct Invite(workgroup::Invite);

impl From<workgroup::Invite> for Invite {
    fn from(invite: workgroup::Invite) -> Self {
        Self(invite)
    }
}

#[Object(use_type_description)]
impl Invite {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Invite, self.0.row.id)
    }

    /// The global id of the workgroup; its members can look at it.
    async fn workgroup_id(&self) -> ID {
        global(NodeType::Workgroup, self.0.row.workgroup_id)
    }

    /// What the workgroup is for.
    async fn workgroup_description(&self) -> &str {
        &self.0.description
    }

    /// Who invites.
    async fn inviter(&self) -> User {
        self.0.inviter.clone().into()
    }

    /// Who is invited.
    async fn invitee(&self) -> User {
        self.0.invitee.clone().into()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.row.created_at
    }

    /// Until when it can be followed; null if as long as it waits.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.expires_at
    }
}

/// The invites that wait for the viewer.
pub struct InvitesOfMine;

crate::connection! {
    /// A page of invites.
    InviteConnection of InvitesOfMine,
    /// An invite in a page.
    InviteEdge,
    /// The invite.
    Invite,
}

impl Listed for Invite {
    fn cursor(&self) -> String {
        connection::by_id(self.0.row.id)
    }
}

impl Counted for InvitesOfMine {
    async fn count(&self, ctx: &Context<'_>) -> Result<i64> {
        let now = ctx.services().log.clock.now();
        let counting = ctx.read(move |connection, caller| {
            Box::pin(workgroup::count_of_invites(connection, caller.actor, now))
        });
        counting.await
    }
}

/// Somebody to invite.
#[derive(InputObject)]
struct InviteToWorkgroupInput {
    /// To which workgroup.
    workgroup_id: ID,
    /// The person's user ID.
    handle: String,
}

crate::payload! {
    /// The answer of `inviteToWorkgroup`.
    InviteToWorkgroupPayload {
        /// The invite, which waits: a new one, or the one that waited already.
        invite: Invite,
    }
}

/// An invite to follow.
#[derive(InputObject)]
struct JoinWorkgroupInput {
    /// One of `viewer.invites`.
    invite_id: ID,
}

crate::payload! {
    /// The answer of `joinWorkgroup`.
    JoinWorkgroupPayload {
        /// The workgroup, of which the viewer is a member now.
        workgroup: Workgroup,
    }
}

/// An invite to ignore.
#[derive(InputObject)]
struct IgnoreInviteInput {
    /// One of `viewer.invites`.
    invite_id: ID,
}

crate::payload! {
    /// The answer of `ignoreInvite`.
    IgnoreInvitePayload {
        /// The invite, which is gone.
        invite: Invite,
    }
}

/// An invite to take back.
#[derive(InputObject)]
struct RevokeInviteInput {
    /// One of `Workgroup.invites`.
    invite_id: ID,
}

crate::payload! {
    /// The answer of `revokeInvite`.
    RevokeInvitePayload {
        /// The invite, which is gone.
        invite: Invite,
    }
}

#[derive(Default)]
pub struct InviteMutations;

#[Object]
impl InviteMutations {
    /// Invites somebody of the firm, by their user ID, to a workgroup of the viewer's: at most three times in 30 days. They
    /// see it in `viewer.invites` and by `inviteEvents`, and join or ignore it.
    async fn invite_to_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom, and to which one.")] input: InviteToWorkgroupInput,
    ) -> Result<InviteToWorkgroupPayload> {
        let invited = async {
            let id = local(NodeType::Workgroup, &input.workgroup_id, "workgroupId")?;
            let handle = input.handle;
            ctx.mutate(move |tx, caller| {
                async move { workgroup::invite(tx, caller, id, &handle).await }.boxed()
            })
            .await
        };
        InviteToWorkgroupPayload::answer(invited.await)
    }

    /// Follows an invite. Joining shares none of the viewer's clients.
    async fn join_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: JoinWorkgroupInput,
    ) -> Result<JoinWorkgroupPayload> {
        let joined = async {
            let id = local(NodeType::Invite, &input.invite_id, "inviteId")?;
            ctx.mutate(move |tx, caller| workgroup::join(tx, caller, id).boxed()).await
        };
        JoinWorkgroupPayload::answer(joined.await)
    }

    /// Ignores an invite: it is gone, and nobody is told why.
    async fn ignore_invite(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: IgnoreInviteInput,
    ) -> Result<IgnoreInvitePayload> {
        let ignored = async {
            let id = local(NodeType::Invite, &input.invite_id, "inviteId")?;
            ctx.mutate(move |tx, caller| workgroup::ignore(tx, caller, id).boxed()).await
        };
        IgnoreInvitePayload::answer(ignored.await)
    }

    /// Takes back an invite to a workgroup of the viewer's.
    async fn revoke_invite(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RevokeInviteInput,
    ) -> Result<RevokeInvitePayload> {
        let revoked = async {
            let id = local(NodeType::Invite, &input.invite_id, "inviteId")?;
            ctx.mutate(move |tx, caller| workgroup::revoke(tx, caller, id).boxed()).await
        };
        RevokeInvitePayload::answer(revoked.await)
    }
}
