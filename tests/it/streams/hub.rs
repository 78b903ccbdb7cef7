//! Two servers on one database: with the bus, and with the bus down. Reliability R3.

use super::{patient, something};
use crate::support::program::{free_address, nats_server};
use crate::support::socket::Socket;
use crate::support::{Actor, TestApp, app, app_with, eventually};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// How long after the answer what Ana does is heard over a socket.
async fn heard_across(ana: &Actor, socket: &mut Socket, round: usize) -> Duration {
    something(ana, round).await;
    let started = Instant::now();
    for expected in ["DelegationCreated", "DelegationRevoked"] {
        assert_eq!(besides_mails(socket).await, expected);
    }
    started.elapsed()
}

/// The next event; mails are sent whenever it is their turn.
async fn besides_mails(socket: &mut Socket) -> String {
    loop {
        let event = socket.event().await;
        match event["type"].as_str() {
            Some("EmailSent") => {}
            other => return other.unwrap_or_default().to_owned(),
        }
    }
}

/// A second server with Ana connected to it, and how long events and endings take to get there.
async fn across(app: &TestApp) -> (Duration, Duration) {
    let other = app.second_server().await;
    let there = format!("http://{}", other.address);
    let ana = app.actor("ana").await;
    let mut socket = Socket::of(&ana.at(&there)).await;
    socket.follow(None).await;
    // The first wake-up finds a connection that is there.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let event = heard_across(&ana, &mut socket, 0).await;
    let started = Instant::now();
    ana.sign_out().await;
    let (code, _) = socket.closed().await;
    let ending = started.elapsed();
    assert_eq!(code, 4403);
    drop(socket);
    other.close().await;
    (event, ending)
}

#[tokio::test]
async fn a_commit_wakes_the_other_node() {
    let app = app().await;
    let (event, ending) = across(&app).await;
    println!("over LISTEN/NOTIFY: event {event:?}, ending {ending:?}");
    assert!(event < Duration::from_secs(1) && ending < Duration::from_secs(1));
}

#[tokio::test]
async fn r3_with_the_bus_down_events_and_endings_are_late_but_come() {
    // Nobody listens on port 1.
    let app = app_with(|config| config.nats_url = Some("nats://127.0.0.1:1".to_owned().into())).await;
    let (event, ending) = across(&app).await;
    println!("with the bus down: event {event:?}, ending {ending:?}");
    assert!(event < Duration::from_millis(5_500) && ending < Duration::from_millis(5_500));
}

#[tokio::test]
async fn a_bus_whose_connection_is_cut_comes_back() {
    let app = app().await;
    let listeners = "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_notify%'
        and pid <> pg_backend_pid()";
    let ana = app.actor("ana").await;
    something(&ana, 0).await;
    eventually("the bus speaks", async || (app.count(listeners).await > 0).then_some(())).await;
    app.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
         and query like '%pg_notify%' and pid <> pg_backend_pid()",
    )
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (event, ending) = across(&app).await;
    println!("after the connection was cut: event {event:?}, ending {ending:?}");
    assert!(event < Duration::from_secs(1) && ending < Duration::from_secs(1));
}

/// NATS as it is really used: with it, without it in the middle of it all, and with it again. Reliability R3.
#[tokio::test]
async fn r3_nats_wakes_the_other_node_and_may_be_killed() {
    let address = free_address();
    let mut nats = nats_server(&address).await;
    let app = app_with(|config| {
        patient(config);
        config.nats_url = Some(format!("nats://{address}").into());
    })
    .await;
    let (event, ending) = across(&app).await;
    println!("over NATS: event {event:?}, ending {ending:?}");
    assert!(event < Duration::from_secs(1) && ending < Duration::from_secs(1));

    let other = app.second_server().await;
    let there = format!("http://{}", other.address);
    let (ana, leaving) = (app.actor("ana").await, app.actor("ana").await);
    let (mut socket, mut ends) = (Socket::of(&ana.at(&there)).await, Socket::of(&leaving.at(&there)).await);
    socket.follow(None).await;
    ends.follow(None).await;
    heard_across(&ana, &mut socket, 0).await;
    nats.signal(Signal::KILL);
    nats.exit().await;
    let began = Instant::now();
    let event = heard_across(&ana, &mut socket, 1).await;
    let changes = began.elapsed() - event;
    leaving.sign_out().await;
    let ending = Instant::now();
    assert_eq!(ends.closed().await.0, 4403);
    let ending = ending.elapsed();
    println!("with NATS killed: two changes {changes:?}, event {event:?}, ending {ending:?}");
    assert!(changes < Duration::from_secs(1), "changes do not wait for it: {changes:?}");
    assert!(event < Duration::from_millis(5_500) && ending < Duration::from_millis(5_500));

    let _nats = nats_server(&address).await;
    let mut round = 2;
    // The pause before a lost connection is made anew may just have begun: five seconds at most.
    // Once could be the sweep's luck.
    let events = eventually("it is fast again", async || {
        let mut slowest = Duration::ZERO;
        for _ in 0..4 {
            round += 1;
            slowest = slowest.max(heard_across(&ana, &mut socket, round).await);
        }
        (slowest < Duration::from_millis(300)).then_some(slowest)
    })
    .await;
    println!("with NATS back: four events, at most {events:?}");
    drop(socket);
    other.close().await;
}
