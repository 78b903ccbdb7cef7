//! Workgroups: people who work on each other's clients, in groups that they manage themselves.
//!
//! Whoever creates one owns it and is its first member; the owner invites others, who join by themselves ([`invite`]).
//! A client is shared by being put into the group, and by nothing else: joining shares none of the joiner's. What is done to
//! a group is done one after the other, under the lock of its row.

mod invite;
mod store;

pub use invite::{ignore, invite, join, revoke, visible_invite};
pub use store::{
    Invite, InviteRow, Member, Members, Workgroup, WorkgroupRow, all_of_user, count_of_invites,
    count_of_user, default_of, find_many, invites_of, invites_to, is_member, members, of_user, share, sweep,
};

use super::access::{self, AccessChange, Done};
use super::text;
use super::user;
use crate::caller::{AsOneself, Caller, Capability, Kind, Permission, UserKey};
use crate::defaults::UNDO;
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

/// May create workgroups.
#[derive(Debug)]
pub struct OwnWorkgroups;

impl Permission for OwnWorkgroups {
    const RULE: &'static str =
        "Only an adviser owns workgroups: a client's primary adviser may come from one.";
    const GRANTABLE_BY: &'static str = "a setup admin of the firm, by the kind of user";

    fn allows(caller: &Caller) -> bool {
        caller.acting().is_none() && caller.kind == Kind::Adviser
    }
}

/// The rule of whatever only the owner does.
const OWNERS: &str = "Only the owner of a workgroup manages it.";
const OWNER_OR_ADMIN: &str = "Only the owner of a workgroup, or a setup admin, hands it over or deletes it.";
const BY_OWNER: &str = "the owner, by transferring the workgroup";

/// Creates a workgroup of the caller's.
pub async fn create(tx: &mut Tx, caller: &Caller, description: &str) -> Result<Workgroup> {
    let owner = caller.permit(OwnWorkgroups)?.subject();
    let description = text::line("description", description, 200)?;
    let id = store::insert(tx, owner, description).await?;
    let event =
        Event::WorkgroupCreated { workgroup: subject(id), owner: Subject::user(owner), readers: vec![owner] };
    tx.record(owner.firm, event);
    read(tx, UserKey { firm: owner.firm, id }).await
}

/// Describes a workgroup of the caller's in other words. `CONFLICT` if somebody else did so since it was read.
pub async fn update(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    expected_version: i32,
    description: &str,
) -> Result<Workgroup> {
    let mut row = owned(tx, caller, id).await?;
    if row.version != expected_version {
        return Err(Refusal::conflict(row.version).into());
    }
    row.description = text::line("description", description, 200)?;
    store::update(tx, &row).await?;
    let readers = store::member_ids(tx, key(&row)).await?;
    tx.record(
        row.firm_id,
        Event::WorkgroupUpdated { workgroup: subject(id), version: row.version + 1, readers },
    );
    read(tx, key(&row)).await
}

/// Deletes a workgroup, of the caller's or, for a setup admin, any. Its clients stay with their advisers; for 30 days it can
/// be brought back.
pub async fn delete(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<(Workgroup, Vec<AccessChange>)> {
    let row = governed(tx, caller, id).await?;
    let before = read(tx, key(&row)).await?;
    let readers = store::member_ids(tx, key(&row)).await?;
    let clients = store::client_ids(tx, key(&row)).await?;
    invite::remove_all(tx, &row).await?;
    let whose_default = store::default_of_whom(tx, key(&row)).await?;
    let by = caller.actor.id;
    let deleting = async |tx: &mut Tx| store::delete(tx, &row, by).await;
    let changes = access::around(tx, row.firm_id, &clients, deleting).await?.changes;
    tx.record(row.firm_id, Event::WorkgroupDeleted { workgroup: subject(id), readers });
    for user in whose_default {
        tell_default(tx, user, None);
    }
    Ok((before, changes))
}

/// A workgroup that is there again.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Restored {
    pub workgroup: Workgroup,
    /// Clients that were in it, and went elsewhere meanwhile.
    pub left_out: Vec<Uuid>,
    pub changes: Vec<AccessChange>,
}

/// Brings back a workgroup that was deleted less than 30 days ago: whoever owned it may, or a setup admin.
pub async fn restore(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Restored> {
    let me = caller.permit(AsOneself)?.subject();
    let found = store::lock_deleted(tx, UserKey { firm: me.firm, id }).await?;
    let mine = |row: &WorkgroupRow| row.owner_id == me.id || caller.has(Capability::SetupAdmin);
    let now = tx.now;
    let found = found.filter(|(row, deleted_at)| mine(row) && *deleted_at + UNDO > now);
    let (row, deleted_at) = found.ok_or_else(not_found)?;
    active(tx, UserKey { firm: row.firm_id, id: row.owner_id }, "workgroupId").await?;
    let clients = store::clients_at_deletion(tx, key(&row), deleted_at).await?;
    let restoring = async |tx: &mut Tx| store::restore(tx, &row, deleted_at).await;
    let changes = access::around(tx, row.firm_id, &clients, restoring).await?.changes;
    let there = store::client_ids(tx, key(&row)).await?;
    let left_out = clients.into_iter().filter(|client| !there.contains(client)).collect();
    let readers = store::member_ids(tx, key(&row)).await?;
    tx.record(row.firm_id, Event::WorkgroupRestored { workgroup: subject(id), readers });
    Ok(Restored { workgroup: read(tx, key(&row)).await?, left_out, changes })
}

/// Hands a workgroup over to another member, who has to be an adviser. The one of before stays a member.
pub async fn transfer(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    to: Uuid,
) -> Result<(Workgroup, Vec<AccessChange>)> {
    let mut row = governed(tx, caller, id).await?;
    let owner = UserKey { firm: row.firm_id, id: to };
    if !store::is_member(tx.sql(), id, owner).await? {
        return Err(Refusal::new(ErrorCode::NotAMember).at("userId").into());
    }
    active(tx, owner, "userId").await?;
    let clients = store::client_ids(tx, key(&row)).await?;
    row.owner_id = to;
    let handing_over = async |tx: &mut Tx| store::update(tx, &row).await.map_err(|error| error.at("userId"));
    let changes = access::around(tx, row.firm_id, &clients, handing_over).await?.changes;
    let readers = store::member_ids(tx, key(&row)).await?;
    let event = Event::WorkgroupOwnerChanged { workgroup: subject(id), owner: Subject::user(owner), readers };
    tx.record(row.firm_id, event);
    Ok((read(tx, key(&row)).await?, changes))
}

/// Refuses an owner who is inactive: nobody would manage the workgroup.
async fn active(tx: &mut Tx, owner: UserKey, field: &str) -> Result<()> {
    match user::find(tx.sql(), owner).await? {
        Some(owner) if owner.status == user::Status::Inactive => {
            Err(Refusal::new(ErrorCode::UserInactive).at(field).into())
        }
        _ => Ok(()),
    }
}

/// Takes a member out of a workgroup of the caller's.
pub async fn remove_member(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    member: Uuid,
) -> Result<(Workgroup, Vec<AccessChange>)> {
    let row = owned(tx, caller, id).await?;
    end_membership(tx, &row, UserKey { firm: row.firm_id, id: member }, "userId").await
}

/// Leaves a workgroup. The clients that the member has put into it stay there.
pub async fn leave(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<(Workgroup, Vec<AccessChange>)> {
    let me = caller.permit(AsOneself)?.subject();
    let row = store::lock(tx, UserKey { firm: me.firm, id }).await?.ok_or_else(not_found)?;
    if !store::is_member(tx.sql(), id, me).await? {
        return Err(not_found().into());
    }
    end_membership(tx, &row, me, "workgroupId").await
}

async fn end_membership(
    tx: &mut Tx,
    row: &WorkgroupRow,
    member: UserKey,
    field: &str,
) -> Result<(Workgroup, Vec<AccessChange>)> {
    if member.id == row.owner_id {
        return Err(Refusal::new(ErrorCode::OwnerCannotLeave).at(field).into());
    }
    let readers = store::member_ids(tx, key(row)).await?;
    let clients = store::client_ids(tx, key(row)).await?;
    let was_default = store::default_of_whom(tx, key(row)).await?.contains(&member);
    let ending = async |tx: &mut Tx| store::delete_member(tx, row.id, member).await;
    let Done { value: was_there, changes, .. } = access::around(tx, row.firm_id, &clients, ending).await?;
    if !was_there {
        return Err(Refusal::new(ErrorCode::NotAMember).at(field).into());
    }
    let event = Event::MembershipEnded { workgroup: subject(row.id), user: Subject::user(member), readers };
    tx.record(row.firm_id, event);
    if was_default {
        tell_default(tx, member, None);
    }
    Ok((read(tx, key(row)).await?, changes))
}

/// Chooses into which of their workgroups the caller's new clients go, or into none.
pub async fn set_default(tx: &mut Tx, caller: &Caller, workgroup: Option<Uuid>) -> Result<user::User> {
    let me = caller.permit(AsOneself)?.subject();
    if let Some(id) = workgroup {
        // The lock of the workgroup comes before that of the user, as for whoever deletes the workgroup.
        store::share(tx, UserKey { firm: me.firm, id }).await?;
    }
    store::set_default(tx, me, workgroup).await.map_err(|error| error.at("workgroupId"))?;
    tell_default(tx, me, workgroup);
    let found = user::find(tx.sql(), me).await?;
    found.ok_or_else(|| Refusal::new(ErrorCode::NotFound).into())
}

fn tell_default(tx: &mut Tx, user: UserKey, workgroup: Option<Uuid>) {
    let (workgroup, firm) = (workgroup.map(subject), user.firm);
    tx.record(firm, Event::DefaultWorkgroupChanged { user: Subject::user(user), workgroup, key: user });
}

/// A workgroup that the caller may know of: one they are in, or, for a setup admin, any of the firm.
pub async fn visible(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Workgroup>> {
    let subject = caller.subject();
    if !caller.has(Capability::SetupAdmin) && !store::is_member(connection, id, subject).await? {
        return Ok(None);
    }
    Ok(store::find_many(connection, &[UserKey { firm: subject.firm, id }]).await?.pop())
}

/// A workgroup as it is at this point of the transaction.
pub(super) async fn read(tx: &mut Tx, key: UserKey) -> Result<Workgroup> {
    let found = store::find_many(tx.sql(), &[key]).await?.pop();
    found.ok_or_else(|| not_found().into())
}

/// A workgroup of the caller's, locked. Other members are told that they may not; nobody else learns of it.
async fn owned(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<WorkgroupRow> {
    let me = caller.permit(AsOneself)?.subject();
    let row = store::lock(tx, UserKey { firm: me.firm, id }).await?.ok_or_else(not_found)?;
    if row.owner_id == me.id {
        return Ok(row);
    }
    refuse(tx, caller, &row, OWNERS).await
}

/// The same, or for a setup admin any of the firm.
async fn governed(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<WorkgroupRow> {
    let me = caller.permit(AsOneself)?.subject();
    let row = store::lock(tx, UserKey { firm: me.firm, id }).await?.ok_or_else(not_found)?;
    if row.owner_id == me.id || caller.has(Capability::SetupAdmin) {
        return Ok(row);
    }
    refuse(tx, caller, &row, OWNER_OR_ADMIN).await
}

async fn refuse<T>(tx: &mut Tx, caller: &Caller, row: &WorkgroupRow, rule: &str) -> Result<T> {
    let sees = caller.has(Capability::SetupAdmin) || store::is_member(tx.sql(), row.id, caller.actor).await?;
    Err(if sees { Refusal::forbidden(rule, BY_OWNER).at("workgroupId") } else { not_found() }.into())
}

fn key(row: &WorkgroupRow) -> UserKey {
    UserKey { firm: row.firm_id, id: row.id }
}

fn subject(id: Uuid) -> Subject {
    Subject(NodeType::Workgroup, id)
}

fn not_found() -> Refusal {
    Refusal::new(ErrorCode::NotFound).at("workgroupId")
}
