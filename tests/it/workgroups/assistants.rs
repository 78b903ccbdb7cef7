//! Assistants work for advisers and are never one: PL-23 to PL-30; abuse case 21.

use super::{code, field, story};
use serde_json::{Value, json};

#[tokio::test]
async fn pl_26_abuse_21_an_assistant_in_no_workgroup_has_no_way_to_add_a_client() {
    let s = story().await;
    let theirs = s.ana.workgroup("Not Ali's").await;
    let rule = s.ali.profile().await["addClientRule"].clone();
    assert_eq!(
        (rule["__typename"].as_str(), rule["code"].as_str()),
        (Some("ImpossibleAdd"), Some("NO_WORKGROUP"))
    );
    for workgroup in [Value::Null, json!(theirs), json!(s.group)] {
        let refused = s.ali.call("createClient", json!({ "name": "New", "workgroupId": workgroup })).await;
        assert_eq!(
            (code(&refused).as_str(), refused.of("/userErrors/0/message")),
            ("NO_WORKGROUP", &rule["reason"])
        );
    }
    assert_eq!(code(&s.ali.call("createClient", json!({ "name": "New" })).await), "NO_WORKGROUP");
    assert_eq!(s.app.count("select count(*) from clients where name = 'New'").await, 0);
}

#[tokio::test]
async fn pl_27_pl_29_an_assistant_in_one_workgroup_adds_clients_of_its_owner() {
    let s = story().await;
    s.ana.takes_in(&s.group, &s.ali).await;
    let rule = s.ali.profile().await["addClientRule"].clone();
    assert_eq!(
        rule,
        json!({ "__typename": "FixedAdd", "workgroup": { "id": s.group, "owner": { "handle": "ana" } } })
    );
    let theirs = s.ben.workgroup("Ben's").await;
    for (round, input) in
        [json!({}), json!({ "workgroupId": null }), json!({ "workgroupId": s.group })].into_iter().enumerate()
    {
        let mut named = json!({ "name": format!("New {round}") });
        named.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
        let added = s.ali.call("createClient", named).await;
        assert_eq!(added.of("/client/primaryAdviser/handle"), "ana", "{input}: {}", added.json);
        assert_eq!(added.of("/client/workgroup/id"), &json!(s.group), "PL-29");
        assert_eq!(added.of("/client/secondaryAdviser"), &Value::Null);
    }
    let elsewhere = s.ali.call("createClient", json!({ "name": "Elsewhere", "workgroupId": theirs })).await;
    assert_eq!((code(&elsewhere).as_str(), field(&elsewhere)), ("NOT_A_MEMBER", "workgroupId"));
    let id = s.ali.client_id("New 0").await;
    for handle in [json!("ben"), json!("ali"), Value::Null] {
        let input = json!({ "clientId": id, "primaryAdviserHandle": handle });
        let refused = s.ali.call("setClientAdvisers", input).await;
        assert_eq!(code(&refused), "FORBIDDEN", "PL-27: an assistant cannot change the adviser");
    }
    assert!(s.ana.client_names().await.contains(&"New 0".to_owned()));
    let twice = s.ali.call("createClient", json!({ "name": "Twice", "secondaryAdviserHandle": "ana" })).await;
    assert_eq!(
        (code(&twice).as_str(), field(&twice)),
        ("INVALID_INPUT", "secondaryAdviserHandle"),
        "I6: she is the primary one"
    );
}

#[tokio::test]
async fn pl_28_an_assistant_in_several_workgroups_has_to_choose_and_the_choice_drives_the_adviser() {
    let s = story().await;
    s.ana.takes_in(&s.group, &s.ali).await;
    let theirs = s.ben.workgroup("Estates").await;
    s.ben.takes_in(&theirs, &s.ali).await;
    let choices =
        json!([{ "id": theirs, "description": "Estates" }, { "id": s.group, "description": "Retirement" }]);
    let rule = s.ali.profile().await["addClientRule"].clone();
    assert_eq!(rule, json!({ "__typename": "ChooseAdd", "workgroups": choices }));
    assert_eq!(code(&s.ali.call("setDefaultWorkgroup", json!({ "workgroupId": theirs })).await), "DONE");
    for input in [json!({ "name": "New" }), json!({ "name": "New", "workgroupId": null })] {
        let refused = s.ali.call("createClient", input).await;
        assert_eq!(
            (code(&refused).as_str(), field(&refused)),
            ("WORKGROUP_REQUIRED", "workgroupId"),
            "also with a default"
        );
        assert_eq!(refused.of("/userErrors/0/choices"), &choices, "the choices of the form");
    }
    for (group, adviser) in [(&s.group, "ana"), (&theirs, "ben")] {
        let added = s
            .ali
            .call("createClient", json!({ "name": format!("Of {adviser}"), "workgroupId": group }))
            .await;
        assert_eq!(added.of("/client/primaryAdviser/handle"), adviser);
        assert_eq!(added.of("/client/workgroup/id"), &json!(group), "PL-29");
    }
    let not_hers = s.ana.workgroup("Without Ali").await;
    let refused = s.ali.call("createClient", json!({ "name": "New", "workgroupId": not_hers })).await;
    assert_eq!((code(&refused).as_str(), field(&refused)), ("NOT_A_MEMBER", "workgroupId"));
}

#[tokio::test]
async fn pl_25_abuse_21_an_assistant_is_never_an_adviser_of_any_client() {
    let s = story().await.of_three().await;
    let chidi = s.ana.shares("Chidi Okafor", &s.group).await;
    for name in ["primaryAdviserHandle", "secondaryAdviserHandle"] {
        for who in [&s.ana, &s.sam] {
            for handle in ["ali", "bo", "nobody", ""] {
                let refused = who.call("setClientAdvisers", json!({ "clientId": chidi, name: handle })).await;
                let expected =
                    if ["ali", "bo"].contains(&handle) { "INVALID_INPUT" } else { "USER_NOT_FOUND" };
                assert_eq!((code(&refused).as_str(), field(&refused)), (expected, name));
            }
        }
    }
    for who in [&s.ana, &s.ali] {
        let added = who.call("createClient", json!({ "name": "New", "secondaryAdviserHandle": "ali" })).await;
        assert_eq!((code(&added).as_str(), field(&added)), ("INVALID_INPUT", "secondaryAdviserHandle"));
    }
    assert_eq!(s.app.count("select count(*) from clients where name = 'New'").await, 0);
}

#[tokio::test]
async fn pl_23_pl_24_an_assistant_signs_in_and_works_on_what_is_shared_and_on_nothing_else() {
    let s = story().await;
    assert!(s.ali.client_names().await.is_empty());
    s.ana.takes_in(&s.group, &s.ali).await;
    assert!(s.ali.client_names().await.is_empty(), "abuse 21: membership alone reveals nothing");
    let amelie = s.ana.client_id("Amélie Laurent").await;
    let chidi = s.ana.shares("Chidi Okafor", &s.group).await;
    assert_eq!(s.ali.client_names().await, ["Chidi Okafor"]);
    assert_eq!(
        code(&s.ali.update_client(&chidi, 2, json!({ "name": "Chidi O." })).await),
        "DONE",
        "EDIT, PL-11"
    );
    assert_eq!(code(&s.ali.create_case(&chidi, "Pension", json!([])).await), "DONE");
    assert_eq!(code(&s.ali.update_client(&amelie, 1, json!({ "name": "Mine" })).await), "NOT_FOUND");
    let query = "query ($id: ID!) { node(id: $id) { ... on Client { name viewerAccess { level paths { kind level via { id } } } } } }";
    let seen = s.ali.send(query, json!({ "id": chidi })).await;
    let path = json!({ "kind": "WORKGROUP", "level": "EDIT", "via": { "id": s.group } });
    assert_eq!(seen.at("/data/node/viewerAccess"), &json!({ "level": "EDIT", "paths": [path] }));
    assert!(s.ali.send(query, json!({ "id": amelie })).await.at("/data/node").is_null());
}

#[tokio::test]
async fn pl_30_an_adviser_adds_a_client_of_their_own_and_a_setup_admin_without_clients_one_of_nobody() {
    let s = story().await;
    let added =
        s.ben.call("createClient", json!({ "name": "Ben's new one", "secondaryAdviserHandle": "ana" })).await;
    assert_eq!(added.of("/client/primaryAdviser/handle"), "ben");
    assert_eq!(added.of("/client/secondaryAdviser/handle"), "ana");
    assert!(s.ana.client_names().await.contains(&"Ben's new one".to_owned()), "PL-12");
    let twice = s.ben.call("createClient", json!({ "name": "Twice", "secondaryAdviserHandle": "BEN" })).await;
    assert_eq!((code(&twice).as_str(), field(&twice)), ("INVALID_INPUT", "secondaryAdviserHandle"));
    let taken = json!({ "name": "Numbered", "reference": "A-1" });
    assert_eq!(code(&s.ben.call("createClient", taken.clone()).await), "DONE");
    let again = s.ana.call("createClient", taken).await;
    assert_eq!((code(&again).as_str(), field(&again)), ("INVALID_INPUT", "reference"));

    s.app.sql("update users set kind = 'BACK_OFFICE' where handle = 'sam'").await;
    let sam = s.app.actor("sam").await;
    assert_eq!(
        sam.profile().await["addClientRule"],
        json!({ "__typename": "FreeAdd", "defaultWorkgroup": null })
    );
    let (input, key) = (json!({ "name": "Nobody's" }), [("idempotency-key", "once")]);
    let added = sam.call_with("createClient", input.clone(), &key).await;
    assert_eq!((code(&added).as_str(), added.of("/client/primaryAdviser")), ("DONE", &Value::Null));
    assert_eq!(
        sam.call_with("createClient", input, &key).await.of("/client"),
        added.of("/client"),
        "repeated, the same one"
    );

    let bo = s.app.actor("bo").await;
    let rule = bo.profile().await["addClientRule"].clone();
    assert_eq!(
        (rule["__typename"].as_str(), rule["code"].as_str()),
        (Some("ImpossibleAdd"), Some("FORBIDDEN"))
    );
    assert_eq!(code(&bo.call("createClient", json!({ "name": "Bo's" })).await), "FORBIDDEN");
}

#[tokio::test]
async fn who_acts_for_an_adviser_adds_clients_of_theirs_if_the_delegation_says_so() {
    let s = story().await;
    let bo = s.app.actor("bo").await;
    for (scope, mode, expected) in [
        (&["VIEW"][..], "READ_ONLY", "OUT_OF_SCOPE"),
        (&["VIEW", "SHARE"], "READ_WRITE", "OUT_OF_SCOPE"),
        (&["VIEW", "EDIT"], "READ_ONLY", "OUT_OF_SCOPE"),
        (&["VIEW", "EDIT"], "READ_WRITE", "DONE"),
    ] {
        let id = s.ana.granted("bo@harbour.example", json!({ "scope": scope })).await;
        assert_eq!(bo.start(&id, mode).await.code(), None);
        let rule = bo
            .send("{ viewer { addClientRule { __typename ... on ImpossibleAdd { code } } } }", json!({}))
            .await;
        let rule = rule.at("/data/viewer/addClientRule/code").as_str().unwrap_or("DONE").to_owned();
        let added = bo.call("createClient", json!({ "name": "By Bo" })).await;
        assert_eq!((rule.as_str(), code(&added).as_str()), (expected, expected), "{scope:?} {mode}");
        if expected == "DONE" {
            assert_eq!(added.of("/client/primaryAdviser/handle"), "ana", "it is the principal who adds it");
        }
        bo.stop().await;
        s.ana.revoke(&id).await;
    }
}
