//! `graphql-transport-ws`, with every code by which a socket is closed. Abuse case 26.

use super::{fill, head, patient, something};
use crate::support::socket::{FOLLOW, Socket};
use crate::support::{app, app_with, eventually};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use locum::defaults::Patience;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn queries_changes_and_streams_run_over_one_socket() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let mut socket = Socket::of(&ana).await;
    socket.say(json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(socket.hear().await, Ok(json!({ "type": "pong", "payload": { "n": 1 } })));
    socket.follow(None).await;
    socket.subscribe("q", "{ viewer { user { handle } } }", json!({})).await;
    let answer = socket.hear().await.unwrap();
    assert_eq!((&answer["id"], &answer["type"]), (&json!("q"), &json!("next")));
    assert_eq!(answer["payload"]["data"], json!({ "viewer": { "user": { "handle": "ana" } } }));
    assert!(answer["payload"]["extensions"]["cost"]["actual"].is_number());
    assert_eq!(socket.hear().await, Ok(json!({ "id": "q", "type": "complete" })));
    let add =
        "mutation { addBackOfficeUser(input: { email: \"bo@harbour.example\" }) { delegation { id } } }";
    socket.subscribe("q", add, json!({})).await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        let message = socket.hear().await.unwrap();
        let event = message.pointer("/payload/data/events/type").and_then(Value::as_str);
        heard.push(event.or(message["type"].as_str()).unwrap().to_owned());
    }
    heard.sort();
    assert_eq!(heard, ["DelegationCreated", "complete", "next"]);
    for (query, code) in [
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { events(after: \"x\") { __typename } }", "BAD_USER_INPUT"),
        ("subscription { a: events { __typename } b: events { __typename } }", "COST_EXCEEDED"),
        (
            "subscription { ...F } fragment F on Subscription { events { __typename } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        socket.subscribe("bad", query, json!({})).await;
        let refused = socket.hear().await.unwrap();
        let errors = refused["payload"].as_array().or(refused["payload"]["errors"].as_array());
        assert_eq!(errors.unwrap()[0]["extensions"]["code"], code, "{refused}");
        if refused["type"] == "next" {
            assert_eq!(socket.hear().await.unwrap()["type"], "complete");
        }
    }
    socket.say(json!({ "id": "feed", "type": "complete" })).await;
    socket.follow(None).await;
}

#[tokio::test]
async fn each_misuse_has_its_close_code() {
    let app = app_with(|config| config.limits.socket_operations = 3).await;
    let ana = app.actor("ana").await;
    for text in
        ["", "[]", "{}", r#"{"type":"subscribe"}"#, r#"{"type":"unknown"}"#, "{\"type\":\"ping\"", "7"]
    {
        let mut socket = Socket::of(&ana).await;
        socket.say_raw(text).await;
        assert_eq!(socket.hear().await, Err(4400), "{text}");
    }
    let mut socket = Socket::of(&ana).await;
    socket.say_bytes(b"{\"type\":\"ping\"}".to_vec()).await;
    assert_eq!(socket.hear().await, Err(4400), "bytes");

    let mut socket = Socket::open(&app.base).await;
    socket.subscribe("1", FOLLOW, json!({})).await;
    assert_eq!(socket.hear().await, Err(4401), "before the acknowledgement");

    for payload in
        [json!(null), json!({}), json!({ "authorization": "Bearer lcs_x" }), json!({ "Authorization": 7 })]
    {
        let mut socket = Socket::open(&app.base).await;
        assert_eq!(socket.init(payload.clone()).await, Err(4403), "{payload}");
    }

    let mut socket = Socket::of(&ana).await;
    assert_eq!(socket.init(json!({})).await, Err(4429), "a second init");

    let mut socket = Socket::of(&ana).await;
    socket.follow(None).await;
    socket.subscribe("feed", FOLLOW, json!({})).await;
    assert_eq!(socket.hear().await, Err(4409), "a known id");

    let mut socket = Socket::of(&ana).await;
    for id in ["a", "b", "c"] {
        socket.subscribe(id, FOLLOW, json!({})).await;
        socket.item().await;
    }
    // An operation that is over makes room for another one.
    socket.say(json!({ "id": "a", "type": "complete" })).await;
    socket.subscribe("d", FOLLOW, json!({})).await;
    assert_eq!(socket.hear().await.unwrap()["id"], "d");
    socket.subscribe("e", FOLLOW, json!({})).await;
    assert_eq!(socket.closed().await.0, 4429, "too many operations");

    let mut socket = Socket::open(&app.base).await;
    app.clock.advance(TimeDelta::hours(13));
    let late = json!({ "Authorization": format!("Bearer {}", ana.token.as_ref().unwrap()) });
    assert_eq!(socket.init(late).await, Err(4403), "a session whose time is over");
    app.sql("alter table sessions rename to elsewhere").await;
    let token = format!("Bearer {}", ana.token.unwrap());
    let mut socket = Socket::open(&app.base).await;
    assert_eq!(socket.init(json!({ "Authorization": token })).await, Err(1013), "the service cannot know");
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_sent_away_after_a_while() {
    assert_eq!(Patience::default().init, Duration::from_secs(10));
    let app = app_with(|config| config.patience.init = Duration::from_millis(700)).await;
    let mut socket = Socket::open(&app.base).await;
    let (code, waited) = socket.closed().await;
    assert_eq!(code, 4408);
    assert!((0.6..3.0).contains(&waited.as_secs_f64()), "{waited:?}");
}

#[tokio::test]
async fn abuse_26_a_foreign_page_opens_no_socket() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let token = ana.token.clone().unwrap();
    let cookie = format!("__Host-locum-session={token}");
    let bearer = format!("Bearer {token}");
    for origin in ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"] {
        for other in [("cookie", cookie.as_str()), ("authorization", bearer.as_str()), ("x-none", "x")] {
            assert_eq!(
                Socket::try_open(&app.base, &[("origin", origin), other]).await.err(),
                Some(403),
                "{origin}"
            );
        }
    }
    assert_eq!(
        Socket::try_open(&app.base, &[("sec-websocket-protocol", "graphql-ws")]).await.err(),
        Some(400)
    );
    // With the cookie of the own page, with a header, and with a token beside the cookie of somebody else.
    for headers in
        [vec![("origin", "https://app.example"), ("cookie", &cookie)], vec![("authorization", &bearer)]]
    {
        let mut socket = Socket::try_open(&app.base, &headers).await.unwrap();
        assert_eq!(socket.init(json!(null)).await.unwrap()["type"], "connection_ack");
        socket.follow(None).await;
    }
    let ben = app.actor("ben").await;
    let mut socket =
        Socket::try_open(&app.base, &[("origin", "https://app.example"), ("cookie", &cookie)]).await.unwrap();
    let given = json!({ "authorization": format!("Bearer {}", ben.token.as_ref().unwrap()) });
    assert_eq!(socket.init(given).await.unwrap()["type"], "connection_ack");
    socket.subscribe("who", "{ viewer { user { handle } } }", json!({})).await;
    assert_eq!(socket.item().await["user"]["handle"], "ben", "who is named in the message counts");
    // A program with a cookie and without an origin may read, not change.
    let mut socket = Socket::try_open(&app.base, &[("cookie", &cookie)]).await.unwrap();
    socket.init(json!(null)).await.unwrap();
    socket.subscribe("out", "mutation { signOut { signedOut } }", json!({})).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "error");
    assert_eq!(ana.who().await, "ana");
}

#[tokio::test]
async fn a_closing_house_sends_everybody_away_and_is_closed_in_time() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let mut sockets = Vec::new();
    for _ in 0..30 {
        let mut socket = Socket::of(&ana).await;
        socket.follow(None).await;
        sockets.push(socket);
    }
    let stream = super::event_stream::open(&ana, FOLLOW).await;
    let started = Instant::now();
    let closing = tokio::spawn(app.running.close());
    let codes = sockets.iter_mut().map(async |socket| {
        let (code, _) = socket.closed().await;
        (code, started.elapsed())
    });
    let ended = futures_util::future::join_all(codes).await;
    stream.text().await.unwrap_or_default();
    closing.await.unwrap();
    let took = started.elapsed();
    assert!(ended.iter().all(|(code, _)| *code == 1012), "{ended:?}");
    let spread =
        ended.iter().map(|(_, at)| *at).max().unwrap() - ended.iter().map(|(_, at)| *at).min().unwrap();
    println!("closing took {took:?}, spread over {spread:?}");
    assert!(spread > Duration::from_secs(1), "not all at once: {spread:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
}

/// Until the last one is gone, whoever is still connected is judged: none is kept in doubt, or beyond their right.
#[tokio::test]
async fn a_closing_house_still_judges_those_who_are_connected() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let mut sockets = Vec::new();
    for _ in 0..32 {
        let mut socket = Socket::of(&ana).await;
        socket.follow(None).await;
        sockets.push(socket);
    }
    let seats = app.running.app.log.hub.seats().clone();
    let closing = tokio::spawn(app.running.close());
    eventually("the first ones are gone", async || (seats.count() < 32).then_some(())).await;
    seats.doubt_all();
    let left = eventually("all are judged", async || {
        let left = seats.count();
        seats.doubtful(false).is_empty().then_some(left)
    });
    assert!(left.await > 0, "they were in doubt until they were gone");
    closing.await.unwrap();
}

/// R5: somebody who does not read any more is cut off, and nobody else notices.
#[tokio::test]
async fn who_does_not_read_is_cut_off_and_others_go_on() {
    assert_eq!(Patience::default().send, Duration::from_secs(30));
    let app = app_with(|config| {
        patient(config);
        config.patience.send = Duration::from_secs(2);
    })
    .await;
    let ana = app.actor("ana").await;
    let mut deaf = TcpStream::connect(app.running.address).await.unwrap();
    let upgrade = "GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\nauthorization: Bearer ";
    deaf.write_all(format!("{upgrade}{}\r\n\r\n", ana.token.as_ref().unwrap()).as_bytes()).await.unwrap();
    deaf.read_exact(&mut [0; 64]).await.unwrap();
    let frame = |message: Value| {
        let text = message.to_string();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        frame
    };
    deaf.write_all(&frame(json!({ "type": "connection_init" }))).await.unwrap();
    let seats = app.running.app.log.hub.seats().clone();
    eventually("it has a seat", async || (seats.count() == 1).then_some(())).await;
    let mut awake = Socket::of(&ana).await;
    awake.follow(None).await;
    // Each is answered, until all that lies between is full.
    let ping = frame(json!({ "type": "ping", "payload": "x".repeat(40_000) }));
    let talking = tokio::spawn(async move { while deaf.write_all(&ping).await.is_ok() {} });
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut round = 0;
    while seats.count() == 2 && started.elapsed() < Duration::from_secs(15) {
        let began = Instant::now();
        something(&ana, round).await;
        round += 1;
        awake.event().await;
        awake.event().await;
        slowest = slowest.max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("cut off after {:?}; the other's slowest round {slowest:?}", started.elapsed());
    assert_eq!(seats.count(), 1);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    talking.abort();
}

#[tokio::test]
async fn who_says_nothing_any_more_is_gone() {
    assert_eq!(Patience::default().silence, Duration::from_secs(45));
    let app = app_with(|config| {
        config.patience.ping = Duration::from_millis(200);
        config.patience.silence = Duration::from_millis(700);
    })
    .await;
    let ana = app.actor("ana").await;
    let seats = app.running.app.log.hub.seats().clone();
    let (mut awake, mut asleep) = (Socket::of(&ana).await, Socket::of(&ana).await);
    awake.follow(None).await;
    asleep.follow(None).await;
    // The client answers pings while it reads; the other one reads no more, though what it is sent has room.
    let reading = tokio::spawn(async move {
        let heard = awake.hear_within(Duration::from_secs(3)).await;
        (heard, awake)
    });
    let began = Instant::now();
    eventually("one of them is gone", async || (seats.count() == 1).then_some(())).await;
    println!("gone after {:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_millis(400), "{:?}", began.elapsed());
    let (heard, mut awake) = reading.await.unwrap();
    assert_eq!((heard, seats.count()), (None, 1));
    something(&ana, 0).await;
    assert_eq!(awake.event().await["type"], "DelegationCreated");
    assert_eq!(asleep.closed().await.0, 1006, "without a farewell, as nobody is there to hear it");
}

#[tokio::test]
async fn a_busy_stream_leaves_room_for_the_others_of_its_socket() {
    const MANY: usize = 3_000;
    let app = app().await;
    let ana = app.actor("ana").await;
    let mut socket = Socket::of(&ana).await;
    let before = socket.follow(None).await;
    socket.say(json!({ "id": "feed", "type": "complete" })).await;
    fill(&app, MANY, 0).await;
    let nearly_all = head(&app).await - 18;
    // The service hears of all of it.
    something(&ana, 0).await;
    let nearly_all = URL_SAFE_NO_PAD.encode(nearly_all.to_be_bytes());
    let mut late = Socket::of(&ana).await;
    late.follow(Some(&nearly_all)).await;
    for _ in 0..20 {
        late.event().await;
    }
    socket.subscribe("busy", FOLLOW, json!({ "after": before })).await;
    socket.hear().await.unwrap();
    socket.subscribe("calm", FOLLOW, json!({ "after": nearly_all })).await;
    socket.subscribe("query", "{ viewer { user { handle } } }", json!({})).await;
    let (mut calm, mut busy, mut answered) = (0, 1, false);
    while calm < 20 || !answered {
        let message = socket.hear().await.unwrap();
        match (message["id"].as_str().unwrap(), message["type"].as_str().unwrap()) {
            ("busy", "next") => busy += 1,
            ("calm", "next") => calm += 1,
            ("query", "next") => answered = true,
            ("query", "complete") => {}
            other => panic!("{other:?}"),
        }
    }
    println!("while the busy stream had {busy} of {MANY} events, the others had all of theirs");
    assert!(busy < MANY / 2, "{busy}");
}
