//! Those who subscribe: each has a socket, follows their own events, and notes when which of them came.

use super::socket::{Said, Socket};
use anyhow::{Context, bail, ensure};
use locum::clock::{Clock, DatabaseClock};
use locum::id;
use serde::Deserialize;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// So many begin at once; the others wait, as clients do whose pauses are random.
const AT_ONCE: usize = 64;
/// Longest wait for all of them.
const PATIENCE: Duration = Duration::from_secs(60);
/// The code of a restart.
const RESTART: u16 = 1012;

const SUBSCRIPTION: &str = "subscription ($after: String) { events(after: $after) {
    ... on Event { id cursor type occurredAt actor { id name } subjects data }
    ... on Checkpoint { cursor at } } }";

/// Someone with one socket.
pub struct Subscriber {
    pub user: Uuid,
    pub token: String,
    pub from: IpAddr,
    /// Where they go on when they come back.
    pub cursor: Option<String>,
    /// Their events, as they came.
    pub heard: Vec<Heard>,
    /// What went wrong.
    pub fault: Option<String>,
}

/// An event that came.
#[derive(Clone, Copy)]
pub struct Heard {
    pub event: Uuid,
    /// By the database's clock, in microseconds.
    pub at: i64,
}

/// Subscribers who follow, or are about to.
pub struct Crowd {
    members: Vec<JoinHandle<Subscriber>>,
    common: Arc<Common>,
}

/// What they share.
struct Common {
    to: SocketAddr,
    clock: Arc<DatabaseClock>,
    doors: Semaphore,
    /// Who has caught up with the log.
    following: AtomicUsize,
    /// Events that came, to all of them together.
    events: AtomicUsize,
    failed: AtomicUsize,
}

impl Crowd {
    /// Has all of them connect.
    pub fn gather(subscribers: Vec<Subscriber>, to: SocketAddr, clock: Arc<DatabaseClock>) -> Self {
        let doors = Semaphore::new(AT_ONCE);
        let (following, events, failed) = Default::default();
        let common = Arc::new(Common { to, clock, doors, following, events, failed });
        let member = |mut subscriber: Subscriber| {
            let common = common.clone();
            tokio::spawn(async move {
                if let Err(error) = subscriber.follow(&common).await {
                    common.failed.fetch_add(1, Ordering::Relaxed);
                    subscriber.fault = Some(format!("{error:#}"));
                }
                subscriber
            })
        };
        Self { members: subscribers.into_iter().map(member).collect(), common }
    }

    /// Waits until everybody has caught up with the log.
    pub async fn until_all_follow(&self) -> anyhow::Result<()> {
        self.until("subscribed", &self.common.following, self.members.len()).await
    }

    /// Waits until so many events have come.
    pub async fn until_heard(&self, events: usize) -> anyhow::Result<()> {
        self.until("events", &self.common.events, events).await
    }

    /// Stops waiting once somebody has failed: the report tells why. What does not come in time is missing in the report.
    async fn until(&self, what: &str, count: &AtomicUsize, wanted: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while count.load(Ordering::Relaxed) < wanted {
            ensure!(Instant::now() < deadline, "{what}: {} of {wanted}", count.load(Ordering::Relaxed));
            if self.common.failed.load(Ordering::Relaxed) > 0 {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Waits until all of them were told to come back.
    pub async fn until_all_left(self) -> anyhow::Result<Vec<Subscriber>> {
        let mut subscribers = Vec::with_capacity(self.members.len());
        for member in self.members {
            subscribers.push(tokio::time::timeout(PATIENCE, member).await.context("nobody said farewell")??);
        }
        Ok(subscribers)
    }
}

impl Subscriber {
    /// Follows until the service restarts.
    async fn follow(&mut self, common: &Common) -> anyhow::Result<()> {
        let mut door = Some(common.doors.acquire().await?);
        let mut socket = Socket::open(self.from, common.to).await?;
        let init = json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {}", self.token) } });
        socket.say(&init.to_string()).await?;
        let subscribe = json!({ "query": SUBSCRIPTION, "variables": { "after": self.cursor } });
        let subscribe = json!({ "id": "events", "type": "subscribe", "payload": subscribe }).to_string();
        loop {
            let text = match socket.next().await? {
                Said::Text(text) => text,
                Said::Farewell(RESTART) => return Ok(()),
                Said::Farewell(code) => bail!("closed with {code}"),
            };
            let at = common.clock.now().timestamp_micros();
            match serde_json::from_str(&text).with_context(|| text.clone())? {
                Message::ConnectionAck => socket.say(&subscribe).await?,
                Message::Next { payload: Payload { data: Data { events: item } } } => {
                    self.cursor = Some(item.cursor.to_owned());
                    if let Some(id) = item.id {
                        let (_, event) = id::decode(id).context("not an id")?;
                        self.heard.push(Heard { event, at });
                        common.events.fetch_add(1, Ordering::Relaxed);
                    } else if door.take().is_some() {
                        // The first checkpoint says that it has caught up.
                        common.following.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message<'m> {
    ConnectionAck,
    Next {
        #[serde(borrow)]
        payload: Payload<'m>,
    },
}

#[derive(Deserialize)]
struct Payload<'m> {
    #[serde(borrow)]
    data: Data<'m>,
}

#[derive(Deserialize)]
struct Data<'m> {
    #[serde(borrow)]
    events: Item<'m>,
}

/// An event, or a checkpoint, which has no id.
#[derive(Deserialize)]
struct Item<'m> {
    id: Option<&'m str>,
    cursor: &'m str,
}
