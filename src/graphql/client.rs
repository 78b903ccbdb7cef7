//! Clients.

use super::case::Case;
use super::connection::{self, PageInfo};
use super::context::Locum;
use super::error::OfOne;
use super::guard::{impersonatable, list_size};
use super::in_place::InPlace;
use super::loaders::{CASES, CaseLoader};
use super::node::{given, global, local};
use super::user::User;
use crate::caller::{Action, UserKey};
use crate::domain::client::{self, ChangedClient, ClientType};
use crate::domain::page::{Page, Slice};
use crate::error::{Error, Result};
use crate::id::NodeType;
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

/// A client of the firm.
#[derive(Description)]
pub struct Client {
    row: client::ClientRow,
    primary_adviser: Option<User>,
    secondary_adviser: Option<User>,
}

impl From<client::Client> for Client {
    fn from(client: client::Client) -> Self {
        Self {
            row: client.row,
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

    /// The addresses; the first one is preferred.
    async fn emails(&self) -> &[String] {
        &self.row.emails
    }

    /// What the client is to the firm.
    #[graphql(name = "type")]
    async fn client_type(&self) -> ClientType {
        self.row.type_
    }

    /// The client's number in the books it came from.
    async fn reference(&self) -> Option<&str> {
        self.row.reference.as_deref()
    }

    /// What else is known of the client.
    async fn details(&self) -> Vec<Detail> {
        let text =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs = self.row.details.as_object().into_iter().flatten();
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

    /// The newest open cases, at most 20; `Query.cases` has them all.
    #[graphql(directive = list_size::apply(CASES))]
    async fn cases(&self, ctx: &Context<'_>) -> Result<Vec<Case>> {
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

/// A page of clients.
#[derive(Description)]
pub struct ClientConnection(Slice<Client>);

/// A client in a page.
#[derive(Description)]
struct ClientEdge<'c>(&'c Client);

#[Object(use_type_description, serial)]
impl ClientEdge<'_> {
    /// Its place in the list.
    async fn cursor(&self) -> String {
        cursor(self.0)
    }

    /// The client.
    async fn node(&self) -> InPlace<&Client> {
        InPlace(self.0)
    }
}

fn cursor(client: &Client) -> String {
    connection::by_name(&client.row.name, client.row.id)
}

#[Object(use_type_description, serial)]
impl ClientConnection {
    /// The clients of this page, each with its place.
    async fn edges(&self) -> Vec<InPlace<ClientEdge<'_>>> {
        self.0.rows.iter().map(|client| InPlace(ClientEdge(client))).collect()
    }

    /// Which part of the list this is.
    async fn page_info(&self) -> PageInfo {
        PageInfo::new(&self.0, cursor)
    }

    /// How many there are in all.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.read(|connection, caller| Box::pin(client::count(connection, caller))).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

#[derive(Default)]
pub struct Queries;

#[Object(name = "ClientQueries")]
impl Queries {
    /// The clients that the viewer reaches, by name.
    async fn clients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
    ) -> Result<ClientConnection> {
        let page = Page::new(first, connection::place(after)?, last, connection::place(before)?)?;
        ctx.note_read("clients", None);
        let slice = ctx
            .read(move |connection, caller| {
                Box::pin(async move { client::page(connection, caller, &page).await })
            })
            .await?;
        Ok(ClientConnection(slice.map(Client::from)))
    }
}

/// What changes about a client; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateClientInput {
    /// Which one.
    client_id: ID,
    /// The version that was read; `CONFLICT` if somebody else changed it since.
    expected_version: i32,
    /// The name: 1 to 200 characters.
    name: Option<String>,
    /// All addresses; the first one is preferred.
    emails: Option<Vec<String>>,
    /// What the client is to the firm. A test client never becomes anything else.
    #[graphql(name = "type")]
    client_type: Option<ClientType>,
    /// The client's number in the books it came from, unique in the firm; null takes it away.
    reference: MaybeUndefined<String>,
}

crate::payload! {
    /// The answer of `updateClient`.
    UpdateClientPayload {
        /// The client as it is now.
        client: Client,
    }
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "ClientMutations")]
impl Mutations {
    /// Changes a client whom the viewer reaches. While impersonating it needs `EDIT`.
    #[graphql(directive = impersonatable::apply(Action::Edit))]
    async fn update_client(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateClientInput,
    ) -> Result<UpdateClientPayload> {
        let version = input.expected_version;
        let updated = async {
            let id = local(NodeType::Client, &input.client_id, "clientId")?;
            let changed = ChangedClient {
                name: input.name,
                emails: input.emails,
                client_type: input.client_type,
                reference: given(input.reference),
            };
            ctx.mutate_of_client(
                |client: &client::Client| Some(client.row.id),
                move |tx, caller| client::update(tx, caller, id, version, changed).boxed(),
            )
            .await
        };
        UpdateClientPayload::answer(updated.await)
    }
}
