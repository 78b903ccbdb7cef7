//! A workgroup is deleted, keeps its clients, and comes back: PL-09; A20.

use super::{code, field, listed, story, types};
use chrono::TimeDelta;
use serde_json::{Value, json};

#[tokio::test]
async fn pl_09_a20_deleting_shows_who_loses_what_and_keeps_every_client() {
    let s = story().await.of_three().await;
    let chidi = s.ana.shares("Chidi Okafor", &s.group).await;
    s.ben.shares("Dorota Nowak", &s.group).await;
    s.ben.call("setDefaultWorkgroup", json!({ "workgroupId": s.group })).await;
    let invite = s.ana.invited(&s.group, "sam").await;
    let input = |dry: bool| json!({ "workgroupId": s.group, "dryRun": dry });
    let traces = s.app.traces().await;
    let tried = s.ana.call_with("deleteWorkgroup", input(true), &[("idempotency-key", "try")]).await;
    assert_eq!(s.app.traces().await, traces, "no event, no row, no record");
    assert_eq!(listed(&s.ben.profile().await["workgroupsJoined"], "/memberCount"), ["3"]);
    let before = [
        s.ana.events().await.len(),
        s.ben.events().await.len(),
        s.ali.events().await.len(),
        s.sam.events().await.len(),
    ];
    let done = s.ana.call("deleteWorkgroup", input(false)).await;
    assert_eq!(tried.of(""), done.of(""), "what was found is what happened");
    let lost = [
        "ali -Chidi Okafor",
        "ali -Dorota Nowak",
        "ana -Dorota Nowak",
        "ana ~Chidi Okafor",
        "ben -Chidi Okafor",
        "ben ~Dorota Nowak",
    ];
    assert_eq!(done.changes(), lost);
    assert_eq!(done.of("/accessChanges/lostCount"), 4);
    // Three lose something; Ana hears of hers, and of those who lose Chidi.
    let lose = "AccessLost";
    assert_eq!(
        types(&s.ana.heard_since(before[0]).await),
        ["InviteRemoved", lose, lose, lose, "WorkgroupDeleted"]
    );
    assert_eq!(types(&s.ali.heard_since(before[2]).await), [lose, "WorkgroupDeleted"]);
    assert_eq!(
        s.sam.heard_since(before[3]).await,
        [(
            "InviteRemoved".to_owned(),
            json!({ "invite": invite, "workgroup": s.group, "invitee": s.sam.id().await })
        )]
    );
    let bens = s.ben.heard_since(before[1]).await;
    assert_eq!(types(&bens), [lose, lose, lose, "WorkgroupDeleted", "DefaultWorkgroupChanged"]);
    let profile = s.ben.profile().await;
    assert_eq!(
        (&profile["defaultWorkgroup"], &profile["workgroupsJoined"]["totalCount"]),
        (&Value::Null, &json!(0))
    );
    assert_eq!(s.sam.profile().await["invites"]["totalCount"], 0);
    assert_eq!(code(&s.sam.join(&invite).await), "NOT_FOUND");
    assert_eq!(
        s.ana.client_names().await,
        ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"],
        "I11: the client is there"
    );
    let query =
        "query ($id: ID!) { node(id: $id) { ... on Client { workgroup { id } primaryAdviser { handle } } } }";
    let seen = s.ana.send(query, json!({ "id": chidi })).await;
    assert_eq!(seen.at("/data/node"), &json!({ "workgroup": null, "primaryAdviser": { "handle": "ana" } }));
    let again = s.ana.call("deleteWorkgroup", input(false)).await;
    assert_eq!((code(&again).as_str(), field(&again)), ("NOT_FOUND", "workgroupId"));
}

#[tokio::test]
async fn a20_a_deleted_workgroup_comes_back_with_its_members_and_with_clients_that_nobody_moved() {
    let s = story().await.of_three().await;
    for name in ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"] {
        s.ana.shares(name, &s.group).await;
    }
    s.ben.call("setDefaultWorkgroup", json!({ "workgroupId": s.group })).await;
    let gone = s.app.newcomer("gone", "ADVISER").await;
    s.ana.takes_in(&s.group, &gone).await;
    let left = s.app.newcomer("left", "ADVISER").await;
    s.ana.takes_in(&s.group, &left).await;
    assert_eq!(code(&left.call("leaveWorkgroup", json!({ "workgroupId": s.group })).await), "DONE");
    assert_eq!(
        code(&s.sam.call("deleteWorkgroup", json!({ "workgroupId": s.group })).await),
        "DONE",
        "a setup admin may"
    );
    s.app.sql("update users set status = 'INACTIVE', can_login = false where handle = 'gone'").await;
    let other = s.ana.workgroup("Another").await;
    s.ana.shares("Amélie Laurent", &other).await;
    let bjorn = s.ana.shares("Björn Lindqvist", &other).await;
    let out = json!({ "clientId": bjorn, "workgroupId": null });
    assert_eq!(code(&s.ana.call("setClientWorkgroup", out).await), "DONE", "into another one and out of it");

    for wrong in [&s.ben, &s.ali, &left] {
        let refused = wrong.call("restoreWorkgroup", json!({ "workgroupId": s.group })).await;
        assert_eq!((code(&refused).as_str(), field(&refused)), ("NOT_FOUND", "workgroupId"));
    }
    s.app.clock.advance(TimeDelta::days(30) - TimeDelta::minutes(5));
    let (ana, ben, ali) = (s.app.actor("ana").await, s.app.actor("ben").await, s.app.actor("ali").await);
    let traces = s.app.traces().await;
    let tried = ana.call("restoreWorkgroup", json!({ "workgroupId": s.group, "dryRun": true })).await;
    assert_eq!(s.app.traces().await, traces);
    let before = ali.events().await.len();
    let done = ana.call("restoreWorkgroup", json!({ "workgroupId": s.group })).await;
    assert_eq!((code(&done).as_str(), tried.of("")), ("DONE", done.of("")));
    assert_eq!(done.changes(), ["ali +Chidi Okafor", "ana ~Chidi Okafor", "ben +Chidi Okafor"]);
    assert_eq!(done.of("/leftOutCount"), 2, "those that were put elsewhere");
    assert_eq!(done.of("/workgroup/memberCount"), 3, "not who left before, nor who is inactive");
    assert_eq!(
        (done.of("/workgroup/owner/handle"), done.of("/workgroup/id")),
        (&json!("ana"), &json!(s.group))
    );
    assert_eq!(types(&ali.heard_since(before).await), ["AccessGained", "WorkgroupRestored"]);
    assert_eq!(ben.profile().await["defaultWorkgroup"], Value::Null, "defaults stay none");
    assert!(ali.client_names().await.contains(&"Chidi Okafor".to_owned()));
    let again = ana.call("restoreWorkgroup", json!({ "workgroupId": s.group })).await;
    assert_eq!(code(&again), "NOT_FOUND");
}

#[tokio::test]
async fn a20_after_thirty_days_it_is_gone() {
    let s = story().await;
    assert_eq!(code(&s.ana.call("deleteWorkgroup", json!({ "workgroupId": s.group })).await), "DONE");
    s.app.clock.advance(TimeDelta::days(30) + TimeDelta::minutes(1));
    for who in [s.app.actor("ana").await, s.app.actor("sam").await] {
        assert_eq!(code(&who.call("restoreWorkgroup", json!({ "workgroupId": s.group })).await), "NOT_FOUND");
    }
}

#[tokio::test]
async fn a20_what_came_back_can_be_deleted_and_brought_back_again_and_nobody_restores_without_an_owner() {
    let s = story().await.of_three().await;
    s.ana.shares("Chidi Okafor", &s.group).await;
    let input = json!({ "workgroupId": s.group });
    for round in 0..3 {
        assert_eq!(code(&s.ana.call("deleteWorkgroup", input.clone()).await), "DONE");
        assert!(s.ali.client_names().await.is_empty());
        let back = s.ana.call("restoreWorkgroup", input.clone()).await;
        assert_eq!(
            (back.of("/leftOutCount"), back.of("/workgroup/memberCount")),
            (&json!(0), &json!(3)),
            "{round}"
        );
        assert_eq!(s.ali.client_names().await, ["Chidi Okafor"]);
    }
    assert_eq!(code(&s.ana.call("deleteWorkgroup", input.clone()).await), "DONE");
    s.app.sql("update users set status = 'INACTIVE', can_login = false where handle = 'ana' and email = 'ana@harbour.example'").await;
    let abroad = s.app.actor_of("summit", "sam").await;
    assert_eq!(code(&abroad.call("restoreWorkgroup", input.clone()).await), "NOT_FOUND");
    let refused = s.sam.call("restoreWorkgroup", input).await;
    assert_eq!(
        (code(&refused).as_str(), refused.status.as_u16()),
        ("USER_INACTIVE", 200),
        "its owner is inactive"
    );
}
