//! Hashing is dear on purpose; it must not make the house slow for those who are in it.

use crate::support::{PASSPHRASE, app_with, stranger, told_apart};
use futures_util::future::join_all;
use reqwest::header::RETRY_AFTER;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abuse_15_many_sign_ins_at_once_queue_or_come_back_later_and_nobody_else_waits() {
    let app = app_with(|config| {
        config.limits.sign_ins_per_minute = 1_000_000;
        config.limits.cost_bucket = 1_000_000;
    })
    .await;
    let (ana, door) = (app.actor("ana").await, stranger(&app.base));
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let over = over.clone();
        async move {
            let (mut times, mut pace) = (Vec::new(), tokio::time::interval(Duration::from_millis(10)));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !over.load(Ordering::Relaxed) {
                pace.tick().await;
                let begun = Instant::now();
                assert_eq!(ana.who().await, "ana");
                times.push(begun.elapsed());
            }
            times
        }
    });
    let (mut put_off, mut hashed, mut queue_was_full) = (0, 0, false);
    for round in 0..2 {
        let door = &door;
        let tries = (0..200).map(|n| async move {
            door.try_sign_in("harbour", &format!("nobody{round}n{n}"), PASSPHRASE).await
        });
        for answer in join_all(tries).await {
            match (answer.status.as_u16(), answer.code().as_deref()) {
                (503, Some("UNAVAILABLE")) => {
                    let seconds = answer.at("/errors/0/extensions/retryAfter");
                    assert_eq!(answer.headers[RETRY_AFTER], seconds.to_string().as_str());
                    put_off += 1;
                    queue_was_full |= seconds == 2;
                }
                (200, Some("INVALID_CREDENTIALS")) => hashed += 1,
                _ => panic!("neither refused nor put off: {answer:?}"),
            }
        }
    }
    over.store(true, Ordering::Relaxed);
    let mut times = reader.await.unwrap();
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    println!(
        "{hashed} hashed, {put_off} put off; meanwhile {} reads, median {:?}, p99 {p99:?}",
        times.len(),
        times[times.len() / 2]
    );
    assert!(queue_was_full && hashed > 0, "{put_off} put off, {hashed} hashed");
    assert!(p99 < Duration::from_millis(250), "p99 {p99:?}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while door.try_sign_in("harbour", "ana", PASSPHRASE).await.code().is_some() {
        assert!(Instant::now() < deadline, "nobody gets in afterwards");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn abuse_15_a_password_that_is_too_long_is_not_even_hashed() {
    let app = app_with(|config| config.limits.sign_ins_per_minute = 1_000_000).await;
    let door = stranger(&app.base);
    let time = async |name: String, length: usize| {
        let begun = Instant::now();
        let answer = door.try_sign_in("harbour", &name, &"x".repeat(length)).await;
        assert_eq!(answer.code().as_deref(), Some("INVALID_CREDENTIALS"));
        begun.elapsed()
    };
    let longer = told_apart(
        20,
        async |n| time(format!("a{n}"), 1_024).await,
        async |n| time(format!("b{n}"), 1_025).await,
    )
    .await;
    assert!(longer > 0.9, "a password of 1,024 bytes is hashed, one of 1,025 is not: {longer}");
    for name in ["ana", "nobody"] {
        time(name.to_owned(), 1_000_000).await;
    }
    let larger = door.try_sign_in("harbour", "ana", &"x".repeat(1 << 20)).await;
    assert_eq!(larger.status.as_u16(), 413);
}
