//! Looking for clients: who finds which ones, by what, and in which order. PL-31, PL-32, PL-33.

use crate::support::{Actor, TestApp, app};
use locum::id::{NodeType, encode};
use serde_json::{Value, json};

async fn id_of(app: &TestApp, node: NodeType, find: &str) -> String {
    let row = app.database.client().await.query_one(&format!("select ({find})::text"), &[]).await.unwrap();
    encode(node, row.get::<_, String>(0).parse().unwrap())
}

async fn user_id(app: &TestApp, handle: &str) -> String {
    id_of(app, NodeType::User, &user(handle)).await
}

fn user(handle: &str) -> String {
    format!(
        "select id from users where handle = '{handle}' and firm_id = (select id from firms where slug = 'harbour')"
    )
}

fn group(description: &str) -> String {
    format!("select id from workgroups where description = '{description}'")
}

/// A workgroup of ben's with further members.
async fn workgroup(app: &TestApp, description: &str, members: &[&str]) -> String {
    let ben = app.actor("ben").await;
    let query = "mutation ($d: String!) { createWorkgroup(input: { description: $d }) { workgroup { id } } }";
    let id = ben.send(query, json!({ "d": description })).await.text("/data/createWorkgroup/workgroup/id");
    for member in members {
        app.sql(&format!(
            "insert into memberships (firm_id, workgroup_id, user_id, joined_at)
             select firm_id, ({}), id, now() from ({}) u (id) join users using (id)",
            group(description),
            user(member)
        ))
        .await;
    }
    id
}

/// A client of harbour; `null` stands for no adviser or workgroup.
async fn client(app: &TestApp, name: &str, email: &str, adviser: Option<&str>, of_group: Option<&str>) {
    let adviser = adviser.map_or("null".to_owned(), |handle| format!("({})", user(handle)));
    let of_group = of_group.map_or("null".to_owned(), |description| format!("({})", group(description)));
    app.sql(&format!(
        "insert into clients (firm_id, id, name, emails, primary_adviser_id, workgroup_id, created_at)
         select id, gen_random_uuid(), '{name}', '{{\"{email}\"}}', {adviser}, {of_group}, now() from firms where slug = 'harbour'"
    ))
    .await;
}

/// The names that somebody finds, which are also counted right.
async fn found(actor: &Actor, scope: Value, search: Option<&str>) -> Vec<String> {
    let query =
        "query ($scope: ClientScope, $search: String) { clients(scope: $scope, search: $search, first: 100) {
        totalCount edges { node { name } } } }";
    let seen = actor.send(query, json!({ "scope": scope, "search": search })).await;
    assert_eq!(seen.code(), None, "{}", seen.json);
    let edges = seen.at("/data/clients/edges").as_array().unwrap();
    assert_eq!(seen.at("/data/clients/totalCount"), edges.len(), "{search:?}");
    edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()).collect()
}

async fn finds(actor: &Actor, search: &str) -> Vec<String> {
    found(actor, Value::Null, Some(search)).await
}

#[tokio::test]
async fn pl_31_a_search_in_one_workgroup_finds_what_is_in_it_and_nothing_else() {
    let app = app().await;
    let harbour = workgroup(&app, "Harbour desk", &["ana"]).await;
    let other = workgroup(&app, "Ben alone", &[]).await;
    client(&app, "Erin Laurent", "erin@mail.example", Some("ben"), Some("Harbour desk")).await;
    client(&app, "Fay Laurent", "fay@mail.example", Some("ben"), Some("Ben alone")).await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    assert_eq!(found(&ana, json!({ "workgroup": harbour }), None).await, ["Erin Laurent"]);
    assert_eq!(found(&ana, json!({ "workgroup": harbour }), Some("laurent")).await, ["Erin Laurent"]);
    assert!(
        found(&ana, json!({ "workgroup": harbour }), Some("Amélie")).await.is_empty(),
        "hers, but not in it"
    );
    assert!(found(&ana, json!({ "workgroup": other }), None).await.is_empty(), "of which she is no member");
    assert_eq!(found(&ben, json!({ "workgroup": other }), None).await, ["Fay Laurent"]);
    assert!(found(&app.actor("ali").await, json!({ "workgroup": harbour }), None).await.is_empty());
    for nothing in ["", "x", &user_id(&app, "ana").await] {
        assert!(found(&ana, json!({ "workgroup": nothing }), None).await.is_empty(), "{nothing}");
    }
}

#[tokio::test]
async fn pl_32_pl_33_all_are_my_own_and_those_of_my_workgroups_each_once() {
    let app = app().await;
    workgroup(&app, "One", &["ana", "ali"]).await;
    workgroup(&app, "Two", &["ana"]).await;
    client(&app, "Both ways", "a@mail.example", Some("ana"), Some("One")).await;
    client(&app, "Ben of One", "b@mail.example", Some("ben"), Some("One")).await;
    client(&app, "Nobody of Two", "c@mail.example", None, Some("Two")).await;
    client(&app, "Nobody", "d@mail.example", None, None).await;
    app.sql(&format!("update clients set workgroup_id = ({}) where name like 'Am%' and firm_id = (select id from firms where slug = 'harbour')", group("Two"))).await;
    let ana = app.actor("ana").await;
    let all =
        ["Amélie Laurent", "Ben of One", "Björn Lindqvist", "Both ways", "Chidi Okafor", "Nobody of Two"];
    assert_eq!(ana.client_names().await, all);
    assert_eq!(found(&ana, json!({ "pool": "ALL" }), None).await, all);
    assert_eq!(finds(&ana, "mail.ex").await, all, "by part of an address, each once, too");
    let ali = app.actor("ali").await;
    assert_eq!(
        ali.client_names().await,
        ["Ben of One", "Both ways"],
        "an assistant has those of their workgroups"
    );
    let ben = app.actor("ben").await;
    let of_ben =
        ["Amélie Laurent", "Ben of One", "Björn Lindqvist", "Both ways", "Dorota Nowak", "Nobody of Two"];
    assert_eq!(ben.client_names().await, of_ben, "as primary, as secondary, and by both workgroups");
}

#[tokio::test]
async fn the_pools_and_an_advisers_clients_are_of_what_one_reaches() {
    let app = app().await;
    workgroup(&app, "One", &["ana"]).await;
    client(&app, "Nobody of One", "a@mail.example", None, Some("One")).await;
    client(&app, "Nobody", "b@mail.example", None, None).await;
    let (ana, sam) = (app.actor("ana").await, app.actor("sam").await);
    assert_eq!(found(&ana, json!({ "pool": "UNASSIGNED" }), None).await, ["Nobody of One"]);
    assert_eq!(found(&sam, json!({ "pool": "UNASSIGNED" }), None).await, ["Nobody", "Nobody of One"]);
    assert_eq!(found(&sam, json!({ "pool": "UNASSIGNED" }), Some("of o")).await, ["Nobody of One"]);
    let of_ben = json!({ "adviser": user_id(&app, "ben").await });
    assert!(
        found(&ana, of_ben.clone(), None).await.is_empty(),
        "she reaches none of those whose primary adviser he is"
    );
    assert_eq!(found(&sam, of_ben.clone(), None).await, ["Dorota Nowak"]);
    assert_eq!(found(&sam, of_ben, Some("nowak")).await, ["Dorota Nowak"]);
    let of_ana = json!({ "adviser": user_id(&app, "ana").await });
    assert_eq!(found(&app.actor("ben").await, of_ana, None).await, ["Amélie Laurent", "Björn Lindqvist"]);
    assert_eq!(found(&sam, json!({ "pool": "DIRECTORY" }), None).await.len(), 6);
    assert!(sam.client_names().await.is_empty(), "nothing of the directory is their own");
    assert_eq!(found(&ana, json!({ "pool": "DIRECTORY" }), None).await, ana.client_names().await);
}

#[tokio::test]
async fn neither_case_nor_accents_matter_and_no_letter_means_anything_special() {
    let app = app().await;
    let names = [
        ("Zoë Ångström", "zoe@nord.example"),
        ("Łukasz Straße", "l@west.example"),
        ("100% Sure", "p@mail.example"),
        ("under_score", "u@mail.example"),
        ("back\\\\slash", "s@mail.example"),
        ("underXscore", "x@mail.example"),
    ];
    for (name, email) in names {
        client(&app, &name.replace("\\\\", "\\"), email, Some("ana"), None).await;
    }
    // So many addresses that they stand in no index.
    app.sql(
        "insert into clients (firm_id, id, name, emails, primary_adviser_id, created_at)
         select firm_id, gen_random_uuid(), 'Many', array(select 'n' || n || '@many.example' from generate_series(1, 250) n), id, now()
         from users where handle = 'ana' and firm_id = (select id from firms where slug = 'harbour')",
    )
    .await;
    let long = app.count("select count(*) from clients where brief_words is null").await;
    assert_eq!(long, 1);
    let expected: [(&str, &[&str]); 17] = [
        ("zoe angstrom", &["Zoë Ångström"]),
        ("ZOË ÅNG", &["Zoë Ångström"]),
        ("NORD.exam", &["Zoë Ångström"]),
        ("  zoe  ", &["Zoë Ångström"]),
        ("lukasz", &["Łukasz Straße"]),
        ("STRASSE", &["Łukasz Straße"]),
        ("ße", &["Łukasz Straße"]),
        ("%", &["100% Sure"]),
        ("0%", &["100% Sure"]),
        ("100% s", &["100% Sure"]),
        ("r_s", &["under_score"]),
        ("under_s", &["under_score"]),
        ("\\", &["back\\slash"]),
        ("back\\s", &["back\\slash"]),
        ("%under", &[]),
        ("n217@many", &["Many"]),
        ("amelie laurent", &["Amélie Laurent"]),
    ];
    let (ana, sam) = (app.actor("ana").await, app.actor("sam").await);
    for (search, names) in expected {
        assert_eq!(finds(&ana, search).await, names, "{search}");
        let directory = found(&sam, json!({ "pool": "DIRECTORY" }), Some(search)).await;
        assert_eq!(directory, names, "{search} in the directory");
    }
    assert_eq!(finds(&ana, "   ").await, ana.client_names().await, "nothing is searched for");
    let long = "x".repeat(201);
    let query = "query ($s: String!) { clients(search: $s) { edges { cursor } } }";
    assert_eq!(ana.send(query, json!({ "s": long })).await.code().as_deref(), Some("BAD_USER_INPUT"));
    let binary = ana.send(query, json!({ "s": "a\u{0}b" })).await;
    assert!(binary.code().is_none_or(|code| code == "BAD_USER_INPUT"), "{}", binary.json);
}

/// The directory looks up what is seldom and walks to what is common: both say the same.
#[tokio::test]
async fn the_directory_finds_common_words_as_it_finds_seldom_ones() {
    let app = app().await;
    app.sql(
        "insert into clients (firm_id, id, name, created_at)
         select f.id, gen_random_uuid(), 'Common ' || to_char(n, 'FM0000') || case when n % 700 = 0 then ' Seldom' else '' end, now()
         from firms f, generate_series(1, 2100) n where f.slug = 'harbour'",
    )
    .await;
    let sam = app.actor("sam").await;
    let directory = json!({ "pool": "DIRECTORY" });
    let seldom = ["Common 0700 Seldom", "Common 1400 Seldom", "Common 2100 Seldom"];
    assert_eq!(found(&sam, directory, Some("seldom")).await, seldom);
    let query = "query ($after: String) { clients(scope: { pool: DIRECTORY }, search: \"common\", first: 100, after: $after) {
        totalCount edges { node { name } } pageInfo { endCursor } } }";
    let (mut names, mut after) = (Vec::new(), Value::Null);
    loop {
        let seen = sam.send(query, json!({ "after": after })).await;
        assert_eq!(seen.at("/data/clients/totalCount"), 2100);
        let edges = seen.at("/data/clients/edges").as_array().unwrap().clone();
        if edges.is_empty() {
            break;
        }
        names.extend(edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()));
        after = seen.at("/data/clients/pageInfo/endCursor").clone();
    }
    assert_eq!(names.len(), 2100);
    assert!(names.is_sorted());
}

#[tokio::test]
async fn pages_of_a_search_stay_as_they_are_while_others_add_clients() {
    let app = app().await;
    workgroup(&app, "One", &["ana"]).await;
    for number in 0..12 {
        let of_group = (number % 2 == 0).then_some("One");
        client(&app, &format!("Page {number:02}"), "p@mail.example", Some("ana"), of_group).await;
    }
    let ana = app.actor("ana").await;
    let all: Vec<_> = (0..12).map(|number| format!("Page {number:02}")).collect();
    for (size, back) in [("first", false), ("last", true)] {
        let (mut names, mut cursor) = (Vec::new(), Value::Null);
        for round in 0.. {
            let query = format!(
                "query ($c: String) {{ clients(search: \"page\", {size}: 5, {}: $c) {{ edges {{ cursor node {{ name }} }}
                   pageInfo {{ hasNextPage hasPreviousPage }} }} }}",
                if back { "before" } else { "after" }
            );
            let seen = ana.send(&query, json!({ "c": cursor })).await;
            let mut edges = seen.at("/data/clients/edges").as_array().unwrap().clone();
            if back {
                edges.reverse();
            }
            cursor = edges.last().unwrap()["cursor"].clone();
            names.extend(edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()));
            let info = seen.at("/data/clients/pageInfo");
            let more = if back { &info["hasPreviousPage"] } else { &info["hasNextPage"] };
            if !more.as_bool().unwrap() {
                break;
            }
            // One that this person does not see, and one on the side that has been read.
            let name = if back { "Page 99" } else { "Page -1" };
            client(&app, &format!("{name} {round}"), "p@mail.example", Some("ana"), Some("One")).await;
            client(&app, "Page 05 of ben", "p@mail.example", Some("ben"), None).await;
        }
        if back {
            names.reverse();
        }
        names.retain(|name| !name.contains('-'));
        assert_eq!(names, all, "{size}");
    }
}

#[tokio::test]
async fn a_delegate_with_a_list_of_clients_finds_these_only() {
    let app = app().await;
    workgroup(&app, "One", &["ana"]).await;
    client(&app, "Erin Laurent", "e@mail.example", Some("ben"), Some("One")).await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let erin = ana.client_id("Erin Laurent").await;
    let amelie = ana.client_id("Amélie Laurent").await;
    let terms = json!({ "clients": [erin, amelie] });
    let delegation = ana.granted("bo@harbour.example", terms).await;
    bo.start(&delegation, "READ_ONLY").await;
    assert_eq!(finds(&bo, "").await, ["Amélie Laurent", "Erin Laurent"]);
    assert_eq!(finds(&bo, "laurent").await, ["Amélie Laurent", "Erin Laurent"]);
    assert!(finds(&bo, "chidi").await.is_empty());
    let scopes = "{ viewer { workgroupsJoined(first: 5) { edges { node { clients { totalCount edges { node { name } } } } } } } }";
    let seen = bo.send(scopes, json!({})).await;
    let clients = seen.at("/data/viewer/workgroupsJoined/edges/0/node/clients");
    assert_eq!(
        clients,
        &json!({ "totalCount": 1, "edges": [{ "node": { "name": "Erin Laurent" } }] }),
        "{}",
        seen.json
    );
    app.sql(
        "delete from memberships where user_id <> (select owner_id from workgroups where id = workgroup_id)",
    )
    .await;
    assert_eq!(
        finds(&bo, "laurent").await,
        ["Amélie Laurent"],
        "the list gives nothing that the principal does not have"
    );
}

#[tokio::test]
async fn two_pages_of_one_workgroup_in_one_answer_are_two_pages() {
    let app = app().await;
    let id = workgroup(&app, "One", &[]).await;
    for name in ["A", "B", "C"] {
        client(&app, name, "x@mail.example", Some("ana"), Some("One")).await;
    }
    let query = "query ($id: ID!) { node(id: $id) { ... on Workgroup {
        one: clients(first: 1) { edges { node { name } } pageInfo { hasNextPage } }
        all: clients(first: 5) { edges { node { name } } pageInfo { hasNextPage } } } } }";
    let seen = app.actor("ben").await.send(query, json!({ "id": id })).await;
    let page = |names: &[&str], more: bool| {
        let edges: Vec<_> = names.iter().map(|name| json!({ "node": { "name": name } })).collect();
        json!({ "edges": edges, "pageInfo": { "hasNextPage": more } })
    };
    let both = json!({ "one": page(&["A"], true), "all": page(&["A", "B", "C"], false) });
    assert_eq!(seen.at("/data/node"), &both, "{}", seen.json);
}
