//! Clients.

mod mutations;

pub use mutations::{AddClientRule, Mutations, add_client_rule};

use crate::caller::UserKey;
use crate::domain::client::{self, ClientType, Filter, Scope};
use crate::domain::page::Page;
use crate::error::{Error, ErrorCode, Result};
use crate::graphql::access::AccessDecision;
use crate::graphql::case::Case;
use crate::graphql::connection::{self, Counted, Listed};
use crate::graphql::context::Locum;
use crate::graphql::guard::list_size;
use crate::graphql::in_place::InPlace;
use crate::graphql::loaders::{CASES, CaseLoader, DecisionLoader, Question, WorkgroupLoader};
use crate::graphql::node::{global, local};
use crate::graphql::user::User;
use crate::graphql::workgroup::Workgroup;
use crate::id::NodeType;
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Description, Enum, ID, Object, OneofObject, SimpleObject};
use chrono::{DateTime, Utc};

/// Longest search, in characters.
const LONGEST_SEARCH: usize = 200;

/// A client of the firm.
#[derive(Description)]
pub struct Client {
    row: client::ClientRow,
    /// Whether all of it is shown, or only what stands in the directory.
    whole: bool,
    primary_adviser: Option<User>,
    secondary_adviser: Option<User>,
}

impl From<client::Client> for Client {
    fn from(client: client::Client) -> Self {
        Self {
            row: client.row,
            whole: client.whole,
            primary_adviser: client.primary_adviser.map(User::from),
            secondary_adviser: client.secondary_adviser.map(User::from),
        }
    }
}

/// Something known of a client that has no field of its own, as an import brought it along.
#[derive(SimpleObject)]
struct Detail {
    /// What it is called.
    name: String,
    /// What it says.
    value: String,
}

#[Object(use_type_description, serial)]
impl Client {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Client, self.row.id)
    }

    /// The name.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// The addresses; the first one is preferred. Empty for whoever only sees the directory.
    async fn emails(&self) -> &[String] {
        if self.whole { &self.row.emails } else { &[] }
    }

    /// What the client is to the firm.
    #[graphql(name = "type")]
    async fn client_type(&self) -> ClientType {
        self.row.type_
    }

    /// The client's number in the books it came from. Null for whoever only sees the directory.
    async fn reference(&self) -> Option<&str> {
        self.row.reference.as_deref().filter(|_| self.whole)
    }

    /// What else is known of the client. Empty for whoever only sees the directory.
    async fn details(&self) -> Vec<Detail> {
        let text =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs = self.row.details.as_object().filter(|_| self.whole).into_iter().flatten();
        pairs.map(|(name, value)| Detail { name: name.clone(), value: text(value) }).collect()
    }

    /// Who looks after the client; null if unassigned.
    async fn primary_adviser(&self) -> Option<InPlace<&User>> {
        self.primary_adviser.as_ref().map(InPlace)
    }

    /// Who stands in; null if nobody.
    async fn secondary_adviser(&self) -> Option<InPlace<&User>> {
        self.secondary_adviser.as_ref().map(InPlace)
    }

    /// The workgroup that it is in; null if in none.
    async fn workgroup(&self, ctx: &Context<'_>) -> Result<Option<Workgroup>> {
        let Some(id) = self.row.workgroup_id else { return Ok(None) };
        let loader = ctx.data_unchecked::<DataLoader<WorkgroupLoader>>();
        let found = loader.load_one(UserKey { firm: self.row.firm_id, id }).await;
        Ok(found.map_err(|error| Error::stop(error.code()))?.map(Workgroup::from))
    }

    /// What the viewer may do with the client, and why: null if nothing any more.
    async fn viewer_access(&self, ctx: &Context<'_>) -> Result<Option<AccessDecision>> {
        let who = ctx.authenticated()?;
        let running =
            who.impersonation.as_ref().map(|running| (running.row.started_at, running.row.expires_at));
        let question = Question { caller: who.caller.clone(), running, client: self.row.id };
        let loader = ctx.data_unchecked::<DataLoader<DecisionLoader>>();
        let decision = loader.load_one(question).await.map_err(|error| Error::stop(error.code()))?;
        let as_of = ctx.services().log.clock.now();
        Ok(decision.map(|decision| AccessDecision { decision, as_of }))
    }

    /// The newest open cases, at most 20; `Query.cases` has them all. Empty for whoever only sees the directory.
    #[graphql(directive = list_size::apply(CASES))]
    async fn cases(&self, ctx: &Context<'_>) -> Result<Vec<Case>> {
        if !self.whole {
            return Ok(Vec::new());
        }
        let loader = ctx.data_unchecked::<DataLoader<CaseLoader>>();
        let key = UserKey { firm: self.row.firm_id, id: self.row.id };
        let cases = loader.load_one(key).await.map_err(|error| Error::stop(error.code()))?;
        Ok(cases.unwrap_or_default().into_iter().map(Case::from).collect())
    }

    /// When the client was added.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// Goes up by one with each change.
    async fn version(&self) -> i32 {
        self.row.version
    }
}

crate::connection! {
    /// A page of clients.
    ClientConnection of Filter,
    /// A client in a page.
    ClientEdge,
    /// The client.
    Client,
}

impl Listed for Client {
    fn cursor(&self) -> String {
        connection::by_name(&self.row.name, self.row.id)
    }
}

impl Counted for Filter {
    async fn count(&self, ctx: &Context<'_>) -> Result<i64> {
        let filter = self.clone();
        let counting = ctx.read(move |connection, caller| {
            Box::pin(async move { client::count(connection, caller, &filter).await })
        });
        counting.await
    }
}

/// Which clients. Without it: the viewer's own, and those of their workgroups.
#[derive(OneofObject)]
enum ClientScope {
    /// Those in this workgroup.
    Workgroup(ID),
    /// Those whose primary adviser this is; for who administers clients, whoever it is.
    Adviser(ID),
    /// A group of them.
    Pool(ClientPool),
}

/// A group of clients.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum ClientPool {
    /// The viewer's own, and those of their workgroups.
    All,
    /// Those without a primary adviser; for who administers clients, all of them.
    Unassigned,
    /// All of the firm, for who administers clients.
    Directory,
}

impl ClientScope {
    /// An id that is none is of nobody.
    fn meant(&self) -> Scope {
        let local = |node, global: &ID| local(node, global, "scope").unwrap_or_default();
        match self {
            Self::Workgroup(id) => Scope::Workgroup(local(NodeType::Workgroup, id)),
            Self::Adviser(id) => Scope::Adviser(local(NodeType::User, id)),
            Self::Pool(ClientPool::All) => Scope::All,
            Self::Pool(ClientPool::Unassigned) => Scope::Unassigned,
            Self::Pool(ClientPool::Directory) => Scope::Directory,
        }
    }
}

#[derive(Default)]
pub struct Queries;

#[Object(name = "ClientQueries")]
impl Queries {
    /// The clients that the viewer reaches, by name, each once.
    #[expect(clippy::too_many_arguments, reason = "each is one of the field's arguments")]
    async fn clients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; without it the viewer's own, and those of their workgroups.")]
        scope: Option<ClientScope>,
        #[graphql(desc = "Part of the name or of an address; case and accents do not matter.")]
        search: Option<String>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
    ) -> Result<ClientConnection> {
        let page = Page::new(first, connection::place(after)?, last, connection::place(before)?)?;
        if search.as_ref().is_some_and(|search| search.chars().count() > LONGEST_SEARCH) {
            let words = format!("A search has at most {LONGEST_SEARCH} characters.");
            return Err(Error::stop_saying(ErrorCode::BadUserInput, words));
        }
        ctx.note_read("clients", None);
        let filter = Filter { scope: scope.map(|scope| scope.meant()).unwrap_or_default(), search };
        let of = filter.clone();
        let slice = ctx
            .read(move |connection, caller| {
                Box::pin(async move { client::page(connection, caller, &filter, &page).await })
            })
            .await?;
        Ok(ClientConnection::new(slice.map(Client::from), of))
    }
}
