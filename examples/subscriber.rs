//! A subscriber, to be copied: it follows what the person of a token hears of, over a WebSocket, and misses nothing. How far
//! it came is kept in a file, so after a cut line, a restart of the service or one of its own it goes on behind that.
//!
//! ```sh
//! LOCUM_TOKEN=lcs_… cargo run --example subscriber
//! ```
//!
//! `LOCUM_SOCKET` is the address, `ws://127.0.0.1:8080/graphql` unless set; for `wss://`, turn on one of tokio-tungstenite's
//! features for TLS. `LOCUM_CURSOR_FILE` is the file, `subscriber.cursor` unless set.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

const FOLLOW: &str = "subscription ($after: String) { events(after: $after) { __typename
    ... on Event { id cursor type occurredAt data } ... on Checkpoint { cursor } } }";

/// The service pings every 15 seconds: whoever is silent for so long is gone, even if the line does not say so.
const SILENCE: Duration = Duration::from_secs(45);
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

struct Subscriber {
    url: String,
    token: String,
    cursor_file: PathBuf,
    /// How long to wait before the next try.
    pause: Duration,
}

/// Why a connection is over.
enum End {
    /// The next one goes on where it was.
    Cut(String),
    /// Somebody has to see to it first.
    Refused(String),
}

impl<E: std::error::Error> From<E> for End {
    fn from(error: E) -> Self {
        Self::Cut(error.to_string())
    }
}

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "an example reads its own variables")]
async fn main() -> anyhow::Result<()> {
    let or = |name, other: &str| std::env::var(name).unwrap_or_else(|_| other.to_owned());
    let mut subscriber = Subscriber {
        url: or("LOCUM_SOCKET", "ws://127.0.0.1:8080/graphql"),
        token: std::env::var("LOCUM_TOKEN")?,
        cursor_file: or("LOCUM_CURSOR_FILE", "subscriber.cursor").into(),
        pause: SHORTEST_PAUSE,
    };
    loop {
        let Err(end) = subscriber.follow().await;
        match end {
            End::Refused(why) => anyhow::bail!(why),
            End::Cut(why) => eprintln!("Cut off: {why}. Going on in {:?}.", subscriber.pause),
        }
        // With many subscribers, add some chance: not all should come back in the same moment.
        sleep(subscriber.pause).await;
        subscriber.pause = (subscriber.pause * 2).min(LONGEST_PAUSE);
    }
}

impl Subscriber {
    /// Follows over one connection, for as long as it lasts.
    async fn follow(&mut self) -> Result<Infallible, End> {
        let mut request = self.url.as_str().into_client_request()?;
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (mut socket, _) = timeout(SILENCE, connect_async(request)).await??;
        let who = json!({ "authorization": format!("Bearer {}", self.token) });
        let init = json!({ "type": "connection_init", "payload": who });
        socket.send(Message::text(init.to_string())).await?;
        loop {
            let message = match timeout(SILENCE, socket.next()).await? {
                Some(Ok(Message::Text(text))) => serde_json::from_str::<Value>(&text)?,
                Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
                Some(other) => other.map(|_| Value::Null)?, // pings are answered by the library
                None => return Err(End::Cut("the connection ended".to_owned())),
            };
            match message["type"].as_str() {
                Some("connection_ack") => {
                    let payload = json!({ "query": FOLLOW, "variables": { "after": self.cursor()? } });
                    let subscribe = json!({ "id": "events", "type": "subscribe", "payload": payload });
                    socket.send(Message::text(subscribe.to_string())).await?;
                }
                Some("next") if message["payload"]["errors"].is_null() => {
                    self.take(&message["payload"]["data"]["events"])?;
                }
                // Such as CURSOR_EXPIRED: what lies between is to be read elsewhere, not to be skipped unseen.
                Some("next" | "error") => return Err(End::Refused(message["payload"].to_string())),
                Some("complete") => return Err(End::Cut("the stream ended".to_owned())),
                _ => {}
            }
        }
    }

    /// An event, or a checkpoint: the word that nothing before its cursor is still to come.
    fn take(&mut self, item: &Value) -> std::io::Result<()> {
        self.pause = SHORTEST_PAUSE;
        if item["__typename"] == "Event" {
            // Whoever ends between this and the next line hears of it once more: `id` tells the second time from the first.
            println!("{} {} {}", item["cursor"], item["type"], item["data"]);
        }
        let Some(cursor) = item["cursor"].as_str() else { return Ok(()) };
        // A file is replaced at once or not at all. Better still, keep the cursor in the database in which the event is
        // handled, in the same transaction.
        let new = self.cursor_file.with_extension("new");
        std::fs::write(&new, cursor)?;
        std::fs::rename(new, &self.cursor_file)
    }

    /// Where to go on; from now on, if there is no file yet.
    fn cursor(&self) -> std::io::Result<Option<String>> {
        match std::fs::read_to_string(&self.cursor_file) {
            Ok(cursor) => Ok(Some(cursor)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// 4403 is the end of the session; most others pass.
fn closed(frame: Option<CloseFrame>) -> End {
    match frame {
        Some(CloseFrame { code, reason }) if u16::from(code) == 4403 => {
            End::Refused(format!("closed: {reason}. Is the token still good?"))
        }
        Some(CloseFrame { code, reason }) => End::Cut(format!("closed: {code} {reason}")),
        None => End::Cut("closed".to_owned()),
    }
}
