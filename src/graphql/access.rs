//! Who reaches what and why, and what a change does to it.

use super::client::Client;
use super::context::Locum;
use super::delegation::Delegation;
use super::guard::list_size;
use super::loaders::{ClientLoader, UserLoader, WorkgroupLoader};
use super::node::{Node, global};
use super::user::User;
use crate::caller::UserKey;
use crate::domain::access::{self, Level, PathKind};
use crate::domain::delegation;
use crate::error::{Error, Result};
use crate::id::NodeType;
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Description, ID, Object};
use chrono::{DateTime, Utc};

/// What somebody may do with something, and by which paths.
#[derive(Description)]
pub struct AccessDecision {
    pub decision: access::Decision,
    pub as_of: DateTime<Utc>,
}

#[Object(use_type_description)]
impl AccessDecision {
    /// The strongest level over all paths.
    async fn level(&self) -> Level {
        self.decision.level
    }

    /// Every path.
    #[graphql(directive = list_size::apply(4))]
    async fn paths(&self) -> Vec<AccessPath> {
        self.decision.paths.iter().cloned().map(AccessPath).collect()
    }

    /// When this was so.
    async fn as_of(&self) -> DateTime<Utc> {
        self.as_of
    }
}

/// A path by which somebody reaches something.
#[derive(Description)]
pub struct AccessPath(access::AccessPath);

#[Object(use_type_description)]
impl AccessPath {
    /// Which path it is.
    async fn kind(&self) -> PathKind {
        self.0.kind
    }

    /// How far it goes.
    async fn level(&self) -> Level {
        self.0.level
    }

    /// What it leads through: a workgroup or a delegation; null if the thing is reached directly.
    async fn via(&self, ctx: &Context<'_>) -> Result<Option<Node>> {
        let Some(id) = self.0.via else { return Ok(None) };
        if self.0.kind == PathKind::Delegation {
            let found = ctx
                .read(move |connection, caller| Box::pin(delegation::visible(connection, caller, id)))
                .await?;
            return Ok(found.map(|found| Node::Delegation(Delegation::from(found))));
        }
        let key = UserKey { firm: ctx.caller()?.subject().firm, id };
        let loader = ctx.data_unchecked::<DataLoader<WorkgroupLoader>>();
        let found = loader.load_one(key).await.map_err(|error| Error::stop(error.code()))?;
        Ok(found.map(|found| Node::Workgroup(found.into())))
    }

    /// The principal's own path, if it leads through a delegation.
    async fn principal_path(&self) -> Option<AccessPath> {
        self.0.of_principal.as_deref().cloned().map(AccessPath)
    }

    /// Since when it holds; null for an administrative right.
    async fn since(&self) -> Option<DateTime<Utc>> {
        self.0.since
    }

    /// When it ends by itself; null if it does not.
    async fn until(&self) -> Option<DateTime<Utc>> {
        self.0.until
    }
}

/// What a change does to people's access: what it did, or, for one that was only tried, what it would do.
#[derive(Description)]
pub struct AccessChanges(Vec<access::AccessChange>);

impl From<Vec<access::AccessChange>> for AccessChanges {
    fn from(changes: Vec<access::AccessChange>) -> Self {
        Self(changes)
    }
}

/// Most changes that are shown one by one.
const SHOWN: i32 = 100;

#[Object(use_type_description)]
impl AccessChanges {
    /// How many times somebody gains a client.
    async fn gained_count(&self) -> usize {
        self.0.iter().filter(|change| change.before.is_empty()).count()
    }

    /// How many times somebody loses one.
    async fn lost_count(&self) -> usize {
        self.0.iter().filter(|change| change.after.is_empty()).count()
    }

    /// How many people's access it changes.
    async fn people_count(&self) -> usize {
        let mut people: Vec<_> = self.0.iter().map(|change| change.user.id).collect();
        people.dedup();
        people.len()
    }

    /// The first 100 changes, person by person; the counts say how many there are.
    #[graphql(directive = list_size::apply(SHOWN))]
    async fn changes(&self) -> Vec<AccessChange> {
        let shown = usize::try_from(SHOWN).unwrap_or_default();
        self.0.iter().take(shown).cloned().map(AccessChange).collect()
    }
}

/// Somebody gains a client, loses it, or reaches it by other paths than before.
#[derive(Description)]
pub struct AccessChange(access::AccessChange);

#[Object(use_type_description)]
impl AccessChange {
    /// Whose access it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        let loader = ctx.data_unchecked::<DataLoader<UserLoader>>();
        let user = loader.load_one(self.0.user).await.map_err(|error| Error::stop(error.code()))?;
        user.map(User::from).ok_or_else(|| Error::internal("access of nobody"))
    }

    /// The client's global id.
    async fn client_id(&self) -> ID {
        global(NodeType::Client, self.0.client)
    }

    /// The client, as it stands in the directory.
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<Client>> {
        let key = UserKey { firm: self.0.user.firm, id: self.0.client };
        let loader = ctx.data_unchecked::<DataLoader<ClientLoader>>();
        let client = loader.load_one(key).await.map_err(|error| Error::stop(error.code()))?;
        Ok(client.map(|client| crate::domain::client::Client { whole: false, ..client }.into()))
    }

    /// How far it went before; null if not at all.
    async fn level_before(&self) -> Option<Level> {
        self.0.level_before()
    }

    /// How far it goes after; null if not at all.
    async fn level_after(&self) -> Option<Level> {
        self.0.level_after()
    }

    /// The paths of before.
    async fn paths_before(&self) -> &[PathKind] {
        &self.0.before
    }

    /// The paths of after.
    async fn paths_after(&self) -> &[PathKind] {
        &self.0.after
    }
}
