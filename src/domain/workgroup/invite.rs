//! Invites to workgroups: by user ID, in the app. An invite is there as long as it waits; however it ends, it is gone.

use super::store::{self, Invite};
use super::{Workgroup, WorkgroupRow, key, owned, read, subject};
use crate::caller::{AsOneself, Caller, UserKey};
use crate::domain::{access, throttle, user};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use chrono::TimeDelta;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

/// How often the same person may be invited to the same workgroup within [`INVITE_WINDOW`].
const INVITES: i32 = 3;
const INVITE_WINDOW: TimeDelta = TimeDelta::days(30);

/// Invites somebody of the firm, by their user ID, to a workgroup of the caller's. An invite that waits already is answered
/// as it is.
pub async fn invite(tx: &mut Tx, caller: &Caller, workgroup: Uuid, handle: &str) -> Result<Invite> {
    let row = owned(tx, caller, workgroup).await?;
    let found = user::by_handle(tx.sql(), row.firm_id, handle).await?;
    let invitee = found.ok_or_else(|| Refusal::new(ErrorCode::UserNotFound).at("handle"))?;
    if invitee.status == user::Status::Inactive {
        return Err(Refusal::new(ErrorCode::UserInactive).at("handle").into());
    }
    if store::is_member(tx.sql(), workgroup, invitee.key()).await? {
        return Err(Refusal::new(ErrorCode::AlreadyMember).at("handle").into());
    }
    let now = tx.now;
    let group = UserKey { firm: row.firm_id, id: workgroup };
    match store::find_pending(tx, group, invitee.id).await? {
        Some(waiting) if holds(&waiting, now) => return Ok(waiting),
        // What has run out is in the way of a new one.
        Some(over) => {
            store::consume_invite(tx, invite_key(&over)).await?;
            tell_removed(tx, &over, caller.actor);
        }
        None => {}
    }
    let pair = throttle::key("invite", &format!("{workgroup}/{}", invitee.id));
    throttle::count(tx.sql(), now, &[pair], INVITES, INVITE_WINDOW).await?;
    let days = store::invite_days(tx, row.firm_id).await?;
    let expires_at = days.map(|days| now + TimeDelta::days(days.into()));
    let people = (caller.actor.id, invitee.id);
    let id = store::insert_invite(tx, group, people, expires_at).await.map_err(|error| error.at("handle"))?;
    let event = Event::InviteCreated {
        invite: Subject(NodeType::Invite, id),
        workgroup: subject(workgroup),
        inviter: Subject::user(caller.actor),
        invitee: Subject::user(invitee.key()),
        readers: vec![invitee.key(), caller.actor],
    };
    tx.record(row.firm_id, event);
    let invite = store::find_invite(tx.sql(), UserKey { firm: row.firm_id, id }).await?;
    invite.ok_or_else(|| not_found().into())
}

/// Follows an invite: the caller is a member from now on. It shares none of their clients.
pub async fn join(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Workgroup> {
    let me = caller.permit(AsOneself)?.subject();
    let invite = consume(tx, me, id, |invite| invite.row.invitee_id == me.id).await?;
    if !holds(&invite, tx.now) {
        return Err(not_found().into());
    }
    let group = UserKey { firm: me.firm, id: invite.row.workgroup_id };
    let clients = store::client_ids(tx, group).await?;
    let joining = async |tx: &mut Tx| store::insert_member(tx, group.id, me).await;
    access::around(tx, me.firm, &clients, joining).await?;
    let readers = store::member_ids(tx, group).await?;
    let event = Event::MembershipStarted { workgroup: subject(group.id), user: Subject::user(me), readers };
    tx.record(me.firm, event);
    read(tx, group).await
}

/// Ignores an invite: it is gone, and nobody is told why.
pub async fn ignore(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Invite> {
    let me = caller.permit(AsOneself)?.subject();
    consume(tx, me, id, |invite| invite.row.invitee_id == me.id).await
}

/// Takes back an invite to a workgroup of the caller's.
pub async fn revoke(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Invite> {
    let me = caller.permit(AsOneself)?.subject();
    let found = store::find_invite(tx.sql(), UserKey { firm: me.firm, id }).await?;
    let invite = found.ok_or_else(not_found)?;
    owned(tx, caller, invite.row.workgroup_id).await.map_err(|_| not_found())?;
    consume(tx, me, id, |_| true).await
}

async fn consume(tx: &mut Tx, me: UserKey, id: Uuid, mine: impl Fn(&Invite) -> bool) -> Result<Invite> {
    let key = UserKey { firm: me.firm, id };
    let found = store::find_invite(tx.sql(), key).await?.filter(mine);
    let invite = found.ok_or_else(not_found)?;
    // The lock of the workgroup comes before that of the invite, as for whoever deletes the workgroup.
    let group = store::lock(tx, UserKey { firm: me.firm, id: invite.row.workgroup_id }).await?;
    let owner = group.map(|group| UserKey { firm: me.firm, id: group.owner_id }).ok_or_else(not_found)?;
    if !store::consume_invite(tx, key).await? {
        return Err(not_found().into());
    }
    tell_removed(tx, &invite, owner);
    Ok(invite)
}

/// Takes away all invites to a workgroup that is about to go.
pub(super) async fn remove_all(tx: &mut Tx, row: &WorkgroupRow) -> Result<()> {
    for invite in store::take_invites(tx, key(row)).await? {
        tell_removed(tx, &invite, UserKey { firm: row.firm_id, id: row.owner_id });
    }
    Ok(())
}

fn tell_removed(tx: &mut Tx, invite: &Invite, owner: UserKey) {
    let event = Event::InviteRemoved {
        invite: Subject(NodeType::Invite, invite.row.id),
        workgroup: subject(invite.row.workgroup_id),
        invitee: Subject::user(invite.invitee.key()),
        readers: vec![invite.invitee.key(), owner],
    };
    tx.record(invite.row.firm_id, event);
}

/// An invite that the caller may know of: to them, or to a workgroup of theirs.
pub async fn visible_invite(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Invite>> {
    if caller.acting().is_some() {
        return Ok(None);
    }
    let me = caller.actor;
    let Some(invite) = store::find_invite(connection, UserKey { firm: me.firm, id }).await? else {
        return Ok(None);
    };
    if invite.row.invitee_id == me.id {
        return Ok(Some(invite));
    }
    let group = UserKey { firm: me.firm, id: invite.row.workgroup_id };
    let owner = store::find_many(connection, &[group]).await?.pop().map(|group| group.owner.id);
    Ok((owner == Some(me.id)).then_some(invite))
}

fn holds(invite: &Invite, now: chrono::DateTime<chrono::Utc>) -> bool {
    invite.row.expires_at.is_none_or(|expires_at| expires_at > now)
}

fn invite_key(invite: &Invite) -> UserKey {
    UserKey { firm: invite.row.firm_id, id: invite.row.id }
}

fn not_found() -> Refusal {
    Refusal::new(ErrorCode::NotFound).at("inviteId")
}
