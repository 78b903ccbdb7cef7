//! Abuse case 28: where webhooks never go, and what a receiver cannot do to us.

use super::house::House;
use crate::support::receiver::{Receiver, Reply};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use locum::reach::{Names, Reach, Unreachable};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A resolver that answers what a story wrote down, one look-up after the other.
#[derive(Clone)]
struct Script(Arc<Mutex<VecDeque<Vec<IpAddr>>>>);

impl Script {
    fn new(answers: &[&[&str]]) -> Self {
        let answers =
            answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect());
        Self(Arc::new(Mutex::new(answers.collect())))
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Names for Script {
    fn look_up<'n>(&'n self, _: &'n str) -> BoxFuture<'n, io::Result<Vec<IpAddr>>> {
        let answer = self.0.lock().unwrap().pop_front();
        async move { answer.ok_or_else(|| io::Error::other("no such name")) }.boxed()
    }
}

#[tokio::test]
async fn abuse_28_a_name_that_is_public_first_and_private_then_is_not_dialled() {
    let house = House::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://rebinding.example.com:{port}/");
    let private: [&str; 9] = [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fd00:ec2::254",
        "64:ff9b::7f00:1",
        "0.0.0.0",
        "fe80::1",
    ];
    let script = Script::new(&[&["93.184.216.34"], &private]);
    let reach = Reach::with(false, Arc::new(script.clone()));
    assert!(reach.check_names(&url).await.is_ok(), "it is public while it is saved");
    house.webhook_to(&url).await;
    house.happen(0, 1).await;
    assert_eq!(house.worker_reaching(reach).sweep().await.unwrap(), 1);
    assert_eq!(script.left(), 0, "it was looked up anew");
    let reached = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(reached.is_err(), "and nobody came");
    let [(state, 1, None, answer)] = &house.deliveries().await[..] else { panic!("one delivery") };
    assert_eq!((state.as_str(), answer.as_str()), ("QUEUED", "No connection: This is not a public address."));
}

#[tokio::test]
async fn abuse_28_of_a_names_addresses_only_the_public_ones_count() {
    let script = Script::new(&[&["127.0.0.1", "93.184.216.34", "::1"], &["127.0.0.1", "::1"], &["8.8.8.8"]]);
    let reach = Reach::with(false, Arc::new(script));
    let public: Vec<IpAddr> = vec!["93.184.216.34".parse().unwrap()];
    assert_eq!(reach.look_up("mixed.example.com").await.unwrap(), public);
    let url = "https://private.example.com/";
    assert_eq!(reach.check_names(url).await, Err(Unreachable::Private), "refused when it is saved");
    assert!(reach.check_names(url).await.is_ok());
    assert!(reach.check_names(url).await.is_ok(), "a name that nobody knows yet may be known later");
}

/// What was saved while private addresses were allowed, or by other means, is judged again before each call.
#[tokio::test]
async fn abuse_28_an_address_in_the_url_itself_is_judged_before_each_call() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    house.webhook_to(&format!("https://{}/", receiver.address)).await;
    house.webhook_to(&format!("https://[::ffff:127.0.0.1]:{}/", receiver.address.port())).await;
    house.happen(0, 1).await;
    assert_eq!(house.worker_reaching(Reach::new(false)).sweep().await.unwrap(), 3);
    assert!(receiver.take().is_empty());
    for (state, _, status, answer) in house.deliveries().await {
        assert!(state == "QUEUED" && status.is_none(), "{answer}");
        assert!(
            answer == Unreachable::Private.to_string() || answer == Unreachable::Scheme.to_string(),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn abuse_28_no_redirect_is_followed() {
    let house = House::new().await;
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    house.webhook(&first).await;
    for status in [301, 302, 303, 307, 308] {
        first.then([Reply::Full(status, "location", second.url(), String::new())]);
    }
    house.happen(0, 5).await;
    assert_eq!(house.sweep().await, 5);
    assert_eq!((first.take().len(), second.take().len()), (5, 0));
    assert!(house.deliveries().await.iter().all(|delivery| delivery.0 == "QUEUED"));
}

#[tokio::test]
async fn abuse_28_of_an_answer_without_end_64_kb_are_read_and_2_kb_kept() {
    let house = House::new().await;
    let receiver = Receiver::start().await;
    house.webhook(&receiver).await;
    receiver.then([
        Reply::Endless,
        Reply::Full(500, "x-y", "z".into(), "\u{feff}é\u{7}\r\n".repeat(2_000)),
        Reply::Full(500, "x-y", "z".into(), "short".into()),
    ]);
    house.happen(0, 3).await;
    let begun = Instant::now();
    assert_eq!(house.sweep().await, 3);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let kept: Vec<_> = house.deliveries().await.into_iter().map(|delivery| delivery.3).collect();
    assert_eq!((kept[0].len(), kept[2].as_str()), (2_048, "short"));
    assert!(kept[1].len() <= 2_048 && !kept[1].contains('\u{7}'));
}

/// A receiver that sends a byte of its answer's head now and then.
#[tokio::test]
async fn abuse_28_a_receiver_that_dribbles_is_left() {
    let house = House::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    house.webhook_to(&format!("http://{}/", listener.local_addr().unwrap())).await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".iter().cycle() {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        }
    });
    house.happen(0, 1).await;
    let begun = Instant::now();
    assert_eq!(house.worker_within(Duration::from_secs(1)).sweep().await.unwrap(), 1);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(house.deliveries().await[0].3, "No answer within 1 seconds.");
}
