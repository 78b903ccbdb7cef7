//! What an id shows, and to whom. Abuse 20.

use crate::support::{Actor, TestApp, app, stranger};
use locum::id::{NodeType, encode};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

pub async fn uuid_of(app: &TestApp, find: &str) -> Uuid {
    let row = app
        .database
        .client()
        .await
        .query_one(&format!("select id::text from ({find}) found (id)"), &[])
        .await
        .unwrap();
    row.get::<_, String>(0).parse().unwrap()
}

async fn id_of(app: &TestApp, node: NodeType, find: &str) -> String {
    encode(node, uuid_of(app, find).await)
}

pub fn user(firm: &str, handle: &str) -> String {
    format!(
        "select u.id from users u join firms f on f.id = u.firm_id where f.slug = '{firm}' and u.handle = '{handle}'"
    )
}

fn client_named(firm: &str, name: &str) -> String {
    format!(
        "select c.id from clients c join firms f on f.id = c.firm_id where f.slug = '{firm}' and c.name = '{name}'"
    )
}

/// The names out of `ids` that a person gets something for, by `nodes` and, one by one, by `node`.
async fn seen_by(actor: &Actor, ids: &[(&'static str, String)]) -> BTreeSet<&'static str> {
    let query = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
    let together =
        actor.send(query, json!({ "ids": ids.iter().map(|(_, id)| id).collect::<Vec<_>>() })).await;
    let mut seen = BTreeSet::new();
    for (index, (name, id)) in ids.iter().enumerate() {
        let node = together.at(&format!("/data/nodes/{index}"));
        let alone =
            actor.send("query ($id: ID!) { node(id: $id) { __typename id } }", json!({ "id": id })).await;
        assert_eq!((alone.at("/data/node"), alone.code()), (node, None), "{name}");
        if !node.is_null() {
            assert_eq!(node["id"], *id, "{name}");
            seen.insert(*name);
        }
    }
    seen
}

#[tokio::test]
async fn abuse_20_an_id_shows_what_its_bearer_may_see_and_else_nothing() {
    let app = app().await;
    let mut people = HashMap::new();
    for handle in ["ana", "ben", "ali", "bo", "sam"] {
        people.insert(handle, app.actor(handle).await);
    }
    people.insert("summit's ana", app.actor_of("summit", "ana").await);
    let delegation = people["ana"]
        .add_back_office_user("bo@harbour.example")
        .await
        .text("/data/addBackOfficeUser/delegation/id");
    let chidi = people["ana"].client_id("Chidi Okafor").await;
    let case = people["ana"].create_case(&chidi, "Pension", json!([])).await.text("/data/createCase/case/id");
    let ids = [
        ("case", case),
        ("Amélie", id_of(&app, NodeType::Client, &client_named("harbour", "Amélie Laurent")).await),
        ("Chidi", id_of(&app, NodeType::Client, &client_named("harbour", "Chidi Okafor")).await),
        ("Dorota", id_of(&app, NodeType::Client, &client_named("harbour", "Dorota Nowak")).await),
        ("Amélie of summit", id_of(&app, NodeType::Client, &client_named("summit", "Amélie Laurent")).await),
        ("ana", id_of(&app, NodeType::User, &user("harbour", "ana")).await),
        ("bo", id_of(&app, NodeType::User, &user("harbour", "bo")).await),
        ("ana of summit", id_of(&app, NodeType::User, &user("summit", "ana")).await),
        ("harbour", id_of(&app, NodeType::Firm, "select id from firms where slug = 'harbour'").await),
        ("summit", id_of(&app, NodeType::Firm, "select id from firms where slug = 'summit'").await),
        ("delegation", delegation.clone()),
        ("event", people["ana"].events().await[0]["id"].as_str().unwrap().to_owned()),
    ];
    let expected: [(&str, &[&str]); 6] = [
        ("ana", &["Amélie", "Chidi", "case", "ana", "bo", "delegation", "harbour"]),
        ("ben", &["Amélie", "Dorota", "ana", "bo", "harbour"]),
        ("ali", &["ana", "bo", "harbour"]),
        // A setup admin finds the firm's clients in the directory, and may end delegations.
        ("sam", &["Amélie", "Chidi", "Dorota", "ana", "bo", "delegation", "harbour"]),
        ("bo", &["bo", "delegation", "harbour"]),
        ("summit's ana", &["Amélie of summit", "ana of summit", "summit"]),
    ];
    for (handle, names) in expected {
        assert_eq!(seen_by(&people[handle], &ids).await, names.iter().copied().collect(), "{handle}");
    }
    let nobody = stranger(&app.base)
        .send("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": ids[1].1 }))
        .await;
    assert_eq!((nobody.status.as_u16(), nobody.json.get("data")), (401, None));

    let bo = &people["bo"];
    let impersonation =
        bo.start(&delegation, "READ_ONLY").await.text("/data/startImpersonation/impersonation/id");
    let ids: Vec<_> = ids.into_iter().chain([("impersonation", impersonation)]).collect();
    let as_ana = seen_by(bo, &ids).await;
    assert!(
        as_ana.is_superset(&["Amélie", "Chidi", "case", "ana", "delegation", "impersonation"].into()),
        "{as_ana:?}"
    );
    assert!(
        as_ana.is_disjoint(&["Dorota", "Amélie of summit", "ana of summit", "summit", "event"].into()),
        "{as_ana:?}"
    );
    assert!(seen_by(&people["ana"], &ids).await.contains("impersonation"), "it is of her");
    assert!(seen_by(&people["sam"], &ids).await.contains("impersonation"), "a setup admin may end it");
    for handle in ["ben", "summit's ana"] {
        assert!(!seen_by(&people[handle], &ids).await.contains("impersonation"), "{handle}");
    }
    bo.stop().await;
    assert_eq!(seen_by(bo, &ids).await, ["bo", "delegation", "harbour", "impersonation"].into());
}

#[tokio::test]
async fn abuse_20_what_is_no_id_is_null_and_of_another_type_too() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let real = uuid_of(&app, &client_named("harbour", "Amélie Laurent")).await;
    let right = encode(NodeType::Client, real);
    let mut ids = vec![
        String::new(),
        "x".to_owned(),
        "7".to_owned(),
        "A".repeat(23),
        "A".repeat(10_000),
        "'; drop table clients; --".to_owned(),
        "ß".repeat(23),
        "\u{202e}".to_owned(),
        real.to_string(),
        right[1..].to_owned(),
        format!("{right}="),
        format!(" {right}"),
        right.to_lowercase(),
        encode(NodeType::Client, Uuid::nil()),
        encode(NodeType::Client, Uuid::max()),
    ];
    let others = [
        NodeType::Firm,
        NodeType::User,
        NodeType::Delegation,
        NodeType::Impersonation,
        NodeType::Event,
        NodeType::Account,
    ];
    ids.extend(others.map(|node| encode(node, real)));
    let query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let seen = ana.send(query, json!({ "ids": ids })).await;
    assert_eq!(seen.at("/data/nodes"), &json!(vec![Value::Null; ids.len()]));
    let seen = ana.send(query, json!({ "ids": [right, "x", right] })).await;
    assert_eq!(
        seen.at("/data/nodes"),
        &json!([{ "id": right }, null, { "id": right }]),
        "in the order of the ids"
    );
    for id in ids {
        assert_eq!(ana.revoke(&id).await.code().as_deref(), Some("NOT_FOUND"), "{id}");
        assert_eq!(ana.start(&id, "READ_ONLY").await.code().as_deref(), Some("NOT_FOUND"), "{id}");
    }
}
