//! Those who follow the log, hang up at random, and go on from where they were.

use super::at;
use super::nodes::Addresses;
use crate::streams::event_stream::{Events, try_open};
use crate::support::Actor;
use crate::support::socket::{FOLLOW, Socket};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug)]
pub enum Way {
    Socket,
    EventStream,
}

pub struct Follower {
    pub handle: &'static str,
    pub way: Way,
    notes: Arc<Mutex<Notes>>,
    following: JoinHandle<()>,
}

/// What was heard, in the order in which it came.
struct Notes {
    ids: Vec<String>,
    cursor: String,
    connections: usize,
}

impl Follower {
    pub fn start(
        (handle, person): (&'static str, &Actor),
        way: Way,
        addresses: &Addresses,
        cursor: String,
        mut chance: StdRng,
        done: CancellationToken,
    ) -> Self {
        let notes = Arc::new(Mutex::new(Notes { ids: Vec::new(), cursor, connections: 0 }));
        let (kept, person, addresses) = (notes.clone(), person.clone(), addresses.clone());
        let following = tokio::spawn(async move {
            while !done.is_cancelled() {
                let person = at(&person, &addresses, &mut chance);
                let for_so_long = Duration::from_millis(chance.random_range(20..4_000));
                match way {
                    Way::Socket => over_socket(&person, &kept, for_so_long).await,
                    Way::EventStream => along_stream(&person, &kept, for_so_long).await,
                }
                tokio::time::sleep(Duration::from_millis(chance.random_range(0..100))).await;
            }
        });
        Self { handle, way, notes, following }
    }

    pub fn heard(&self) -> Vec<String> {
        self.notes.lock().unwrap().ids.clone()
    }

    pub fn connections(&self) -> usize {
        self.notes.lock().unwrap().connections
    }

    /// Waits until it has ended; fails if something went wrong on the way.
    pub async fn end(self) {
        self.following.await.unwrap();
    }
}

impl Notes {
    /// Takes note of what came; `false` if that was no item.
    fn take(&mut self, answer: &Value) -> bool {
        let Some(item) = answer.pointer("/data/events").filter(|item| item.is_object()) else {
            let code = answer.pointer("/errors/0/extensions/code").and_then(Value::as_str);
            assert_eq!(code, Some("UNAVAILABLE"), "{answer}");
            return false;
        };
        self.cursor = item["cursor"].as_str().unwrap().to_owned();
        if item["__typename"] == "Event" {
            let (_, id) = locum::id::decode(item["id"].as_str().unwrap()).unwrap();
            self.ids.push(id.to_string());
        }
        true
    }
}

/// Follows until it is over, or for so long.
async fn over_socket(person: &Actor, notes: &Mutex<Notes>, for_so_long: Duration) {
    let token = format!("Bearer {}", person.token.as_ref().unwrap());
    let Ok(mut socket) = Socket::try_open(&person.base, &[]).await else { return };
    match socket.init(json!({ "Authorization": token })).await {
        Ok(_) => {}
        Err(code) => return assert_no_fault_of_ours(code),
    }
    let cursor = notes.lock().unwrap().cursor.clone();
    socket.subscribe("feed", FOLLOW, json!({ "after": cursor })).await;
    notes.lock().unwrap().connections += 1;
    let until = Instant::now() + for_so_long;
    while let Some(heard) = socket.hear_within(until.saturating_duration_since(Instant::now())).await {
        match heard {
            Ok(message) if message["type"] == "next" => {
                if !notes.lock().unwrap().take(&message["payload"]) {
                    return;
                }
            }
            Ok(message) => {
                let code = message.pointer("/payload/0/extensions/code");
                return assert_eq!(code, Some(&json!("UNAVAILABLE")), "{message}");
            }
            Err(code) => return assert_no_fault_of_ours(code),
        }
    }
}

/// Whoever has the right to it is never told otherwise, whatever dies.
fn assert_no_fault_of_ours(code: u16) {
    assert!(matches!(code, 1006 | 1012 | 1013), "{code}");
}

async fn along_stream(person: &Actor, notes: &Mutex<Notes>, for_so_long: Duration) {
    let cursor = notes.lock().unwrap().cursor.clone();
    let Ok(response) = try_open(person, FOLLOW, json!({ "after": cursor })).await else { return };
    notes.lock().unwrap().connections += 1;
    let mut events = Events::of(response);
    let until = tokio::time::Instant::now() + for_so_long;
    while let Ok(Some((kind, answer))) = tokio::time::timeout_at(until, events.next()).await {
        if kind != "next" || !notes.lock().unwrap().take(&answer) {
            return;
        }
    }
}
