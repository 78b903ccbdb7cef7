//! What somebody may do with a client, and by which paths.

use super::paths::PathKind;
use super::store::{holdings_of, in_directory, sees_directory};
use super::{Holding, Level};
use crate::caller::{Action, Caller, Mode};
use crate::error::Result;
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// The strongest level over all paths, and every path.
#[derive(Clone, Debug)]
pub struct Decision {
    pub level: Level,
    pub paths: Vec<AccessPath>,
}

/// A path, as it is shown.
#[derive(Clone, Debug)]
pub struct AccessPath {
    pub kind: PathKind,
    pub level: Level,
    /// The workgroup or the delegation it leads through.
    pub via: Option<Uuid>,
    /// When it began; nothing is kept of when a capability was given.
    pub since: Option<DateTime<Utc>>,
    /// When it ends by itself.
    pub until: Option<DateTime<Utc>>,
    /// The principal's own path, if it leads through a delegation.
    pub of_principal: Option<Box<AccessPath>>,
}

/// From when until when somebody acts for another, at the most.
pub type Running = (DateTime<Utc>, DateTime<Utc>);

/// The caller's decisions on clients; those whom no path reaches are left out. Two statements at most.
pub async fn decisions(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    running: Option<Running>,
    clients: &[Uuid],
) -> Result<HashMap<Uuid, Decision>> {
    let mut paths = HashMap::<Uuid, Vec<AccessPath>>::new();
    for holding in holdings_of(connection, caller.subject(), clients).await? {
        paths.entry(holding.client).or_default().push(path(caller, running, &holding));
    }
    if sees_directory(caller) {
        for client in in_directory(connection, caller.actor.firm, clients).await? {
            paths.entry(client).or_default().push(AccessPath::own(PathKind::ClientAdmin, None, None));
        }
    }
    let decision = |(client, paths): (Uuid, Vec<AccessPath>)| {
        let level = paths.iter().map(|path| path.level).max()?;
        Some((client, Decision { level, paths }))
    };
    Ok(paths.into_iter().filter_map(decision).collect())
}

fn path(caller: &Caller, running: Option<Running>, holding: &Holding) -> AccessPath {
    let own = AccessPath::own(holding.kind, holding.via, Some(holding.since));
    let Some(acting) = caller.acting() else { return own };
    // Nobody manages in another's name; looking is all that a delegation without EDIT lets do, or one that is used READ_ONLY.
    let changes = acting.scope.contains(&Action::Edit) && acting.mode == Mode::ReadWrite;
    let most = if changes { Level::Edit } else { Level::View };
    AccessPath {
        kind: PathKind::Delegation,
        level: own.level.min(most),
        via: Some(acting.delegation),
        since: own.since.max(running.map(|(started, _)| started)),
        until: running.map(|(_, expires)| expires),
        of_principal: Some(Box::new(own)),
    }
}

impl AccessPath {
    fn own(kind: PathKind, via: Option<Uuid>, since: Option<DateTime<Utc>>) -> Self {
        Self { kind, level: kind.level(), via, since, until: None, of_principal: None }
    }
}
