//! In which order, how often, and when it is over.

use super::house::{House, numbers};
use crate::support::receiver::{Receiver, Reply};
use chrono::TimeDelta;
use locum::domain::webhook;
use locum::events::Author;

#[tokio::test]
async fn first_attempts_are_in_the_order_of_the_log_also_when_some_fail() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.happen(0, 100).await;
    receiver.then([Reply::Status(204), Reply::Status(500), Reply::Status(204), Reply::Status(302)]);
    assert_eq!(house.sweep().await, 100);
    assert_eq!(numbers(&receiver.take()), (0..100).collect::<Vec<_>>());
    let deliveries = house.deliveries().await;
    let state = |n: usize| (deliveries[n].0.as_str(), deliveries[n].1, deliveries[n].2);
    assert_eq!(state(0), ("DELIVERED", 1, Some(204)));
    assert_eq!((state(1), state(3)), (("QUEUED", 1, Some(500)), ("QUEUED", 1, Some(302))));
    assert_eq!(house.sweep().await, 0, "not due yet");
    house.later(TimeDelta::milliseconds(6_300));
    assert_eq!(house.sweep().await, 2);
    assert_eq!(house.number("select count(*) from webhook_deliveries where state = 'DELIVERED'").await, 100);
}

#[tokio::test]
async fn an_event_is_tried_ten_times_over_three_days_under_one_id_and_has_then_failed() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.happen(0, 1).await;
    receiver.always(Reply::Full(503, "x-reason", "none".into(), "come \u{0}later".into()));
    let begun = house.now();
    assert_eq!(house.sweep().await, 1);
    for pause in [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] {
        house.later(TimeDelta::seconds(pause - 2));
        assert_eq!(house.sweep().await, 0, "{pause} s");
        house.later(TimeDelta::milliseconds(pause * 250 + 2_100));
        assert_eq!(house.sweep().await, 1, "{pause} s");
    }
    assert!(house.now() - begun < TimeDelta::hours(96));
    house.later(TimeDelta::hours(48));
    assert_eq!(house.sweep().await, 0);
    let messages = receiver.take();
    assert_eq!(messages.len(), 10);
    assert!(messages.iter().all(|message| message.header("webhook-id") == messages[0].header("webhook-id")));
    assert_ne!(messages[0].header("webhook-timestamp"), messages[9].header("webhook-timestamp"));
    assert_eq!(house.deliveries().await, [("FAILED".to_owned(), 10, Some(503), "come later".to_owned())]);
    assert_eq!(
        house.state().await,
        ("ACTIVE".to_owned(), None),
        "one event that is not taken pauses nothing"
    );
}

#[tokio::test]
async fn a_receiver_that_asks_to_be_left_alone_is() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.happen(0, 3).await;
    receiver.then([Reply::Full(429, "retry-after", "600".into(), String::new())]);
    assert_eq!(house.sweep().await, 1, "nor is it asked for the next event");
    house.later(TimeDelta::seconds(595));
    assert_eq!(house.sweep().await, 0);
    house.later(TimeDelta::seconds(6));
    assert_eq!(house.sweep().await, 3);
    assert_eq!(house.number("select count(*) from webhook_deliveries where state = 'DELIVERED'").await, 3);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_paused_and_goes_on_where_it_stood() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    let (hook, _) = house.webhook(&receiver).await;
    house.happen(0, 5).await;
    receiver.then([Reply::Status(204), Reply::Status(410)]);
    assert_eq!(house.sweep().await, 2);
    assert_eq!(house.state().await, ("PAUSED".to_owned(), Some("GONE".to_owned())));
    let heard = "select count(*) from events e join event_audience a on a.firm_id = e.firm_id and a.position = e.position
        where e.type = 'WebhookPaused' and e.payload ->> 'reason' = 'GONE'";
    assert_eq!(house.number(heard).await, 1, "the setup admin hears of it");
    house.happen(5, 1).await;
    house.later(TimeDelta::hours(30));
    assert_eq!(house.sweep().await, 0);
    resume(&house, hook.id).await;
    assert_eq!(house.sweep().await, 5);
    let mut all = numbers(&receiver.take());
    assert_eq!(all[..2], [0, 1]);
    all.sort();
    assert_eq!(all, [0, 1, 1, 2, 3, 4, 5]);
}

async fn resume(house: &House, id: uuid::Uuid) {
    let resumed = house.log.transact(Author::Operator, async |tx| webhook::resume(tx, &house.sam, id).await);
    resumed.await.unwrap();
}

#[tokio::test]
async fn after_120_hours_in_which_nothing_was_taken_a_webhook_is_paused() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    let (hook, _) = house.webhook(&receiver).await;
    receiver.always(Reply::Status(500));
    for hour in 0..5 {
        house.happen(hour, 1).await;
        house.sweep().await;
        house.later(TimeDelta::hours(23));
    }
    assert_eq!(house.state().await.0, "ACTIVE", "115 hours");
    // Something that was taken begins the count anew.
    receiver.then([Reply::Status(204)]);
    house.sweep().await;
    assert_eq!(
        house
            .number("select count(*) from webhooks where failing_since > now() + interval '110 hours'")
            .await,
        1
    );
    house.later(TimeDelta::hours(119));
    house.happen(5, 1).await;
    house.sweep().await;
    assert_eq!(house.state().await.0, "ACTIVE", "119 hours");
    house.later(TimeDelta::hours(2));
    house.happen(6, 1).await;
    house.sweep().await;
    assert_eq!(house.state().await, ("PAUSED".to_owned(), Some("FAILING".to_owned())));
    house.happen(7, 1).await;
    receiver.take();
    receiver.always(Reply::Status(204));
    resume(&house, hook.id).await;
    house.sweep().await;
    assert_eq!(numbers(&receiver.take()).last(), Some(&7), "the cursor was kept");
    assert_eq!(house.number("select count(*) from webhooks where failing_since is null").await, 1);
}

#[tokio::test]
async fn deliveries_are_kept_for_thirty_days_and_secrets_that_were_replaced_for_one() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.happen(0, 2).await;
    receiver.then([Reply::Status(500)]);
    house.sweep().await;
    let sweep =
        async || house.log.transact(Author::System, async |tx| webhook::sweep(tx).await).await.unwrap();
    house.later(TimeDelta::days(29));
    assert_eq!(sweep().await, 0);
    house.later(TimeDelta::days(2));
    assert_eq!(sweep().await, 1, "what is still to be sent is not forgotten");
    assert_eq!(house.deliveries().await[0].0, "QUEUED");
}
