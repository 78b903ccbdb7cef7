//! What fails on the way, and that nothing is lost by it and nobody else held up.

use super::house::{House, numbers};
use crate::support::app_with;
use crate::support::receiver::{Receiver, Reply};
use chrono::TimeDelta;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn r8_a_node_that_dies_with_an_event_in_hand_loses_nothing_and_keeps_the_order() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.happen(0, 10).await;
    receiver.then([Reply::Status(204), Reply::Status(204), Reply::Hang]);
    let dying = house.worker();
    let node = tokio::spawn(async move { dying.sweep().await });
    receiver.wait_for(3).await;
    assert_eq!(house.sweep().await, 0, "somebody has it");
    node.abort();
    house.later(TimeDelta::seconds(58));
    assert_eq!(house.sweep().await, 0);
    house.later(TimeDelta::seconds(2));
    assert_eq!(house.sweep().await, 8);
    let messages = receiver.take();
    assert_eq!(numbers(&messages), [0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9], "one twice, which had not been noted");
    assert_eq!(messages[2].header("webhook-id"), messages[3].header("webhook-id"));
}

/// A node that dies between claim and sending, and one that dies between the answer and the note.
#[tokio::test]
async fn r8_a_node_that_dies_before_it_sends_or_after_it_was_answered_loses_nothing() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.happen(0, 2).await;
    let client = house.database.client().await;
    // Claimed, and then nothing more is heard of that node.
    client
        .batch_execute("update webhooks set claims = claims + 1, claimed_until = now() + interval '1 minute'")
        .await
        .unwrap();
    assert_eq!(house.sweep().await, 0);
    house.later(TimeDelta::seconds(61));
    // Answered, but the note cannot be written.
    client.batch_execute("alter table webhook_deliveries rename to elsewhere").await.unwrap();
    client
        .batch_execute("create view webhook_deliveries as select * from elsewhere where false")
        .await
        .unwrap();
    client.batch_execute("grant select on webhook_deliveries to locum_app").await.unwrap();
    assert_eq!(house.sweep().await, 1);
    client
        .batch_execute("drop view webhook_deliveries; alter table elsewhere rename to webhook_deliveries")
        .await
        .unwrap();
    assert_eq!(house.sweep().await, 0, "until the claim lapses");
    house.later(TimeDelta::seconds(61));
    assert_eq!(house.sweep().await, 2);
    assert_eq!(numbers(&receiver.take()), [0, 0, 1]);
}

#[tokio::test]
async fn r8_a_node_that_comes_back_too_late_moves_nobodys_cursor() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.happen(0, 4).await;
    receiver.then([Reply::After(Duration::from_millis(800), 204)]);
    let late = house.worker();
    let node = tokio::spawn(async move { late.sweep().await });
    receiver.wait_for(1).await;
    house.later(TimeDelta::seconds(61));
    assert_eq!(house.sweep().await, 4);
    assert_eq!(node.await.unwrap().unwrap(), 1, "it sees that the webhook is another's now");
    assert_eq!(numbers(&receiver.take()), [0, 0, 1, 2, 3]);
    assert_eq!(house.number("select count(*) from webhook_deliveries").await, 4);
}

#[tokio::test]
async fn several_nodes_share_the_work_and_each_webhook_gets_everything_once_and_in_order() {
    let house = House::new().await;
    let receivers = join_all((0..6).map(|_| Receiver::start())).await;
    for receiver in &receivers {
        house.webhook(receiver).await;
    }
    let (stop, mut nodes) = (CancellationToken::new(), Vec::new());
    for _ in 0..3 {
        nodes.push(tokio::spawn(house.worker().run(stop.clone())));
    }
    for batch in 0..20 {
        house.happen(batch * 5, 5).await;
    }
    for receiver in &receivers {
        receiver.wait_for(100).await;
    }
    stop.cancel();
    for node in nodes {
        tokio::time::timeout(Duration::from_secs(5), node).await.unwrap().unwrap();
    }
    for receiver in &receivers {
        assert_eq!(numbers(&receiver.take()), (0..100).collect::<Vec<_>>());
    }
    assert_eq!(house.sweep().await, 0);
}

#[tokio::test]
async fn a_dead_and_a_slow_receiver_hold_up_nobody_else() {
    let house = House::new().await;
    let (dead, live) = (Receiver::start().await, Receiver::start().await);
    dead.always(Reply::Hang);
    for _ in 0..8 {
        house.webhook(&dead).await;
    }
    house.webhook(&live).await;
    // Nobody listens there.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    house.webhook_to(&format!("http://{nobody}/")).await;
    let stop = CancellationToken::new();
    let node = tokio::spawn(house.worker_within(Duration::from_secs(3)).run(stop.clone()));
    let begun = Instant::now();
    for batch in 0..10 {
        house.happen(batch * 10, 10).await;
    }
    live.wait_for(100).await;
    println!("100 events at the live receiver after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(3), "before the first call to a dead one is over");
    assert_eq!(numbers(&live.take()), (0..100).collect::<Vec<_>>());
    assert_eq!(dead.received().len(), 8, "one call at a time to each");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), node).await.unwrap().unwrap();
    let no_answer = "select count(*) from webhook_deliveries where status_code is null and answer like 'No answer within%'";
    assert_eq!(house.number(no_answer).await, 8);
    assert!(
        house.number("select count(*) from webhook_deliveries where answer like 'No connection: %'").await
            > 0
    );
}

#[tokio::test]
async fn nothing_of_the_database_is_held_while_a_receiver_is_waited_for() {
    let house = House::with_pool(1).await;
    let receiver = Receiver::start().await;
    for _ in 0..4 {
        house.webhook(&receiver).await;
    }
    house.happen(0, 2).await;
    receiver.always(Reply::After(Duration::from_millis(400), 204));
    let worker = house.worker();
    let node = tokio::spawn(async move { worker.sweep().await });
    receiver.wait_for(4).await;
    let begun = Instant::now();
    house.happen(2, 1).await;
    assert!(begun.elapsed() < Duration::from_millis(300), "{:?}", begun.elapsed());
    node.await.unwrap().unwrap();
    house.sweep().await;
    assert_eq!(receiver.take().len(), 12);
}

#[tokio::test]
async fn r6_a_worker_that_is_to_stop_ends_the_call_and_begins_no_other() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.happen(0, 9).await;
    receiver.always(Reply::After(Duration::from_millis(500), 204));
    let stop = CancellationToken::new();
    let running = tokio::spawn(house.worker().run(stop.clone()));
    receiver.wait_for(1).await;
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    assert_eq!(receiver.received().len(), 1);
    receiver.always(Reply::Status(204));
    assert_eq!(house.sweep().await, 8, "and others can go on at once");
    let ids: BTreeSet<_> = receiver.take().iter().map(|message| message.header("webhook-id")).collect();
    assert_eq!(ids.len(), 9);
}

#[tokio::test]
async fn a_service_that_is_late_with_webhooks_is_not_ready_and_one_whose_receivers_fail_is() {
    // Without a key nobody of this house sends anything.
    let app = app_with(|config| config.encryption_key = None).await;
    let is_late = async || {
        let answer = reqwest::get(format!("http://{}/readyz", app.running.ops_address)).await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        match status {
            200 => false,
            _ => {
                assert_eq!((status, text.as_str()), (503, "webhooks wait for more than 15 minutes\n"));
                true
            }
        }
    };
    app.sql(
        "insert into webhooks (firm_id, id, place, url, description, secret, position, created_at)
         select f.id, gen_random_uuid(), 1, 'https://x.example', '', '', h.position, now() - interval '1 hour'
         from firms f join event_heads h on h.firm_id = f.id where slug = 'harbour'",
    )
    .await;
    assert!(!is_late().await, "nothing is due");
    let happened = async |ago: &str| {
        app.sql(&format!(
            "select append_events(id, jsonb_build_array(jsonb_build_object('id', gen_random_uuid(), 'type', 'FirmImported',
               'occurred_at', now() - interval '{ago}', 'actor_kind', 'OPERATOR', 'subjects', '[]'::jsonb, 'payload', '{{}}'::jsonb,
               'audience', '[]'::jsonb, 'audience_capabilities', '[]'::jsonb, 'mails', '[]'::jsonb)))
             from firms where slug = 'harbour'"
        ))
        .await;
    };
    happened("16 minutes").await;
    assert!(is_late().await);
    for (not_our_fault, again) in [
        ("state = 'PAUSED', pause_reason = 'FAILING'", "state = 'ACTIVE', pause_reason = null"),
        ("quiet_until = now() + interval '1 hour'", "quiet_until = null"),
        ("claimed_until = now() - interval '1 minute'", "claimed_until = now() - interval '20 minutes'"),
    ] {
        app.sql(&format!("update webhooks set {not_our_fault}")).await;
        assert!(!is_late().await, "{not_our_fault}");
        app.sql(&format!("update webhooks set {again}")).await;
        assert!(is_late().await, "{again}");
    }
    // A further attempt that is due counts as a first one does.
    app.sql("update webhooks set position = position + 1").await;
    assert!(!is_late().await);
    app.sql(
        "insert into webhook_deliveries (firm_id, id, webhook_id, position, state, attempts, next_attempt_at, created_at)
         select firm_id, gen_random_uuid(), id, position, 'QUEUED', 1, now() - interval '16 minutes', now() from webhooks",
    )
    .await;
    assert!(is_late().await);
    app.sql("update webhook_deliveries set next_attempt_at = now() + interval '5 minutes'").await;
    happened("1 minute").await;
    assert!(!is_late().await);
}
