//! A principal lets others act for them: PF-01 to PF-09, PF-16 to PF-22.

use crate::support::{TestApp, app, app_with, stranger};
use futures_util::future::join_all;
use serde_json::json;

async fn live_delegations(app: &TestApp) -> i64 {
    let count = "select count(*) from delegations where ended_at is null";
    app.database.client().await.query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn pf_01_a_principal_lets_someone_act_by_their_address() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let added = ana.add_back_office_user("bo@harbour.example").await;
    assert_eq!(added.text("/data/addBackOfficeUser/delegation/state"), "ACTIVE");
    assert_eq!(added.at("/data/addBackOfficeUser/delegation/scope"), &json!(["VIEW", "EDIT", "PRINT"]));
    let mine = ana.send("{ viewer { backOfficeUsers { email delegate { handle } } } }", json!({})).await;
    assert_eq!(
        mine.at("/data/viewer/backOfficeUsers"),
        &json!([{ "email": "bo@harbour.example", "delegate": { "handle": "bo" } }])
    );
    let theirs = bo.send("{ viewer { principals { principal { name } } } }", json!({})).await;
    assert_eq!(theirs.at("/data/viewer/principals"), &json!([{ "principal": { "name": "Ana Underwood" } }]));
}

#[tokio::test]
async fn pf_02_third_back_office_user_is_refused_and_changes_nothing() {
    let app = app().await;
    let ana = app.actor("ana").await;
    ana.add_back_office_user("one@else.example").await;
    ana.add_back_office_user("bo@harbour.example").await;
    let before = ana.events().await.len();
    let third = ana.add_back_office_user("three@else.example").await;
    let error = third.at("/data/addBackOfficeUser/userErrors/0");
    assert_eq!(
        (&error["__typename"], &error["code"]),
        (&json!("LimitReachedError"), &json!("LIMIT_REACHED"))
    );
    assert_eq!((&error["limit"], &error["current"]), (&json!(2), &json!(2)));
    assert_eq!(third.at("/data/addBackOfficeUser/delegation"), &json!(null));
    assert_eq!(live_delegations(&app).await, 2);
    let created = |events: Vec<serde_json::Value>| {
        events.iter().filter(|event| event["type"] == "DelegationCreated").count()
    };
    assert_eq!(created(ana.events().await), 2);
    assert!(before >= 2);
}

#[tokio::test]
async fn pf_03_pf_04_pending_ones_count_and_revoking_frees_the_seat_at_once() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let first = ana.add_back_office_user("one@else.example").await;
    ana.add_back_office_user("two@else.example").await;
    assert_eq!(first.text("/data/addBackOfficeUser/delegation/state"), "PENDING");
    assert_eq!(ana.add_back_office_user("three@else.example").await.code().as_deref(), Some("LIMIT_REACHED"));
    let revoked = ana.revoke(&first.text("/data/addBackOfficeUser/delegation/id")).await;
    assert_eq!(revoked.text("/data/revokeDelegation/delegation/state"), "REVOKED");
    assert_eq!(ana.add_back_office_user("three@else.example").await.code(), None);
    let again = ana.revoke(&first.text("/data/addBackOfficeUser/delegation/id")).await;
    assert_eq!(again.code().as_deref(), Some("DELEGATION_NOT_ACTIVE"));
}

#[tokio::test]
async fn i2_i3_the_same_address_twice_and_oneself_are_refused() {
    let app = app().await;
    let ana = app.actor("ana").await;
    ana.add_back_office_user("One@Else.example").await;
    assert_eq!(
        ana.add_back_office_user("one@ELSE.example").await.code().as_deref(),
        Some("ALREADY_DELEGATED")
    );
    assert_eq!(
        ana.add_back_office_user("ana@harbour.example").await.code().as_deref(),
        Some("CANNOT_DELEGATE_TO_SELF")
    );
    assert_eq!(ana.add_back_office_user("not an address").await.code().as_deref(), Some("INVALID_INPUT"));
    assert_eq!(live_delegations(&app).await, 1);
}

#[tokio::test]
async fn the_wrong_person_neither_adds_nor_revokes() {
    let app = app().await;
    let (ana, ben, bo, sam) =
        (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await, app.actor("sam").await);
    let refused = bo.add_back_office_user("x@else.example").await;
    let error = refused.at("/data/addBackOfficeUser/userErrors/0");
    assert_eq!(error["code"], "FORBIDDEN");
    assert!(error["rule"].as_str().unwrap().contains("advisers and assistants"));
    assert!(error["grantableBy"].as_str().unwrap().contains("setup admin"));
    let added = ana.add_back_office_user("bo@harbour.example").await;
    let id = added.text("/data/addBackOfficeUser/delegation/id");
    assert_eq!(ben.revoke(&id).await.code().as_deref(), Some("NOT_FOUND"));
    assert_eq!(app.actor_of("summit", "sam").await.revoke(&id).await.code().as_deref(), Some("NOT_FOUND"));
    assert_eq!(ana.revoke("nonsense").await.code().as_deref(), Some("NOT_FOUND"));
    assert_eq!(stranger(&app.base).revoke(&id).await.code().as_deref(), Some("UNAUTHENTICATED"));
    assert_eq!(sam.revoke(&id).await.code(), None, "a setup admin may revoke");
}

#[tokio::test]
async fn abuse_8_fifty_at_once_never_leave_three() {
    let app = app_with(|config| {
        config.limits.mails_per_actor_per_hour = 100_000;
        config.limits.cost_bucket = 1_000_000;
    })
    .await;
    let second = app.second_server().await;
    let mut ana = app.actor("ana").await;
    let rounds = 100;
    for round in 0..rounds {
        let here = ana.clone();
        ana.base = format!("http://{}", second.address);
        let there = ana.clone();
        ana.base = app.base.clone();
        let adds = (0..50).map(|n| {
            let server = if n % 2 == 0 { here.clone() } else { there.clone() };
            async move { server.add_back_office_user(&format!("r{round}n{n}@else.example")).await }
        });
        let answers = join_all(adds).await;
        let added: Vec<_> = answers.iter().filter(|answer| answer.code().is_none()).collect();
        let refused =
            answers.iter().filter(|answer| answer.code().as_deref() == Some("LIMIT_REACHED")).count();
        assert_eq!(
            (added.len(), refused),
            (2, 48),
            "round {round}: {:?}",
            answers.iter().map(|a| a.code()).collect::<Vec<_>>()
        );
        assert_eq!(live_delegations(&app).await, 2);
        for answer in added {
            here.revoke(&answer.text("/data/addBackOfficeUser/delegation/id")).await;
        }
    }
    second.close().await;
}

#[tokio::test]
async fn pf_16_to_22_someone_acts_for_two_principals_in_turn_and_comes_back() {
    let app = app().await;
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    let for_ana =
        ana.add_back_office_user("bo@harbour.example").await.text("/data/addBackOfficeUser/delegation/id");
    let for_ben =
        ben.add_back_office_user("bo@harbour.example").await.text("/data/addBackOfficeUser/delegation/id");

    let offered = bo.send("{ viewer { principals { id principal { handle } } } }", json!({})).await;
    assert_eq!(offered.at("/data/viewer/principals").as_array().unwrap().len(), 2, "PF-16, PF-17");
    assert_eq!(bo.client_names().await, Vec::<String>::new());

    let started = bo.start(&for_ana, "READ_ONLY").await;
    assert_eq!(started.text("/data/startImpersonation/impersonation/principal/handle"), "ana");
    assert_eq!(started.text("/extensions/acting/principal/name"), "Ana Underwood");
    assert_eq!(bo.client_names().await, ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"], "PF-18");

    let switched = bo.start(&for_ben, "READ_ONLY").await;
    assert_eq!(switched.code(), None, "PF-21: in one step");
    assert_eq!(
        bo.client_names().await,
        ["Amélie Laurent", "Björn Lindqvist", "Dorota Nowak"],
        "PF-19: one at a time"
    );
    let menu = bo
        .send(
            "{ viewer { user { handle } actor { handle } impersonation { mode } principals { id } } }",
            json!({}),
        )
        .await;
    assert_eq!(menu.text("/data/viewer/user/handle"), "ben");
    assert_eq!(menu.text("/data/viewer/actor/handle"), "bo");
    assert_eq!(
        menu.at("/data/viewer/principals").as_array().unwrap().len(),
        2,
        "PF-20: the menu is still there"
    );

    let stopped = bo.stop().await;
    assert_eq!(stopped.text("/data/stopImpersonation/impersonation/endReason"), "STOPPED");
    assert_eq!(stopped.at("/extensions/acting"), &json!(null));
    assert_eq!(
        bo.client_names().await,
        Vec::<String>::new(),
        "PF-22: back in the own account, still signed in"
    );
    assert_eq!(bo.stop().await.code().as_deref(), Some("NOT_FOUND"));

    let seen: Vec<_> =
        ana.events().await.into_iter().filter(|event| event["principal"]["handle"] == "ana").collect();
    let kinds: Vec<_> = seen.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ImpersonationStarted", "ImpersonatedAction", "ImpersonationEnded"]);
    assert!(seen.iter().all(|event| event["actor"]["handle"] == "bo"), "both of them are in the log");
    let switched: Vec<_> =
        ben.events().await.into_iter().filter(|event| event["type"] == "ImpersonationSwitched").collect();
    assert_eq!(switched.len(), 1);
}
