//! The operations that run over one socket. They take turns.

use crate::error::{Error, Result};
use crate::graphql::error::server_error;
use crate::http::credentials::Credentials;
use crate::http::endpoint::Incoming;
use crate::http::message::Message;
use crate::http::operation;
use crate::http::respond;
use async_graphql::Response as GraphqlResponse;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;

/// What an operation says next.
pub enum Frame {
    Next(String),
    /// It was never executed.
    Error(String),
    Complete,
}

struct Operation {
    id: String,
    frames: BoxStream<'static, Frame>,
}

/// Those that run.
#[derive(Default)]
pub struct Operations {
    running: Vec<Operation>,
    /// Whose turn it is.
    turn: usize,
}

impl Operations {
    pub fn has(&self, id: &str) -> bool {
        self.running.iter().any(|operation| operation.id == id)
    }

    pub fn count(&self) -> usize {
        self.running.len()
    }

    pub fn remove(&mut self, id: &str) {
        self.running.retain(|operation| operation.id != id);
    }

    /// Begins one; it does so when it is its turn.
    pub fn begin(&mut self, id: String, incoming: Arc<Incoming>, credentials: Credentials, payload: Value) {
        let (request_id, most_errors) = (incoming.request_id.clone(), incoming.door.services.limits.errors);
        let shown = move |response| match respond::streamed(response, &request_id, most_errors) {
            Ok(payload) => Frame::Next(payload),
            Err(errors) => Frame::Error(errors),
        };
        let answers = stream::once(answers(incoming, credentials, payload))
            .flat_map(|begun| begun.unwrap_or_else(|error| stream::once(async { refused(error) }).boxed()));
        let caught = AssertUnwindSafe(answers).catch_unwind().map(|answer| {
            answer.unwrap_or_else(|_| {
                metrics::counter!("locum_panics_total").increment(1);
                refused(Error::internal("an operation panicked"))
            })
        });
        let frames = caught.map(shown).chain(stream::once(async { Frame::Complete })).boxed();
        self.running.push(Operation { id, frames });
    }

    /// The next frame of whichever has one; waits for it.
    pub async fn next(&mut self) -> (String, Frame) {
        std::future::poll_fn(|context| {
            let count = self.running.len();
            for offset in 0..count {
                let place = (self.turn + offset) % count;
                let Some(operation) = self.running.get_mut(place) else { continue };
                if let Poll::Ready(frame) = operation.frames.poll_next_unpin(context) {
                    self.turn = place + 1;
                    return Poll::Ready((operation.id.clone(), frame.unwrap_or(Frame::Complete)));
                }
            }
            Poll::Pending
        })
        .await
    }
}

async fn answers(
    incoming: Arc<Incoming>,
    credentials: Credentials,
    payload: Value,
) -> Result<BoxStream<'static, GraphqlResponse>> {
    let message = Message::from_json(payload)?;
    Ok(operation::begin(incoming, credentials, message, Bytes::new()).await?.answers)
}

fn refused(error: Error) -> GraphqlResponse {
    GraphqlResponse::from_errors(vec![server_error(error)])
}
