//! Cases and clients, by whoever advises, and by whoever acts for them. `createCase`, `updateCase`, `cases`, `updateClient`;
//! PF-12, PF-13, PF-14; A47.

use super::{case_of_chidi, code, field};
use crate::support::{Actor, app, app_with, stranger};
use futures_util::future::join_all;
use serde_json::{Value, json};

#[tokio::test]
async fn a47_an_adviser_keeps_cases_of_her_clients() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (chidi, id) = case_of_chidi(&ana).await;
    let query = "query ($id: ID!) { node(id: $id) { ... on Case { title state version facts { name value } client { id name } } } }";
    let seen = ana.send(query, json!({ "id": id })).await;
    assert_eq!(
        seen.at("/data/node"),
        &json!({ "title": "Retirement plan", "state": "OPEN", "version": 1,
            "facts": [{ "name": "Income", "value": "48,000 a year" }, { "name": "Notes", "value": "Wants to retire at 60.\nTwo children." }],
            "client": { "id": chidi, "name": "Chidi Okafor" } })
    );
    let updated = ana.update_case(&id, 1, json!({ "title": "Retirement at 60" })).await;
    assert_eq!(updated.at("/data/updateCase/case/version"), &json!(2));
    assert_eq!(
        updated.at("/data/updateCase/case/facts").as_array().unwrap().len(),
        2,
        "what is left out stays"
    );
    let archived = ana.update_case(&id, 2, json!({ "state": "ARCHIVED", "facts": [] })).await;
    assert_eq!(archived.text("/data/updateCase/case/state"), "ARCHIVED");
    let events = ana.events().await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds.iter().filter(|kind| kind.starts_with("Case")).collect::<Vec<_>>(),
        [&"CaseCreated", &"CaseUpdated", &"CaseUpdated"]
    );
}

#[tokio::test]
async fn what_cannot_be_in_a_case_is_refused() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (chidi, id) = case_of_chidi(&ana).await;
    let fact = |name: &str, value: &str| json!([{ "name": name, "value": value }]);
    for (title, facts, at) in [
        ("", json!([]), "title"),
        (&"x".repeat(201), json!([]), "title"),
        ("two\nlines", json!([]), "title"),
        ("T", fact("", "x"), "facts"),
        ("T", fact("two\nlines", "x"), "facts"),
        ("T", fact("n", &"x".repeat(10_001)), "facts"),
        ("T", fact("n", "bell\u{7}"), "facts"),
        ("T", json!(vec![json!({ "name": "n", "value": "v" }); 251]), "facts"),
    ] {
        let refused = ana.create_case(&chidi, title, facts.clone()).await;
        assert_eq!(
            (code(&refused), field(&refused)),
            ("INVALID_INPUT".into(), at.to_owned()),
            "{title} {facts}"
        );
        let refused = ana.update_case(&id, 1, json!({ "title": title, "facts": facts })).await;
        assert_eq!((code(&refused), field(&refused)), ("INVALID_INPUT".into(), at.to_owned()), "{title}");
    }
    assert_eq!(ana.create_case(&chidi, "Nothing yet", fact("Notes", "")).await.code(), None);
    assert_eq!(app.count("select count(*) from cases").await, 2);
}

#[tokio::test]
async fn who_does_not_reach_the_client_meets_nothing() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (chidi, id) = case_of_chidi(&ana).await;
    for (who, expected, of_client) in [
        (app.actor("ben").await, "NOT_FOUND", "NOT_FOUND"),
        (app.actor("ali").await, "NOT_FOUND", "NOT_FOUND"),
        // A setup admin finds the client in the directory, and may not change it.
        (app.actor("sam").await, "NOT_FOUND", "FORBIDDEN"),
        (app.actor_of("summit", "ana").await, "NOT_FOUND", "NOT_FOUND"),
        (app.actor("bo").await, "FORBIDDEN", "FORBIDDEN"),
        (stranger(&app.base), "UNAUTHENTICATED", "UNAUTHENTICATED"),
    ] {
        for refused in [
            who.create_case(&chidi, "Mine now", json!([])).await,
            who.update_case(&id, 1, json!({ "title": "Mine now" })).await,
            who.print_case(&id).await,
        ] {
            assert_eq!(code(&refused), expected);
        }
        let refused = who.update_client(&chidi, 1, json!({ "name": "Mine now" })).await;
        assert_eq!(code(&refused), of_client);
        if expected != "UNAUTHENTICATED" {
            let seen = who.send("query ($c: ID, $i: ID!) { cases(filter: { clientId: $c }) { totalCount edges { node { id } } } node(id: $i) { id } }", json!({ "c": chidi, "i": id })).await;
            assert_eq!(seen.at("/data"), &json!({ "cases": { "totalCount": 0, "edges": [] }, "node": null }));
        }
    }
    for id in ["nonsense", chidi.as_str()] {
        assert_eq!(code(&ana.update_case(id, 1, json!({})).await), "NOT_FOUND");
        assert_eq!(code(&ana.print_case(id).await), "NOT_FOUND");
    }
    assert_eq!(app.count("select count(*) from cases where version > 1").await, 0);
}

#[tokio::test]
async fn pf_12_pf_13_a_back_office_user_has_no_cases_of_their_own() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let (chidi, _) = case_of_chidi(&ana).await;
    let refused = bo.create_case(&chidi, "For myself", json!([])).await;
    let error = refused.at("/data/createCase/userErrors/0");
    assert_eq!(error["__typename"], "ForbiddenError");
    assert!(error["rule"].as_str().unwrap().contains("advisers and assistants"), "{error}");
    let id = ana.granted("bo@harbour.example", json!({})).await;
    bo.start(&id, "READ_WRITE").await;
    let created = bo.create_case(&chidi, "For Ana", json!([])).await;
    assert_eq!(created.code(), None);
    bo.stop().await;
    let own =
        bo.send("{ cases(filter: { state: null }) { totalCount } clients { totalCount } }", json!({})).await;
    assert_eq!(own.at("/data"), &json!({ "cases": { "totalCount": 0 }, "clients": { "totalCount": 0 } }));
    let hers = ana.send("{ cases { edges { node { title } } } }", json!({})).await;
    assert_eq!(hers.at("/data/cases/edges/0/node/title"), &json!("For Ana"));
}

#[tokio::test]
async fn of_many_who_change_a_case_at_once_one_does_and_the_others_are_told_the_version() {
    let app = app_with(|config| config.limits.cost_bucket = 1_000_000).await;
    let ana = app.actor("ana").await;
    let (chidi, id) = case_of_chidi(&ana).await;
    let elsewhere = app.actor("ana").await;
    for round in 1..=40i64 {
        let changes = (0..6).map(|n| {
            let who = if n % 2 == 0 { ana.clone() } else { elsewhere.clone() };
            let id = id.clone();
            async move { who.update_case(&id, round, json!({ "title": format!("By {n}") })).await }
        });
        let answers = join_all(changes).await;
        let done: Vec<_> = answers.iter().filter(|answer| answer.code().is_none()).collect();
        assert_eq!(done.len(), 1, "round {round}");
        for refused in answers.iter().filter(|answer| answer.code().is_some()) {
            assert_eq!(code(refused), "CONFLICT", "round {round}");
            assert_eq!(refused.at("/data/updateCase/userErrors/0/currentVersion"), &json!(round + 1));
        }
        let clients =
            (0..2).map(|n| ana.update_client(&chidi, round, json!({ "name": format!("Chidi {n}") })));
        let mut codes: Vec<_> = join_all(clients).await.iter().map(code).collect();
        codes.sort();
        assert_eq!(codes, ["", "CONFLICT"], "round {round}");
    }
}

/// The titles of a page, and the cursors around it.
async fn titles(who: &Actor, arguments: &str) -> (Vec<String>, Value) {
    let query = format!(
        "{{ cases({arguments}) {{ totalCount pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} edges {{ node {{ title }} }} }} }}"
    );
    let seen = who.send(&query, json!({})).await;
    assert_eq!(seen.code(), None, "{arguments}: {}", seen.json);
    let edges = seen.at("/data/cases/edges").as_array().unwrap().clone();
    let titles = edges.iter().map(|edge| edge["node"]["title"].as_str().unwrap().to_owned()).collect();
    (titles, seen.at("/data/cases").clone())
}

#[tokio::test]
async fn cases_are_listed_newest_first_by_client_and_state_and_paged_both_ways() {
    let app = app().await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    let (chidi, amelie) = (ana.client_id("Chidi Okafor").await, ana.client_id("Amélie Laurent").await);
    for n in 0..7 {
        let client = if n % 2 == 0 { &chidi } else { &amelie };
        let id =
            ana.create_case(client, &format!("Case {n}"), json!([])).await.text("/data/createCase/case/id");
        if n == 6 {
            ana.update_case(&id, 1, json!({ "state": "ARCHIVED" })).await;
        }
    }
    let (all, list) = titles(&ana, "first: 100").await;
    assert_eq!(all, ["Case 5", "Case 4", "Case 3", "Case 2", "Case 1", "Case 0"]);
    assert_eq!(list["totalCount"], 6);
    assert_eq!(titles(&ana, "filter: { state: null }").await.0.len(), 7);
    assert_eq!(titles(&ana, "filter: { state: ARCHIVED }").await.0, ["Case 6"]);
    assert_eq!(
        titles(&ana, &format!("filter: {{ clientId: \"{amelie}\" }}")).await.0,
        ["Case 5", "Case 3", "Case 1"]
    );
    assert_eq!(titles(&ana, "filter: { clientId: \"nonsense\" }").await.0, Vec::<String>::new());
    assert_eq!(titles(&ben, "first: 100").await.0, ["Case 5", "Case 3", "Case 1"], "he stands in for Amélie");

    let (mut forward, mut arguments) = (Vec::new(), "first: 4".to_owned());
    loop {
        let (rows, list) = titles(&ana, &arguments).await;
        forward.extend(rows);
        if list["pageInfo"]["hasNextPage"] == false {
            break;
        }
        arguments = format!("first: 4, after: {}", list["pageInfo"]["endCursor"]);
    }
    assert_eq!(forward, all);
    let (last, list) = titles(&ana, "last: 2").await;
    assert_eq!(last, ["Case 1", "Case 0"]);
    let before = format!("last: 2, before: {}", list["pageInfo"]["startCursor"]);
    assert_eq!(titles(&ana, &before).await.0, ["Case 3", "Case 2"]);
    let beside = ana.send("{ clients { edges { node { name cases { title } } } } }", json!({})).await;
    let of = |name: &str| {
        let edges = beside.at("/data/clients/edges").as_array().unwrap();
        edges.iter().find(|edge| edge["node"]["name"] == name).unwrap()["node"]["cases"].clone()
    };
    assert_eq!(
        of("Amélie Laurent"),
        json!([{ "title": "Case 5" }, { "title": "Case 3" }, { "title": "Case 1" }])
    );
    assert_eq!(of("Björn Lindqvist"), json!([]));
}

#[tokio::test]
async fn a_client_is_changed_by_whoever_advises_them() {
    let app = app().await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    let amelie = ana.client_id("Amélie Laurent").await;
    let changed = ana
        .update_client(
            &amelie,
            1,
            json!({ "name": "Amélie Laurent-Roy", "emails": ["Amelie@BÜCHER.example"], "reference": "A-1" }),
        )
        .await;
    assert_eq!(
        changed.at("/data/updateClient/client"),
        &json!({ "id": amelie, "name": "Amélie Laurent-Roy", "emails": ["Amelie@xn--bcher-kva.example"], "type": "CLIENT", "reference": "A-1", "version": 2 })
    );
    assert_eq!(code(&ana.update_client(&amelie, 1, json!({ "name": "Late" })).await), "CONFLICT");
    assert_eq!(
        ben.update_client(&amelie, 2, json!({ "reference": null })).await.code(),
        None,
        "who stands in may, too"
    );
    let bjorn = ana.client_id("Björn Lindqvist").await;
    ben.update_client(&amelie, 3, json!({ "reference": "A-1" })).await;
    let taken = ana.update_client(&bjorn, 1, json!({ "reference": "A-1" })).await;
    assert_eq!((code(&taken), field(&taken)), ("INVALID_INPUT".into(), "reference".into()));
    for (change, at) in [
        (json!({ "name": " " }), "name"),
        (json!({ "emails": ["nonsense"] }), "emails"),
        (json!({ "emails": vec!["a@b.example"; 251] }), "emails"),
    ] {
        let refused = ana.update_client(&bjorn, 1, change).await;
        assert_eq!((code(&refused), field(&refused)), ("INVALID_INPUT".into(), at.to_owned()));
    }
    ana.update_client(&bjorn, 1, json!({ "type": "TEST" })).await;
    let refused = ana.update_client(&bjorn, 2, json!({ "type": "CLIENT" })).await;
    assert_eq!((code(&refused), field(&refused)), ("INVALID_INPUT".into(), "type".into()), "PL-36");
    for who in [&ana, &ben] {
        let told = who.events().await.into_iter().filter(|event| event["type"] == "ClientUpdated").count();
        assert!(told >= 3, "both who see the client hear of it");
    }
}

#[tokio::test]
async fn lists_of_cases_take_as_many_statements_for_many_as_for_few() {
    let app = app_with(|config| config.limits.cost_bucket = 1_000_000).await;
    let ana = app.actor("ana").await;
    let (chidi, _) = case_of_chidi(&ana).await;
    let list = "{ cases(first: 100) { totalCount edges { node { title facts { name } client { name primaryAdviser { name } } } } } }";
    let beside = "{ clients(first: 10) { edges { node { name cases { title facts { name } } } } } }";
    let count = async || {
        let [list, beside] = [list, beside].map(|query| ana.send(query, json!({})));
        let (list, beside) = (list.await, beside.await);
        assert_eq!((list.code(), beside.code()), (None, None), "{} {}", list.json, beside.json);
        [list.statements(), beside.statements()]
    };
    let few = count().await;
    for n in 0..60 {
        ana.create_case(&chidi, &format!("Case {n}"), json!([{ "name": "n", "value": "v" }])).await;
    }
    assert_eq!(count().await, few);
    assert_eq!(few, [4, 3]);
}

#[tokio::test]
async fn abuse_6_a_repetition_shows_nothing_that_is_not_reached_any_more() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let (chidi, case) = case_of_chidi(&ana).await;
    let amelie = ana.client_id("Amélie Laurent").await;
    let id = ana.granted("bo@harbour.example", json!({})).await;
    bo.start(&id, "READ_WRITE").await;
    let query = "mutation ($input: UpdateClientInput!) { updateClient(input: $input) {
        client { name cases { facts { value } } } userErrors { code } } }";
    let input = json!({ "input": { "clientId": chidi, "expectedVersion": 1, "name": "Chidi O." } });
    let headers = [("idempotency-key", "once")];
    assert_eq!(bo.send_with(query, input.clone(), &headers).await.code(), None);
    assert_eq!(bo.send_with(query, input.clone(), &headers).await.code(), None, "a repetition answers");
    ana.update_delegation(&id, 1, json!({ "clients": [amelie] })).await;
    ana.update_case(&case, 1, json!({ "facts": [{ "name": "New", "value": "a secret" }] })).await;
    let replayed = bo.send_with(query, input.clone(), &headers).await;
    assert_eq!(code(&replayed), "NOT_FOUND");
    assert!(!replayed.json.to_string().contains("secret"));
    ana.update_delegation(&id, 2, json!({ "clients": null })).await;
    bo.stop().await;
    bo.start(&id, "READ_WRITE").await;
    assert_eq!(
        code(&bo.send_with(query, input, &headers).await),
        "CONFLICT",
        "in another impersonation it is another change"
    );
}
