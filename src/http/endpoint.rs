//! The GraphQL endpoint, as GraphQL over HTTP has it: queries by GET and POST, mutations by POST.

use super::message::{Message, UrlMessage, is_json};
use super::respond::{self, Media};
use super::trace::RequestId;
use super::{Door, credentials, event_stream, explorer, socket};
use crate::db::{awaited, counting};
use crate::domain::impersonation;
use crate::domain::sign_in::{self, Authenticated};
use crate::domain::throttle::Network;
use crate::error::{Error, ErrorCode, Result};
use crate::graphql::error::server_error;
use crate::graphql::{RequestContext, cost, limits, variables};
use crate::secret;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
};
use async_graphql::{Request as GraphqlRequest, Response as GraphqlResponse, Variables};
use axum::Extension;
use axum::body::Body;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// Longest wait for a body to arrive.
const BODY_WAIT: Duration = Duration::from_secs(10);
/// Longest idempotency key.
const KEY_LENGTH: usize = 255;

/// What all requests bring along, whatever their method.
pub(super) struct Incoming {
    pub(super) door: Arc<Door>,
    pub(super) headers: HeaderMap,
    pub(super) peer: SocketAddr,
    pub(super) request_id: String,
}

/// `GET /graphql`: the explorer for people, queries and streams for programs.
pub async fn get(
    State(door): State<Arc<Door>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
    url: Result<Query<UrlMessage>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if socket::is_wanted(&headers) {
        return socket::open(door, peer, request_id, &headers, upgrade);
    }
    let asks_query = matches!(&url, Ok(Query(url)) if url.query.is_some());
    if door.explorer && !asks_query && accept.contains("text/html") {
        return explorer::page().await;
    }
    let Some(media) = event_stream::or_media(&headers) else { return not_acceptable() };
    let incoming = Incoming { door, headers, peer, request_id };
    let message = match url {
        Ok(Query(url)) => Message::from_url(url),
        Err(_) => {
            return respond::not_a_request(
                media,
                StatusCode::BAD_REQUEST,
                "The parameters of the URL cannot be read.",
            );
        }
    };
    match message {
        Ok(message) if event_stream::is_wanted(&incoming, &message, true) => {
            event_stream::answer(incoming, message, Bytes::new()).await
        }
        Ok(message) => incoming.answer_whole(media, message, Bytes::new(), true).await,
        Err(error) => not_a_message(media, error),
    }
}

/// `POST /graphql`.
pub async fn post(
    State(door): State<Arc<Door>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(media) = event_stream::or_media(&headers) else { return not_acceptable() };
    if !is_json(&headers) {
        return respond::not_a_request(
            media,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The content type must be application/json, in UTF-8.",
        );
    }
    let reading = Limited::new(body, door.services.limits.body_bytes).collect();
    let body = match tokio::time::timeout(BODY_WAIT, reading).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return respond::not_a_request(
                media,
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is larger than is read.",
            );
        }
        Ok(Err(_)) | Err(_) => {
            return respond::not_a_request(media, StatusCode::BAD_REQUEST, "The body did not arrive whole.");
        }
    };
    let incoming = Incoming { door, headers, peer, request_id };
    match Message::from_body(&body) {
        Ok(message) if event_stream::is_wanted(&incoming, &message, false) => {
            event_stream::answer(incoming, message, body).await
        }
        Ok(message) => incoming.answer_whole(media, message, body, false).await,
        Err(error) => not_a_message(media, error),
    }
}

fn not_acceptable() -> Response {
    let message = "The answer is application/graphql-response+json, application/json or text/event-stream.";
    respond::not_a_request(Media::Json, StatusCode::NOT_ACCEPTABLE, message)
}

fn not_a_message(media: Media, error: Error) -> Response {
    let message = match &error {
        Error::Stop(stop) => stop.message.as_str(),
        _ => error.code().message(),
    };
    respond::not_a_request(media, StatusCode::BAD_REQUEST, message)
}

impl Incoming {
    /// Does something of this request in a task of its own. A client that hangs up would otherwise leave a connection in the
    /// middle of a statement, and whoever is next to get it out of the pool would wait for that. Such a task gets no
    /// further connection.
    pub(super) async fn to_the_end<T, W>(self: Arc<Self>, work: impl FnOnce(Arc<Self>) -> W) -> T
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let running = self.door.services.running.clone();
        let client = Arc::new(());
        let work = awaited::by(Arc::downgrade(&client), work(self));
        let work = running.spawn(counting::into(counting::current(), work).in_current_span());
        // It is never cancelled, so it panicked: that is for whoever runs the request.
        work.await.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()))
    }

    async fn answer_whole(self, media: Media, message: Message, body: Bytes, by_get: bool) -> Response {
        let work = async move |incoming: Arc<Self>| incoming.answer(media, message, &body, by_get).await;
        Arc::new(self).to_the_end(work).await
    }

    async fn answer(&self, media: Media, message: Message, body: &[u8], by_get: bool) -> Response {
        let document = match self.door.face.documents.read(&message.query) {
            Ok(document) => document,
            Err(error) => return respond::refused(media, error, &self.request_id),
        };
        let Some(operation) = operation(&document, message.operation_name.as_deref()) else {
            let error = Error::stop_saying(
                ErrorCode::GraphqlValidationFailed,
                "`operationName` must name one of the document's operations.",
            );
            return respond::refused(media, error, &self.request_id);
        };
        let ty = operation.ty;
        if by_get && ty != OperationType::Query {
            let mut response = respond::not_a_request(
                media,
                StatusCode::METHOD_NOT_ALLOWED,
                "Only queries are taken by GET.",
            );
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let credentials = credentials::read(&self.headers);
        let allowed_origin = credentials::has_allowed_origin(&self.door, &self.headers);
        if credentials.in_cookie && ty == OperationType::Mutation && !allowed_origin {
            return respond::not_a_request(
                media,
                StatusCode::FORBIDDEN,
                "With a cookie, changes are taken from allowed origins only.",
            );
        }
        let context = match self.context(credentials, allowed_origin, &document, operation, body).await {
            Ok(context) => Arc::new(context),
            Err(error) => return respond::refused(media, error, &self.request_id),
        };
        let given = message.variables.unwrap_or_default();
        let variables = match variables::complete(operation, given, self.door.face.guard.inputs()) {
            Ok(variables) => variables,
            Err(error) => return respond::refused(media, error, &self.request_id),
        };
        let mut response = match self.pay(&document, operation, &variables, &context) {
            Ok(()) => {
                self.execute(
                    message.query,
                    message.operation_name,
                    variables,
                    ExecutableDocument::clone(&document),
                    context.clone(),
                )
                .await
            }
            Err(error) => GraphqlResponse::from_errors(vec![server_error(error)]),
        };
        if let Err(error) = self.note_reads(&context).await {
            return respond::refused(media, error, &self.request_id);
        }
        self.door.face.shapes.restore(&document, operation, &mut response);
        let response = self.finish(&context, response);
        let mut answer =
            respond::executed(media, response, &self.request_id, self.door.services.limits.errors);
        set_cookies(&context, answer.headers_mut());
        answer
    }

    /// Who asks, and whether they may ask this at all.
    pub(super) async fn context(
        &self,
        credentials: credentials::Credentials,
        cookies_allowed: bool,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        body: &[u8],
    ) -> Result<RequestContext> {
        let log = &self.door.services.log;
        let authenticated = match &credentials.token {
            Some(token) => known(sign_in::authenticate(log, token).await)?,
            None => None,
        };
        let caller = authenticated.as_ref().map(|authenticated| &authenticated.caller);
        if let Err(error) = self.door.face.guard.admit(document, operation, caller) {
            if let Some(caller) = caller {
                sign_in::note_denial(
                    log,
                    caller,
                    error.code(),
                    crate::graphql::guard::root_fields(document, operation).join(" "),
                )
                .await;
            }
            return Err(error);
        }
        let key =
            self.headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default().to_owned());
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_LENGTH) {
            return Err(Error::stop_saying(
                ErrorCode::BadUserInput,
                "An idempotency key has 1 to 255 visible characters.",
            ));
        }
        Ok(RequestContext {
            network: Network::of(credentials::address(&self.door, &self.headers, self.peer.ip())),
            authenticated,
            device: credentials.device,
            session_in_cookie: credentials.in_cookie,
            idempotency_key: key,
            body_hash: secret::hash(body),
            cookies_allowed,
            outcome: Default::default(),
        })
    }

    /// Takes what the operation can cost at most.
    pub(super) fn pay(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
        context: &RequestContext,
    ) -> Result<()> {
        let (face, limits) = (&self.door.face, &self.door.services.limits);
        let requested = limits::weigh(document, operation, variables, &face.sizes, limits)?;
        let remaining = face.buckets.spend(&context.payer(), requested)?;
        let restore_rate = limits.cost_restore_rate;
        context.outcome(|outcome| {
            outcome.cost = Some(cost::Cost { requested, actual: requested, remaining, restore_rate })
        });
        Ok(())
    }

    pub(super) async fn execute(
        &self,
        query: String,
        operation: Option<String>,
        variables: Variables,
        document: ExecutableDocument,
        context: Arc<RequestContext>,
    ) -> GraphqlResponse {
        let mut request = GraphqlRequest::new(query).variables(variables).data(context);
        if let Some(name) = operation {
            request = request.operation_name(name);
        }
        request.set_parsed_query(document);
        let longest = Duration::from_secs(self.door.services.limits.execution_seconds);
        match tokio::time::timeout(longest, self.door.face.schema.execute(request)).await {
            Ok(response) => response,
            Err(_) => GraphqlResponse::from_errors(vec![server_error(Error::retry_after(
                ErrorCode::Unavailable,
                5,
            ))]),
        }
    }

    /// Notes what the answer shows of a principal's.
    pub(super) async fn note_reads(&self, context: &RequestContext) -> Result<()> {
        let services = &self.door.services;
        let (Some(authenticated), reads) =
            (&context.authenticated, context.outcome(|outcome| std::mem::take(&mut outcome.reads)))
        else {
            return Ok(());
        };
        impersonation::note_reads(&services.log, &services.seen, &authenticated.caller, reads).await
    }

    /// Adds what an answer carries beside the data.
    pub(super) fn finish(&self, context: &RequestContext, mut response: GraphqlResponse) -> GraphqlResponse {
        let (cost, acting) = context.outcome(|outcome| (outcome.cost, outcome.acting.clone()));
        if let Some(mut cost) = cost {
            cost.actual = cost::fields(&response.data).min(cost.requested);
            cost.remaining = self.door.face.buckets.give_back(&context.payer(), cost.requested - cost.actual);
            extend(&mut response, "cost", serde_json::to_value(cost).unwrap_or_default());
        }
        let before = || {
            let authenticated = context.authenticated.as_ref()?;
            let impersonation = authenticated.impersonation.as_ref()?;
            authenticated.caller.acting().map(|_| crate::graphql::acting(impersonation))
        };
        if let Some(acting) = acting.unwrap_or_else(before) {
            extend(&mut response, "acting", acting);
        }
        response
    }
}

/// A token that is nobody's is as good as none: what needs a session is refused by the guard.
pub(super) fn known(authenticated: Result<Authenticated>) -> Result<Option<Authenticated>> {
    match authenticated {
        Ok(authenticated) => Ok(Some(authenticated)),
        Err(error) if error.code() == ErrorCode::Unauthenticated => Ok(None),
        Err(error) => Err(error),
    }
}

fn extend(response: &mut GraphqlResponse, name: &str, value: serde_json::Value) {
    if let Ok(value) = async_graphql::Value::from_json(value) {
        response.extensions.insert(name.to_owned(), value);
    }
}

fn set_cookies(context: &RequestContext, headers: &mut HeaderMap) {
    let cookies = context.outcome(|outcome| {
        let session =
            outcome.session_cookie.as_ref().map(|token| credentials::session_cookie(token.as_ref()));
        let device = outcome.device_cookie.as_ref().map(credentials::device_cookie);
        [session, device]
    });
    for cookie in cookies.into_iter().flatten() {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// The operation that is meant: the named one, or the only one.
pub(super) fn operation<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Option<&'d OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(&operation.node),
        (DocumentOperations::Single(_), Some(_)) => None,
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get(name).map(|operation| &operation.node)
        }
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next().map(|operation| &operation.node)
        }
        (DocumentOperations::Multiple(_), None) => None,
    }
}
