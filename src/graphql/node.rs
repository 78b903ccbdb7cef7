//! Global ids, and looking things up by them.

use super::case::Case;
use super::client::Client;
use super::context::Locum;
use super::delegation::Delegation;
use super::firm::Firm;
use super::impersonation::Impersonation;
use super::user::User;
use super::webhook::{Webhook, WebhookDelivery};
use super::workgroup::{Invite, Workgroup};
use crate::domain::{case, client, delegation, impersonation, user, webhook, workgroup};
use crate::error::{Error, ErrorCode, Result};
use crate::events::Subject;
use crate::id::{self, NodeType};
use async_graphql::{Context, ID, Interface, MaybeUndefined, Object};
use uuid::Uuid;

/// Anything that has a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id: opaque, and unique over all types."))]
pub enum Node {
    Case(Case),
    Client(Client),
    Delegation(Delegation),
    Firm(Firm),
    Impersonation(Impersonation),
    Invite(Invite),
    User(User),
    Webhook(Webhook),
    WebhookDelivery(WebhookDelivery),
    Workgroup(Workgroup),
}

/// The global id of a row.
pub fn global(node: NodeType, id: Uuid) -> ID {
    ID(id::encode(node, id))
}

/// The row that an input's id means. An id of another type is as good as none.
pub fn local(node: NodeType, global: &ID, field: &str) -> Result<Uuid> {
    let found = id::decode(global).filter(|(found, _)| *found == node).map(|(_, id)| id);
    found.ok_or_else(|| crate::error::Refusal::new(ErrorCode::NotFound).at(field).into())
}

/// What an input changes: `None` for what was left out, `Some(None)` for null.
pub fn given<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// Most ids of one look-up.
const MOST: usize = 100;

#[derive(Default)]
pub struct Queries;

#[Object(name = "NodeQueries")]
impl Queries {
    /// The thing with this global id; null if there is none that the viewer may see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> Result<Option<Node>> {
        find(ctx, &id).await
    }

    /// The things with these global ids, at most 100, each null if there is none that the viewer may see.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Their global ids.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MOST {
            return Err(Error::stop_saying(ErrorCode::BadUserInput, format!("At most {MOST} ids at once.")));
        }
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            found.push(find(ctx, id).await?);
        }
        Ok(found)
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    let Some((node, id)) = id::decode(id) else { return Ok(None) };
    match node {
        NodeType::Client => {
            let found =
                ctx.read(move |connection, caller| Box::pin(client::find(connection, caller, id))).await?;
            found.iter().for_each(|_| ctx.note_read("node", Some(Subject(node, id))));
            Ok(found.map(|client| Node::Client(client.into())))
        }
        NodeType::Case => {
            let found =
                ctx.read(move |connection, caller| Box::pin(case::find(connection, caller, id))).await?;
            found.iter().for_each(|_| ctx.note_read("case", Some(Subject(node, id))));
            Ok(found.map(|case| Node::Case(case.into())))
        }
        NodeType::Delegation => {
            let found = ctx
                .read(move |connection, caller| Box::pin(delegation::visible(connection, caller, id)))
                .await?;
            Ok(found.map(|delegation| Node::Delegation(delegation.into())))
        }
        NodeType::Impersonation => {
            let found = ctx
                .read(move |connection, caller| Box::pin(impersonation::visible(connection, caller, id)))
                .await?;
            Ok(found.map(|impersonation| Node::Impersonation(impersonation.into())))
        }
        NodeType::User => {
            let found =
                ctx.read(move |connection, caller| Box::pin(user::visible(connection, caller, id))).await?;
            Ok(found.map(|user| Node::User(user.into())))
        }
        NodeType::Firm => {
            let firm = &ctx.authenticated()?.firm;
            Ok((firm.id == id).then(|| Node::Firm(firm.clone().into())))
        }
        NodeType::Webhook => {
            let found = ctx
                .read(move |connection, caller| Box::pin(webhook::visible(connection, caller, id)))
                .await?;
            Ok(found.map(|webhook| Node::Webhook(webhook.into())))
        }
        NodeType::WebhookDelivery => {
            let found = ctx
                .read(move |connection, caller| Box::pin(webhook::visible_delivery(connection, caller, id)))
                .await?;
            Ok(found.map(|delivery| Node::WebhookDelivery(delivery.into())))
        }
        NodeType::Workgroup => {
            let found = ctx
                .read(move |connection, caller| Box::pin(workgroup::visible(connection, caller, id)))
                .await?;
            Ok(found.map(|workgroup| Node::Workgroup(workgroup.into())))
        }
        NodeType::Invite => {
            let found = ctx
                .read(move |connection, caller| Box::pin(workgroup::visible_invite(connection, caller, id)))
                .await?;
            Ok(found.map(|invite| Node::Invite(invite.into())))
        }
        NodeType::Event | NodeType::Account => Ok(None),
    }
}
