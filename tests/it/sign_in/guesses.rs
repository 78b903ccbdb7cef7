//! Guessing passwords: it gets slower and slower, and never locks anybody out.

use crate::support::{Actor, Answer, PASSPHRASE, TestApp, app, app_with, stranger};
use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::header::RETRY_AFTER;
use serde_json::json;

const WRONG: &str = "not-the-passphrase";

/// A house behind a proxy: a story says where a request comes from.
async fn behind_proxy() -> TestApp {
    app_with(|config| config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]).await
}

/// Signs in from a network address, perhaps from a device that was used before.
async fn from(door: &Actor, address: &str, name: &str, password: &str, device: Option<&str>) -> Answer {
    let input = json!({ "firm": "harbour", "username": name, "password": password, "deviceToken": device });
    door.sign_in_with(input, &[("x-forwarded-for", address)]).await
}

/// After how many seconds another try makes sense.
fn retry_after(answer: &Answer) -> i64 {
    assert_eq!((answer.status.as_u16(), answer.code().as_deref()), (429, Some("RATE_LIMITED")), "{answer:?}");
    let seconds = answer.at("/errors/0/extensions/retryAfter").as_i64().unwrap();
    assert_eq!(answer.headers[RETRY_AFTER], seconds.to_string().as_str());
    assert!(seconds > 0);
    seconds
}

/// Fails so often in a row, as fast as it is let.
async fn fail(app: &TestApp, door: &Actor, name: &str, times: usize) {
    for _ in 0..times {
        loop {
            let answer = from(door, "203.0.113.66", name, WRONG, None).await;
            if answer.code().as_deref() == Some("INVALID_CREDENTIALS") {
                break;
            }
            app.clock.advance(TimeDelta::seconds(retry_after(&answer)));
        }
    }
}

#[tokio::test]
async fn abuse_13_many_sign_ins_in_one_request_are_refused() {
    let app = app().await;
    let door = stranger(&app.base);
    let one = |n: usize, name: &str| {
        format!(
            "a{n}: signIn(input: {{ firm: \"harbour\", username: \"{name}\", password: \"{PASSPHRASE}\" }}) {{ token }}"
        )
    };
    for count in [2, 5, 6, 100] {
        let all: String = (0..count).map(|n| one(n, "ana")).collect();
        for query in [
            format!("mutation {{ {all} }}"),
            format!("mutation {{ ...F }} fragment F on Mutation {{ {all} }}"),
        ] {
            let answer = door.send(&query, json!({})).await;
            assert_eq!(answer.code().as_deref(), Some("COST_EXCEEDED"), "{count}");
            assert_eq!(answer.at("/data"), &json!(null), "{count}");
        }
    }
    let beside = format!("mutation {{ {} stopImpersonation {{ userErrors {{ code }} }} }}", one(0, "ana"));
    assert_eq!(
        door.send(&beside, json!({})).await.code().as_deref(),
        Some("COST_EXCEEDED"),
        "it stands alone"
    );
    let named = format!("mutation A {{ {} }} mutation B {{ {} }}", one(0, "ana"), one(1, "ben"));
    assert_eq!(
        door.send(&named, json!({})).await.code().as_deref(),
        Some("GRAPHQL_VALIDATION_FAILED"),
        "one operation is chosen"
    );
    assert_eq!(sessions(&app).await, 0);
}

async fn sessions(app: &TestApp) -> i64 {
    app.database.client().await.query_one("select count(*) from sessions", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn abuse_13_a_batch_is_refused() {
    let app = app().await;
    let query = format!(
        "mutation {{ signIn(input: {{ firm: \"harbour\", username: \"ana\", password: \"{PASSPHRASE}\" }}) {{ token }} }}"
    );
    let one = json!({ "query": query });
    for body in [json!([one]), json!([one, one]), json!([]), json!([query]), json!([query, null, null, null])]
    {
        let request = reqwest::Client::new().post(format!("{}/graphql", app.base)).json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 400, "{body}");
        assert!(!response.text().await.unwrap().contains("data"), "{body}");
    }
    assert_eq!(sessions(&app).await, 0);
}

#[tokio::test]
async fn abuse_13_the_sixth_try_within_a_minute_waits() {
    let app = behind_proxy().await;
    let door = stranger(&app.base);
    for _ in 0..5 {
        assert_eq!(
            from(&door, "203.0.113.1", "ana", WRONG, None).await.code().as_deref(),
            Some("INVALID_CREDENTIALS")
        );
    }
    let account = from(&door, "203.0.113.2", "ana", PASSPHRASE, None).await;
    assert!((30..=60).contains(&retry_after(&account)), "the account, even with the right password");
    let address = from(&door, "203.0.113.1", "ben", PASSPHRASE, None).await;
    assert!((30..=60).contains(&retry_after(&address)), "the network address, for whatever account");
    assert_eq!(
        from(&door, "203.0.113.3", "ben", PASSPHRASE, None).await.code(),
        None,
        "another one for another"
    );
    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!(from(&door, "203.0.113.1", "ana", PASSPHRASE, None).await.code(), None);
}

#[tokio::test]
async fn abuse_13_all_addresses_of_an_ipv6_network_are_one() {
    let app = behind_proxy().await;
    let door = stranger(&app.base);
    for n in 0..5 {
        let answer = from(&door, &format!("2001:db8:0:1:{n}::{n}"), &format!("nobody{n}"), WRONG, None).await;
        assert_eq!(answer.code().as_deref(), Some("INVALID_CREDENTIALS"));
    }
    retry_after(&from(&door, "2001:db8:0:1:ffff:ffff:ffff:ffff", "ana", PASSPHRASE, None).await);
    assert_eq!(from(&door, "2001:db8:0:2::", "ana", PASSPHRASE, None).await.code(), None, "the next one");

    for n in 0..5 {
        from(&door, &format!("::ffff:203.0.113.{n}"), &format!("nobody{n}"), WRONG, None).await;
    }
    let mapped = from(&door, "::ffff:203.0.113.5", "ben", PASSPHRASE, None).await;
    assert_eq!(mapped.code(), None, "those that are IPv4 in truth are many");
}

#[tokio::test]
async fn abuse_13_an_account_is_one_however_it_is_written() {
    let app = behind_proxy().await;
    let door = stranger(&app.base);
    let spellings = [
        ("harbour", "ana"),
        ("HARBOUR", "ANA"),
        (" harbour ", "ana"),
        ("harbour\t", "Ana"),
        ("harbour  ", "ana "),
        ("harbour\u{a0}", "ana"),
    ];
    for (n, (firm, name)) in spellings.into_iter().enumerate() {
        let input = json!({ "firm": firm, "username": name, "password": WRONG });
        let answer = door.sign_in_with(input, &[("x-forwarded-for", &format!("203.0.113.{n}"))]).await;
        let expected = if n < 5 { "INVALID_CREDENTIALS" } else { "RATE_LIMITED" };
        assert_eq!(answer.code().as_deref(), Some(expected), "{firm:?} {name:?}");
    }
}

#[tokio::test]
async fn abuse_13_a_forged_forwarded_header_is_no_other_address() {
    let app = app().await;
    let door = stranger(&app.base);
    for n in 0..6 {
        let answer = from(&door, &format!("203.0.113.{n}"), &format!("nobody{n}"), WRONG, None).await;
        let expected = if n < 5 { "INVALID_CREDENTIALS" } else { "RATE_LIMITED" };
        assert_eq!(answer.code().as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn abuse_13_two_servers_and_many_at_once_are_not_more_generous() {
    let app = behind_proxy().await;
    let second = app.second_server().await;
    let (here, there) = (stranger(&app.base), stranger(&format!("http://{}", second.address)));
    let tries = (0..50).map(|n| {
        let (door, address) = (if n % 2 == 0 { &here } else { &there }, format!("203.0.113.{n}"));
        async move { from(door, &address, "ana", WRONG, None).await }
    });
    let answers = join_all(tries).await;
    let count = |code: &str| answers.iter().filter(|answer| answer.code().as_deref() == Some(code)).count();
    assert_eq!((count("INVALID_CREDENTIALS"), count("RATE_LIMITED")), (5, 45));
    second.close().await;
}

#[tokio::test]
async fn abuse_13_after_five_failures_in_a_row_each_try_waits_longer_and_a_success_ends_it() {
    let app = app_with(|config| config.limits.sign_ins_per_minute = 1_000).await;
    let door = stranger(&app.base);
    let failed = async || door.try_sign_in("harbour", "ana", WRONG).await.code();
    for _ in 0..5 {
        assert_eq!(failed().await.as_deref(), Some("INVALID_CREDENTIALS"), "the first ones cost nothing");
    }
    fail(&app, &door, "ana", 2).await;
    let mut delays = Vec::new();
    for _ in 0..12 {
        let delay = retry_after(&door.try_sign_in("harbour", "ana", PASSPHRASE).await);
        delays.push(delay);
        app.clock.advance(TimeDelta::seconds(delay));
        assert_eq!(
            failed().await.as_deref(),
            Some("INVALID_CREDENTIALS"),
            "no longer than was said: {delays:?}"
        );
    }
    assert!(delays.windows(2).take(9).all(|pair| pair[1] > pair[0]), "{delays:?}");
    assert!(delays.iter().all(|delay| *delay <= 3_600) && delays[11] > 3_000, "an hour at most: {delays:?}");

    app.clock.advance(TimeDelta::hours(1));
    assert_eq!(door.try_sign_in("harbour", "ana", PASSPHRASE).await.code(), None);
    for _ in 0..5 {
        assert_eq!(failed().await.as_deref(), Some("INVALID_CREDENTIALS"), "all is forgotten");
    }
}

#[tokio::test]
async fn abuse_14_the_owner_is_told_and_their_device_is_let_through() {
    let app = behind_proxy().await;
    let door = stranger(&app.base);
    let device = from(&door, "198.51.100.1", "ana", PASSPHRASE, None).await.text("/data/signIn/deviceToken");
    let foreign = from(&door, "198.51.100.2", "ben", PASSPHRASE, None).await.text("/data/signIn/deviceToken");
    fail(&app, &door, "ana", 10).await;
    let told = app.mails.next("ana@harbour.example", "Somebody tried to sign in as you").await;
    assert!(told.text.contains("ana at harbour & Partners"), "{}", told.text);

    let delay = retry_after(&from(&door, "203.0.113.7", "ana", PASSPHRASE, None).await);
    assert!((20..=32).contains(&delay), "a stranger's device waits: {delay}");
    retry_after(&from(&door, "203.0.113.7", "ana", PASSPHRASE, Some(&foreign)).await);
    retry_after(&from(&door, "203.0.113.7", "ana", PASSPHRASE, Some("lcd_made-up")).await);
    let mine = from(&door, "198.51.100.1", "ana", PASSPHRASE, Some(&device)).await;
    assert_eq!(mine.code(), None, "the device that was used before does not");
    assert_eq!(mine.text("/data/signIn/deviceToken"), device);
    retry_after(&from(&door, "203.0.113.7", "ana", PASSPHRASE, None).await);

    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!(
        from(&door, "203.0.113.8", "ana", PASSPHRASE, None).await.code(),
        None,
        "it was a delay, not a lock"
    );
    assert!(app.mails.mails().iter().all(|mail| mail.subject != told.subject), "told once");
}

#[tokio::test]
async fn abuse_14_nobody_is_told_of_guesses_at_nobody() {
    let app = behind_proxy().await;
    let door = stranger(&app.base);
    fail(&app, &door, "nobody", 10).await;
    fail(&app, &door, "ben@harbour.example", 10).await;
    app.mails.next("ben@harbour.example", "Somebody tried to sign in as you").await;
    assert!(app.mails.mails().is_empty());
}

#[tokio::test]
async fn abuse_13_a_device_is_no_way_round_the_limit() {
    let app = behind_proxy().await;
    let door = stranger(&app.base);
    let device = from(&door, "198.51.100.1", "ana", PASSPHRASE, None).await.text("/data/signIn/deviceToken");
    for n in 0..5 {
        let answer = from(&door, &format!("203.0.113.{n}"), "ana", WRONG, Some(&device)).await;
        assert_eq!(answer.code().as_deref(), Some("INVALID_CREDENTIALS"));
    }
    retry_after(&from(&door, "203.0.113.9", "ana", PASSPHRASE, Some(&device)).await);
    assert_eq!(
        from(&door, "203.0.113.9", "ana", PASSPHRASE, None).await.code(),
        None,
        "the others have a count of their own"
    );
}

#[tokio::test]
async fn abuse_13_14_after_a_hundred_failures_a_stranger_waits_a_day_and_the_owner_does_not() {
    let app = behind_proxy().await;
    let door = stranger(&app.base);
    let device = from(&door, "198.51.100.1", "ana", PASSPHRASE, None).await.text("/data/signIn/deviceToken");
    fail(&app, &door, "ana", 1).await;
    super::sql(&app, "update throttles set failures = 99 where failures = 1").await;
    fail(&app, &door, "ana", 1).await;
    let delay = retry_after(&from(&door, "203.0.113.7", "ana", PASSPHRASE, None).await);
    assert!((86_000..=86_400).contains(&delay), "{delay}");
    assert_eq!(from(&door, "198.51.100.1", "ana", PASSPHRASE, Some(&device)).await.code(), None);

    door.request_reset("harbour", "ana").await;
    let link = app.mails.next("ana@harbour.example", "Set a new password").await.token("reset-password");
    assert_eq!(door.reset_password(&link, "an-entirely-new-phrase").await.code(), None);
    let new = from(&door, "203.0.113.7", "ana", "an-entirely-new-phrase", None).await;
    assert_eq!(new.code(), None, "and whoever proves the address starts over");
}
