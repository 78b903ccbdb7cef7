//! The graph as each person sees it: pages, and how many statements an answer takes.

use crate::ids::{user, uuid_of};
use crate::support::{Actor, TestApp, app, app_with, stranger};
use locum::domain::client::{self, ClientType, Draft};
use locum::events::Author;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn add_clients(app: &TestApp, adviser: &str, names: Vec<String>) {
    let firm = uuid_of(app, "select id from firms where slug = 'harbour'").await;
    let adviser = uuid_of(app, &user("harbour", adviser)).await;
    let drafts = names.into_iter().map(|name| Draft {
        client_type: ClientType::Client,
        name,
        emails: Vec::new(),
        reference: None,
        details: json!({}),
        primary_adviser: Some(adviser),
        secondary_adviser: None,
    });
    let added = app
        .running
        .app
        .log
        .transact(Author::Operator, async |tx| client::insert_batch(tx, firm, drafts.collect()).await);
    added.await.unwrap();
}

/// A page of clients: their cursors, and whether there is more before and after.
async fn page(actor: &Actor, arguments: &str, cursor: Option<&str>) -> (Vec<(String, String)>, bool, bool) {
    let query = format!(
        "query ($c: String) {{ clients({arguments}) {{ edges {{ cursor node {{ id name }} }}
           pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }} totalCount }} }}"
    );
    let seen = actor
        .send(
            &query.replace("($c: String)", if cursor.is_some() { "($c: String)" } else { "" }),
            json!({ "c": cursor }),
        )
        .await;
    assert_eq!(seen.code(), None, "{arguments}: {}", seen.json);
    let edges = seen.at("/data/clients/edges").as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows: Vec<_> =
        edges.iter().map(|edge| (text(&edge["cursor"]), text(&edge["node"]["name"]))).collect();
    let info = seen.at("/data/clients/pageInfo");
    assert_eq!(info["startCursor"].as_str(), rows.first().map(|(cursor, _)| cursor.as_str()));
    assert_eq!(info["endCursor"].as_str(), rows.last().map(|(cursor, _)| cursor.as_str()));
    assert_eq!(seen.at("/data/clients/totalCount"), 12);
    (rows, info["hasPreviousPage"].as_bool().unwrap(), info["hasNextPage"].as_bool().unwrap())
}

#[tokio::test]
async fn clients_are_paged_forward_and_backward_over_equal_names() {
    let app = app().await;
    let names = ["Bea", "Bea", "Bea", "Bea", "Bea", "Bea", "Ça", "Zoë", "Zoë"].map(str::to_owned);
    add_clients(&app, "ana", names.to_vec()).await;
    let ana = app.actor("ana").await;
    let (whole, before, after) = page(&ana, "first: 100", None).await;
    assert_eq!((whole.len(), before, after), (12, false, false));
    assert_eq!(
        whole.iter().map(|(cursor, _)| cursor).collect::<BTreeSet<_>>().len(),
        12,
        "each has a cursor of its own"
    );

    for size in [1, 2, 3, 5, 12] {
        let (mut forward, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let arguments =
                if cursor.is_some() { format!("first: {size}, after: $c") } else { format!("first: {size}") };
            let (rows, has_previous, has_next) = page(&ana, &arguments, cursor.as_deref()).await;
            assert_eq!(has_previous, cursor.is_some());
            cursor = rows.last().map(|(cursor, _)| cursor.clone());
            forward.extend(rows);
            assert_eq!(has_next, forward.len() < 12, "{size}");
            if !has_next {
                break;
            }
        }
        assert_eq!(forward, whole, "forward by {size}");
        let (mut backward, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let arguments =
                if cursor.is_some() { format!("last: {size}, before: $c") } else { format!("last: {size}") };
            let (rows, has_previous, has_next) = page(&ana, &arguments, cursor.as_deref()).await;
            assert_eq!(has_next, cursor.is_some());
            cursor = rows.first().map(|(cursor, _)| cursor.clone());
            backward.splice(0..0, rows);
            assert_eq!(has_previous, backward.len() < 12, "{size}");
            if !has_previous {
                break;
            }
        }
        assert_eq!(backward, whole, "backward by {size}");
    }
    let (middle, ..) = page(&ana, "first: 4", None).await;
    app.sql("delete from clients where name = 'Bea'").await;
    add_clients(
        &app,
        "ana",
        vec![
            "Aa".to_owned(),
            "Bea".to_owned(),
            "Bea".to_owned(),
            "Bea".to_owned(),
            "Bea".to_owned(),
            "Bea".to_owned(),
        ],
    )
    .await;
    let (rest, ..) = page(&ana, "first: 100, after: $c", Some(&middle[3].0)).await;
    assert_eq!(
        rest.first().map(|(_, name)| name.as_str()),
        Some("Bea"),
        "a cursor is a place, also when its client has gone"
    );
    assert!(rest.iter().all(|(_, name)| name != "Aa"));
}

#[tokio::test]
async fn arguments_of_a_page_that_contradict_each_other_are_bad_input() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let seen = ana.send("{ clients { edges { cursor } } events { edges { cursor } } }", json!({})).await;
    let of_clients = seen.text("/data/clients/edges/0/cursor");
    let of_events = seen.text("/data/events/edges/0/cursor");
    for (list, cursor) in [("clients", &of_clients), ("events", &of_events)] {
        let ask = async |arguments: &str| {
            let arguments = arguments.replace('$', &format!("\"{cursor}\""));
            ana.send(&format!("{{ {list}({arguments}) {{ edges {{ cursor }} }} }}"), json!({})).await.code()
        };
        for bad in [
            "first: 1, last: 1",
            "after: $, before: $",
            "first: 1, before: $",
            "last: 1, after: $",
            "first: 1, after: \"x\"",
            "last: 1, before: \"\"",
        ] {
            assert_eq!(ask(bad).await.as_deref(), Some("BAD_USER_INPUT"), "{list}({bad})");
        }
        for good in
            ["after: $", "before: $", "first: 1, after: $", "last: 1, before: $", "first: null, last: 1"]
        {
            assert_eq!(ask(good).await, None, "{list}({good})");
        }
    }
    let foreign = ana
        .send(&format!("{{ events(after: \"{}\") {{ edges {{ cursor }} }} }}", of_clients), json!({}))
        .await;
    assert_eq!(foreign.code().as_deref(), Some("BAD_USER_INPUT"), "a cursor of another list");
}

/// Has so many more advisers let bo act for them.
async fn add_principals(app: &TestApp, count: usize) {
    app.sql(&format!(
        "with new as (
           insert into users (firm_id, id, handle, email, email_verified_at, display_name, kind, status, can_login, created_at)
           select f.id, gen_random_uuid(), 'p' || n, 'p' || n || '@harbour.example', now(), 'Principal ' || n, 'ADVISER', 'ACTIVE', true, now()
           from firms f, generate_series(1, {count}) n where f.slug = 'harbour' returning firm_id, id
         )
         insert into delegations (firm_id, id, principal_id, email, delegate_firm_id, delegate_id, slot, actions, valid_from, state, created_at, activated_at)
         select new.firm_id, gen_random_uuid(), new.id, b.email, b.firm_id, b.id, 1, '{{VIEW}}', now() - interval '1 hour', 'ACTIVE', now(), now()
         from new join users b on b.firm_id = new.firm_id and b.handle = 'bo'"
    ))
    .await;
}

#[tokio::test]
async fn an_answer_takes_as_many_statements_for_many_as_for_few() {
    let app = app_with(|config| config.limits.cost_bucket = 1_000_000).await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    ana.add_back_office_user("bo@harbour.example").await;
    let menu = "{ viewer { principals { principal { name } scope } } }";
    let list = "{ clients(first: 100) { totalCount edges { node { name primaryAdviser { name } secondaryAdviser { name } } } } }";
    let log = "{ events(first: 100) { edges { node { type actor { name } principal { name } } } } }";
    let firms = "{ clients(first: 100) { edges { node { primaryAdviser { firm { name } } } } } }";
    let count = async |who: &Actor, query: &str, rows: &str, at_least: usize| {
        let seen = who.send(query, json!({})).await;
        let length = seen.at(rows).as_array().map(Vec::len).unwrap();
        assert!(length >= at_least, "{query}: {length} rows");
        seen.statements()
    };
    let few = [
        count(&bo, menu, "/data/viewer/principals", 1).await,
        count(&ana, list, "/data/clients/edges", 2).await,
        count(&ana, log, "/data/events/edges", 1).await,
    ];
    add_principals(&app, 29).await;
    add_clients(&app, "ana", (0..57).map(|n| format!("Client {n}")).collect()).await;
    for n in 0..15 {
        let added = ana.add_back_office_user(&format!("n{n}@else.example")).await;
        ana.revoke(&added.text("/data/addBackOfficeUser/delegation/id")).await;
    }
    let many = [
        count(&bo, menu, "/data/viewer/principals", 30).await,
        count(&ana, list, "/data/clients/edges", 60).await,
        count(&ana, log, "/data/events/edges", 30).await,
    ];
    assert_eq!(many, few);
    assert_eq!(few, [2, 3, 2]);
    // Firms are loaded for as many as ask at the same moment.
    assert!((3..=6).contains(&count(&ana, firms, "/data/clients/edges", 60).await));
}

#[tokio::test]
async fn a_change_takes_as_many_statements_however_large_the_firm() {
    let app = app_with(|config| config.limits.cost_bucket = 1_000_000).await;
    let (ana, bo, ben) = (app.actor("ana").await, app.actor("bo").await, app.actor("ben").await);
    let once = async || {
        let signed_in =
            stranger(&app.base).try_sign_in("harbour", "ana", crate::support::PASSPHRASE).await.statements();
        let added = ana.add_back_office_user("bo@harbour.example").await;
        let delegation = added.text("/data/addBackOfficeUser/delegation/id");
        let started = bo.start(&delegation, "READ_ONLY").await;
        assert_eq!(started.code(), None);
        let stopped = bo.stop().await.statements();
        let revoked = ana.revoke(&delegation).await;
        assert_eq!(revoked.code(), None);
        [signed_in, added.statements(), started.statements(), stopped, revoked.statements()]
    };
    let small = once().await;
    add_principals(&app, 40).await;
    add_clients(&app, "ana", (0..200).map(|n| format!("Client {n}")).collect()).await;
    for n in 0..10 {
        let other = ben.add_back_office_user(&format!("n{n}@else.example")).await;
        ben.revoke(&other.text("/data/addBackOfficeUser/delegation/id")).await;
    }
    assert_eq!(once().await, small);
    assert_eq!(small, [11, 9, 10, 7, 7]);
}

#[tokio::test]
async fn a_delegate_of_another_firm_sees_the_principals_name_and_firm_and_no_address() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let delegation =
        ana.add_back_office_user("bo@summit.example").await.text("/data/addBackOfficeUser/delegation/id");
    let bo = app.actor_of("summit", "bo").await;
    let query = "{ viewer { principals { id email principal { handle name email capabilities firm { slug name } } delegate { email } } } }";
    let seen = bo.send(query, json!({})).await;
    assert_eq!(seen.code(), None);
    assert_eq!(
        seen.at("/data/viewer/principals"),
        &json!([{
            "id": delegation,
            "email": "bo@summit.example",
            "principal": { "handle": null, "name": "Ana Underwood", "email": null, "capabilities": [], "firm": { "slug": "harbour", "name": "harbour & Partners" } },
            "delegate": { "email": "bo@summit.example" },
        }])
    );
    let hers = ana
        .send("{ viewer { backOfficeUsers { email delegate { name email firm { name } } } } }", json!({}))
        .await;
    assert_eq!(
        hers.at("/data/viewer/backOfficeUsers/0/delegate"),
        &json!({ "name": "Bo Lindgren", "email": null, "firm": { "name": "summit & Partners" } })
    );
    bo.start(&delegation, "READ_ONLY").await;
    assert_eq!(bo.client_names().await, ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"]);
}
