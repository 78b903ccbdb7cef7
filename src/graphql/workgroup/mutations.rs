//! What people do about workgroups.

use super::Workgroup;
use crate::domain::workgroup;
use crate::error::Result;
use crate::graphql::access::AccessChanges;
use crate::graphql::context::Locum;
use crate::graphql::error::{OfOne, Payload};
use crate::graphql::node::local;
use crate::graphql::user::User;
use crate::id::NodeType;
use async_graphql::{Context, ID, InputObject, Object};
use futures_util::FutureExt;

/// A workgroup to be.
#[derive(InputObject)]
struct CreateWorkgroupInput {
    /// What it is for: 1 to 200 characters.
    description: String,
}

crate::payload! {
    /// The answer of `createWorkgroup`.
    CreateWorkgroupPayload {
        /// The new workgroup.
        workgroup: Workgroup,
    }
}

/// A workgroup in other words.
#[derive(InputObject)]
struct UpdateWorkgroupInput {
    /// Which one.
    workgroup_id: ID,
    /// The version that was read; `CONFLICT` if it was changed since.
    expected_version: i32,
    /// What it is for: 1 to 200 characters.
    description: String,
}

crate::payload! {
    /// The answer of `updateWorkgroup`.
    UpdateWorkgroupPayload {
        /// The workgroup as it is now.
        workgroup: Workgroup,
    }
}

/// A workgroup to delete.
#[derive(InputObject)]
struct DeleteWorkgroupInput {
    /// Which one.
    workgroup_id: ID,
    /// Only find out what it would do.
    #[graphql(default)]
    dry_run: bool,
}

crate::payload! {
    /// The answer of `deleteWorkgroup`.
    DeleteWorkgroupPayload {
        /// The workgroup as it was.
        workgroup: Workgroup,
        /// Who loses which clients by it.
        access_changes: AccessChanges,
    }
}

/// A workgroup to bring back.
#[derive(InputObject)]
struct RestoreWorkgroupInput {
    /// Which one: the id that it had.
    workgroup_id: ID,
    /// Only find out what it would do.
    #[graphql(default)]
    dry_run: bool,
}

crate::payload! {
    /// The answer of `restoreWorkgroup`.
    RestoreWorkgroupPayload {
        /// The workgroup, there again.
        workgroup: Workgroup,
        /// How many of its clients are in other workgroups by now, or were put elsewhere meanwhile, and stay as they are.
        left_out_count: i32,
        /// Who gains which clients by it.
        access_changes: AccessChanges,
    }
}

/// A workgroup to hand over.
#[derive(InputObject)]
struct TransferWorkgroupInput {
    /// Which one.
    workgroup_id: ID,
    /// To whom: a member who is an adviser.
    user_id: ID,
    /// Only find out what it would do.
    #[graphql(default)]
    dry_run: bool,
}

crate::payload! {
    /// The answer of `transferWorkgroup`.
    TransferWorkgroupPayload {
        /// The workgroup as it is now.
        workgroup: Workgroup,
        /// What it does to people's access.
        access_changes: AccessChanges,
    }
}

/// A member to take out.
#[derive(InputObject)]
struct RemoveMemberInput {
    /// Out of which workgroup.
    workgroup_id: ID,
    /// Whom.
    user_id: ID,
    /// Only find out what it would do.
    #[graphql(default)]
    dry_run: bool,
}

crate::payload! {
    /// The answer of `removeMember`.
    RemoveMemberPayload {
        /// The workgroup as it is now.
        workgroup: Workgroup,
        /// Which clients the member loses by it.
        access_changes: AccessChanges,
    }
}

/// A workgroup to leave.
#[derive(InputObject)]
struct LeaveWorkgroupInput {
    /// Which one.
    workgroup_id: ID,
    /// Only find out what it would do.
    #[graphql(default)]
    dry_run: bool,
}

crate::payload! {
    /// The answer of `leaveWorkgroup`.
    LeaveWorkgroupPayload {
        /// The workgroup as it is now.
        workgroup: Workgroup,
        /// Which clients the viewer loses by it.
        access_changes: AccessChanges,
    }
}

/// Where new clients go.
#[derive(InputObject)]
struct SetDefaultWorkgroupInput {
    /// One of the viewer's workgroups; null for none.
    workgroup_id: Option<ID>,
}

crate::payload! {
    /// The answer of `setDefaultWorkgroup`.
    SetDefaultWorkgroupPayload {
        /// The person at the keyboard.
        user: User,
    }
}

/// The answer of a change that does something to people's access.
macro_rules! with_changes {
    ($payload:ident, $result:expr) => {
        $payload::of($result, |(workgroup, changes)| $payload {
            workgroup: Some(workgroup.into()),
            access_changes: Some(AccessChanges::from(changes)),
            ..Default::default()
        })
    };
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "WorkgroupMutations")]
impl Mutations {
    /// Creates a workgroup; the viewer owns it and is its first member. Only advisers do.
    async fn create_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is to be.")] input: CreateWorkgroupInput,
    ) -> Result<CreateWorkgroupPayload> {
        let description = input.description;
        let created = ctx.mutate(move |tx, caller| {
            async move { workgroup::create(tx, caller, &description).await }.boxed()
        });
        CreateWorkgroupPayload::answer(created.await)
    }

    /// Describes a workgroup of the viewer's in other words.
    async fn update_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateWorkgroupInput,
    ) -> Result<UpdateWorkgroupPayload> {
        let updated = async {
            let id = local(NodeType::Workgroup, &input.workgroup_id, "workgroupId")?;
            let (version, description) = (input.expected_version, input.description);
            ctx.mutate(move |tx, caller| {
                async move { workgroup::update(tx, caller, id, version, &description).await }.boxed()
            })
            .await
        };
        UpdateWorkgroupPayload::answer(updated.await)
    }

    /// Deletes a workgroup of the viewer's, or, for a setup admin, any of the firm. Its clients stay with their advisers; it
    /// can be brought back for 30 days.
    async fn delete_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteWorkgroupInput,
    ) -> Result<DeleteWorkgroupPayload> {
        let deleted = async {
            let id = local(NodeType::Workgroup, &input.workgroup_id, "workgroupId")?;
            ctx.mutate_or_try(input.dry_run, move |tx, caller| workgroup::delete(tx, caller, id).boxed())
                .await
        };
        with_changes!(DeleteWorkgroupPayload, deleted.await)
    }

    /// Brings back a workgroup that was deleted less than 30 days ago, with its members, and with those of its clients that
    /// nobody has put elsewhere meanwhile.
    async fn restore_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RestoreWorkgroupInput,
    ) -> Result<RestoreWorkgroupPayload> {
        let restored = async {
            let id = local(NodeType::Workgroup, &input.workgroup_id, "workgroupId")?;
            ctx.mutate_or_try(input.dry_run, move |tx, caller| workgroup::restore(tx, caller, id).boxed())
                .await
        };
        RestoreWorkgroupPayload::of(restored.await, |restored| RestoreWorkgroupPayload {
            workgroup: Some(restored.workgroup.into()),
            left_out_count: i32::try_from(restored.left_out.len()).ok(),
            access_changes: Some(restored.changes.into()),
            ..Default::default()
        })
    }

    /// Hands a workgroup over to another member. Its clients keep their advisers; new ones of assistants follow the new owner.
    async fn transfer_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and to whom.")] input: TransferWorkgroupInput,
    ) -> Result<TransferWorkgroupPayload> {
        let transferred = async {
            let id = local(NodeType::Workgroup, &input.workgroup_id, "workgroupId")?;
            let to = local(NodeType::User, &input.user_id, "userId")?;
            ctx.mutate_or_try(input.dry_run, move |tx, caller| {
                workgroup::transfer(tx, caller, id, to).boxed()
            })
            .await
        };
        with_changes!(TransferWorkgroupPayload, transferred.await)
    }

    /// Takes a member out of a workgroup of the viewer's. What they put into it stays there.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom, out of which one.")] input: RemoveMemberInput,
    ) -> Result<RemoveMemberPayload> {
        let removed = async {
            let id = local(NodeType::Workgroup, &input.workgroup_id, "workgroupId")?;
            let member = local(NodeType::User, &input.user_id, "userId")?;
            ctx.mutate_or_try(input.dry_run, move |tx, caller| {
                workgroup::remove_member(tx, caller, id, member).boxed()
            })
            .await
        };
        with_changes!(RemoveMemberPayload, removed.await)
    }

    /// Leaves a workgroup. What the viewer put into it stays there.
    async fn leave_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: LeaveWorkgroupInput,
    ) -> Result<LeaveWorkgroupPayload> {
        let left = async {
            let id = local(NodeType::Workgroup, &input.workgroup_id, "workgroupId")?;
            ctx.mutate_or_try(input.dry_run, move |tx, caller| workgroup::leave(tx, caller, id).boxed()).await
        };
        with_changes!(LeaveWorkgroupPayload, left.await)
    }

    /// Chooses into which of their workgroups the viewer's new clients go, or into none.
    async fn set_default_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: SetDefaultWorkgroupInput,
    ) -> Result<SetDefaultWorkgroupPayload> {
        let set = async {
            let id =
                input.workgroup_id.map(|id| local(NodeType::Workgroup, &id, "workgroupId")).transpose()?;
            ctx.mutate(move |tx, caller| workgroup::set_default(tx, caller, id).boxed()).await
        };
        SetDefaultWorkgroupPayload::answer(set.await)
    }
}
