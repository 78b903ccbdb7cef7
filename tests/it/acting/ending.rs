//! How it ends: either side can end it, and what nobody ends, the clock does. PF-04, PF-10, PF-17, PF-24; A2, A5, A7.

use super::{code, field};
use crate::support::{Actor, app, app_with, eventually};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

#[tokio::test]
async fn a2_pf_10_the_delegate_need_not_accept_and_can_decline() {
    let app = app().await;
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    let id = ana.granted("bo@harbour.example", json!({})).await;
    ana.granted("other@else.example", json!({})).await;
    assert_eq!(bo.start(&id, "READ_ONLY").await.code(), None, "PF-10: at once, with nothing to accept");
    let elsewhere = app.actor("bo").await;
    for (who, expected) in [(&ana, "NOT_FOUND"), (&ben, "NOT_FOUND"), (&bo, "NOT_WHILE_IMPERSONATING")] {
        assert_eq!(code(&who.decline(&id).await), expected);
    }
    let declined = elsewhere.decline(&id).await;
    assert_eq!(declined.text("/data/declineDelegation/delegation/state"), "DECLINED");
    let refused = bo.send("{ clients { totalCount } }", json!({})).await;
    assert_eq!(refused.code().as_deref(), Some("IMPERSONATION_ENDED"));
    assert_eq!(bo.stop().await.text("/data/stopImpersonation/impersonation/endReason"), "REVOKED");
    assert_eq!(code(&elsewhere.decline(&id).await), "DELEGATION_NOT_ACTIVE");
    assert_eq!(code(&bo.start(&id, "READ_ONLY").await), "DELEGATION_NOT_ACTIVE", "a declined grant is over");
    assert_eq!(code(&ana.grant("third@else.example", json!({})).await), "", "PF-04: its seat is free");
    let told: Vec<_> =
        ana.events().await.into_iter().filter(|event| event["type"] == "DelegationDeclined").collect();
    assert_eq!((told.len(), &told[0]["actor"]["handle"]), (1, &json!("bo")));
}

#[tokio::test]
async fn a_delegate_of_another_firm_declines_too() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor_of("summit", "bo").await);
    let id = ana.granted("bo@summit.example", json!({})).await;
    assert_eq!(code(&bo.decline(&id).await), "NOT_FOUND", "it is not theirs before they sign in anew");
    let bo_again = app.actor_of("summit", "bo").await;
    assert_eq!(code(&app.actor_of("summit", "ana").await.decline(&id).await), "NOT_FOUND");
    assert_eq!(bo_again.decline(&id).await.text("/data/declineDelegation/delegation/state"), "DECLINED");
    for who in [&ana, &bo_again] {
        assert!(who.events().await.iter().any(|event| event["type"] == "DelegationDeclined"), "in both logs");
    }
}

#[tokio::test]
async fn a7_the_principal_ends_it_and_the_delegation_stays() {
    let app = app().await;
    let (ana, ben, bo, sam) =
        (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await, app.actor("sam").await);
    let id = ana.granted("bo@harbour.example", json!({})).await;
    let running = bo.start(&id, "READ_ONLY").await.text("/data/startImpersonation/impersonation/id");
    for (who, expected) in [
        (&ben, "NOT_FOUND"),
        (&bo, "NOT_WHILE_IMPERSONATING"),
        (&app.actor("bo").await, "NOT_FOUND"),
        (&app.actor_of("summit", "ana").await, "NOT_FOUND"),
        (&app.actor_of("summit", "sam").await, "NOT_FOUND"),
    ] {
        let refused = who.end_of_me(&running).await;
        assert_eq!(code(&refused), expected);
    }
    assert_eq!(bo.client_names().await.len(), 3, "nothing happened");
    let ended = ana.end_of_me(&running).await;
    assert_eq!(ended.text("/data/endImpersonationOfMe/impersonation/endReason"), "PRINCIPAL_ENDED");
    let refused = bo.send("{ clients { totalCount } }", json!({})).await;
    assert_eq!(refused.code().as_deref(), Some("IMPERSONATION_ENDED"));
    let again = ana.end_of_me(&running).await;
    assert_eq!((code(&again), field(&again)), ("ALREADY_ENDED".to_owned(), "impersonationId".to_owned()));
    assert_eq!(bo.stop().await.text("/data/stopImpersonation/impersonation/endReason"), "PRINCIPAL_ENDED");
    let second = bo.start(&id, "READ_ONLY").await.text("/data/startImpersonation/impersonation/id");
    let seen = async |who: &Actor, id: &str| {
        let found = who.send("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
        !found.at("/data/node").is_null()
    };
    for id in [&second, &id] {
        let summit = app.actor_of("summit", "sam").await;
        let can = (seen(&sam, id).await, seen(&ben, id).await, seen(&summit, id).await);
        assert_eq!(can, (true, false, false), "whoever may end it may look at it");
    }
    assert_eq!(sam.end_of_me(&second).await.code(), None, "a setup admin may end any");
    assert_eq!(code(&ana.end_of_me("nonsense").await), "NOT_FOUND");
    let reasons = app
        .count("select count(*) from events where type = 'ImpersonationEnded' and payload ->> 'endReason' = 'PRINCIPAL_ENDED'")
        .await;
    assert_eq!(reasons, 2, "each once");
}

#[tokio::test]
async fn a7_of_many_endings_at_once_one_is_the_reason() {
    let app = app_with(|config| {
        config.limits.mails_per_actor_per_hour = 100_000;
        config.limits.cost_bucket = 1_000_000;
    })
    .await;
    let (ana, bo, elsewhere) = (app.actor("ana").await, app.actor("bo").await, app.actor("bo").await);
    for round in 0..60 {
        let id = ana.granted("bo@harbour.example", json!({})).await;
        let running = bo.start(&id, "READ_ONLY").await.text("/data/startImpersonation/impersonation/id");
        let (ended, revoked, declined, stopped) =
            tokio::join!(ana.end_of_me(&running), ana.revoke(&id), elsewhere.decline(&id), bo.stop());
        let codes = [code(&ended), code(&revoked), code(&declined), code(&stopped)];
        assert!(codes[0].is_empty() || codes[0] == "ALREADY_ENDED", "round {round}: {codes:?}");
        let mut sides = [codes[1].as_str(), codes[2].as_str()];
        sides.sort();
        assert_eq!(sides, ["", "DELEGATION_NOT_ACTIVE"], "round {round}");
        assert_eq!(codes[3], "", "round {round}");
        let (_, uuid) = locum::id::decode(&running).unwrap();
        let events = format!(
            "select count(*) from events where type = 'ImpersonationEnded' and subjects @> array['{uuid}'::uuid]"
        );
        assert_eq!(app.count(&events).await, 1, "round {round}: it ended once");
    }
}

#[tokio::test]
async fn what_nobody_uses_any_more_is_written_down_with_the_moment_it_was_over() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let id = ana.granted("bo@harbour.example", json!({})).await;
    bo.start(&id, "READ_ONLY").await;
    let started = app.now();
    app.clock.advance(TimeDelta::minutes(45));
    let newest = async |who: &crate::support::Actor| {
        eventually("it is written down", async || {
            let seen = who.impersonations_of_me().await;
            let newest = seen.at("/data/viewer/impersonationsOfMe/edges/0/node").clone();
            (!newest["endedAt"].is_null()).then_some(newest)
        })
        .await
    };
    let idle = newest(&ana).await;
    assert_eq!(idle["endReason"], "IDLE");
    let at: DateTime<Utc> = idle["endedAt"].as_str().unwrap().parse().unwrap();
    assert!((at - started - TimeDelta::minutes(30)).abs() < TimeDelta::seconds(5), "{at}");
    let told = ana.events().await;
    let ended: Vec<_> = told.iter().filter(|event| event["type"] == "ImpersonationEnded").collect();
    assert_eq!((ended.len(), &ended[0]["data"]["endReason"]), (1, &json!("IDLE")));

    let bo = app.actor("bo").await;
    bo.start(&id, "READ_ONLY").await;
    app.sql("update users set status = 'INACTIVE', can_login = false where handle = 'bo' and firm_id = (select id from firms where slug = 'harbour')").await;
    assert_eq!(newest(&ana).await["endReason"], "INACTIVATED");
}

#[tokio::test]
async fn two_servers_write_each_ending_down_once() {
    let app = app().await;
    let second = app.second_server().await;
    let ana = app.actor("ana").await;
    let id =
        ana.granted("bo@harbour.example", json!({ "validUntil": app.now() + TimeDelta::hours(1) })).await;
    for _ in 0..10 {
        app.actor("bo").await.start(&id, "READ_ONLY").await;
        app.clock.advance(TimeDelta::seconds(61));
    }
    app.clock.advance(TimeDelta::hours(2));
    eventually("all are written down", async || {
        let open = "select count(*) from impersonations where ended_at is null";
        (app.count(open).await == 0).then_some(())
    })
    .await;
    assert_eq!(app.count("select count(*) from events where type = 'ImpersonationEnded'").await, 10);
    assert_eq!(app.count("select count(*) from events where type = 'DelegationExpired'").await, 1);
    second.close().await;
}

#[tokio::test]
async fn a5_an_assistants_delegate_gets_no_more_than_the_assistant_has() {
    let app = app().await;
    let (ali, bo) = (app.actor("ali").await, app.actor("bo").await);
    let id = ali.granted("bo@harbour.example", json!({})).await;
    bo.start(&id, "READ_WRITE").await;
    assert_eq!(bo.client_names().await, ali.client_names().await);
    let chidi = app.actor("ana").await.client_id("Chidi Okafor").await;
    assert_eq!(code(&bo.create_case(&chidi, "Not theirs", json!([])).await), "NOT_FOUND");
}

#[tokio::test]
async fn pf_24_abuse_4_acting_for_an_adviser_is_not_acting_for_those_she_acts_for() {
    let app = app().await;
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    let for_ana = ana.granted("bo@harbour.example", json!({ "scope": ["EDIT", "PRINT", "SHARE"] })).await;
    let to_ana = ben.granted("ana@harbour.example", json!({})).await;
    bo.start(&for_ana, "READ_WRITE").await;
    assert_eq!(code(&bo.start(&to_ana, "READ_ONLY").await), "NOT_FOUND");
    let offered =
        bo.send("{ viewer { user { handle } principals { principal { handle } } } }", json!({})).await;
    assert_eq!(offered.at("/data/viewer/principals"), &json!([{ "principal": { "handle": "ana" } }]));
    ana.start(&to_ana, "READ_ONLY").await;
    assert_eq!(
        ana.client_names().await,
        ["Amélie Laurent", "Björn Lindqvist", "Dorota Nowak"],
        "herself she can"
    );
    assert_eq!(
        bo.client_names().await,
        ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"],
        "and bo is still Ana"
    );
}

#[tokio::test]
async fn pf_17_one_delegate_serves_many_principals() {
    let app = app().await;
    app.sql(
        "with new as (
           insert into users (firm_id, id, handle, email, email_verified_at, display_name, kind, status, can_login, created_at)
           select f.id, gen_random_uuid(), 'p' || n, 'p' || n || '@harbour.example', now(), 'Principal ' || n, 'ADVISER', 'ACTIVE', true, now()
           from firms f, generate_series(1, 300) n where f.slug = 'harbour' returning firm_id, id
         )
         insert into delegations (firm_id, id, principal_id, email, delegate_firm_id, delegate_id, slot, actions, valid_from, state, created_at, activated_at)
         select new.firm_id, gen_random_uuid(), new.id, b.email, b.firm_id, b.id, 1, '{VIEW}', now() - interval '1 hour', 'ACTIVE', now(), now()
         from new join users b on b.firm_id = new.firm_id and b.handle = 'bo'",
    )
    .await;
    let bo = app.actor("bo").await;
    let offered = bo.send("{ viewer { principals { id } } }", json!({})).await;
    let ids = offered.at("/data/viewer/principals").as_array().unwrap().clone();
    assert_eq!(ids.len(), 300);
    for id in [&ids[0], &ids[299]] {
        assert_eq!(bo.start(id["id"].as_str().unwrap(), "READ_ONLY").await.code(), None);
    }
}
