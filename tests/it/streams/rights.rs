//! A stream lasts as long as the right to it. Abuse cases 6, 7 and 24, with the time that it takes.

use super::patient;
use crate::support::socket::{FOLLOW, Socket};
use crate::support::{Actor, PASSPHRASE, TestApp, app_with};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const IMPERSONATIONS: &str = "subscription ($after: String) { impersonationEvents(after: $after) { __typename
    ... on Event { id cursor type data actor { handle } principal { handle } } ... on Checkpoint { cursor } } }";

/// How long after `work` was answered a socket was closed with 4403.
async fn closes(what: &str, mut socket: Socket, work: impl Future<Output = ()>) -> Duration {
    let closed = tokio::spawn(async move { (socket.closed().await.0, Instant::now()) });
    tokio::task::yield_now().await;
    work.await;
    let answered = Instant::now();
    let (code, at) = closed.await.unwrap();
    assert_eq!(code, 4403, "{what}");
    let took = at.saturating_duration_since(answered);
    println!("{what}: closed {took:?} after the answer");
    took
}

async fn following(actor: &Actor) -> Socket {
    let mut socket = Socket::of(actor).await;
    socket.follow(None).await;
    socket
}

const ON_THE_NODE: Duration = Duration::from_millis(250);

#[tokio::test]
async fn abuse_7_what_ends_a_session_closes_its_sockets() {
    let app = app_with(patient).await;
    let ana = app.actor("ana").await;
    let took = closes("sign-out", following(&ana).await, async {
        ana.sign_out().await;
    });
    assert!(took.await < ON_THE_NODE);

    let (here, elsewhere) = (app.actor("ana").await, app.actor("ana").await);
    let took = closes("sign-out everywhere", following(&elsewhere).await, async {
        here.sign_out_everywhere().await;
    });
    assert!(took.await < ON_THE_NODE);

    let (here, elsewhere) = (app.actor("ana").await, app.actor("ana").await);
    let old = following(&here).await;
    let took = closes("a new password, elsewhere", following(&elsewhere).await, async {
        assert_eq!(here.change_password(PASSPHRASE, "quite-another-passphrase").await.code(), None);
    });
    assert!(took.await < ON_THE_NODE);
    let took = closes("a new password, with the old token", old, async {});
    assert!(took.await < ON_THE_NODE);

    let ben = app.actor("ben").await;
    ben.request_reset("harbour", "ben").await;
    let link = app.mails.next("ben@harbour.example", "Set a new password").await.token("reset-password");
    let took = closes("a password that is set anew", following(&ben).await, async {
        assert_eq!(ben.reset_password(&link, "quite-another-passphrase").await.code(), None);
    });
    assert!(took.await < ON_THE_NODE);

    // Behind the service's back, as a database that is restored or mended: found by the sweep.
    let ali = app.actor("ali").await;
    let took = closes("made inactive in the database", following(&ali).await, async {
        app.sql("update users set status = 'INACTIVE', can_login = false where handle = 'ali'").await;
    });
    assert!(took.await < Duration::from_secs(5));
}

#[tokio::test]
async fn abuse_7_a_session_that_is_over_by_the_clock_closes_its_sockets() {
    let app = app_with(patient).await;
    let ana = app.actor("ana").await;
    let mut socket = following(&ana).await;
    app.clock.advance(TimeDelta::minutes(50));
    // Operations are use, also over the socket.
    socket.subscribe("q", "{ viewer { user { handle } } }", json!({})).await;
    assert_eq!(socket.item().await["user"]["handle"], "ana");
    tokio::time::sleep(Duration::from_secs(5)).await;
    app.clock.advance(TimeDelta::minutes(50));
    assert!(
        socket.hear_within(Duration::from_secs(1)).await.is_none_or(|heard| heard.is_ok()),
        "not idle yet"
    );
    let took = closes("idle for an hour", socket, async { app.clock.advance(TimeDelta::minutes(11)) });
    assert!(took.await < Duration::from_millis(500));
}

/// Bo acts for Ana, and follows what happens to that.
async fn acting(app: &TestApp, mode: &str) -> (Actor, Actor, String, Socket) {
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let delegation = ana.granted("bo@harbour.example", json!({})).await;
    assert_eq!(bo.start(&delegation, mode).await.code(), None);
    let mut socket = Socket::of(&bo).await;
    socket.subscribe("feed", IMPERSONATIONS, json!({})).await;
    assert_eq!(socket.item().await["__typename"], "Checkpoint");
    (ana, bo, delegation, socket)
}

#[tokio::test]
async fn abuse_6_a_delegation_that_is_revoked_closes_the_sockets_of_who_acts() {
    let mut took = Vec::new();
    let app = app_with(patient).await;
    for round in 0..8 {
        let (ana, bo, delegation, mut socket) = acting(&app, "READ_ONLY").await;
        // While acting, the own log is not shown.
        if round == 0 {
            socket.subscribe("own", FOLLOW, json!({})).await;
            let refused = socket.hear().await.unwrap();
            assert_eq!(refused["payload"][0]["extensions"]["code"], "NOT_WHILE_IMPERSONATING", "{refused}");
        }
        let mut of_ana = Socket::of(&ana).await;
        of_ana.subscribe("feed", IMPERSONATIONS, json!({})).await;
        of_ana.item().await;
        took.push(
            closes("revoked", socket, async {
                assert_eq!(ana.revoke(&delegation).await.code(), None);
            })
            .await,
        );
        assert_eq!(of_ana.event().await["type"], "ImpersonationEnded", "who has the right goes on");
        // Whoever comes back hears how it ended, and nothing of the principal's.
        let mut again = Socket::of(&bo).await;
        again.subscribe("feed", IMPERSONATIONS, json!({})).await;
        assert_eq!(again.item().await["__typename"], "Checkpoint");
        assert_eq!(bo.stop().await.code(), None);
        assert_eq!(again.closed().await.0, 4403, "as oneself it is another connection");
    }
    took.sort();
    println!("revoked, {} times: at most {:?}", took.len(), took.last().unwrap());
    assert!(took.iter().all(|took| *took < ON_THE_NODE));
}

#[tokio::test]
async fn abuse_6_starting_switching_and_ending_change_what_a_socket_is_for() {
    let app = app_with(patient).await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let delegation = ana.granted("bo@harbour.example", json!({})).await;
    let took = closes("started to act", following(&bo).await, async {
        assert_eq!(bo.start(&delegation, "READ_WRITE").await.code(), None);
    });
    assert!(took.await < ON_THE_NODE);
    let mut socket = Socket::of(&bo).await;
    socket.subscribe("feed", IMPERSONATIONS, json!({})).await;
    socket.item().await;
    let of_me = ana.impersonations_of_me().await;
    let running = of_me.text("/data/viewer/impersonationsOfMe/edges/0/node/id");
    let took = closes("ended by the principal", socket, async {
        assert_eq!(ana.end_of_me(&running).await.code(), None);
    });
    assert!(took.await < ON_THE_NODE);
}

/// Abuse case 24: what happens after the right has ended is never delivered, not then and not later.
#[tokio::test]
async fn abuse_24_nothing_is_delivered_after_the_right_has_ended() {
    let app = app_with(patient).await;
    for round in 0..10 {
        let (ana, other) = (app.actor("ana").await, app.actor("ana").await);
        let mut socket = following(&ana).await;
        let delegation = other.granted(&format!("x{round}@else.example"), json!({})).await;
        assert_eq!(socket.event().await["type"], "DelegationCreated");
        // What is committed behind the end of the session is not for it.
        ana.sign_out().await;
        other.revoke(&delegation).await;
        let mut heard = Vec::<Value>::new();
        let code = loop {
            match socket.hear().await {
                Ok(message) => heard.push(message),
                Err(code) => break code,
            }
        };
        assert_eq!((code, heard), (4403, Vec::new()));
        assert_eq!(
            Socket::open(&app.base)
                .await
                .init(json!({ "Authorization": format!("Bearer {}", ana.token.unwrap()) }))
                .await,
            Err(4403)
        );
        other.sign_out().await;
    }
}
