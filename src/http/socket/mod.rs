//! GraphQL over a WebSocket: `graphql-transport-ws`, by a loop of our own, one task for each socket.
//!
//! A client says who it is within ten seconds, in `connection_init` or by the header or cookie of the upgrade; a socket is
//! of a session, and ends with it ([`crate::events::seats`]). Then it may run some operations at once: streams, and what
//! has one answer. They take turns, each frame is made when the one before was taken, and so there is nothing to fill up:
//! whoever does not read for 30 seconds is cut off. Pings go out every 15 seconds, and whoever is silent for 45 is gone.

mod operations;
mod protocol;

use super::credentials::{self, Credentials};
use super::respond::{self, Media};
use super::{Door, endpoint::Incoming, endpoint::known};
use crate::defaults::Patience;
use crate::domain::sign_in;
use crate::events::seats::{Seat, Standing};
use crate::secret::Token;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use operations::{Frame, Operations};
use protocol::{End, Said};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument;

/// Longest wait for the other side to take the last frame.
const FAREWELL: Duration = Duration::from_secs(1);
/// What is read at once; there is a buffer of this size for each socket.
const BUFFER: usize = 512;

/// Whether a request wants to become a WebSocket.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
}

/// Makes it one. A page of a foreign origin is refused, whatever it brings along: the browser adds the cookie unasked.
pub fn open(
    door: Arc<Door>,
    peer: SocketAddr,
    request_id: String,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if headers.contains_key(header::ORIGIN) && !credentials::has_allowed_origin(&door, headers) {
        let message = "WebSockets are opened from allowed origins only.";
        return respond::not_a_request(Media::Json, StatusCode::FORBIDDEN, message);
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols([protocol::NAME]),
        Err(rejection) => return rejection.into_response(),
    };
    if upgrade.selected_protocol().is_none() {
        let message = "The subprotocol is graphql-transport-ws.";
        return respond::not_a_request(Media::Json, StatusCode::BAD_REQUEST, message);
    }
    let most = door.services.limits.body_bytes;
    let Credentials { token, in_cookie, .. } = credentials::read(headers);
    let from = [header::ORIGIN, HeaderName::from_static("x-forwarded-for")];
    // Of the upgrade's headers, all operations have those that tell from where they come.
    let mut kept = HeaderMap::new();
    for name in from {
        headers.get_all(&name).iter().for_each(|value| {
            kept.append(&name, value.clone());
        });
    }
    let incoming = Arc::new(Incoming { door, headers: kept, peer, request_id });
    let open = incoming.door.connections.token();
    upgrade
        .read_buffer_size(BUFFER)
        // Each frame goes out at once.
        .write_buffer_size(0)
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| async move {
            let span = tracing::info_span!("socket", request_id = incoming.request_id);
            run(socket, incoming, token, in_cookie).instrument(span).await;
            drop(open);
        })
}

async fn run(socket: WebSocket, incoming: Arc<Incoming>, token: Option<Token>, in_cookie: bool) {
    metrics::gauge!("locum_sockets").increment(1);
    let now = Instant::now();
    let mut connection = Connection {
        socket,
        session: None,
        offered: token.map(|token| (token, in_cookie)),
        operations: Operations::default(),
        held: None,
        next_tick: now + incoming.door.services.patience.init,
        last_heard: now,
        ends_at: None,
        incoming,
    };
    let end = match connection.serve().await {
        Ok(()) => End::Gone,
        Err(end) => end,
    };
    let code = end.code();
    metrics::gauge!("locum_sockets").decrement(1);
    metrics::counter!("locum_socket_ends_total", "code" => code.to_string()).increment(1);
    tracing::info!(code, "a socket ended");
    let Connection { mut socket, session, operations, .. } = connection;
    // The streams end before the farewell.
    drop((session, operations));
    let farewell = async {
        if let Some(frame) = end.frame() {
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
        // Its own close is waited for, and answered: otherwise the frame may be lost on the way.
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

/// The session that a socket is of.
struct Session {
    token: Token,
    in_cookie: bool,
    seat: Seat,
}

struct Connection {
    socket: WebSocket,
    session: Option<Session>,
    /// What the upgrade brought along.
    offered: Option<(Token, bool)>,
    operations: Operations,
    /// What goes out next, as soon as there is no doubt.
    held: Option<(String, Frame)>,
    next_tick: Instant,
    last_heard: Instant,
    /// When it ends, once the house closes.
    ends_at: Option<Instant>,
    incoming: Arc<Incoming>,
}

impl Connection {
    async fn serve(&mut self) -> Result<(), End> {
        loop {
            let standing = self.session.as_ref().map(|session| session.seat.standing());
            if standing == Some(Standing::Over) {
                return Err(End::forbidden());
            }
            if standing == Some(Standing::Good)
                && let Some((id, frame)) = self.held.take()
            {
                self.deliver(&id, frame).await?;
                continue;
            }
            let wake_at = self.ends_at.map_or(self.next_tick, |ends_at| ends_at.min(self.next_tick));
            tokio::select! {
                said = self.socket.recv() => match said {
                    Some(Ok(message)) => {
                        self.last_heard = Instant::now();
                        if !self.hear(message).await? {
                            return Ok(());
                        }
                    }
                    Some(Err(_)) | None => return Ok(()),
                },
                // While there is a doubt nothing is delivered, and one may have come up just now.
                next = self.operations.next(), if standing == Some(Standing::Good) => self.held = Some(next),
                () = changed(self.session.as_mut()) => {}
                () = self.incoming.door.closing.cancelled(), if self.ends_at.is_none() => {
                    self.ends_at = Some(Instant::now() + self.incoming.door.ends_after());
                }
                () = tokio::time::sleep_until(wake_at) => self.tick().await?,
            }
        }
    }

    /// Takes note of a message; false if the other side says farewell.
    async fn hear(&mut self, message: Message) -> Result<bool, End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(End::malformed("Only text is understood")),
            Message::Ping(_) | Message::Pong(_) => return Ok(true),
            Message::Close(_) => return Ok(false),
        };
        let said: Said = serde_json::from_str(&text).map_err(End::malformed)?;
        match said {
            // What is needed once is not kept room for as long as the socket lives.
            Said::ConnectionInit { payload } => Box::pin(self.initialise(&payload)).await?,
            Said::Ping { payload } => {
                let pong = if payload.is_null() {
                    r#"{"type":"pong"}"#.to_owned()
                } else {
                    format!(r#"{{"type":"pong","payload":{payload}}}"#)
                };
                self.send(Message::text(pong)).await?;
            }
            Said::Pong {} => {}
            Said::Subscribe { id, payload } => self.subscribe(id, payload)?,
            Said::Complete { id } => {
                self.held.take_if(|(held, _)| *held == id);
                self.operations.remove(&id);
            }
        }
        Ok(true)
    }

    async fn initialise(&mut self, payload: &Value) -> Result<(), End> {
        if self.session.is_some() {
            return Err(End::second_init());
        }
        let given = match payload {
            Value::Null => None,
            Value::Object(payload) => {
                ["Authorization", "authorization"].iter().find_map(|name| payload.get(*name))
            }
            _ => return Err(End::malformed("The payload of connection_init is an object")),
        };
        let given =
            given.map(|given| given.as_str().and_then(credentials::bearer).ok_or_else(End::forbidden));
        let given = given.transpose()?.map(|token| (token, false));
        let (token, in_cookie) = given.or_else(|| self.offered.take()).ok_or_else(End::forbidden)?;
        let log = &self.incoming.door.services.log;
        let known = known(sign_in::authenticate(log, &token).await).map_err(|_| End::try_again_later())?;
        let ticket = sign_in::ticket(&known.ok_or_else(End::forbidden)?, &token);
        self.session = Some(Session { token, in_cookie, seat: log.hub.seats().take(ticket) });
        self.offered = None;
        self.next_tick = Instant::now() + self.patience().ping;
        self.send(Message::text(r#"{"type":"connection_ack"}"#)).await
    }

    fn subscribe(&mut self, id: String, payload: Value) -> Result<(), End> {
        let Some(session) = &self.session else { return Err(End::before_ack()) };
        if self.operations.has(&id) {
            return Err(End::known_id(&id));
        }
        if self.operations.count() >= self.incoming.door.services.limits.socket_operations {
            return Err(End::too_many_operations());
        }
        let credentials =
            Credentials { token: Some(session.token.clone()), device: None, in_cookie: session.in_cookie };
        self.operations.begin(id, self.incoming.clone(), credentials, payload);
        Ok(())
    }

    /// Sends a frame of an operation.
    async fn deliver(&mut self, id: &str, frame: Frame) -> Result<(), End> {
        let text = match &frame {
            Frame::Next(payload) => protocol::of_operation("next", id, Some(payload)),
            Frame::Error(payload) => protocol::of_operation("error", id, Some(payload)),
            Frame::Complete => protocol::of_operation("complete", id, None),
        };
        if !matches!(frame, Frame::Next(_)) {
            self.operations.remove(id);
        }
        metrics::counter!("locum_frames_total").increment(1);
        self.send(Message::text(text)).await
    }

    async fn tick(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.ends_at.is_some_and(|ends_at| ends_at <= now) {
            return Err(End::restart());
        }
        if self.next_tick > now {
            return Ok(());
        }
        if self.session.is_none() {
            return Err(End::no_init());
        }
        if now.duration_since(self.last_heard) >= self.patience().silence {
            return Err(End::Gone);
        }
        self.next_tick = now + self.patience().ping;
        self.send(Message::Ping(Default::default())).await
    }

    fn patience(&self) -> &Patience {
        &self.incoming.door.services.patience
    }

    /// Sends something. Whoever does not take it in time, or loses the right to it meanwhile, is cut off.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        let patience = self.patience().send;
        let Self { socket, session, .. } = self;
        let sending = tokio::time::timeout(patience, socket.send(message));
        let over = async {
            match session {
                Some(session) => session.seat.over().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            sent = sending => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(End::Gone),
            },
            () = over => Err(End::forbidden()),
        }
    }
}

async fn changed(session: Option<&mut Session>) {
    match session {
        Some(session) => session.seat.changed().await,
        None => std::future::pending().await,
    }
}
