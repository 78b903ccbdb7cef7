//! A WebSocket client that does nothing by itself.

use super::Actor;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest wait for a frame that has to come.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Socket {
    inner: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Opens one; an error has the status that refused it, 1006 if nobody is there.
    pub async fn try_open(base: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let url = format!("{}/graphql", base.replace("http://", "ws://"));
        let mut request = url.into_client_request().unwrap();
        let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
        let named = headers.iter().any(|(name, _)| *name == protocol.0);
        for (name, value) in headers.iter().chain((!named).then_some(&protocol)) {
            request
                .headers_mut()
                .insert(tungstenite::http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((inner, _)) => Ok(Self { inner }),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(_) => Err(1006),
        }
    }

    /// Opens one that says nothing yet.
    pub async fn open(base: &str) -> Self {
        Self::try_open(base, &[]).await.unwrap()
    }

    /// Opens one of somebody's session.
    pub async fn of(actor: &Actor) -> Self {
        let mut socket = Self::open(&actor.base).await;
        let token = actor.token.as_ref().unwrap();
        let ack = socket.init(json!({ "Authorization": format!("Bearer {token}") })).await;
        assert_eq!(ack, Ok(json!({ "type": "connection_ack" })));
        socket
    }

    pub async fn init(&mut self, payload: Value) -> Result<Value, u16> {
        self.say(json!({ "type": "connection_init", "payload": payload })).await;
        self.hear().await
    }

    pub async fn say(&mut self, message: Value) {
        self.say_raw(&message.to_string()).await;
    }

    pub async fn say_raw(&mut self, text: &str) {
        let _ = self.inner.send(Message::text(text.to_owned())).await;
    }

    pub async fn say_bytes(&mut self, bytes: Vec<u8>) {
        let _ = self.inner.send(Message::binary(bytes)).await;
    }

    /// Begins an operation.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// The next message; an error is the code with which it was closed, 1006 without one.
    pub async fn hear(&mut self) -> Result<Value, u16> {
        self.hear_within(PATIENCE).await.expect("nothing came")
    }

    /// The same; `None` if nothing comes in time.
    pub async fn hear_within(&mut self, wait: Duration) -> Option<Result<Value, u16>> {
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.inner.next()).await.ok()? {
                Some(Ok(Message::Text(text))) => return Some(Ok(serde_json::from_str(&text).unwrap())),
                Some(Ok(Message::Close(frame))) => {
                    return Some(Err(frame.map_or(1005, |frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Some(Err(1006)),
            }
        }
    }

    /// The code with which it is closed, and how long that took.
    pub async fn closed(&mut self) -> (u16, Duration) {
        let started = Instant::now();
        loop {
            if let Err(code) = self.hear().await {
                return (code, started.elapsed());
            }
        }
    }

    /// Follows the log as of now; waits until it does. Answers the cursor.
    pub async fn follow(&mut self, after: Option<&str>) -> String {
        self.subscribe("feed", FOLLOW, json!({ "after": after })).await;
        if after.is_some() {
            return String::new();
        }
        let item = self.item().await;
        assert_eq!(item["__typename"], "Checkpoint", "{item}");
        item["cursor"].as_str().unwrap().to_owned()
    }

    /// Waits until an operation that was refused is over: an answer with errors is followed by the end.
    pub async fn closed_operation(&mut self, id: &str) {
        if let Some(Ok(message)) = self.hear_within(Duration::from_millis(300)).await {
            assert_eq!(message, json!({ "id": id, "type": "complete" }));
        }
    }

    /// What comes next along the stream.
    pub async fn item(&mut self) -> Value {
        let message = self.hear().await.unwrap();
        let item = message.pointer("/payload/data").and_then(Value::as_object);
        item.and_then(|data| data.values().next()).unwrap_or_else(|| panic!("no item: {message}")).clone()
    }

    /// The next event.
    pub async fn event(&mut self) -> Value {
        loop {
            let item = self.item().await;
            if item["__typename"] == "Event" {
                return item;
            }
        }
    }
}

/// Follows the log.
pub const FOLLOW: &str =
    "subscription ($after: String) { events(after: $after) { __typename ... on Event { id cursor type
    subjects data actor { handle } principal { handle } } ... on Checkpoint { cursor at } } }";
