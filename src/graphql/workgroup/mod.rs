//! Workgroups and their members.

mod invite;
mod mutations;

pub use invite::{Invite, InviteConnection, InviteMutations, InvitesOfMine};
pub use mutations::Mutations;

use crate::domain::client::{Client, Filter, Scope, Shared};
use crate::domain::page::{Page, Slice};
use crate::domain::workgroup::{self, Member, Members};
use crate::error::{Error, Result};
use crate::graphql::client::ClientConnection;
use crate::graphql::connection::{self, Counted, Listed};
use crate::graphql::context::Locum;
use crate::graphql::guard::list_size;
use crate::graphql::loaders::{INVITES, InviteLoader, MemberLoader, SharedLoader};
use crate::graphql::node::global;
use crate::graphql::user::User;
use crate::id::NodeType;
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Description, ID, Object};
use chrono::{DateTime, Utc};

/// People who work on each other's clients: a client that is in the workgroup is shared with all of its members.
#[derive(Description)]
pub struct Workgroup(workgroup::Workgroup);

impl From<workgroup::Workgroup> for Workgroup {
    fn from(workgroup: workgroup::Workgroup) -> Self {
        Self(workgroup)
    }
}

#[Object(use_type_description)]
impl Workgroup {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Workgroup, self.0.row.id)
    }

    /// What it is for, in the owner's words.
    async fn description(&self) -> &str {
        &self.0.row.description
    }

    /// Who manages it.
    async fn owner(&self) -> User {
        self.0.owner.clone().into()
    }

    /// How many members it has, the owner included.
    async fn member_count(&self) -> i32 {
        i32::try_from(self.0.member_count).unwrap_or(i32::MAX)
    }

    /// Its members, the owner among them.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many, at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
    ) -> Result<MemberConnection> {
        let page = Page::new(first, connection::place_of_id(after)?, None, None)?;
        let (workgroup, fetch) = (self.0.key(), page.fetch());
        let of = Members { workgroup, after: page.from.unwrap_or_default(), fetch };
        let loader = ctx.data_unchecked::<DataLoader<MemberLoader>>();
        let members = loader.load_one(of).await.map_err(|error| Error::stop(error.code()))?;
        let members = members.unwrap_or_default().into_iter().map(WorkgroupMember).collect();
        Ok(MemberConnection::new(page.of(members), MemberCount(self.0.member_count)))
    }

    /// Its clients, by name, as far as the viewer reaches them.
    async fn clients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many, at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
    ) -> Result<ClientConnection> {
        let page = Page::new(first, connection::place(after)?, None, None)?;
        ctx.note_read("clients", None);
        let of = Shared::new(ctx.caller()?, self.0.key(), &page);
        let loader = ctx.data_unchecked::<DataLoader<SharedLoader>>();
        let clients: Option<Vec<Client>> =
            loader.load_one(of).await.map_err(|error| Error::stop(error.code()))?;
        let slice: Slice<Client> = page.of(clients.unwrap_or_default());
        Ok(ClientConnection::new(
            slice.map(Into::into),
            Filter { scope: Scope::Workgroup(self.0.row.id), search: None },
        ))
    }

    /// The invites to it that wait, at most 50; empty for whoever does not own it.
    #[graphql(directive = list_size::apply(INVITES))]
    async fn invites(&self, ctx: &Context<'_>) -> Result<Vec<Invite>> {
        let caller = ctx.caller()?;
        if caller.acting().is_some() || self.0.owner.key() != caller.actor {
            return Ok(Vec::new());
        }
        let loader = ctx.data_unchecked::<DataLoader<InviteLoader>>();
        let invites = loader.load_one(self.0.key()).await.map_err(|error| Error::stop(error.code()))?;
        Ok(invites.unwrap_or_default().into_iter().map(Invite::from).collect())
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.row.created_at
    }

    /// Goes up by one with each change.
    async fn version(&self) -> i32 {
        self.0.row.version
    }
}

/// A member of a workgroup.
#[derive(Description)]
pub struct WorkgroupMember(Member);

#[Object(use_type_description)]
impl WorkgroupMember {
    /// Who it is.
    async fn user(&self) -> User {
        self.0.user.clone().into()
    }

    /// Since when.
    async fn joined_at(&self) -> DateTime<Utc> {
        self.0.joined_at
    }
}

/// How many members there are: the workgroup knows it already.
pub struct MemberCount(i64);

impl Counted for MemberCount {
    async fn count(&self, _: &Context<'_>) -> Result<i64> {
        Ok(self.0)
    }
}

crate::connection! {
    /// A page of members.
    MemberConnection of MemberCount,
    /// A member in a page.
    MemberEdge,
    /// The member.
    WorkgroupMember,
}

impl Listed for WorkgroupMember {
    fn cursor(&self) -> String {
        connection::by_id(self.0.user.id)
    }
}

/// Which workgroups of somebody's: those that they own, or those that they are in and do not own.
#[derive(Clone, Copy)]
pub struct WorkgroupList {
    pub owned: bool,
}

crate::connection! {
    /// A page of workgroups.
    WorkgroupConnection of WorkgroupList,
    /// A workgroup in a page.
    WorkgroupEdge,
    /// The workgroup.
    Workgroup,
}

impl Listed for Workgroup {
    fn cursor(&self) -> String {
        connection::by_id(self.0.row.id)
    }
}

impl Counted for WorkgroupList {
    async fn count(&self, ctx: &Context<'_>) -> Result<i64> {
        let owned = self.owned;
        let counting = ctx.read(move |connection, caller| {
            Box::pin(workgroup::count_of_user(connection, caller.subject(), owned))
        });
        counting.await
    }
}
