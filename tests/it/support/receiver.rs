//! A receiver of webhooks: a real HTTP server that answers as a story wants it to, and keeps what it got.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use futures_util::stream;
use locum::signing::{Signed, SigningSecret};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// How a message is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this status.
    Status(u16),
    /// With this status, one header, and a body.
    Full(u16, &'static str, String, String),
    /// Not before so long.
    After(Duration, u16),
    /// Never.
    Hang,
    /// With a body that has no end.
    Endless,
}

/// A message that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The receiver; everything is taken unless a story says otherwise.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    next: VecDeque<Reply>,
    always: Option<Reply>,
    received: Vec<Received>,
    /// Draws what is refused when it comes for the first time.
    refusing: Option<StdRng>,
    seen: HashSet<String>,
    taken: Vec<String>,
}

impl Receiver {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self { address: listener.local_addr().unwrap(), inner: Arc::default() };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// How the next messages are answered, one after the other.
    pub fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inner.lock().unwrap().next.extend(replies);
    }

    /// How all others are answered from now on.
    pub fn always(&self, reply: Reply) {
        self.inner.lock().unwrap().always = Some(reply);
    }

    /// From now on, one message in ten is refused when it comes for the first time.
    pub fn refuse_first_times(&self, seed: u64) {
        self.inner.lock().unwrap().refusing = Some(StdRng::seed_from_u64(seed));
    }

    /// The local ids of the events that have arrived, in the order in which they came.
    pub fn ids(&self) -> Vec<String> {
        self.inner.lock().unwrap().received.iter().map(Received::id).collect()
    }

    /// Those that were not refused.
    pub fn taken(&self) -> Vec<String> {
        self.inner.lock().unwrap().taken.clone()
    }

    /// What has arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.inner.lock().unwrap().received.clone()
    }

    /// What has arrived since this was last called.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.inner.lock().unwrap().received)
    }

    /// What has arrived, as soon as it is so much.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(Instant::now() < deadline, "{count} messages did not arrive: {received:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Inner {
    fn receive(&mut self, message: Received) -> Reply {
        let id = message.id();
        let first = self.seen.insert(id.clone());
        self.received.push(message);
        if first && self.refusing.as_mut().is_some_and(|chance| chance.random_bool(0.1)) {
            return Reply::Status(503);
        }
        self.taken.push(id);
        self.next.pop_front().or(self.always.clone()).unwrap_or(Reply::Status(204))
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let reply = {
        let mut inner = receiver.inner.lock().unwrap();
        inner.receive(Received { path: uri.path().to_owned(), headers, body })
    };
    let bare = |status: u16| Response::builder().status(status).body(Body::empty()).unwrap();
    match reply {
        Reply::Status(status) => bare(status),
        Reply::Full(status, name, value, body) => {
            Response::builder().status(status).header(name, value).body(Body::from(body)).unwrap()
        }
        Reply::After(pause, status) => {
            tokio::time::sleep(pause).await;
            bare(status)
        }
        Reply::Hang => std::future::pending().await,
        Reply::Endless => {
            let chunks = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(vec![b'x'; 16 << 10])));
            Response::builder().status(500).body(Body::from_stream(chunks)).unwrap()
        }
    }
}

impl Received {
    /// A header.
    pub fn header(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    /// The local id of the event.
    pub fn id(&self) -> String {
        locum::id::decode(&self.header("webhook-id")).map(|(_, id)| id.to_string()).unwrap_or_default()
    }

    /// The envelope.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether it is signed with this secret (`whsec_…`), at the time that it says.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp").parse().unwrap());
        let message = Signed { id: &id, timestamp, body: &self.body };
        let secret = SigningSecret::parse(secret).unwrap();
        secret.verify(message, &self.header("webhook-signature"), timestamp).is_ok()
    }
}
