//! What the clock has ended is over for everybody at once, and for the reason that came first, whether or not it is written
//! down yet.

use crate::support::{Actor, TestApp, app, app_with};
use chrono::TimeDelta;
use locum::clock::Clock;
use serde_json::{Value, json};

/// Bo acts for ana; answers both, the delegation and the impersonation.
async fn bo_acts(app: &TestApp, terms: Value) -> (Actor, Actor, String, String) {
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let delegation = ana.granted("bo@harbour.example", terms).await;
    let started = bo.start_because(&delegation, Some("month's end")).await;
    (ana, bo, delegation, started.text("/data/startImpersonation/impersonation/id"))
}

/// How the newest impersonation of someone ended.
async fn end_reason(principal: &Actor) -> String {
    let newest = principal.impersonations_of_me().await;
    newest.text("/data/viewer/impersonationsOfMe/edges/0/node/endReason")
}

#[tokio::test]
async fn a_delegation_whose_time_is_over_is_not_taken_back_any_more() {
    for by_delegate in [false, true] {
        let app = app().await;
        let until = app.clock.now() + TimeDelta::minutes(10);
        let (ana, _, delegation, _) = bo_acts(&app, json!({ "validUntil": until })).await;
        let bo = app.actor("bo").await;
        app.clock.advance(TimeDelta::minutes(11));
        let refused = if by_delegate { bo.decline(&delegation).await } else { ana.revoke(&delegation).await };
        assert_eq!(refused.code().as_deref(), Some("DELEGATION_NOT_ACTIVE"));
    }
}

#[tokio::test]
async fn what_was_left_alone_has_ended_for_that_reason_whatever_comes_later() {
    let office_hours = json!({ "schedule": [{ "day": "MONDAY", "from": "09:00", "until": "09:01" }] });
    for later in ["revoke", "decline", "update", "sign out"] {
        let app = app_with(|config| {
            config.limits.complexity = 50_000;
            config.limits.cost_bucket = 50_000;
        })
        .await;
        let (ana, bo, delegation, _) = bo_acts(&app, json!({})).await;
        let elsewhere = app.actor("bo").await;
        app.clock.advance(TimeDelta::minutes(31));
        let done = match later {
            "revoke" => ana.revoke(&delegation).await,
            "decline" => elsewhere.decline(&delegation).await,
            "update" => ana.update_delegation(&delegation, 1, office_hours.clone()).await,
            _ => bo.sign_out().await,
        };
        assert_eq!((done.code(), end_reason(&ana).await.as_str()), (None, "IDLE"), "{later}");
    }
}

#[tokio::test]
async fn what_was_left_alone_is_not_ended_by_its_principal_any_more() {
    let app = app().await;
    let (ana, bo, _, impersonation) = bo_acts(&app, json!({})).await;
    app.clock.advance(TimeDelta::minutes(31));
    assert_eq!(ana.end_of_me(&impersonation).await.code().as_deref(), Some("ALREADY_ENDED"));
    assert_eq!(bo.stop().await.text("/data/stopImpersonation/impersonation/endReason"), "IDLE");
}

#[tokio::test]
async fn a_session_that_is_refused_because_its_impersonation_ended_is_in_use_all_the_same() {
    let app = app().await;
    let (ana, bo, delegation, _) = bo_acts(&app, json!({})).await;
    ana.revoke(&delegation).await;
    for _ in 0..3 {
        app.clock.advance(TimeDelta::minutes(40));
        assert_eq!(bo.who().await, "IMPERSONATION_ENDED");
    }
    assert_eq!(bo.stop().await.text("/data/stopImpersonation/impersonation/endReason"), "REVOKED");
    app.clock.advance(TimeDelta::minutes(40));
    assert_eq!(bo.who().await, "bo");
}

#[tokio::test]
async fn asking_again_does_not_bring_back_what_was_left_alone() {
    let app = app().await;
    let (_, bo, _, _) = bo_acts(&app, json!({})).await;
    app.clock.advance(TimeDelta::minutes(31));
    for _ in 0..5 {
        assert_eq!(bo.who().await, "IMPERSONATION_ENDED");
        app.clock.advance(TimeDelta::minutes(2));
    }
}

#[tokio::test]
async fn sessions_that_were_over_already_are_not_counted_as_signed_out() {
    let app = app().await;
    app.actor("ana").await;
    app.clock.advance(TimeDelta::hours(2));
    let ana = app.actor("ana").await;
    app.actor("ana").await;
    assert_eq!(*ana.sign_out_everywhere().await.at("/data/signOutEverywhere/signedOut"), 2);
}
