//! On which terms a delegation holds, and how they change. `updateDelegation`, `resendDelegationInvite`; PF-03, PF-14,
//! PF-25; A3, A6, A9.

use super::{code, field};
use crate::support::{app, app_with, eventually, stranger};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::{Value, json};

#[tokio::test]
async fn pf_14_terms_are_kept_as_they_were_given() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let chidi = ana.client_id("Chidi Okafor").await;
    let until = app.now() + TimeDelta::days(30);
    let terms = json!({ "scope": ["PRINT"], "clients": [chidi, chidi], "validUntil": until, "reasonRequired": true,
        "schedule": [{ "day": "MONDAY", "from": "09:00", "until": "17:30" }, { "day": "SUNDAY", "from": "00:00", "until": "24:00" }] });
    let granted = ana.grant("bo@harbour.example", terms.clone()).await;
    let delegation = granted.at("/data/addBackOfficeUser/delegation");
    assert_eq!(delegation["scope"], json!(["VIEW", "PRINT"]), "VIEW is always among it");
    assert_eq!(
        (&delegation["allClients"], &delegation["onlyClients"]),
        (&json!(false), &json!([{ "name": "Chidi Okafor" }]))
    );
    assert_eq!((&delegation["schedule"], &delegation["reasonRequired"]), (&terms["schedule"], &json!(true)));
    let kept: DateTime<Utc> = delegation["validUntil"].as_str().unwrap().parse().unwrap();
    assert!((kept - until).abs() < TimeDelta::milliseconds(1));
    let mine =
        ana.send("{ viewer { backOfficeUsers { allClients onlyClients { name } } } }", json!({})).await;
    assert_eq!(
        mine.at("/data/viewer/backOfficeUsers"),
        &json!([{ "allClients": false, "onlyClients": [{ "name": "Chidi Okafor" }] }])
    );
    let bo = app.actor("bo").await;
    let his = bo.send("{ viewer { principals { allClients onlyClients { name } } } }", json!({})).await;
    assert_eq!(his.at("/data/viewer/principals"), &json!([{ "allClients": false, "onlyClients": null }]));
}

#[tokio::test]
async fn terms_that_cannot_be_are_refused_and_seat_nobody() {
    let app = app().await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    let dorota = ben.client_id("Dorota Nowak").await;
    let chidi = ana.client_id("Chidi Okafor").await;
    let (now, hour) = (app.now(), TimeDelta::hours(1));
    let hours =
        |from: &str, until: &str| json!({ "schedule": [{ "day": "MONDAY", "from": from, "until": until }] });
    for (terms, expected, at) in [
        (json!({ "validUntil": now - hour }), "INVALID_INPUT", "validUntil"),
        (json!({ "validFrom": now + hour * 2, "validUntil": now + hour }), "INVALID_INPUT", "validUntil"),
        (json!({ "clients": [] }), "INVALID_INPUT", "clients"),
        (json!({ "clients": [dorota] }), "NOT_FOUND", "clients"),
        (json!({ "clients": [chidi, "nonsense"] }), "NOT_FOUND", "clients"),
        (
            json!({ "clients": vec![chidi.clone(); 251].into_iter().chain([dorota]).collect::<Vec<_>>() }),
            "NOT_FOUND",
            "clients",
        ),
        (json!({ "schedule": [] }), "INVALID_INPUT", "schedule"),
        (hours("9:00", "17:00"), "INVALID_INPUT", "schedule"),
        (hours("17:00", "09:00"), "INVALID_INPUT", "schedule"),
        (hours("22:00", "25:00"), "INVALID_INPUT", "schedule"),
    ] {
        let refused = ana.grant("bo@harbour.example", terms.clone()).await;
        assert_eq!((code(&refused), field(&refused)), (expected.to_owned(), at.to_owned()), "{terms}");
    }
    let unknown = ana.grant("bo@harbour.example", json!({ "scope": ["DELETE"] })).await;
    assert_eq!(unknown.code().as_deref(), Some("BAD_USER_INPUT"));
    assert_eq!(app.count("select count(*) from delegations").await, 0);
}

#[tokio::test]
async fn the_principal_changes_terms_and_they_hold_from_the_next_request_on() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let (chidi, amelie) = (ana.client_id("Chidi Okafor").await, ana.client_id("Amélie Laurent").await);
    let id = ana.granted("bo@harbour.example", json!({ "scope": ["EDIT"] })).await;
    bo.start(&id, "READ_WRITE").await;
    assert_eq!(bo.client_names().await.len(), 3);

    let changed = ana.update_delegation(&id, 1, json!({ "clients": [chidi, amelie] })).await;
    assert_eq!(changed.code(), None);
    assert_eq!(changed.at("/data/updateDelegation/delegation/version"), &json!(2));
    assert_eq!(bo.client_names().await, ["Amélie Laurent", "Chidi Okafor"]);
    let count = bo.send("{ clients { totalCount } }", json!({})).await;
    assert_eq!(count.at("/data/clients/totalCount"), &json!(2));
    ana.update_delegation(&id, 2, json!({ "clients": [chidi] })).await;
    assert_eq!(bo.client_names().await, ["Chidi Okafor"], "the list is replaced");
    let update = bo.update_client(&chidi, 1, json!({ "name": "Chidi A. Okafor" })).await;
    assert_eq!(update.code(), None);
    assert_eq!(code(&bo.update_client(&amelie, 1, json!({ "name": "X" })).await), "NOT_FOUND");

    ana.update_delegation(&id, 3, json!({ "scope": ["VIEW"] })).await;
    assert_eq!(
        super::missing(&bo.update_client(&chidi, 2, json!({ "name": "Y" })).await),
        ("OUT_OF_SCOPE".into(), "EDIT".into())
    );
    assert_eq!(bo.client_names().await, ["Chidi A. Okafor"], "looking goes on");
    ana.update_delegation(&id, 4, json!({ "clients": null, "scope": ["EDIT"] })).await;
    assert_eq!(bo.client_names().await.len(), 3, "null takes the limit away");
    let kinds: Vec<_> = bo.stop().await.text("/data/stopImpersonation/impersonation/endReason").into();
    assert_eq!(kinds, b"STOPPED");
    let changes = ana.events().await.into_iter().filter(|event| event["type"] == "DelegationChanged").count();
    assert_eq!(changes, 4);
}

#[tokio::test]
async fn a_client_whom_the_principal_has_lost_is_not_the_delegates_either() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let chidi = ana.client_id("Chidi Okafor").await;
    let id = ana.granted("bo@harbour.example", json!({ "clients": [chidi] })).await;
    bo.start(&id, "READ_ONLY").await;
    assert_eq!(bo.client_names().await, ["Chidi Okafor"]);
    app.sql("update clients c set primary_adviser_id = u.id from users u where c.name = 'Chidi Okafor' and u.firm_id = c.firm_id and u.handle = 'ben'")
        .await;
    assert_eq!(bo.client_names().await, Vec::<String>::new());
    let node = bo.send("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": chidi })).await;
    assert_eq!(node.at("/data/node"), &Value::Null);
    let mine = ana.send("{ viewer { backOfficeUsers { onlyClients { name } } } }", json!({})).await;
    assert_eq!(
        mine.at("/data/viewer/backOfficeUsers/0/onlyClients"),
        &json!([]),
        "and she does not see the name"
    );
}

#[tokio::test]
async fn of_two_changes_on_the_same_version_one_is_a_conflict() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let id = ana.granted("bo@harbour.example", json!({})).await;
    for round in 0..50 {
        let (one, other) = tokio::join!(
            ana.update_delegation(&id, round + 1, json!({ "reasonRequired": true })),
            ana.update_delegation(&id, round + 1, json!({ "reasonRequired": false }))
        );
        let mut codes = [code(&one), code(&other)];
        codes.sort();
        assert_eq!(codes, ["", "CONFLICT"], "round {round}");
        let refused = if one.code().is_some() { one } else { other };
        let error = refused.at("/data/updateDelegation/userErrors/0");
        assert_eq!(
            (&error["__typename"], &error["currentVersion"]),
            (&json!("ConflictError"), &json!(round + 2)),
            "round {round}"
        );
    }
}

#[tokio::test]
async fn pf_25_only_the_principal_changes_a_delegation_or_sends_it_again() {
    let app = app().await;
    let (ana, ben, bo, sam) =
        (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await, app.actor("sam").await);
    let id = ana.granted("bo@harbour.example", json!({ "scope": ["EDIT", "SHARE", "PRINT"] })).await;
    let pending = ana.granted("new@else.example", json!({})).await;
    for (who, expected) in [
        (&ben, "NOT_FOUND"),
        (&sam, "NOT_FOUND"),
        (&bo, "FORBIDDEN"),
        (&app.actor_of("summit", "ana").await, "NOT_FOUND"),
        (&stranger(&app.base), "UNAUTHENTICATED"),
    ] {
        assert_eq!(code(&who.update_delegation(&id, 1, json!({ "scope": ["EDIT"] })).await), expected);
        assert_eq!(code(&who.resend(&pending).await), expected);
    }
    bo.start(&id, "READ_WRITE").await;
    for refused in [
        bo.update_delegation(&id, 1, json!({ "validUntil": null })).await,
        bo.resend(&pending).await,
        bo.decline(&id).await,
        bo.grant("x@else.example", json!({})).await,
    ] {
        assert_eq!(code(&refused), "NOT_WHILE_IMPERSONATING");
    }
    assert_eq!(app.count("select count(*) from delegations where version > 1").await, 0);
}

#[tokio::test]
async fn a6_a_pending_invitation_is_sent_again_with_a_link_of_its_own() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let id = ana.granted("bea@office.example", json!({})).await;
    let first = app.mail_to("bea@office.example").await.token("/register");
    app.clock.advance(TimeDelta::days(8));
    let ana = app.actor("ana").await;
    let late = stranger(&app.base).register_as(&first, "bea", crate::support::PASSPHRASE).await;
    assert_eq!(code(&late), "INVITE_INVALID", "the link is over, the delegation is not");
    assert_eq!(ana.resend(&id).await.text("/data/resendDelegationInvite/delegation/state"), "PENDING");
    let second = app.mails_to("bea@office.example", 2).await.pop().unwrap().token("/register");
    assert_ne!(first, second);
    assert_eq!(
        stranger(&app.base).register_as(&second, "bea", crate::support::PASSPHRASE).await.code(),
        None
    );
    assert_eq!(code(&ana.resend(&id).await), "ALREADY_ACTIVE");
    ana.revoke(&id).await;
    assert_eq!(code(&ana.resend(&id).await), "DELEGATION_NOT_ACTIVE");
    assert_eq!(code(&ana.resend("nonsense").await), "NOT_FOUND");
    let resent =
        ana.events().await.into_iter().filter(|event| event["type"] == "DelegationInviteResent").count();
    assert_eq!(resent, 1);
}

#[tokio::test]
async fn abuse_32_sending_again_counts_as_a_mail() {
    let app = app_with(|config| config.limits.mails_per_actor_per_hour = 3).await;
    let ana = app.actor("ana").await;
    let id = ana.granted("bea@office.example", json!({})).await;
    assert_eq!(code(&ana.resend(&id).await), "");
    assert_eq!(code(&ana.resend(&id).await), "");
    assert_eq!(code(&ana.resend(&id).await), "RATE_LIMITED");
}

#[tokio::test]
async fn a_reason_is_given_where_the_principal_wants_one() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let id = ana.granted("bo@harbour.example", json!({ "reasonRequired": true })).await;
    let refused = bo.start_because(&id, None).await;
    assert_eq!((code(&refused), field(&refused)), ("REASON_REQUIRED".to_owned(), "reason".to_owned()));
    assert_eq!(bo.client_names().await, Vec::<String>::new());
    assert_eq!(bo.start_because(&id, Some("Annual review")).await.code(), None);
    assert_eq!(bo.client_names().await.len(), 3);
}

#[tokio::test]
async fn pf_04_an_expired_delegation_frees_its_seat_and_its_address_at_once() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let soon = || app.now() + TimeDelta::minutes(10);
    ana.granted("bo@harbour.example", json!({ "validUntil": soon() })).await;
    ana.granted("new@else.example", json!({ "validUntil": soon() })).await;
    assert_eq!(code(&ana.grant("third@else.example", json!({})).await), "LIMIT_REACHED");
    app.clock.advance(TimeDelta::minutes(11));
    assert_eq!(
        code(&ana.grant("bo@harbour.example", json!({})).await),
        "",
        "its place is free, and so is the address"
    );
    assert_eq!(code(&ana.grant("third@else.example", json!({})).await), "");
    let states = ana.send("{ viewer { backOfficeUsers { email state } } }", json!({})).await;
    assert_eq!(states.at("/data/viewer/backOfficeUsers").as_array().unwrap().len(), 2);
    let expired = ana.events().await.into_iter().filter(|event| event["type"] == "DelegationExpired").count();
    assert_eq!(expired, 2, "each is in the log once");
    assert_eq!(app.count("select count(*) from delegations where state = 'EXPIRED'").await, 2);
}

#[tokio::test]
async fn what_begins_later_is_listed_and_cannot_be_used_yet() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let from = app.now() + TimeDelta::minutes(20);
    let id = ana.granted("bo@harbour.example", json!({ "validFrom": from })).await;
    let listed = bo.send("{ viewer { principals { id holdsNow } } }", json!({})).await;
    assert_eq!(listed.at("/data/viewer/principals"), &json!([{ "id": id, "holdsNow": false }]));
    assert_eq!(code(&bo.start(&id, "READ_ONLY").await), "DELEGATION_NOT_ACTIVE");
    app.clock.advance(TimeDelta::minutes(21));
    assert_eq!(bo.start(&id, "READ_ONLY").await.code(), None);
}

/// The hour of the firm's week that is `hours` from now, as a piece of a schedule: two hours long.
fn piece(now: DateTime<Utc>, hours: i64) -> Value {
    let local = (now + TimeDelta::hours(hours)).with_timezone(&chrono_tz::Europe::Berlin);
    let day = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
        [local.weekday().num_days_from_monday() as usize];
    let hour = chrono::Timelike::hour(&local);
    json!({ "day": day, "from": format!("{hour:02}:00"), "until": format!("{:02}:00", (hour + 2).min(24)) })
}

#[tokio::test]
async fn a_weekly_schedule_holds_in_the_firms_zone_and_ends_what_runs() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let now = app.now();
    let id = ana.granted("bo@harbour.example", json!({ "schedule": [piece(now, 48)] })).await;
    let asleep = bo.send("{ viewer { principals { holdsNow } } }", json!({})).await;
    assert_eq!(asleep.at("/data/viewer/principals/0/holdsNow"), &json!(false));
    assert_eq!(code(&bo.start(&id, "READ_ONLY").await), "DELEGATION_NOT_ACTIVE");

    app.clock.advance(TimeDelta::hours(48));
    let bo = app.actor("bo").await;
    let awake = bo.send("{ viewer { principals { holdsNow } } }", json!({})).await;
    assert_eq!(awake.at("/data/viewer/principals/0/holdsNow"), &json!(true));
    let started = bo.start_because(&id, None).await;
    let ends: DateTime<Utc> =
        started.text("/data/startImpersonation/impersonation/expiresAt").parse().unwrap();
    assert_eq!(
        (chrono::Timelike::minute(&ends), chrono::Timelike::second(&ends)),
        (0, 0),
        "at the end of its hours"
    );
    let left = ends - (now + TimeDelta::hours(48));
    assert!(left <= TimeDelta::hours(2) && left > TimeDelta::zero(), "{left}");
    let mut waited = TimeDelta::zero();
    while waited + TimeDelta::minutes(20) < left {
        assert_eq!(bo.client_names().await.len(), 3);
        app.clock.advance(TimeDelta::minutes(20));
        waited += TimeDelta::minutes(20);
    }
    assert_eq!(bo.client_names().await.len(), 3);
    app.clock.advance(left - waited + TimeDelta::seconds(1));
    let refused = bo.send("{ clients { totalCount } }", json!({})).await;
    assert_eq!(refused.code().as_deref(), Some("IMPERSONATION_ENDED"));
    assert_eq!(bo.stop().await.text("/data/stopImpersonation/impersonation/endReason"), "SCHEDULE");
    let ended = app.actor("ana").await.impersonations_of_me().await;
    assert_eq!(ended.at("/data/viewer/impersonationsOfMe/edges/0/node/endReason"), &json!("SCHEDULE"));
}

#[tokio::test]
async fn narrower_terms_end_what_runs_at_once_and_say_why() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let now = app.now();
    for (terms, reason) in [
        (json!({ "schedule": [piece(now, 72)] }), "SCHEDULE"),
        (json!({ "validFrom": now + TimeDelta::days(1) }), "EXPIRED"),
    ] {
        let id = ana.granted("bo@harbour.example", json!({})).await;
        bo.start(&id, "READ_ONLY").await;
        assert_eq!(bo.client_names().await.len(), 3);
        assert_eq!(ana.update_delegation(&id, 1, terms).await.code(), None);
        let refused = bo.send("{ clients { totalCount } }", json!({})).await;
        assert_eq!(refused.code().as_deref(), Some("IMPERSONATION_ENDED"), "{reason}");
        assert_eq!(bo.stop().await.text("/data/stopImpersonation/impersonation/endReason"), reason);
        ana.revoke(&id).await;
    }
    let id = ana.granted("bo@harbour.example", json!({})).await;
    bo.start(&id, "READ_ONLY").await;
    ana.update_delegation(&id, 1, json!({ "validUntil": now + TimeDelta::minutes(15) })).await;
    assert_eq!(bo.client_names().await.len(), 3, "not yet");
    app.clock.advance(TimeDelta::minutes(16));
    let ended = eventually("the sweep writes it down", async || {
        let seen = ana.impersonations_of_me().await;
        let newest = seen.at("/data/viewer/impersonationsOfMe/edges/0/node").clone();
        (!newest["endedAt"].is_null()).then_some(newest)
    })
    .await;
    assert_eq!(ended["endReason"], "EXPIRED");
    let at: DateTime<Utc> = ended["endedAt"].as_str().unwrap().parse().unwrap();
    assert!(
        (at - (now + TimeDelta::minutes(15))).abs() < TimeDelta::milliseconds(1),
        "at the moment it was over"
    );
}

#[tokio::test]
async fn the_mail_says_on_which_terms() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let chidi = ana.client_id("Chidi Okafor").await;
    let until: DateTime<Utc> = "2099-03-01T12:00:00Z".parse().unwrap();
    let terms =
        json!({ "clients": [chidi], "validUntil": until, "schedule": [piece(until, 0)], "scope": ["PRINT"] });
    ana.grant("bea@office.example", terms).await;
    let text = app.mail_to("bea@office.example").await.text.replace('\n', " ");
    for words in [
        "view and print",
        "of certain clients only",
        "at certain hours of the week",
        "until 1 March 2099, 13:00 (Europe/Berlin)",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
