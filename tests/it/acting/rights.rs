//! VIEW, EDIT and PRINT are three rights, and each refusal says which one is missing. PF-14, PF-15; A9, A10; abuse cases 1
//! to 3.

use super::{case_of_chidi, code, missing};
use crate::support::app;
use serde_json::json;

#[tokio::test]
async fn pf_14_pf_15_each_right_allows_its_own_and_its_lack_is_named() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let (chidi, case) = case_of_chidi(&ana).await;
    let (mut case_version, mut client_version) = (1, 1);
    for (scope, mode) in [
        (&["VIEW"][..], "READ_ONLY"),
        (&["VIEW", "PRINT"], "READ_ONLY"),
        (&["VIEW", "EDIT"], "READ_ONLY"),
        (&["VIEW", "EDIT"], "READ_WRITE"),
        (&["VIEW", "EDIT", "PRINT"], "READ_WRITE"),
        (&["VIEW", "PRINT", "SHARE"], "READ_WRITE"),
    ] {
        let what = format!("{scope:?} {mode}");
        let id = ana.granted("bo@harbour.example", json!({ "scope": scope })).await;
        assert_eq!(bo.start(&id, mode).await.code(), None, "{what}");
        let query = "query ($id: ID!) { node(id: $id) { ... on Case { facts { value } } } }";
        let seen = bo.send(query, json!({ "id": case })).await;
        assert_eq!(seen.at("/data/node/facts").as_array().unwrap().len(), 2, "{what}: VIEW");

        let edits = match (scope.contains(&"EDIT"), mode) {
            (false, _) => Some("EDIT"),
            (true, "READ_ONLY") => Some("READ_WRITE"),
            _ => None,
        };
        let answers = [
            bo.create_case(&chidi, "New", json!([])).await,
            bo.update_case(
                &case,
                case_version,
                json!({ "facts": [{ "name": "a", "value": "b" }, { "name": "c", "value": "d" }] }),
            )
            .await,
            bo.update_client(&chidi, client_version, json!({ "name": "Chidi Okafor" })).await,
        ];
        for answer in &answers {
            match edits {
                Some(lacks) => {
                    assert_eq!(missing(answer), ("OUT_OF_SCOPE".into(), lacks.to_owned()), "{what}")
                }
                None => assert_eq!(answer.code(), None, "{what}"),
            }
        }
        if edits.is_none() {
            (case_version, client_version) = (case_version + 1, client_version + 1);
        } else {
            assert_eq!(answers[0].status.as_u16(), 403);
        }
        let printed = bo.print_case(&case).await;
        match scope.contains(&"PRINT") {
            true => assert_eq!(printed.code(), None, "{what}: also read-only, PF-15"),
            false => assert_eq!(missing(&printed), ("OUT_OF_SCOPE".into(), "PRINT".into()), "{what}"),
        }
        bo.stop().await;
        ana.revoke(&id).await;
    }
}

#[tokio::test]
async fn a9_abuse_3_nothing_of_the_principals_account_is_done_in_her_name() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    app.sql("update users set capabilities = '{SETUP_ADMIN, AUDITOR}' where handle = 'ana'").await;
    let id = ana.granted("bo@harbour.example", json!({ "scope": ["EDIT", "PRINT", "SHARE"] })).await;
    bo.start(&id, "READ_WRITE").await;
    for query in [
        "mutation { updateProfile(input: { displayName: \"Bo\" }) { userErrors { code } } }",
        "mutation { endImpersonationOfMe(input: { impersonationId: \"x\" }) { userErrors { code } } }",
        "mutation { declineDelegation(input: { delegationId: \"x\" }) { userErrors { code } } }",
        "mutation { updateDelegation(input: { delegationId: \"x\", expectedVersion: 1 }) { userErrors { code } } }",
        "mutation { resendDelegationInvite(input: { delegationId: \"x\" }) { userErrors { code } } }",
        "{ viewer { impersonationsOfMe { edges { cursor } } } }",
        "{ viewer { backOfficeUsers { id } } }",
        "{ events { edges { cursor } } }",
    ] {
        assert_eq!(code(&bo.send(query, json!({})).await), "NOT_WHILE_IMPERSONATING", "{query}");
    }
}

#[tokio::test]
async fn what_is_done_in_her_name_is_never_united_with_ones_own() {
    let app = app().await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    let (_, case) = case_of_chidi(&ana).await;
    let dorota = ben.client_id("Dorota Nowak").await;
    let own = ben.create_case(&dorota, "Dorota's", json!([])).await.text("/data/createCase/case/id");
    let id = ana.granted("ben@harbour.example", json!({})).await;
    ben.start(&id, "READ_WRITE").await;
    assert_eq!(ben.client_names().await, ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"], "not Dorota");
    assert_eq!(code(&ben.update_case(&own, 1, json!({ "title": "x" })).await), "NOT_FOUND");
    assert_eq!(ben.update_case(&case, 1, json!({ "title": "By Ben for Ana" })).await.code(), None);
    ben.stop().await;
    assert_eq!(code(&ben.update_case(&case, 2, json!({ "title": "x" })).await), "NOT_FOUND");
    assert_eq!(ben.update_case(&own, 1, json!({ "title": "Mine" })).await.code(), None);
}
