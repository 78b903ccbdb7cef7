//! Clients that hang up before they are answered, and what becomes of the connections that worked for them.

use crate::support::{Actor, TestApp, app_with};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Has each look at the clients take so long.
async fn slow_down(app: &TestApp, seconds: f64) {
    app.sql(&format!(
        "alter table clients rename to all_clients;
         create view clients as select c.* from all_clients c, (select pg_sleep({seconds}) offset 0) slow;
         grant select on clients to locum_app"
    ))
    .await;
}

/// Asks for what is slow, and hangs up after so many milliseconds.
async fn hang_up(actor: &Actor, millis: u64) {
    let asking = actor.send("{ clients { totalCount } }", json!({}));
    let answer = timeout(Duration::from_millis(millis), asking).await;
    assert!(answer.is_err(), "it should have been slow: {answer:?}");
}

#[tokio::test]
async fn those_who_wait_do_not_wait_for_all_who_hung_up() {
    let app = app_with(|config| config.database_pool = 1).await;
    let ana = app.actor("ana").await;
    slow_down(&app, 0.1).await;
    for _ in 0..20 {
        hang_up(&ana, 50).await;
    }
    let asked = Instant::now();
    assert_eq!(ana.who().await, "ana");
    assert!(asked.elapsed() < Duration::from_secs(1), "one statement is waited for, not twenty");
}

#[tokio::test]
async fn nobody_gets_a_connection_that_is_busy_for_who_hung_up() {
    let app = app_with(|config| config.database_pool = 2).await;
    let ana = app.actor("ana").await;
    slow_down(&app, 4.0).await;
    hang_up(&ana, 500).await;
    let asked = Instant::now();
    for _ in 0..6 {
        assert_eq!(ana.who().await, "ana");
    }
    assert!(asked.elapsed() < Duration::from_secs(2), "the other connection serves them");
}
