//! Signing in and out: with which name and password, for how long, by token or by cookie.

mod guesses;
mod load;

use crate::support::{Actor, Answer, PASSPHRASE, TestApp, app, app_with, assert_same_time, stranger};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::time::Instant;

/// Changes a row as the owner of the database does.
async fn sql(app: &TestApp, statement: &str) {
    app.database.client().await.batch_execute(statement).await.unwrap();
}

#[tokio::test]
async fn a_handle_or_an_address_in_any_case_opens_a_session() {
    let app = app().await;
    let door = stranger(&app.base);
    for (firm, name) in [
        ("harbour", "ana"),
        ("HARBOUR", "ANA"),
        ("harbour", "ana@harbour.example"),
        ("harbour", "Ana@Harbour.EXAMPLE"),
    ] {
        let answer = door.try_sign_in(firm, name, PASSPHRASE).await;
        assert_eq!(answer.text("/data/signIn/user/handle"), "ana");
        let token = answer.text("/data/signIn/token");
        assert!(token.starts_with("lcs_") && answer.text("/data/signIn/deviceToken").starts_with("lcd_"));
        assert_eq!(door.with(&token).who().await, "ana");
    }
}

#[tokio::test]
async fn an_address_is_the_same_in_each_way_to_write_it() {
    let app = app().await;
    sql(&app, "update users set email = 'ana@xn--bcher-kva.example' where handle = 'ana'").await;
    let door = stranger(&app.base);
    for address in
        ["ana@bücher.example", "ANA@BÜCHER.example", " ana@xn--bcher-kva.example ", "ａna@bücher.example"]
    {
        assert_eq!(door.try_sign_in("harbour", address, PASSPHRASE).await.code(), None, "{address}");
    }
    door.request_reset("harbour", "ana@bücher.example").await;
    app.mails.next("ana@xn--bcher-kva.example", "Set a new password").await;
    sql(&app, "update users set handle = 'josé' where handle = 'ben'").await;
    assert_eq!(
        door.try_sign_in("harbour", "Jose\u{301}", PASSPHRASE).await.text("/data/signIn/user/handle"),
        "josé"
    );
}

#[tokio::test]
async fn abuse_12_whatever_is_wrong_the_answer_is_the_same() {
    let app = app_with(|config| config.limits.sign_ins_per_minute = 1_000).await;
    sql(&app, "update users set status = 'INACTIVE', can_login = false where handle = 'ali'").await;
    sql(&app, "update users set status = 'PENDING' where handle = 'bo'; update users set can_login = false where handle = 'ben'").await;
    sql(&app, "update users set password_hash = null where handle = 'sam'").await;
    let door = stranger(&app.base);
    let wrong = door.try_sign_in("harbour", "ana", "not-the-passphrase").await;
    assert_eq!(wrong.code().as_deref(), Some("INVALID_CREDENTIALS"));
    assert_eq!((wrong.at("/data/signIn/token"), wrong.at("/data/signIn/user")), (&Value::Null, &Value::Null));
    let others = [
        ("harbour", "nobody"),
        ("nowhere", "ana"),
        ("harbour", "ali"),
        ("harbour", "bo"),
        ("harbour", "ben"),
        ("harbour", "sam"),
        ("", ""),
    ];
    for (firm, name) in others {
        let answer = door.try_sign_in(firm, name, PASSPHRASE).await;
        assert_eq!(answer.shape(), wrong.shape(), "{firm}/{name}");
    }
}

#[tokio::test]
async fn abuse_12_time_does_not_tell_who_exists() {
    let app = app_with(|config| config.limits.sign_ins_per_minute = 1_000).await;
    let (door, database) = (stranger(&app.base), app.database.client().await);
    let time = async |name: String| {
        database.batch_execute("delete from throttles").await.unwrap();
        let begun = Instant::now();
        let answer = door.try_sign_in("harbour", &name, "not-the-passphrase").await;
        let took = begun.elapsed();
        assert_eq!(answer.code().as_deref(), Some("INVALID_CREDENTIALS"));
        took
    };
    let people = ["ana", "ben", "ali", "sam", "bo@harbour.example"];
    let (known, unknown) =
        (async |n: usize| time(people[n % 5].to_owned()).await, async |n| time(format!("nobody{n}")).await);
    assert_same_time("signIn, known or not", known, unknown).await;
}

#[tokio::test]
async fn an_address_of_two_people_is_nobodys_name() {
    let app = app().await;
    sql(&app, "update users set email = 'Office@harbour.example' where handle in ('ana', 'ben')").await;
    let door = stranger(&app.base);
    assert_eq!(
        door.try_sign_in("harbour", "office@harbour.example", PASSPHRASE).await.code().as_deref(),
        Some("INVALID_CREDENTIALS")
    );
    for handle in ["ana", "ben"] {
        assert_eq!(
            door.try_sign_in("harbour", handle, PASSPHRASE).await.text("/data/signIn/user/handle"),
            handle
        );
    }
    sql(&app, "update users set status = 'INACTIVE', can_login = false where handle = 'ben'").await;
    let alone = door.try_sign_in("harbour", "office@harbour.example", PASSPHRASE).await;
    assert_eq!(alone.text("/data/signIn/user/handle"), "ana", "only one of them is left");
}

#[tokio::test]
async fn a_session_lasts_twelve_hours_and_an_hour_of_rest() {
    let app = app().await;
    let (busy, idle) = (app.actor("ana").await, app.actor("ana").await);
    app.clock.advance(TimeDelta::minutes(59));
    assert_eq!(idle.who().await, "ana");
    app.clock.advance(TimeDelta::minutes(59));
    assert_eq!(idle.who().await, "ana", "each use renews the hour");
    app.clock.advance(TimeDelta::minutes(61));
    assert_eq!(idle.who().await, "UNAUTHENTICATED");
    assert_eq!(idle.who().await, "UNAUTHENTICATED", "and asking does not wake it up");
    assert_eq!(busy.who().await, "UNAUTHENTICATED", "nobody used it");

    let busy = app.actor("ana").await;
    for _ in 0..14 {
        app.clock.advance(TimeDelta::minutes(50));
        assert_eq!(busy.who().await, "ana");
    }
    app.clock.advance(TimeDelta::minutes(19));
    assert_eq!(busy.who().await, "ana", "11:59");
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(busy.who().await, "UNAUTHENTICATED", "12:00");
}

#[tokio::test]
async fn abuse_7_whoever_is_made_inactive_is_out_at_once() {
    let app = app().await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    sql(&app, "update users set status = 'INACTIVE', can_login = false where handle = 'ana'").await;
    sql(&app, "update users set can_login = false where handle = 'ben'").await;
    assert_eq!(
        (ana.who().await, ben.who().await),
        ("UNAUTHENTICATED".to_owned(), "UNAUTHENTICATED".to_owned())
    );
}

#[tokio::test]
async fn signing_out_ends_the_one_session_and_its_token() {
    let app = app().await;
    let (here, there) = (app.actor("ana").await, app.actor("ana").await);
    assert_eq!(here.sign_out().await.at("/data/signOut/signedOut"), &json!(1));
    assert_eq!((here.who().await, there.who().await), ("UNAUTHENTICATED".to_owned(), "ana".to_owned()));
    assert_eq!(here.sign_out().await.code().as_deref(), Some("UNAUTHENTICATED"));
}

#[tokio::test]
async fn abuse_7_signing_out_ends_the_impersonation_and_the_principal_sees_it() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let delegation =
        ana.add_back_office_user("bo@harbour.example").await.text("/data/addBackOfficeUser/delegation/id");
    bo.start(&delegation, "READ_ONLY").await;
    assert_eq!(bo.sign_out().await.at("/data/signOut/signedOut"), &json!(1));
    assert_eq!(bo.who().await, "UNAUTHENTICATED");
    let ended: Vec<_> =
        ana.events().await.into_iter().filter(|event| event["type"] == "ImpersonationEnded").collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (&ended[0]["data"]["endReason"], &ended[0]["actor"]["handle"]),
        (&json!("SIGNED_OUT"), &json!("bo"))
    );
    assert_eq!(app.actor("bo").await.who().await, "bo", "the next session is the own one");
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_of_one_person() {
    let app = app().await;
    let (here, there, ben) = (app.actor("ana").await, app.actor("ana").await, app.actor("ben").await);
    let namesake = app.actor_of("summit", "ana").await;
    assert_eq!(here.sign_out_everywhere().await.at("/data/signOutEverywhere/signedOut"), &json!(2));
    assert_eq!(
        (here.who().await, there.who().await),
        ("UNAUTHENTICATED".to_owned(), "UNAUTHENTICATED".to_owned())
    );
    assert_eq!((ben.who().await, namesake.who().await), ("ben".to_owned(), "ana".to_owned()));
}

#[tokio::test]
async fn abuse_2_the_own_sign_in_is_not_managed_while_impersonating() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let delegation =
        ana.add_back_office_user("bo@harbour.example").await.text("/data/addBackOfficeUser/delegation/id");
    bo.start(&delegation, "READ_WRITE").await;
    let answers =
        [bo.change_password(PASSPHRASE, "an-entirely-new-phrase").await, bo.sign_out_everywhere().await];
    for answer in answers {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_deref()),
            (403, Some("NOT_WHILE_IMPERSONATING"))
        );
    }
    assert_eq!(
        (bo.who().await, ana.who().await),
        ("ana".to_owned(), "ana".to_owned()),
        "nobody was signed out"
    );
    for handle in ["ana", "bo"] {
        app.actor(handle).await;
    }
}

#[tokio::test]
async fn abuse_16_a_token_that_somebody_made_up_is_never_taken_over() {
    let app = app().await;
    let made_up = "lcs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let mut door = stranger(&app.base);
    door.token = Some(made_up.to_owned());
    let answer = door.sign_in_with(by_cookie("ana"), &[("cookie", &session(made_up)), ("origin", APP)]).await;
    let given = cookie(&answer, "__Host-locum-session");
    assert!(!given.contains(made_up));
    assert_eq!(door.who().await, "UNAUTHENTICATED");
}

const APP: &str = "https://app.example";

fn by_cookie(handle: &str) -> Value {
    json!({ "firm": "harbour", "username": handle, "password": PASSPHRASE, "cookie": true })
}

fn session(token: &str) -> String {
    format!("__Host-locum-session={token}")
}

/// The cookie of this name that the answer sets, with its attributes.
fn cookie(answer: &Answer, name: &str) -> String {
    let all = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let mut mine = all.filter(|cookie| cookie.starts_with(&format!("{name}=")));
    let cookie = mine.next().unwrap_or_else(|| panic!("no cookie {name}: {answer:?}")).to_owned();
    assert!(mine.next().is_none(), "{name} is set twice");
    cookie
}

/// The token in a cookie.
fn value(cookie: &str) -> &str {
    cookie.split(';').next().unwrap().split_once('=').unwrap().1
}

fn attributes(cookie: &str) -> Vec<&str> {
    let mut attributes: Vec<_> = cookie.split("; ").skip(1).collect();
    attributes.sort();
    attributes
}

/// Somebody who signed in by cookie, and the header that their browser sends.
async fn browser(app: &TestApp, handle: &str) -> (Actor, String) {
    let door = stranger(&app.base);
    let answer = door.sign_in_with(by_cookie(handle), &[("origin", APP)]).await;
    (door, session(value(&cookie(&answer, "__Host-locum-session"))))
}

#[tokio::test]
async fn a_browser_keeps_the_session_in_a_cookie_that_no_script_reads() {
    let app = app().await;
    let door = stranger(&app.base);
    let answer = door.sign_in_with(by_cookie("ana"), &[("origin", APP)]).await;
    assert_eq!(
        (answer.at("/data/signIn/token"), answer.at("/data/signIn/deviceToken")),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(answer.text("/data/signIn/user/handle"), "ana");
    let (session, device) = (cookie(&answer, "__Host-locum-session"), cookie(&answer, "__Host-locum-device"));
    assert_eq!(attributes(&session), ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    assert_eq!(attributes(&device), ["HttpOnly", "Max-Age=31536000", "Path=/", "SameSite=Lax", "Secure"]);
    assert_eq!(door.with(value(&session)).who().await, "ana");
    assert!(value(&device).starts_with("lcd_"));

    let refused = door.sign_in_with(by_cookie("ana"), &[]).await;
    assert_eq!(refused.code().as_deref(), Some("BAD_USER_INPUT"), "without an origin there is no cookie");
    assert!(refused.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn abuse_27_a_cookie_changes_something_only_from_an_allowed_origin() {
    let app = app().await;
    let (door, cookie) = browser(&app, "ana").await;
    let change = "mutation { stopImpersonation { userErrors { code } } }";
    let foreign = [
        "https://evil.example",
        "null",
        "http://app.example",
        "https://app.example.evil.example",
        "https://app.example:8443",
        "",
    ];
    for origin in foreign {
        let answer = door.send_with(change, json!({}), &[("cookie", &cookie), ("origin", origin)]).await;
        assert_eq!(answer.status.as_u16(), 403, "{origin}");
        assert_eq!(answer.at("/data"), &Value::Null, "{origin}");
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{origin}");
    }
    assert_eq!(
        door.send_with(change, json!({}), &[("cookie", &cookie)]).await.status.as_u16(),
        403,
        "without any"
    );
    let allowed = door.send_with(change, json!({}), &[("cookie", &cookie), ("origin", APP)]).await;
    assert_eq!(
        (allowed.status.as_u16(), allowed.code().as_deref()),
        (200, Some("NOT_FOUND")),
        "it was executed"
    );

    for headers in
        [vec![("cookie", cookie.as_str())], vec![("cookie", &cookie), ("origin", "https://evil.example")]]
    {
        let read = door.send_with("{ viewer { user { handle } } }", json!({}), &headers).await;
        assert_eq!(
            read.text("/data/viewer/user/handle"),
            "ana",
            "reading changes nothing; no foreign page sees the answer"
        );
        assert!(read.headers.get("access-control-allow-origin").is_none());
    }
    let get = reqwest::Client::new().get(format!("{}/graphql?query={{viewer{{user{{handle}}}}}}", app.base));
    assert!(get.header("cookie", &cookie).send().await.unwrap().text().await.unwrap().contains("\"ana\""));
}

#[tokio::test]
async fn abuse_16_in_a_cookie_too_a_new_password_is_a_new_token_and_signing_out_takes_it_away() {
    let app = app().await;
    let (door, old) = browser(&app, "ana").await;
    let change = "mutation ($new: String!, $old: String!) {
        changePassword(input: { currentPassword: $old, newPassword: $new }) { token changed userErrors { code } } }";
    let variables = json!({ "old": PASSPHRASE, "new": "an-entirely-new-phrase" });
    let changed = door.send_with(change, variables, &[("cookie", &old), ("origin", APP)]).await;
    assert_eq!(
        changed.at("/data/changePassword"),
        &json!({ "token": null, "changed": true, "userErrors": [] })
    );
    let new = cookie(&changed, "__Host-locum-session");
    assert_eq!(attributes(&new), ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    assert_eq!(door.with(value(&old)).who().await, "UNAUTHENTICATED");
    assert_eq!(door.with(value(&new)).who().await, "ana");

    let new = session(value(&new));
    let out = door
        .send_with("mutation { signOut { signedOut } }", json!({}), &[("cookie", &new), ("origin", APP)])
        .await;
    let gone = cookie(&out, "__Host-locum-session");
    assert_eq!((value(&gone), attributes(&gone)[1]), ("", "Max-Age=0"));
    assert_eq!(door.with(value(&new)).who().await, "UNAUTHENTICATED");
}
