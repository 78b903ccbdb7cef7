//! Changing a password, and setting a new one behind the link of a mail.

use crate::support::{Actor, Answer, PASSPHRASE, TestApp, app, app_with, assert_same_time, stranger};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PHRASE: &str = "an-entirely-new-phrase";

/// The link that someone of `harbour` gets who forgot the password.
async fn reset_link(app: &TestApp, handle: &str) -> String {
    let answer = stranger(&app.base).request_reset("harbour", handle).await;
    assert_eq!(answer.at("/data/requestPasswordReset/requested"), &json!(true), "{answer:?}");
    app.mails.next(&format!("{handle}@harbour.example"), "Set a new password").await.token("reset-password")
}

fn is_invalid(answer: &Answer) -> bool {
    answer.code().as_deref() == Some("INVITE_INVALID")
}

/// Waits until the database says so, or the task is over.
async fn until<T>(app: &TestApp, condition: &str, or: Option<&tokio::task::JoinHandle<T>>) {
    let client = app.database.client().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while !or.is_some_and(|task| task.is_finished())
        && !client.query_one(condition, &[]).await.unwrap().get::<_, bool>(0)
    {
        assert!(Instant::now() < deadline, "never: {condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until so many statements wait for a lock, or the task is over.
async fn until_waiting<T>(app: &TestApp, count: i64, task: &tokio::task::JoinHandle<T>) {
    let waiting = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    until(app, &format!("select count(*) >= {count} {waiting}"), Some(task)).await;
}

#[tokio::test]
async fn abuse_16_a_new_password_is_a_new_token_and_ends_every_other_session() {
    let app = app().await;
    let (ana, other, ben) = (app.actor("ana").await, app.actor("ana").await, app.actor("ben").await);
    let changed = ana.change_password(PASSPHRASE, PHRASE).await;
    assert_eq!(changed.at("/data/changePassword/changed"), &json!(true));
    let renewed = ana.with(&changed.text("/data/changePassword/token"));
    assert_eq!(
        (ana.who().await, other.who().await),
        ("UNAUTHENTICATED".to_owned(), "UNAUTHENTICATED".to_owned())
    );
    assert_eq!((renewed.who().await, ben.who().await), ("ana".to_owned(), "ben".to_owned()));
    assert_eq!(
        stranger(&app.base).try_sign_in("harbour", "ana", PASSPHRASE).await.code().as_deref(),
        Some("INVALID_CREDENTIALS")
    );
    Actor::sign_in(&app.base, "harbour", "ana", PHRASE).await;

    let notice = app.mails.next("ana@harbour.example", "Your password was changed").await;
    assert!(notice.text.contains("Every other session was signed out") && notice.link("token").is_none());
    let heard = renewed.events().await.into_iter().filter(|event| event["type"] == "PasswordChanged").count();
    assert_eq!(heard, 1);
}

#[tokio::test]
async fn abuse_7_a_new_password_ends_the_impersonations_in_the_other_sessions() {
    let app = app().await;
    let (ana, bo, here) = (app.actor("ana").await, app.actor("bo").await, app.actor("bo").await);
    let delegation =
        ana.add_back_office_user("bo@harbour.example").await.text("/data/addBackOfficeUser/delegation/id");
    bo.start(&delegation, "READ_ONLY").await;
    assert_eq!(here.change_password(PASSPHRASE, PHRASE).await.code(), None);
    assert_eq!(bo.who().await, "UNAUTHENTICATED");
    let ended: Vec<_> =
        ana.events().await.into_iter().filter(|event| event["type"] == "ImpersonationEnded").collect();
    assert_eq!((ended.len(), &ended[0]["data"]["endReason"]), (1, &json!("SIGNED_OUT")));
}

#[tokio::test]
async fn without_the_current_password_nothing_changes_and_guessing_is_slow() {
    let app = app().await;
    let (ana, other) = (app.actor("ana").await, app.actor("ana").await);
    for guess in ["", "wrong", PHRASE, &PASSPHRASE.to_uppercase(), &"x".repeat(2_000)] {
        let answer = ana.change_password(guess, PHRASE).await;
        let error = answer.at("/data/changePassword/userErrors/0");
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("WRONG_PASSWORD"), &json!(["input", "currentPassword"]))
        );
        assert_eq!(
            (answer.at("/data/changePassword/token"), answer.at("/data/changePassword/changed")),
            (&Value::Null, &Value::Null)
        );
    }
    let sixth = ana.change_password(PASSPHRASE, PHRASE).await;
    assert_eq!((sixth.status.as_u16(), sixth.code().as_deref()), (429, Some("RATE_LIMITED")));
    assert_eq!((ana.who().await, other.who().await), ("ana".to_owned(), "ana".to_owned()));
    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!(ana.change_password(PASSPHRASE, PHRASE).await.code(), None);
}

/// Signs in from a new device, or from one that was used before; answers the device that is known from now on.
async fn device(app: &TestApp, handle: &str, password: &str, before: Option<&str>) -> String {
    let input = json!({ "firm": "harbour", "username": handle, "password": password, "deviceToken": before });
    stranger(&app.base).sign_in_with(input, &[]).await.text("/data/signIn/deviceToken")
}

#[tokio::test]
async fn abuse_14_a_reset_forgets_the_devices_of_the_person_and_of_nobody_else() {
    let app = app().await;
    let (stolen, of_ben) =
        (device(&app, "ana", PASSPHRASE, None).await, device(&app, "ben", PASSPHRASE, None).await);
    assert_eq!(device(&app, "ana", PASSPHRASE, Some(&stolen)).await, stolen, "until then it is known");
    let link = reset_link(&app, "ana").await;
    assert_eq!(stranger(&app.base).reset_password(&link, PHRASE).await.code(), None);
    assert_ne!(device(&app, "ana", PHRASE, Some(&stolen)).await, stolen, "and then like any other");
    assert_eq!(device(&app, "ben", PASSPHRASE, Some(&of_ben)).await, of_ben);
}

#[tokio::test]
async fn abuse_14_a_new_password_forgets_the_devices_except_the_one_at_hand() {
    let app = app().await;
    let (here, elsewhere) =
        (device(&app, "ana", PASSPHRASE, None).await, device(&app, "ana", PASSPHRASE, None).await);
    let ana = app.actor("ana").await;
    let change =
        "mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { userErrors { code } } }";
    let input = json!({ "input": { "currentPassword": PASSPHRASE, "newPassword": PHRASE } });
    let cookie = format!("__Host-locum-device={here}");
    assert_eq!(ana.send_with(change, input, &[("cookie", &cookie)]).await.code(), None);
    assert_eq!(device(&app, "ana", PHRASE, Some(&here)).await, here);
    assert_ne!(device(&app, "ana", PHRASE, Some(&elsewhere)).await, elsewhere);
}

#[tokio::test]
async fn a_password_that_anybody_would_try_is_not_taken() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let link = reset_link(&app, "ana").await;
    let bad = [
        "fourteen-chars",
        "passwordpassword",
        "ana@harbour.example",
        "Ana UnderwoodAna Underwood",
        "aaaaaaaaaaaaaaaa",
        "abcdefghijklmnop",
        &"a phrase ".repeat(114),
    ];
    for password in bad {
        app.clock.advance(TimeDelta::seconds(15));
        let answers =
            [ana.change_password(PASSPHRASE, password).await, ana.reset_password(&link, password).await];
        for answer in answers {
            assert_eq!(answer.code().as_deref(), Some("PASSWORD_REFUSED"), "{password:.40}");
            let field = answer.at("/data").as_object().unwrap().values().next().unwrap();
            assert_eq!(field["userErrors"][0]["field"], json!(["input", "newPassword"]));
        }
    }
    assert_eq!(ana.who().await, "ana", "nothing has changed");
    app.actor("ana").await;
    assert_eq!(ana.reset_password(&link, "fünfzehn-zeichen").await.code(), None, "and the link still holds");
    Actor::sign_in(&app.base, "harbour", "ana", "fünfzehn-zeichen").await;
}

#[tokio::test]
async fn whoever_forgot_the_password_sets_a_new_one_and_is_signed_out_everywhere() {
    let app = app().await;
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    let delegation =
        ana.add_back_office_user("bo@harbour.example").await.text("/data/addBackOfficeUser/delegation/id");
    bo.start(&delegation, "READ_ONLY").await;
    let other = app.actor("bo").await;
    let link = reset_link(&app, "bo").await;
    assert_eq!(bo.who().await, "ana", "asking for it changes nothing");

    let reset = stranger(&app.base).reset_password(&link, PHRASE).await;
    assert_eq!(reset.at("/data/resetPassword"), &json!({ "user": { "handle": "bo" }, "userErrors": [] }));
    assert_eq!(
        (bo.who().await, other.who().await),
        ("UNAUTHENTICATED".to_owned(), "UNAUTHENTICATED".to_owned()),
        "abuse 7"
    );
    assert_eq!((ana.who().await, ben.who().await), ("ana".to_owned(), "ben".to_owned()));
    let ended: Vec<_> =
        ana.events().await.into_iter().filter(|event| event["type"] == "ImpersonationEnded").collect();
    assert_eq!((ended.len(), &ended[0]["data"]["endReason"]), (1, &json!("SIGNED_OUT")));
    assert_eq!(
        stranger(&app.base).try_sign_in("harbour", "bo", PASSPHRASE).await.code().as_deref(),
        Some("INVALID_CREDENTIALS")
    );
    Actor::sign_in(&app.base, "harbour", "bo", PHRASE).await;
    app.mails.next("bo@harbour.example", "Your password was changed").await;
}

#[tokio::test]
async fn abuse_10_a_reset_link_holds_once_and_for_an_hour_and_older_ones_not_after_it() {
    let app = app().await;
    let door = stranger(&app.base);
    let (older, newer) = (reset_link(&app, "ana").await, reset_link(&app, "ana").await);
    let of_ben = reset_link(&app, "ben").await;
    assert_eq!(door.reset_password(&newer, PHRASE).await.code(), None);
    let unknown = door.reset_password("lcl_unknown", "yet-another-new-phrase").await;
    assert!(is_invalid(&unknown));
    for token in [&newer, &older] {
        assert_eq!(
            door.reset_password(token, "yet-another-new-phrase").await.at("/data"),
            unknown.at("/data")
        );
    }
    app.clock.advance(TimeDelta::minutes(59));
    let late = reset_link(&app, "ana").await;
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(
        door.reset_password(&of_ben, PHRASE).await.at("/data"),
        unknown.at("/data"),
        "an hour is over"
    );
    assert_eq!(door.reset_password(&late, "yet-another-new-phrase").await.code(), None);
}

#[tokio::test]
async fn a_password_that_was_changed_voids_the_links_that_are_out() {
    let app = app().await;
    let (ana, link) = (app.actor("ana").await, reset_link(&app, "ana").await);
    ana.change_password(PASSPHRASE, PHRASE).await;
    assert!(is_invalid(&stranger(&app.base).reset_password(&link, "yet-another-new-phrase").await));
}

#[tokio::test]
async fn abuse_10_a_reset_link_opened_by_many_at_once_sets_one_password() {
    let app = app_with(|config| {
        config.limits.public_actions_per_hour = 1_000_000;
        config.limits.mails_per_address_per_day = 1_000_000;
        config.limits.sign_ins_per_minute = 1_000_000;
    })
    .await;
    let door = stranger(&app.base);
    for round in 0..20 {
        let link = reset_link(&app, "ana").await;
        let answers = join_all((0..5).map(|n| {
            let (door, phrase, link) = (&door, format!("the-phrase-of-{round}-{n}"), &link);
            async move { door.reset_password(link, &phrase).await }
        }));
        let answers = answers.await;
        let won: Vec<_> = (0..5).filter(|n| answers[*n].code().is_none()).collect();
        assert_eq!(
            (won.len(), answers.iter().filter(|answer| is_invalid(answer)).count()),
            (1, 4),
            "round {round}"
        );
        Actor::sign_in(&app.base, "harbour", "ana", &format!("the-phrase-of-{round}-{}", won[0])).await;
    }
}

#[tokio::test]
async fn a_link_is_for_one_purpose_only() {
    let app = app().await;
    let (sam, ana, door) = (app.actor("sam").await, app.actor("ana").await, stranger(&app.base));
    sam.invite("cleo", "cleo@harbour.example", json!({})).await;
    let register = app.mails.next("cleo@harbour.example", "Your account").await.token("register");
    ana.add_back_office_user("bea@else.example").await;
    let unwanted = app.mails.next("bea@else.example", "wants you").await.token("unwanted");
    let reset = reset_link(&app, "ben").await;
    for token in [&register, &unwanted] {
        assert!(is_invalid(&door.reset_password(token, PHRASE).await));
    }
    for token in [&reset, &unwanted] {
        assert!(is_invalid(&door.register(token, PHRASE).await));
    }
    let session = ana.token.clone().unwrap();
    assert!(is_invalid(&door.reset_password(&session, PHRASE).await));
    assert_eq!(door.with(&reset).who().await, "UNAUTHENTICATED");
    assert_eq!(door.reset_password(&reset, PHRASE).await.code(), None);
}

#[tokio::test]
async fn abuse_12_asking_for_a_reset_tells_nobody_who_exists() {
    let app = app().await;
    let client = app.database.client().await;
    client
        .batch_execute("update users set status = 'INACTIVE', can_login = false where handle = 'ali'")
        .await
        .unwrap();
    client.batch_execute("update users set can_login = false where handle = 'ben'").await.unwrap();
    let door = stranger(&app.base);
    let unknown = door.request_reset("harbour", "nobody").await;
    assert_eq!(unknown.at("/data/requestPasswordReset"), &json!({ "requested": true, "userErrors": [] }));
    let wishes = [
        ("nowhere", "ana"),
        ("harbour", "ali"),
        ("harbour", "ben@harbour.example"),
        ("", ""),
        ("harbour", &"x".repeat(9_000)),
        ("harbour", "ana"),
    ];
    for (firm, name) in wishes {
        assert_eq!(door.request_reset(firm, name).await.shape(), unknown.shape(), "{firm}/{name:.20}");
    }
    app.mails.next("ana@harbour.example", "Set a new password").await;
    assert!(app.mails.mails().is_empty(), "wishes are met in order, and hers was the last");
}

#[tokio::test]
async fn abuse_12_time_does_not_tell_whose_reset_was_asked_for() {
    let app = app_with(|config| {
        config.limits.public_actions_per_hour = 1_000_000;
        config.limits.cost_bucket = 1_000_000;
    })
    .await;
    let door = stranger(&app.base);
    let time = async |name: &str| {
        let begun = Instant::now();
        let answer = door.request_reset("harbour", name).await;
        let took = begun.elapsed();
        assert_eq!(answer.code(), None);
        took
    };
    let (known, unknown) =
        (async |n: usize| time(["ana", "ben", "ali", "sam"][n % 4]).await, async |_| time("nil").await);
    assert_same_time("requestPasswordReset, known or not", known, unknown).await;
}

#[tokio::test]
async fn everybody_who_is_meant_gets_a_link_of_their_own() {
    let app = app().await;
    app.database
        .client()
        .await
        .batch_execute("update users set email = 'office@harbour.example' where handle in ('ana', 'ben')")
        .await
        .unwrap();
    stranger(&app.base).request_reset("Harbour", "OFFICE@harbour.example").await;
    let mails = [
        app.mails.next("office@harbour.example", "Set a new").await,
        app.mails.next("office@harbour.example", "Set a new").await,
    ];
    let mut handles = Vec::new();
    for mail in mails {
        let answer = stranger(&app.base).reset_password(&mail.token("reset-password"), PHRASE).await;
        let handle = answer.text("/data/resetPassword/user/handle");
        assert!(mail.text.contains(&format!("account {handle} at")));
        handles.push(handle);
    }
    handles.sort();
    assert_eq!(handles, ["ana", "ben"]);
}

#[tokio::test]
async fn whoever_has_not_registered_yet_gets_a_new_registration_link() {
    let app = app().await;
    let (sam, door) = (app.actor("sam").await, stranger(&app.base));
    sam.invite("cleo", "cleo@harbour.example", json!({})).await;
    app.mails.next("cleo@harbour.example", "Your account at harbour & Partners").await;
    app.clock.advance(TimeDelta::days(8));
    door.request_reset("harbour", "cleo").await;
    let link =
        app.mails.next("cleo@harbour.example", "Your account at harbour & Partners").await.token("register");
    assert!(is_invalid(&door.reset_password(&link, PHRASE).await));
    assert_eq!(door.register(&link, PHRASE).await.text("/data/completeRegistration/user/handle"), "cleo");
    Actor::sign_in(&app.base, "harbour", "cleo", PHRASE).await;
}

/// Somebody who knows the old password is a moment too slow: whatever they began before the reset is worth nothing
/// after it. The story holds the reset just before its commit.
#[tokio::test]
async fn abuse_7_what_began_with_the_old_password_does_not_outlive_a_reset() {
    // Three of them wait inside the database at once.
    let app = app_with(|config| config.database_pool = 8).await;
    let (thief, door, link) = (app.actor("ana").await, stranger(&app.base), reset_link(&app, "ana").await);
    until::<()>(&app, "select not exists (select from mail_deliveries where state = 'QUEUED')", None).await;
    let client = app.database.client().await;
    client.batch_execute("begin; select from event_heads for update").await.unwrap();
    let reset = tokio::spawn({
        let door = door.clone();
        async move { door.reset_password(&link, PHRASE).await }
    });
    until_waiting(&app, 1, &reset).await;
    let signs_in = tokio::spawn({
        let door = door.clone();
        async move { door.try_sign_in("harbour", "ana@harbour.example", PASSPHRASE).await }
    });
    let changes = tokio::spawn({
        let thief = thief.clone();
        async move { thief.change_password(PASSPHRASE, "the-phrase-of-the-thief").await }
    });
    until_waiting(&app, 3, &signs_in).await;
    client.batch_execute("commit").await.unwrap();

    assert_eq!(reset.await.unwrap().code(), None);
    assert_eq!(signs_in.await.unwrap().code().as_deref(), Some("INVALID_CREDENTIALS"));
    assert_eq!(changes.await.unwrap().code().as_deref(), Some("UNAUTHENTICATED"));
    assert_eq!(
        door.try_sign_in("harbour", "ana", "the-phrase-of-the-thief").await.code().as_deref(),
        Some("INVALID_CREDENTIALS")
    );
    Actor::sign_in(&app.base, "harbour", "ana", PHRASE).await;
}
