//! Every change of a workgroup by the wrong person: abuse cases 20 and 23.

use super::{Story, code, story};
use crate::support::Actor;
use serde_json::{Value, json};

/// Every mutation that is given a workgroup, with what it needs besides.
async fn tries(s: &Story) -> Vec<(&'static str, Value)> {
    let ben = s.ben.id().await;
    let of = |more: Value| {
        let mut input = json!({ "workgroupId": s.group });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    vec![
        ("updateWorkgroup", of(json!({ "expectedVersion": 1, "description": "Other words" }))),
        ("inviteToWorkgroup", of(json!({ "handle": "sam" }))),
        ("removeMember", of(json!({ "userId": ben, "dryRun": true }))),
        ("transferWorkgroup", of(json!({ "userId": ben, "dryRun": true }))),
        ("deleteWorkgroup", of(json!({ "dryRun": true }))),
        ("leaveWorkgroup", of(json!({ "dryRun": true }))),
        ("restoreWorkgroup", of(json!({ "dryRun": true }))),
        ("setDefaultWorkgroup", of(json!({}))),
    ]
}

async fn answers(who: &Actor, tries: &[(&'static str, Value)]) -> Vec<String> {
    let mut codes = Vec::new();
    for (mutation, input) in tries {
        codes.push(code(&who.call(mutation, input.clone()).await));
    }
    codes
}

#[tokio::test]
async fn abuse_20_abuse_23_what_is_done_to_a_workgroup_is_done_by_its_owner() {
    let s = story().await.of_three().await;
    let cleo = s.app.newcomer("cleo", "ADVISER").await;
    let bo = s.app.actor("bo").await;
    let (abroad, admin_abroad) =
        (s.app.actor_of("summit", "ana").await, s.app.actor_of("summit", "sam").await);
    let tries = tries(&s).await;
    let (no, gone, out) = ("FORBIDDEN", "NOT_FOUND", "NOT_A_MEMBER");
    let traces =
        s.app.count("select count(*) from events where type like 'Workgroup%' or type like 'Member%'").await;
    // update, invite, remove, transfer, delete, leave, restore, default
    let nothing = [gone, gone, gone, gone, gone, gone, gone, out];
    let member = [no, no, no, no, no, "DONE", gone, "DONE"];
    assert_eq!(answers(&s.ben, &tries).await, member, "a member");
    assert_eq!(answers(&s.ali, &tries).await, member, "an assistant who is a member");
    assert_eq!(answers(&cleo, &tries).await, nothing, "somebody else of the firm");
    assert_eq!(answers(&bo, &tries).await, nothing, "who only acts for others");
    assert_eq!(answers(&abroad, &tries).await, nothing, "another firm's owner of workgroups");
    assert_eq!(answers(&admin_abroad, &tries).await, nothing, "another firm's admin");
    assert_eq!(answers(&s.sam, &tries).await, [no, no, no, "DONE", "DONE", gone, gone, out], "a setup admin");

    s.app.sql("update users set capabilities = '{SETUP_ADMIN}' where handle = 'bo' and email = 'bo@harbour.example'").await;
    let id =
        s.ana.granted("bo@harbour.example", json!({ "scope": ["VIEW", "EDIT", "PRINT", "SHARE"] })).await;
    let bo = s.app.actor("bo").await;
    bo.start(&id, "READ_WRITE").await;
    let never = "NOT_WHILE_IMPERSONATING";
    assert_eq!(
        answers(&bo, &tries).await,
        [never; 8],
        "who acts for the owner, with every right, and is an admin"
    );
    let created = bo.call("createWorkgroup", json!({ "description": "In her name" })).await;
    assert_eq!(code(&created), never);
    let now =
        s.app.count("select count(*) from events where type like 'Workgroup%' or type like 'Member%'").await;
    assert_eq!(now, traces, "nothing happened");
    assert_eq!(s.app.count("select count(*) from invites").await, 0);
}

#[tokio::test]
async fn abuse_23_who_acts_for_somebody_sees_their_workgroups_and_none_of_their_invites() {
    let s = story().await.of_three().await;
    s.ana.invited(&s.group, "sam").await;
    let theirs = s.ben.workgroup("Ben's").await;
    let waits = s.ben.invited(&theirs, "ana").await;
    let (chidi, _) =
        (s.ana.shares("Chidi Okafor", &s.group).await, s.ana.shares("Björn Lindqvist", &s.group).await);
    let id = s.ana.granted("bo@harbour.example", json!({ "scope": ["VIEW"], "clients": [chidi] })).await;
    let bo = s.app.actor("bo").await;
    assert_eq!(bo.start(&id, "READ_ONLY").await.code(), None);
    let query = "{ viewer { workgroupsCreated(first: 5) { edges { node { description memberCount invites { id } clients(first: 5) { totalCount edges { node { name } } } } } }
        defaultWorkgroup { id } } }";
    let seen = bo.send(query, json!({})).await;
    assert_eq!(seen.code(), None, "{}", seen.json);
    let group = json!({ "description": "Retirement", "memberCount": 3, "invites": [],
        "clients": { "totalCount": 1, "edges": [{ "node": { "name": "Chidi Okafor" } }] } });
    assert_eq!(
        seen.at("/data/viewer/workgroupsCreated/edges"),
        &json!([{ "node": group }]),
        "cut to the clients listed"
    );
    let invites = bo.send("{ viewer { invites { totalCount } } }", json!({})).await;
    assert_eq!(code(&invites), "NOT_WHILE_IMPERSONATING");
    for mutation in ["joinWorkgroup", "ignoreInvite"] {
        assert_eq!(code(&bo.call(mutation, json!({ "inviteId": waits })).await), "NOT_WHILE_IMPERSONATING");
    }
    let node = bo.send("query ($id: ID!) { node(id: $id) { __typename } }", json!({ "id": waits })).await;
    assert!(node.at("/data/node").is_null());
    assert_eq!(s.ana.profile().await["invites"]["totalCount"], 1);
}

#[tokio::test]
async fn abuse_20_a_workgroup_is_there_for_its_members_and_admins_and_for_nobody_else() {
    let s = story().await.of_three().await;
    s.ana.shares("Chidi Okafor", &s.group).await;
    let cleo = s.app.newcomer("cleo", "ADVISER").await;
    let (bo, abroad) = (s.app.actor("bo").await, s.app.actor_of("summit", "sam").await);
    let query = "query ($id: ID!) { node(id: $id) { ... on Workgroup { description clients { totalCount edges { node { name } } } } } }";
    for (who, sees) in [
        (&s.ana, true),
        (&s.ben, true),
        (&s.ali, true),
        (&s.sam, true),
        (&cleo, false),
        (&bo, false),
        (&abroad, false),
    ] {
        let seen = who.send(query, json!({ "id": s.group })).await;
        assert_eq!(seen.at("/data/node/description").is_string(), sees);
    }
    let admins = s.sam.send(query, json!({ "id": s.group })).await;
    assert_eq!(
        admins.at("/data/node/clients"),
        &json!({ "totalCount": 0, "edges": [] }),
        "whose clients these are, Sam does not see by it"
    );
    assert!(
        !code(
            &cleo
                .send(
                    "query ($id: ID!) { clients(scope: { workgroup: $id }) { totalCount } }",
                    json!({ "id": s.group })
                )
                .await
        )
        .contains("ERROR")
    );
    let scoped = cleo
        .send(
            "query ($id: ID!) { clients(scope: { workgroup: $id }) { totalCount edges { node { name } } } }",
            json!({ "id": s.group }),
        )
        .await;
    assert_eq!(scoped.at("/data/clients"), &json!({ "totalCount": 0, "edges": [] }), "abuse 21");
}
