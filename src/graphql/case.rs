//! Cases.

use super::client::Client;
use super::connection::{self, Counted, Listed};
use super::context::Locum;
use super::error::{OfOne, Payload};
use super::guard::{impersonatable, list_size};
use super::in_place::InPlace;
use super::loaders::ClientLoader;
use super::node::{global, local};
use crate::caller::{Action, UserKey};
use crate::domain::case::{self, CaseState, ChangedCase, NewCase, Selection};
use crate::domain::page::Page;
use crate::error::{Error, Result};
use crate::events::{Author, Subject};
use crate::id::NodeType;
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Description, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use uuid::Uuid;

/// A titled document of facts about a client.
#[derive(Description)]
pub struct Case(case::Case);

impl From<case::Case> for Case {
    fn from(case: case::Case) -> Self {
        Self(case)
    }
}

/// Something that a case says.
#[derive(SimpleObject, InputObject)]
#[graphql(input_name = "FactInput")]
pub struct Fact {
    /// What it is about: one line of up to 200 characters.
    name: String,
    /// What it says: up to 10,000 characters, of any number of lines.
    value: String,
}

#[Object(use_type_description, serial)]
impl Case {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Case, self.0.id)
    }

    /// Whom it is about.
    async fn client(&self, ctx: &Context<'_>) -> Result<InPlace<Client>> {
        ctx.note_read("client", Some(Subject(NodeType::Client, self.0.client_id)));
        let key = UserKey { firm: self.0.firm_id, id: self.0.client_id };
        let loader = ctx.data_unchecked::<DataLoader<ClientLoader>>();
        let client = loader.load_one(key).await.map_err(|error| Error::stop(error.code()))?;
        client.map(|client| InPlace(client.into())).ok_or_else(|| Error::internal("a case without a client"))
    }

    /// The title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What it says, in its order: at most 64,000 characters in all. While impersonating, the principal sees which cases were read.
    #[graphql(directive = list_size::apply(5))]
    async fn facts(&self, ctx: &Context<'_>) -> Vec<InPlace<Fact>> {
        ctx.note_read("case", Some(self.0.subject()));
        let fact = |fact: &case::Fact| InPlace(Fact { name: fact.name.clone(), value: fact.value.clone() });
        self.0.facts.0.iter().map(fact).collect()
    }

    /// Whether it is worked on.
    async fn state(&self) -> CaseState {
        self.0.state
    }

    /// When it was opened.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// Goes up by one with each change.
    async fn version(&self) -> i32 {
        self.0.version
    }
}

crate::connection! {
    /// A page of cases.
    CaseConnection of Selection,
    /// A case in a page.
    CaseEdge,
    /// The case.
    Case,
}

impl Listed for Case {
    fn cursor(&self) -> String {
        connection::by_id(self.0.id)
    }
}

impl Counted for Selection {
    async fn count(&self, ctx: &Context<'_>) -> Result<i64> {
        let of = *self;
        ctx.read(move |connection, caller| Box::pin(case::count(connection, caller, of))).await
    }
}

/// Which cases.
#[derive(InputObject)]
struct CaseFilter {
    /// Only those of this client.
    client_id: Option<ID>,
    /// Only those in this state; in any if null.
    #[graphql(default_with = "Some(CaseState::Open)")]
    state: Option<CaseState>,
}

impl From<CaseFilter> for Selection {
    fn from(filter: CaseFilter) -> Self {
        // An id that is none has no cases, as one that does not exist.
        let client = |id| local(NodeType::Client, &id, "clientId").unwrap_or_default();
        Self { client: filter.client_id.map(client), state: filter.state }
    }
}

#[derive(Default)]
pub struct Queries;

#[Object(name = "CaseQueries")]
impl Queries {
    /// The cases of the clients that the viewer reaches, newest first.
    async fn cases(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them; without one, all that are open.")] filter: Option<CaseFilter>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
    ) -> Result<CaseConnection> {
        let page = Page::new(first, connection::place_of_id(after)?, last, connection::place_of_id(before)?)?;
        let of = filter.map_or(Selection { client: None, state: Some(CaseState::Open) }, Selection::from);
        let slice = ctx
            .read(move |connection, caller| {
                Box::pin(async move { case::page(connection, caller, of, &page).await })
            })
            .await?;
        ctx.note_read("cases", None);
        Ok(CaseConnection::new(slice.map(Case::from), of))
    }
}

/// A case to be.
#[derive(InputObject)]
struct CreateCaseInput {
    /// Whom it is about.
    client_id: ID,
    /// The title: 1 to 200 characters.
    title: String,
    /// What it says: at most 250 facts.
    #[graphql(default)]
    facts: Vec<Fact>,
}

crate::payload! {
    /// The answer of `createCase`.
    CreateCasePayload {
        /// The case.
        case: Case,
    }
}

/// What changes about a case; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateCaseInput {
    /// Which one.
    case_id: ID,
    /// The version that was read; `CONFLICT` if somebody else changed it since.
    expected_version: i32,
    /// The title: 1 to 200 characters.
    title: Option<String>,
    /// All that it says: at most 250 facts.
    facts: Option<Vec<Fact>>,
    /// Whether it is worked on.
    state: Option<CaseState>,
}

crate::payload! {
    /// The answer of `updateCase`.
    UpdateCasePayload {
        /// The case as it is now.
        case: Case,
    }
}

/// A case to print.
#[derive(InputObject)]
struct PrintCaseInput {
    /// Which one.
    case_id: ID,
}

crate::payload! {
    /// The answer of `printCase`.
    PrintCasePayload {
        /// The case.
        case: Case,
        /// Where the case is laid out for paper, to be opened once: at the service's own address or, where that is not
        /// configured, relative to it.
        url: String,
        /// Until when the link can be opened.
        expires_at: DateTime<Utc>,
    }
}

fn of_client(case: &case::Case) -> Option<Uuid> {
    Some(case.client_id)
}

fn domain(facts: Vec<Fact>) -> Vec<case::Fact> {
    facts.into_iter().map(|Fact { name, value }| case::Fact { name, value }).collect()
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "CaseMutations")]
impl Mutations {
    /// Opens a case for a client whom the viewer reaches. While impersonating it needs `EDIT`.
    #[graphql(directive = impersonatable::apply(Action::Edit))]
    async fn create_case(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case.")] input: CreateCaseInput,
    ) -> Result<CreateCasePayload> {
        let created = async {
            let client = local(NodeType::Client, &input.client_id, "clientId")?;
            let new = NewCase { client, title: input.title, facts: domain(input.facts) };
            ctx.mutate_of_client(of_client, |tx, caller| case::create(tx, caller, new).boxed()).await
        };
        CreateCasePayload::answer(created.await)
    }

    /// Changes a case of a client whom the viewer reaches, or archives it. While impersonating it needs `EDIT`.
    #[graphql(directive = impersonatable::apply(Action::Edit))]
    async fn update_case(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateCaseInput,
    ) -> Result<UpdateCasePayload> {
        let version = input.expected_version;
        let updated = async {
            let id = local(NodeType::Case, &input.case_id, "caseId")?;
            let facts = input.facts.map(domain);
            let changed = ChangedCase { title: input.title, facts, state: input.state };
            ctx.mutate_of_client(of_client, move |tx, caller| {
                case::update(tx, caller, id, version, changed).boxed()
            })
            .await
        };
        UpdateCasePayload::answer(updated.await)
    }

    /// Gives out a link to a case, laid out for paper; a new one each time, also with the same idempotency key. It can be opened once, within five minutes, as long as the session
    /// and the impersonation last. While impersonating it needs `PRINT`; the principal sees that it was printed.
    #[graphql(directive = impersonatable::apply(Action::Print))]
    async fn print_case(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: PrintCaseInput,
    ) -> Result<PrintCasePayload> {
        let printed = async {
            let id = local(NodeType::Case, &input.case_id, "caseId")?;
            let (log, caller) = (ctx.services().log.clone(), ctx.caller()?.clone());
            // Without an idempotency key: nothing is kept of an answer that holds a token.
            ctx.detached(async move {
                log.transact(Author::from(&caller), async |tx| case::print(tx, &caller, id).await).await
            })
            .await
        };
        let base = ctx.services().public_url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'));
        PrintCasePayload::of(printed.await, |print| PrintCasePayload {
            url: Some(format!("{base}/print/{}", print.token.reveal())),
            expires_at: Some(print.expires_at),
            case: Some(print.case.into()),
            ..Default::default()
        })
    }
}
