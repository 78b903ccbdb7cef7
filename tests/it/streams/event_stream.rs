//! The same as an event stream, as graphql-sse has it.

use super::{fill, patient, something};
use crate::support::socket::{FOLLOW, Socket};
use crate::support::{Actor, app, app_with, eventually, stranger};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

pub async fn open(actor: &Actor, query: &str) -> Response {
    try_open(actor, query, json!({})).await.unwrap()
}

/// The same, where the other side may be gone.
pub async fn try_open(actor: &Actor, query: &str, variables: Value) -> reqwest::Result<Response> {
    let mut request =
        Client::new().post(format!("{}/graphql", actor.base)).header("accept", "text/event-stream");
    if let Some(token) = &actor.token {
        request = request.bearer_auth(token);
    }
    request.json(&json!({ "query": query, "variables": variables })).send().await
}

/// Reads a stream, event by event.
pub struct Events {
    response: Response,
    read: String,
}

impl Events {
    pub fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self { response, read: String::new() }
    }

    /// The next event and its data; `None` at the end.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                if event.starts_with(':') {
                    continue;
                }
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .unwrap_or_default()
                        .trim()
                        .to_owned()
                };
                let data = serde_json::from_str(&field("data:")).unwrap_or(Value::Null);
                return Some((field("event:"), data));
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await.unwrap();
            self.read.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }
}

#[tokio::test]
async fn a_stream_follows_the_log() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let mut events = Events::of(open(&ana, FOLLOW).await);
    let (kind, first) = events.next().await.unwrap();
    assert_eq!((kind.as_str(), &first["data"]["events"]["__typename"]), ("next", &json!("Checkpoint")));
    something(&ana, 0).await;
    for expected in ["DelegationCreated", "DelegationRevoked"] {
        let (_, item) = events.next().await.unwrap();
        assert_eq!(item["data"]["events"]["type"], expected);
    }
    // By GET, as an EventSource does.
    let token = ana.token.as_ref().unwrap();
    let url = reqwest::Url::parse_with_params(&format!("{}/graphql", app.base), [("query", FOLLOW)]).unwrap();
    let by_get = Client::new().get(url).bearer_auth(token).header("accept", "text/event-stream");
    let mut events = Events::of(by_get.send().await.unwrap());
    assert_eq!(events.next().await.unwrap().1["data"]["events"]["__typename"], "Checkpoint");
    // When the session is over, so is the stream, with an error.
    let started = Instant::now();
    ana.sign_out().await;
    let (_, last) = events.next().await.unwrap();
    assert_eq!(last["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert!(last["errors"][0]["message"].as_str().unwrap().contains("Open the stream anew"), "{last}");
    assert_eq!(events.next().await, Some(("complete".to_owned(), Value::Null)));
    assert_eq!(events.next().await, None);
    println!("the stream ended {:?} after sign-out began", started.elapsed());
}

#[tokio::test]
async fn what_has_one_answer_is_a_short_stream_and_json_where_both_are_taken() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let mut events = Events::of(open(&ana, "{ viewer { user { handle } } }").await);
    assert_eq!(events.next().await.unwrap().1["data"]["viewer"]["user"]["handle"], "ana");
    assert_eq!(events.next().await.unwrap().0, "complete");
    for (actor, query, code) in [
        (&ana, "{", "GRAPHQL_PARSE_FAILED"),
        (&ana, "{ x }", "GRAPHQL_VALIDATION_FAILED"),
        (&stranger(&app.base), FOLLOW, "UNAUTHENTICATED"),
    ] {
        let mut events = Events::of(open(actor, query).await);
        assert_eq!(events.next().await.unwrap().1["errors"][0]["extensions"]["code"], code, "{query}");
        assert_eq!(events.next().await.unwrap().0, "complete");
    }
    let both = [("accept", "application/json, text/event-stream")];
    let send = async |query: &str| {
        let body = json!({ "query": query });
        let request = Client::new().post(format!("{}/graphql", app.base)).json(&body);
        request.header(both[0].0, both[0].1).bearer_auth(ana.token.as_ref().unwrap()).send().await.unwrap()
    };
    let json = send("{ __typename }").await;
    assert_eq!(json.headers()["content-type"], "application/json; charset=utf-8");
    Events::of(send(FOLLOW).await);
    let url = format!("{}/graphql?query=mutation%7BsignOut%7BsignedOut%7D%7D", app.base);
    let refused = Client::new().get(url).header("accept", "text/event-stream");
    let refused = refused.bearer_auth(ana.token.as_ref().unwrap()).send().await.unwrap();
    assert_eq!(refused.status(), 405);
    // What ends the session is answered, not refused by the end that it made.
    for query in
        ["mutation { stopImpersonation { userErrors { code } } }", "mutation { signOut { signedOut } }"]
    {
        let mut events = Events::of(open(&ana, query).await);
        let (_, answer) = events.next().await.unwrap();
        assert!(answer["data"].is_object() && answer["errors"].is_null(), "{query}: {answer}");
        assert_eq!(events.next().await.unwrap().0, "complete");
    }
}

/// R5: somebody who does not read any more is cut off, and nobody else notices.
#[tokio::test]
async fn who_does_not_read_is_cut_off_and_others_go_on() {
    let app = app_with(|config| {
        patient(config);
        config.patience.send = Duration::from_secs(1);
    })
    .await;
    let ana = app.actor("ana").await;
    let mut awake = Socket::of(&ana).await;
    let cursor = awake.follow(None).await;
    // More than lies between, whatever the system makes of that.
    fill(&app, 1_000, 20_000).await;
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.set_recv_buffer_size(4 << 10).unwrap();
    let mut deaf = deaf.connect(app.running.address).await.unwrap();
    let body = json!({ "query": FOLLOW, "variables": { "after": cursor } }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n\
         authorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
        ana.token.as_ref().unwrap(),
        body.len()
    );
    deaf.write_all(request.as_bytes()).await.unwrap();
    let seats = app.running.app.log.hub.seats().clone();
    eventually("it has a seat", async || (seats.count() == 2).then_some(())).await;
    let began = Instant::now();
    for _ in 0..1_000 {
        awake.event().await;
    }
    println!("the one who reads has all of it after {:?}", began.elapsed());
    eventually("who does not read is cut off", async || (seats.count() == 1).then_some(())).await;
    let began = Instant::now();
    something(&ana, 0).await;
    for _ in 0..2 {
        awake.event().await;
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // Not only the stream, also its connection is gone, or the house would wait for what was written to it.
    drop(awake);
    let began = Instant::now();
    app.running.close().await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
