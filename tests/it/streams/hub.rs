//! Two servers on one database: with the bus, and with the bus down. Reliability R3.

use super::something;
use crate::support::socket::Socket;
use crate::support::{TestApp, app, app_with};
use std::time::{Duration, Instant};

/// A second server with Ana connected to it, and how long events and endings take to get there.
async fn across(app: &TestApp) -> (Duration, Duration) {
    let other = app.second_server().await;
    let there = format!("http://{}", other.address);
    let ana = app.actor("ana").await;
    let mut socket = Socket::of(&ana.at(&there)).await;
    socket.follow(None).await;
    // The first wake-up finds a connection that is there.
    tokio::time::sleep(Duration::from_secs(1)).await;
    something(&ana, 0).await;
    let started = Instant::now();
    assert_eq!(socket.event().await["type"], "DelegationCreated");
    assert_eq!(socket.event().await["type"], "DelegationRevoked");
    let event = started.elapsed();
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
    crate::support::eventually("the bus speaks", async || (app.count(listeners).await > 0).then_some(()))
        .await;
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

/// With the service that is really used, where there is one: `LOCUM_TEST_NATS_URL=nats://127.0.0.1:4222 bin/test streams`.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a setting of the test run")]
async fn nats_wakes_the_other_node() {
    let Ok(url) = std::env::var("LOCUM_TEST_NATS_URL") else { return };
    let app = app_with(|config| config.nats_url = Some(url.into())).await;
    let (event, ending) = across(&app).await;
    println!("over NATS: event {event:?}, ending {ending:?}");
    assert!(event < Duration::from_secs(1) && ending < Duration::from_secs(1));
}
