//! What fails on the way, and that no mail is lost by it.

use super::house::{House, person, smtp, token_of, wrong};
use crate::support::smtp::Trouble;
use anyhow::{Context, Result, anyhow};
use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use locum::caller::Kind;
use locum::clock::Clock;
use locum::config::Limits;
use locum::db::Database;
use locum::delivery::{Message, SendError, Smtp, Transport};
use locum::domain::link;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_mail_server_that_cannot_now_is_asked_again_and_one_that_will_not_is_not() -> Result<()> {
    let house = House::new().await?;
    house.grant("bea@elsewhere.example").await?;
    house.sink.trouble(Trouble::Refuse(451), 2);
    assert_eq!(house.sweep().await?, 1);
    assert_eq!(house.sweep().await?, 0, "not due yet");
    let [(state, Some(error))] = &house.states().await?[..] else { return Err(anyhow!("one mail")) };
    assert!(state == "QUEUED" && error.contains("451") && !error.contains("bea"), "{error}");
    house.clock.forward(TimeDelta::seconds(13));
    assert_eq!(house.sweep().await?, 1);
    house.clock.forward(TimeDelta::seconds(13));
    assert_eq!(house.sweep().await?, 0, "the second pause is longer");
    house.clock.forward(TimeDelta::seconds(62));
    assert_eq!(house.sweep().await?, 1);
    assert_eq!(house.sink.take().len(), 1);

    house.grant("cai@elsewhere.example").await?;
    house.sink.trouble(Trouble::Refuse(535), 1);
    assert_eq!(house.sweep().await?, 1);
    assert_eq!(house.states().await?[1].0, "QUEUED", "that we may not send says nothing about the mail");
    house.clock.forward(TimeDelta::seconds(13));
    house.sink.trouble(Trouble::Refuse(550), 1);
    assert_eq!(house.sweep().await?, 1);
    let states = house.states().await?;
    assert_eq!(states[1].0, "FAILED");
    let events = house.rows("select payload->>'reason' from events where type = 'EmailFailed'", &[]).await?;
    let reason: String = events[0].get(0);
    assert!(reason.contains("550") && !reason.contains("cai"), "{reason}");
    assert_eq!(house.number("select count(*) from events where type = 'EmailSent'").await?, 1);
    house.end().await
}

#[tokio::test]
async fn after_the_last_attempt_a_mail_has_failed_for_everybody_to_see() -> Result<()> {
    let house = House::new().await?;
    house.grant("bea@elsewhere.example").await?;
    house.sink.trouble(Trouble::Refuse(451), 20);
    let mut attempts = 0;
    for _ in 0..20 {
        attempts += house.sweep().await?;
        house.clock.forward(TimeDelta::hours(16));
    }
    assert_eq!(attempts, 8);
    assert_eq!(house.states().await?[0].0, "FAILED");
    assert_eq!(house.number("select count(*) from events where type = 'EmailFailed'").await?, 1);
    house.end().await
}

#[tokio::test]
async fn r13_a_mail_server_that_hangs_is_left_and_the_next_mail_is_not_mixed_up_with_it() -> Result<()> {
    let house = House::new().await?;
    let relay = house.relay_over(Arc::new(smtp(&house.sink, TimeDelta::milliseconds(400))?))?;
    house.grant("bea@elsewhere.example").await?;
    house.sink.trouble(Trouble::Hang, 1);
    let begun = std::time::Instant::now();
    relay.sweep().await.map_err(wrong)?;
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(house.states().await?[0].0, "QUEUED");
    house.grant("cai@elsewhere.example").await?;
    relay.sweep().await.map_err(wrong)?;
    assert_eq!(house.sink.take().len(), 1);
    house.clock.forward(TimeDelta::seconds(13));
    relay.sweep().await.map_err(wrong)?;
    assert_eq!(house.sink.take()[0].rcpt, ["bea@elsewhere.example"]);
    assert_eq!(house.sink.connections(), 2, "a connection is used again after a success, and only then");
    house.end().await
}

#[tokio::test]
async fn r8_a_mail_that_was_handed_over_but_not_marked_goes_out_twice_under_one_message_id() -> Result<()> {
    let house = House::new().await?;
    house.grant("bea@elsewhere.example").await?;
    house.sink.trouble(Trouble::Cut, 1);
    house.sweep().await?;
    house.clock.forward(TimeDelta::seconds(13));
    house.sweep().await?;
    let mails = house.sink.take();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].message_id, mails[1].message_id);
    // Mail programs may show either: both links are good until one is used.
    for mail in &mails {
        let token = token_of(mail.link("/register").context("a link")?);
        let mut reader = house.log.reader().await.map_err(wrong)?;
        link::look_up(&mut reader, &token, link::LinkPurpose::Registration, house.clock.now())
            .await
            .map_err(wrong)?;
    }
    assert_eq!(house.number("select count(*) from events where type = 'EmailSent'").await?, 1);
    house.end().await
}

/// A transport that never comes back, and says when it was reached.
struct Abyss(Arc<tokio::sync::Notify>);

impl Transport for Abyss {
    fn send(&self, _: Message) -> BoxFuture<'_, Result<(), SendError>> {
        self.0.notify_one();
        std::future::pending().boxed()
    }
}

#[tokio::test]
async fn r8_a_node_that_dies_with_a_mail_in_hand_loses_nothing() -> Result<()> {
    let house = House::new().await?;
    house.grant("bea@elsewhere.example").await?;
    let reached = Arc::new(tokio::sync::Notify::new());
    let dying = house.relay_over(Arc::new(Abyss(reached.clone())))?;
    let node = tokio::spawn(async move { dying.sweep().await });
    reached.notified().await;
    assert_eq!(house.sweep().await?, 0, "somebody has it");
    node.abort();
    house.clock.forward(TimeDelta::seconds(119));
    assert_eq!(house.sweep().await?, 0);
    house.clock.forward(TimeDelta::seconds(1));
    assert_eq!(house.sweep().await?, 1);
    assert_eq!(house.sink.take().len(), 1);
    house.end().await
}

#[tokio::test]
async fn several_nodes_share_the_work_and_no_mail_goes_out_twice() -> Result<()> {
    let house = House::new().await?;
    for number in 0..40 {
        person(&house.log, &house.firm, &format!("p{number}"), Kind::Assistant, false).await?;
    }
    let relays = (0..4).map(|_| house.relay()).collect::<Result<Vec<_>>>()?;
    let handled: usize = join_all(relays.iter().map(|relay| relay.sweep()))
        .await
        .into_iter()
        .map(Result::unwrap_or_default)
        .sum();
    let mut to: Vec<_> = house.sink.take().into_iter().flat_map(|mail| mail.rcpt).collect();
    assert_eq!((handled, to.len()), (40, 40));
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 40);
    assert_eq!(house.number("select count(*) from events where type = 'EmailSent'").await?, 40);
    house.end().await
}

/// A transport that needs the only connection there is.
struct Greedy(Database, AtomicUsize);

impl Transport for Greedy {
    fn send(&self, _: Message) -> BoxFuture<'_, Result<(), SendError>> {
        async move {
            self.0.now().await.map_err(|_| SendError::permanent("no connection was free"))?;
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        .boxed()
    }
}

#[tokio::test]
async fn nothing_of_the_database_is_held_while_a_mail_is_on_its_way() -> Result<()> {
    let house = House::with(Limits::default(), 1).await?;
    for number in 0..6 {
        person(&house.log, &house.firm, &format!("p{number}"), Kind::Assistant, false).await?;
    }
    let greedy = Arc::new(Greedy(house.log.database.clone(), AtomicUsize::new(0)));
    house.relay_over(greedy.clone())?.sweep().await.map_err(wrong)?;
    assert_eq!(greedy.1.load(Ordering::Relaxed), 6);
    house.end().await
}

/// A transport that takes its time.
struct Slow(Arc<tokio::sync::Notify>);

impl Transport for Slow {
    fn send(&self, _: Message) -> BoxFuture<'_, Result<(), SendError>> {
        async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.0.notify_one();
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(())
        }
        .boxed()
    }
}

#[tokio::test]
async fn r6_a_relay_that_is_to_stop_gives_back_what_it_has_not_begun() -> Result<()> {
    let house = House::new().await?;
    for number in 0..9 {
        person(&house.log, &house.firm, &format!("p{number}"), Kind::Assistant, false).await?;
    }
    let reached = Arc::new(tokio::sync::Notify::new());
    let slow = Arc::new(Slow(reached.clone()));
    let stop = CancellationToken::new();
    let running = tokio::spawn(house.relay_over(slow)?.run(stop.clone()));
    reached.notified().await;
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running).await??;
    assert_eq!(
        house.number("select count(*) from mail_deliveries where state = 'SENT'").await?,
        4,
        "those that were under way"
    );
    let unspoilt = "select count(*) from mail_deliveries where state = 'QUEUED' and claimed_until is null and attempts = 0";
    assert_eq!(house.number(unspoilt).await?, 5);
    assert_eq!(house.sweep().await?, 5);
    house.end().await
}

/// A transport with a gate before it.
struct Gate(Smtp, Arc<tokio::sync::Semaphore>, Arc<tokio::sync::Notify>);

impl Transport for Gate {
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), SendError>> {
        async move {
            self.2.notify_one();
            let _open = self.1.acquire().await;
            self.0.send(message).await
        }
        .boxed()
    }
}

#[tokio::test]
async fn r8_a_node_that_comes_back_too_late_begins_no_mail_that_another_has_sent() -> Result<()> {
    let house = House::new().await?;
    for number in 0..5 {
        person(&house.log, &house.firm, &format!("p{number}"), Kind::Assistant, false).await?;
    }
    let (gate, reached) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(tokio::sync::Notify::new()));
    let gated = Gate(smtp(&house.sink, TimeDelta::seconds(2))?, gate.clone(), reached.clone());
    let late = house.relay_over(Arc::new(gated))?;
    let node = tokio::spawn(async move { late.sweep().await });
    reached.notified().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    house.clock.forward(TimeDelta::minutes(2));
    assert_eq!(house.sweep().await?, 5);
    gate.add_permits(5);
    assert_eq!(node.await?.map_err(wrong)?, 5);
    assert_eq!(house.sink.take().len(), 9, "five, and the four that the late one had in hand");
    assert_eq!(house.number("select count(*) from events where type = 'EmailSent'").await?, 5);
    house.end().await
}
