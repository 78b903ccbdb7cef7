//! What a change does to people's access: found by looking before and after it, in its own transaction. A change that is only
//! tried is the change itself, taken back.

use super::Level;
use super::paths::PathKind;
use super::store::holdings;
use crate::caller::UserKey;
use crate::error::Result;
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Most clients that an event about access names; their number is said in any case.
const NAMED: usize = 250;

/// Somebody gains a client, loses it, or reaches it by other paths than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessChange {
    pub user: UserKey,
    pub client: Uuid,
    pub before: Vec<PathKind>,
    pub after: Vec<PathKind>,
}

impl AccessChange {
    pub fn level_before(&self) -> Option<Level> {
        level(&self.before)
    }

    pub fn level_after(&self) -> Option<Level> {
        level(&self.after)
    }
}

fn level(kinds: &[PathKind]) -> Option<Level> {
    kinds.iter().map(|kind| kind.level()).max()
}

type Paths = BTreeMap<(Uuid, Uuid), Vec<PathKind>>;

/// What became of a change.
pub struct Done<T> {
    pub value: T,
    pub changes: Vec<AccessChange>,
    /// Everybody who works on one of the clients, or did so before.
    pub readers: Vec<UserKey>,
}

/// Does `work`, which changes who works on these clients of a firm, and answers what became of it. Whoever gains or loses
/// one of them is told.
pub async fn around<T>(
    tx: &mut Tx,
    firm: Uuid,
    clients: &[Uuid],
    work: impl AsyncFnOnce(&mut Tx) -> Result<T>,
) -> Result<Done<T>> {
    let before = paths(tx, firm, clients).await?;
    let value = work(tx).await?;
    let after = paths(tx, firm, clients).await?;
    let primary = |((user, client), kinds): (&(Uuid, Uuid), &Vec<PathKind>)| {
        kinds.contains(&PathKind::PrimaryAdviser).then_some((*client, *user))
    };
    let advisers = before.iter().chain(&after).filter_map(primary).collect();
    let readers: BTreeSet<_> = before.keys().chain(after.keys()).map(|(user, _)| *user).collect();
    let readers = readers.into_iter().map(|id| UserKey { firm, id }).collect();
    let changes = difference(firm, before, after);
    tell(tx, firm, &changes, &advisers);
    Ok(Done { value, changes, readers })
}

async fn paths(tx: &mut Tx, firm: Uuid, clients: &[Uuid]) -> Result<Paths> {
    let mut paths = Paths::new();
    for holding in holdings(tx.sql(), firm, clients).await? {
        paths.entry((holding.user, holding.client)).or_default().push(holding.kind);
    }
    Ok(paths)
}

fn difference(firm: Uuid, mut before: Paths, after: Paths) -> Vec<AccessChange> {
    let change = |(user, client), before, after| AccessChange {
        user: UserKey { firm, id: user },
        client,
        before,
        after,
    };
    let mut changes = Vec::new();
    for (key, after) in after {
        let before = before.remove(&key).unwrap_or_default();
        if before != after {
            changes.push(change(key, before, after));
        }
    }
    changes.extend(before.into_iter().map(|(key, before)| change(key, before, Vec::new())));
    changes.sort_by_key(|change| (change.user.id, change.client));
    changes
}

/// One event for each person who gains something, and for each who loses something; the clients' primary advisers hear of
/// it, too.
fn tell(tx: &mut Tx, firm: Uuid, changes: &[AccessChange], advisers: &BTreeMap<Uuid, Uuid>) {
    let mut people = BTreeMap::<Uuid, (Vec<Uuid>, Vec<Uuid>)>::new();
    for change in changes {
        let (gained, lost) = people.entry(change.user.id).or_default();
        match (change.before.is_empty(), change.after.is_empty()) {
            (true, false) => gained.push(change.client),
            (false, true) => lost.push(change.client),
            _ => {}
        }
    }
    for (id, (gained, lost)) in people {
        let user = Subject(NodeType::User, id);
        let told = |clients: &[Uuid]| {
            let named = clients.iter().take(NAMED).map(|client| Subject(NodeType::Client, *client));
            let hearing = clients.iter().filter_map(|client| advisers.get(client).copied()).chain([id]);
            let hearing: BTreeSet<_> = hearing.collect();
            let readers: Vec<_> = hearing.into_iter().map(|id| UserKey { firm, id }).collect();
            (clients.len(), named.collect::<Vec<_>>(), readers)
        };
        if !gained.is_empty() {
            let (count, clients, readers) = told(&gained);
            tx.record(firm, Event::AccessGained { user, count, clients, readers });
        }
        if !lost.is_empty() {
            let (count, clients, readers) = told(&lost);
            tx.record(firm, Event::AccessLost { user, count, clients, readers });
        }
    }
}
