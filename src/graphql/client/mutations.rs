//! What people do about clients.

use super::Client;
use crate::caller::Action;
use crate::domain::client::{self, AddRule, ChangedClient, ClientType, NewAdvisers, NewClient};
use crate::error::{ErrorCode, Result};
use crate::graphql::access::AccessChanges;
use crate::graphql::context::Locum;
use crate::graphql::error::{OfOne, Payload};
use crate::graphql::guard::{impersonatable, list_size};
use crate::graphql::node::{given, local};
use crate::graphql::workgroup::Workgroup;
use crate::id::NodeType;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject, Union};
use futures_util::FutureExt;

/// How the viewer may add a client: what a form needs to know.
#[derive(Union)]
pub enum AddClientRule {
    Free(FreeAdd),
    Fixed(FixedAdd),
    Choose(ChooseAdd),
    Impossible(ImpossibleAdd),
}

/// The client becomes the viewer's own; a setup admin's who is no adviser becomes nobody's.
#[derive(SimpleObject)]
pub struct FreeAdd {
    /// Where it goes if nothing else is said; null for no workgroup.
    default_workgroup: Option<Workgroup>,
}

/// The client goes into the one workgroup that the viewer is in, and its owner becomes the primary adviser.
#[derive(SimpleObject)]
pub struct FixedAdd {
    /// That workgroup.
    workgroup: Workgroup,
}

/// The viewer has to choose the workgroup; its owner becomes the primary adviser.
#[derive(SimpleObject)]
pub struct ChooseAdd {
    /// The workgroups to choose from.
    #[graphql(directive = list_size::apply(50))]
    workgroups: Vec<Workgroup>,
}

/// The viewer cannot add clients.
#[derive(SimpleObject)]
pub struct ImpossibleAdd {
    /// Why, as `createClient` would refuse it.
    code: ErrorCode,
    /// The same for people.
    reason: String,
}

/// The rule for the viewer.
pub async fn add_client_rule(ctx: &Context<'_>) -> Result<AddClientRule> {
    let rule = ctx.read(|connection, caller| Box::pin(client::add_rule(connection, caller))).await?;
    Ok(match rule {
        AddRule::Free { default } => {
            AddClientRule::Free(FreeAdd { default_workgroup: default.map(Workgroup::from) })
        }
        AddRule::Fixed(workgroup) => AddClientRule::Fixed(FixedAdd { workgroup: workgroup.into() }),
        AddRule::Choose(workgroups) => {
            let workgroups = workgroups.into_iter().map(Workgroup::from).collect();
            AddClientRule::Choose(ChooseAdd { workgroups })
        }
        AddRule::Impossible(code) => {
            AddClientRule::Impossible(ImpossibleAdd { code, reason: code.message().to_owned() })
        }
    })
}

/// A client to be.
#[derive(InputObject)]
struct CreateClientInput {
    /// The name: 1 to 200 characters.
    name: String,
    /// All addresses; the first one is preferred.
    #[graphql(default)]
    emails: Vec<String>,
    /// What the client is to the firm; without it `CLIENT`.
    #[graphql(name = "type")]
    client_type: Option<ClientType>,
    /// The client's number in other books, unique in the firm.
    reference: Option<String>,
    /// The user ID of the adviser who stands in.
    secondary_adviser_handle: Option<String>,
    /// The workgroup that it goes into, one of the viewer's. Left out: the viewer's default, or the only one of an assistant;
    /// null: none.
    workgroup_id: MaybeUndefined<ID>,
}

crate::payload! {
    /// The answer of `createClient`.
    CreateClientPayload {
        /// The new client.
        client: Client,
    }
}

/// A client to put into a workgroup.
#[derive(InputObject)]
struct SetClientWorkgroupInput {
    /// Which client.
    client_id: ID,
    /// One of the viewer's workgroups; null for none.
    workgroup_id: Option<ID>,
    /// Only find out what it would do.
    #[graphql(default)]
    dry_run: bool,
}

crate::payload! {
    /// The answer of `setClientWorkgroup`.
    SetClientWorkgroupPayload {
        /// The client as it is now; null if the viewer does not see it any more.
        client: Client,
        /// Who gains the client by it, and who loses it.
        access_changes: AccessChanges,
    }
}

/// The advisers to be; what is left out stays as it is, null takes it away.
#[derive(InputObject)]
struct SetClientAdvisersInput {
    /// Whose.
    client_id: ID,
    /// The user ID of the adviser who looks after the client.
    primary_adviser_handle: MaybeUndefined<String>,
    /// The user ID of the adviser who stands in.
    secondary_adviser_handle: MaybeUndefined<String>,
    /// Only find out what it would do.
    #[graphql(default)]
    dry_run: bool,
}

crate::payload! {
    /// The answer of `setClientAdvisers`.
    SetClientAdvisersPayload {
        /// The client as it is now; null if the viewer does not see it any more.
        client: Client,
        /// Who gains the client by it, and who loses it.
        access_changes: AccessChanges,
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

    /// Adds a client. An adviser's is their own; an assistant's goes into a workgroup and belongs to its owner:
    /// `viewer.addClientRule` says what applies. While impersonating it needs `EDIT`, and it is the principal who adds it.
    #[graphql(directive = impersonatable::apply(Action::Edit))]
    async fn create_client(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is to be.")] input: CreateClientInput,
    ) -> Result<CreateClientPayload> {
        let created = async {
            let workgroup = given(input.workgroup_id);
            let workgroup =
                workgroup.map(|id| id.map(|id| local(NodeType::Workgroup, &id, "workgroupId")).transpose());
            let new = NewClient {
                name: input.name,
                emails: input.emails,
                client_type: input.client_type,
                reference: input.reference,
                secondary_adviser: input.secondary_adviser_handle,
                workgroup: workgroup.transpose()?,
            };
            ctx.mutate_of_client(
                |client: &client::Client| Some(client.row.id),
                move |tx, caller| client::create(tx, caller, new).boxed(),
            )
            .await
        };
        CreateClientPayload::answer(created.await)
    }

    /// Puts a client into one of the viewer's workgroups, or into none; its advisers stay. While impersonating it needs
    /// `SHARE`.
    #[graphql(directive = impersonatable::apply(Action::Share))]
    async fn set_client_workgroup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which client, and where.")] input: SetClientWorkgroupInput,
    ) -> Result<SetClientWorkgroupPayload> {
        let set = async {
            let id = local(NodeType::Client, &input.client_id, "clientId")?;
            let workgroup = input.workgroup_id.map(|id| local(NodeType::Workgroup, &id, "workgroupId"));
            let workgroup = workgroup.transpose()?;
            ctx.mutate_or_try(input.dry_run, move |tx, caller| {
                client::set_workgroup(tx, caller, id, workgroup).boxed()
            })
            .await
        };
        SetClientWorkgroupPayload::of(set.await, |(client, changes)| SetClientWorkgroupPayload {
            client: client.map(Client::from),
            access_changes: Some(changes.into()),
            ..Default::default()
        })
    }

    /// Sets a client's advisers: as its primary adviser, or as who administers clients.
    async fn set_client_advisers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, and who.")] input: SetClientAdvisersInput,
    ) -> Result<SetClientAdvisersPayload> {
        let set = async {
            let id = local(NodeType::Client, &input.client_id, "clientId")?;
            let new = NewAdvisers {
                primary: given(input.primary_adviser_handle),
                secondary: given(input.secondary_adviser_handle),
            };
            ctx.mutate_or_try(input.dry_run, move |tx, caller| {
                client::set_advisers(tx, caller, id, new).boxed()
            })
            .await
        };
        SetClientAdvisersPayload::of(set.await, |(client, changes)| SetClientAdvisersPayload {
            client: client.map(Client::from),
            access_changes: Some(changes.into()),
            ..Default::default()
        })
    }
}
