//! What who administers a firm's clients sees of those they do not work on: the directory, by whichever door.

use crate::support::{Actor, TestApp, app};
use locum::id::{NodeType, encode};
use serde_json::{Value, json};

const ALL_OF_IT: &str = "name type emails reference details { name } cases { id }
    primaryAdviser { handle } secondaryAdviser { handle } workgroup { description }
    viewerAccess { level paths { kind level since until } }";

/// A house in which Amélie has everything that a client can have, and ali administers the clients.
async fn house() -> (TestApp, String, String) {
    let app = app().await;
    app.sql("update users set capabilities = '{CLIENT_ADMIN}' where handle = 'ali'").await;
    let ana = app.actor("ana").await;
    let amelie = ana.client_id("Amélie Laurent").await;
    let case = ana.create_case(&amelie, "Pension", json!([])).await.text("/data/createCase/case/id");
    let query = "mutation { createWorkgroup(input: { description: \"Desk\" }) { workgroup { id } } }";
    let group = ana.send(query, json!({})).await.text("/data/createWorkgroup/workgroup/id");
    app.sql("update clients set reference = 'A-1', details = '{\"shoe\": 41}', workgroup_id = (select id from workgroups)
        where name = 'Amélie Laurent' and firm_id = (select firm_id from workgroups)")
    .await;
    assert!(!group.is_empty());
    (app, amelie, case)
}

fn in_directory() -> Value {
    json!({
        "name": "Amélie Laurent", "type": "CLIENT", "emails": [], "reference": null, "details": [], "cases": [],
        "primaryAdviser": { "handle": "ana" }, "secondaryAdviser": { "handle": "ben" }, "workgroup": { "description": "Desk" },
        "viewerAccess": {
            "level": "DIRECTORY",
            "paths": [{ "kind": "CLIENT_ADMIN", "level": "DIRECTORY", "since": null, "until": null }],
        },
    })
}

async fn by_node(actor: &Actor, id: &str) -> Value {
    let query = format!("query ($id: ID!) {{ node(id: $id) {{ ... on Client {{ {ALL_OF_IT} }} }} }}");
    let seen = actor.send(&query, json!({ "id": id })).await;
    assert_eq!(seen.code(), None, "{}", seen.json);
    seen.at("/data/node").clone()
}

#[tokio::test]
async fn the_directory_has_names_advisers_and_workgroups_and_nothing_else() {
    let (app, amelie, case) = house().await;
    for handle in ["ali", "sam"] {
        let admin = app.actor(handle).await;
        assert_eq!(by_node(&admin, &amelie).await, in_directory(), "{handle}");
        let query = format!(
            "{{ clients(scope: {{ pool: DIRECTORY }}, search: \"amelie\") {{ totalCount edges {{ node {{ {ALL_OF_IT} }} }} }} }}"
        );
        let seen = admin.send(&query, json!({})).await;
        let page = json!({ "totalCount": 1, "edges": [{ "node": in_directory() }] });
        assert_eq!(seen.at("/data/clients"), &page, "{handle}: {}", seen.json);
        let seen = admin.send("{ cases { edges { node { id } } } }", json!({})).await;
        assert!(seen.at("/data/cases/edges").as_array().is_none_or(Vec::is_empty), "{}", seen.json);
        let seen = admin.send("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": case })).await;
        assert_eq!(seen.at("/data/node"), &Value::Null, "{handle} reads no case");

        let change =
            "mutation ($id: ID!) { updateClient(input: { clientId: $id, expectedVersion: 1, name: \"X\" }) {
            client { name } userErrors { code } } }";
        assert_eq!(
            admin.send(change, json!({ "id": amelie })).await.code().as_deref(),
            Some("FORBIDDEN"),
            "{handle}"
        );
        let opened = admin.create_case(&amelie, "Mine", json!([])).await;
        assert!(matches!(opened.code().as_deref(), Some("FORBIDDEN" | "NOT_FOUND")), "{}", opened.json);
    }
    assert_eq!(app.count("select count(*) from cases").await, 1);
    assert_eq!(app.count("select count(*) from clients where name = 'X'").await, 0);
}

#[tokio::test]
async fn a_change_of_access_shows_clients_as_the_directory_has_them() {
    let (app, amelie, _) = house().await;
    let query = "mutation ($id: ID!) { setClientAdvisers(input: { clientId: $id, secondaryAdviserHandle: null, dryRun: true }) {
        client { emails } accessChanges { lostCount changes { user { handle } client { name emails reference details { name } }
          pathsBefore pathsAfter levelBefore levelAfter } } userErrors { code } } }";
    for handle in ["sam", "ali", "ana"] {
        let seen = app.actor(handle).await.send(query, json!({ "id": amelie })).await;
        assert_eq!(seen.code(), None, "{handle}: {}", seen.json);
        let client = json!({ "name": "Amélie Laurent", "emails": [], "reference": null, "details": [] });
        let change = json!({ "user": { "handle": "ben" }, "client": client, "pathsBefore": ["SECONDARY_ADVISER"],
            "pathsAfter": [], "levelBefore": "EDIT", "levelAfter": null });
        let changes = seen.at("/data/setClientAdvisers/accessChanges");
        assert_eq!(changes, &json!({ "lostCount": 1, "changes": [change] }), "{handle}");
        let emails = seen.at("/data/setClientAdvisers/client/emails").as_array().unwrap().len();
        assert_eq!(emails, usize::from(handle == "ana"), "{handle}");
    }
}

#[tokio::test]
async fn nobody_else_sees_the_directory_and_nobody_while_acting_for_another() {
    let (app, _, _) = house().await;
    let find = "select id::text from clients where name = 'Dorota Nowak' and firm_id = (select firm_id from workgroups)";
    let dorota: String = app.database.client().await.query_one(find, &[]).await.unwrap().get(0);
    let dorota = encode(NodeType::Client, dorota.parse().unwrap());
    let names = async |actor: &Actor| {
        let seen = actor
            .send("{ clients(scope: { pool: DIRECTORY }) { edges { node { name } } } }", json!({}))
            .await;
        let edges = seen.at("/data/clients/edges").as_array().cloned().unwrap_or_default();
        edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let ana = app.actor("ana").await;
    assert_eq!(names(&ana).await, ana.client_names().await);
    assert_eq!(by_node(&ana, &dorota).await, Value::Null);
    let sam = app.actor("sam").await;
    assert_eq!(names(&sam).await.len(), 4);
    let summit = app.actor_of("summit", "sam").await;
    assert_eq!(by_node(&summit, &dorota).await, Value::Null, "another firm's");

    let bo = app.actor("bo").await;
    assert!(names(&bo).await.is_empty());
    let delegation = sam.granted("bo@harbour.example", json!({})).await;
    bo.start(&delegation, "READ_WRITE").await;
    assert!(names(&bo).await.is_empty(), "a delegate does not administer");
    assert_eq!(by_node(&bo, &dorota).await, Value::Null);
}
