//! Whose clients are, and in which workgroup. Each change answers what it does to people's access, and can be tried.

use super::create::adviser;
use super::store::{self, Client};
use crate::caller::{AsOneself, Caller, Capability, UserKey};
use crate::domain::access::{self, AccessChange};
use crate::domain::workgroup;
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use uuid::Uuid;

const STRICT: &str = "In this firm, a client's workgroup is changed by its primary adviser, by the owner of the workgroup, or by a setup admin.";
const ADVISERS: &str = "A client's advisers are set by its primary adviser, or by who administers clients.";
const BY_ADMIN: &str = "a setup admin of the firm, by the capability CLIENT_ADMIN";

/// What became of a client, if the caller still sees it, and of people's access.
pub type Assigned = (Option<Client>, Vec<AccessChange>);

/// Puts a client into one of the caller's workgroups, or into none. Its advisers stay.
pub async fn set_workgroup(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    workgroup: Option<Uuid>,
) -> Result<Assigned> {
    let me = caller.subject();
    if let Some(target) = workgroup {
        // The lock of the workgroup comes before that of the client, as for whoever deletes the workgroup.
        let there = workgroup::share(tx, UserKey { firm: me.firm, id: target }).await?.is_some();
        let theirs = caller.has(Capability::SetupAdmin) || workgroup::is_member(tx.sql(), target, me).await?;
        if !(there && theirs) {
            return Err(Refusal::new(ErrorCode::NotAMember).at("workgroupId").into());
        }
    }
    let client = super::find_to_change(tx, caller, id).await?;
    if !caller.has(Capability::SetupAdmin) {
        if !client.whole {
            return Err(super::not_worked_on().into());
        }
        if store::moves_are_strict(tx, me.firm).await? && !may_move_strictly(tx, me, &client).await? {
            return Err(Refusal::forbidden(STRICT, BY_ADMIN).at("clientId").into());
        }
    }
    let version = client.row.version + 1;
    let changed = |readers| Event::ClientWorkgroupChanged {
        client: Subject(NodeType::Client, id),
        version,
        workgroup: workgroup.map(|id| Subject(NodeType::Workgroup, id)),
        readers,
    };
    let moving = async |tx: &mut Tx| {
        store::set_workgroup(tx, &client.row, workgroup).await.map_err(|error| error.at("workgroupId"))
    };
    assign(tx, caller, id, moving, changed).await
}

async fn may_move_strictly(tx: &mut Tx, me: UserKey, client: &Client) -> Result<bool> {
    if client.primary_adviser.as_ref().is_some_and(|adviser| adviser.id == me.id) {
        return Ok(true);
    }
    let Some(group) = client.row.workgroup_id else { return Ok(false) };
    let group = workgroup::find_many(tx.sql(), &[UserKey { firm: me.firm, id: group }]).await?.pop();
    Ok(group.is_some_and(|group| group.row.owner_id == me.id))
}

/// The advisers to be, by their user IDs; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct NewAdvisers {
    pub primary: Option<Option<String>>,
    pub secondary: Option<Option<String>>,
}

/// Sets a client's advisers: as its primary adviser, or as who administers clients.
pub async fn set_advisers(tx: &mut Tx, caller: &Caller, id: Uuid, new: NewAdvisers) -> Result<Assigned> {
    let me = caller.permit(AsOneself)?.subject();
    let client = super::find_to_change(tx, caller, id).await?;
    let mine = client.primary_adviser.as_ref().is_some_and(|adviser| adviser.id == me.id);
    if !mine && !caller.has(Capability::ClientAdmin) && !caller.has(Capability::SetupAdmin) {
        return Err(Refusal::forbidden(ADVISERS, BY_ADMIN).at("clientId").into());
    }
    let id_of = |adviser: &Option<crate::domain::user::User>| adviser.as_ref().map(|adviser| adviser.id);
    let (mut primary, mut secondary) = (id_of(&client.primary_adviser), id_of(&client.secondary_adviser));
    for (handle, now, field) in [
        (new.primary, &mut primary, "primaryAdviserHandle"),
        (new.secondary, &mut secondary, "secondaryAdviserHandle"),
    ] {
        match handle {
            None => {}
            Some(None) => *now = None,
            Some(Some(handle)) => *now = Some(adviser(tx, me.firm, &handle, field).await?),
        }
    }
    let person = |id: Option<Uuid>| id.map(|id| Subject(NodeType::User, id));
    let version = client.row.version + 1;
    let changed = |readers| Event::ClientAdvisersChanged {
        client: Subject(NodeType::Client, id),
        version,
        primary_adviser: person(primary),
        secondary_adviser: person(secondary),
        readers,
    };
    let setting = async |tx: &mut Tx| {
        let set = store::set_advisers(tx, &client.row, primary, secondary).await;
        set.map_err(|error| error.at("secondaryAdviserHandle"))
    };
    assign(tx, caller, id, setting, changed).await
}

async fn assign(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    work: impl AsyncFnOnce(&mut Tx) -> Result<()>,
    event: impl FnOnce(Vec<UserKey>) -> Event,
) -> Result<Assigned> {
    let firm = caller.subject().firm;
    let done = access::around(tx, firm, &[id], work).await?;
    tx.record(firm, event(done.readers));
    Ok((store::find(tx.sql(), caller, id).await?, done.changes))
}
