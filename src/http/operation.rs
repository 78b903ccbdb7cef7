//! An operation whose answer is a stream: over a WebSocket or as an event stream, whatever it is, it is admitted, paid and
//! executed as any other.

use super::credentials::{self, Credentials};
use super::endpoint::{Incoming, operation};
use super::message::Message;
use crate::domain::sign_in;
use crate::error::{Error, ErrorCode, Result};
use crate::events::seats::Ticket;
use crate::graphql::variables;
use async_graphql::Positioned;
use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection};
use async_graphql::{Request as GraphqlRequest, Response as GraphqlResponse};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Arc;

/// What a stream costs when it begins, in points; what comes along it costs nothing.
const POINTS: u32 = 10;

/// Answers, one after the other.
pub type Answers = BoxStream<'static, GraphqlResponse>;

/// An operation that has begun.
pub struct Begun {
    /// An operation that does not stream has one.
    pub answers: Answers,
    /// By what it was let in, if it streams and was in a session. What has one answer has it whatever comes of the session,
    /// which may be just what it ended.
    pub ticket: Option<Ticket>,
}

/// Begins an operation. An error is of an operation that was never executed.
pub async fn begin(
    incoming: Arc<Incoming>,
    credentials: Credentials,
    message: Message,
    body: Bytes,
) -> Result<Begun> {
    incoming.to_the_end(async move |incoming| begin_now(&incoming, credentials, message, &body).await).await
}

async fn begin_now(
    incoming: &Incoming,
    credentials: Credentials,
    message: Message,
    body: &[u8],
) -> Result<Begun> {
    let document = incoming.door.face.documents.read(&message.query)?;
    let meant = operation(&document, message.operation_name.as_deref()).ok_or_else(|| {
        let words = "`operationName` must name one of the document's operations.";
        Error::stop_saying(ErrorCode::GraphqlValidationFailed, words)
    })?;
    let ty = meant.ty;
    if credentials.in_cookie
        && ty == OperationType::Mutation
        && !credentials::has_allowed_origin(&incoming.door, &incoming.headers)
    {
        let words = "With a cookie, changes are taken from allowed origins only.";
        return Err(Error::stop_saying(ErrorCode::BadUserInput, words));
    }
    let is_field = |item: &Positioned<Selection>| matches!(item.node, Selection::Field(_));
    if ty == OperationType::Subscription && !meant.selection_set.node.items.iter().all(is_field) {
        // async-graphql would stream nothing.
        let words = "The field of a subscription stands in the operation itself, not in a fragment.";
        return Err(Error::stop_saying(ErrorCode::GraphqlValidationFailed, words));
    }
    let token = credentials.token.clone();
    // No answer of a stream sets a cookie.
    let context = Arc::new(incoming.context(credentials, false, &document, meant, body).await?);
    let given = message.variables.unwrap_or_default();
    let variables = variables::complete(meant, given, incoming.door.face.guard.inputs())?;
    incoming.pay(&document, meant, &variables, &context)?;
    let door = incoming.door.clone();
    if ty != OperationType::Subscription {
        let own = ExecutableDocument::clone(&document);
        let executed =
            incoming.execute(message.query, message.operation_name, variables, own, context.clone());
        let mut response = executed.await;
        incoming.note_reads(&context).await?;
        door.face.shapes.restore(&document, meant, &mut response);
        let response = incoming.finish(&context, response);
        return Ok(Begun { answers: stream::once(async { response }).boxed(), ticket: None });
    }
    if let Some(cost) = context.outcome(|outcome| outcome.cost.take()) {
        door.face.buckets.give_back(&context.payer(), cost.requested.saturating_sub(POINTS));
    }
    let ticket = context.authenticated.as_ref().zip(token).map(|(who, token)| sign_in::ticket(who, &token));
    let mut request = GraphqlRequest::new(message.query).variables(variables).data(context);
    if let Some(name) = &message.operation_name {
        request = request.operation_name(name);
    }
    request.set_parsed_query(ExecutableDocument::clone(&document));
    let answers = door.face.schema.execute_stream(request).map(move |mut response| {
        if let Some(meant) = operation(&document, message.operation_name.as_deref()) {
            door.face.shapes.restore(&document, meant, &mut response);
        }
        response
    });
    Ok(Begun { answers: answers.boxed(), ticket })
}
