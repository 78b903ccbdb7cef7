//! GraphQL as an event stream: graphql-sse's "distinct connections mode", one operation for each request.
//!
//! What happens to a session happens to its streams: when it is over they end with an error.

use super::credentials;
use super::endpoint::{Incoming, operation};
use super::message::Message;
use super::operation::{Answers, Begun, begin};
use super::respond::{self, Media};
use crate::error::{Error, ErrorCode};
use crate::events::seats::{Seat, Standing};
use crate::graphql::error::server_error;
use async_graphql::Response as GraphqlResponse;
use async_graphql::parser::types::OperationType;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const TYPE: &str = "text/event-stream";
/// Longest silence: some proxies end what is silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(12);

/// Whether the request accepts an event stream, perhaps among other things.
fn accepts(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    ranges.any(|range| range.trim().eq_ignore_ascii_case(TYPE))
}

/// The media type of whatever is answered in one piece.
pub fn or_media(headers: &HeaderMap) -> Option<Media> {
    Media::accepted(headers).or_else(|| accepts(headers).then_some(Media::Json))
}

/// Whether the answer is an event stream. Whoever also accepts JSON gets it wherever there is one answer.
pub fn is_wanted(incoming: &Incoming, message: &Message, by_get: bool) -> bool {
    if !accepts(&incoming.headers) {
        return false;
    }
    let only = Media::accepted(&incoming.headers).is_none();
    if !only && !message.query.contains("subscription") {
        return false;
    }
    let document = incoming.door.face.documents.read(&message.query).ok();
    let ty = document.as_ref().and_then(|document| operation(document, message.operation_name.as_deref()));
    match ty.map(|operation| operation.ty) {
        Some(OperationType::Subscription) => true,
        Some(OperationType::Mutation) => only && !by_get,
        Some(OperationType::Query) | None => only,
    }
}

/// Answers with a stream, whatever becomes of it: a page cannot read why a stream did not begin.
pub async fn answer(incoming: Incoming, message: Message, body: Bytes) -> Response {
    let incoming = Arc::new(incoming);
    let credentials = credentials::read(&incoming.headers);
    let begun = begin(incoming.clone(), credentials, message, body).await;
    let Begun { answers, ticket } =
        begun.unwrap_or_else(|error| Begun { answers: refused(error), ticket: None });
    let door = &incoming.door;
    let (sender, receiver) = mpsc::channel(1);
    let streaming = Streaming {
        seat: ticket.map(|ticket| door.services.log.hub.seats().take(ticket)),
        sender,
        request_id: incoming.request_id.clone(),
        most_errors: door.services.limits.errors,
        patience: door.services.patience.send,
    };
    let (closing, ends_after) = (door.closing.clone(), door.ends_after());
    door.connections.spawn(async move {
        tokio::select! {
            () = streaming.run(answers) => {}
            // Without a farewell: whoever listens comes back.
            () = closed(closing, ends_after) => {}
        }
    });
    let bytes = stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|bytes| (Ok::<_, Infallible>(bytes), receiver))
    });
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn closed(closing: CancellationToken, after: Duration) {
    closing.cancelled().await;
    tokio::time::sleep(after).await;
}

fn refused(error: Error) -> Answers {
    let response = GraphqlResponse::from_errors(vec![server_error(error)]);
    stream::once(async { response }).boxed()
}

/// One stream. Each answer is made when the one before was taken.
struct Streaming {
    seat: Option<Seat>,
    sender: mpsc::Sender<Bytes>,
    request_id: String,
    most_errors: usize,
    /// Longest wait for the other side to take something.
    patience: Duration,
}

/// The other side is gone, or does not take what it is sent.
struct Gone;

impl Streaming {
    async fn run(mut self, answers: Answers) {
        let _ = self.stream(answers).await;
    }

    async fn stream(&mut self, mut answers: Answers) -> Result<(), Gone> {
        // So that the headers go out, and whoever listens knows that it has begun.
        self.send(":\n\n".to_owned()).await?;
        let mut held = None;
        loop {
            let standing = self.seat.as_ref().map_or(Standing::Good, Seat::standing);
            if standing == Standing::Over {
                // Whoever has only begun or ceased to act for somebody is signed in as before.
                let words = "The session, or whom it acts for, is not what it was. Open the stream anew.";
                return self.end_with(Error::stop_saying(ErrorCode::Unauthenticated, words)).await;
            }
            if standing == Standing::Good
                && let Some(answer) = held.take()
            {
                self.deliver(answer).await?;
                continue;
            }
            tokio::select! {
                // While there is a doubt nothing is delivered, and one may have come up just now.
                answer = answers.next(), if standing == Standing::Good => match answer {
                    Some(answer) => held = Some(answer),
                    None => return self.send("event: complete\ndata:\n\n".to_owned()).await,
                },
                () = changed(self.seat.as_mut()) => {}
                () = self.sender.closed() => return Err(Gone),
                () = tokio::time::sleep(KEEP_ALIVE) => self.send(":\n\n".to_owned()).await?,
            }
        }
    }

    async fn deliver(&mut self, answer: GraphqlResponse) -> Result<(), Gone> {
        let shown = respond::streamed(answer, &self.request_id, self.most_errors)
            .unwrap_or_else(|errors| format!(r#"{{"errors":{errors}}}"#));
        metrics::counter!("locum_frames_total").increment(1);
        self.send(format!("event: next\ndata: {shown}\n\n")).await
    }

    async fn end_with(&mut self, error: Error) -> Result<(), Gone> {
        self.deliver(GraphqlResponse::from_errors(vec![server_error(error)])).await?;
        self.send("event: complete\ndata:\n\n".to_owned()).await
    }

    async fn send(&mut self, text: String) -> Result<(), Gone> {
        match tokio::time::timeout(self.patience, self.sender.send(text.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

async fn changed(seat: Option<&mut Seat>) {
    match seat {
        Some(seat) => seat.changed().await,
        None => std::future::pending().await,
    }
}
