//! Groups, their owners and their members: PL-01 to PL-10, PL-13 to PL-16; A16 to A18, A22, A26.

use super::{code, field, listed, patient, story, types};
use crate::support::{Actor, app_with};
use serde_json::{Value, json};

#[tokio::test]
async fn pl_01_pl_02_pl_03_an_adviser_creates_a_workgroup_and_has_it_in_the_list_at_once() {
    let s = story().await;
    let mine = s.ana.profile().await;
    assert_eq!(listed(&mine["workgroupsCreated"], "/description"), ["Retirement"]);
    assert_eq!(listed(&mine["workgroupsCreated"], "/owner/handle"), ["ana"], "the creator owns it");
    assert_eq!(listed(&mine["workgroupsCreated"], "/memberCount"), ["1"], "A16: the owner is counted");
    assert_eq!(mine["workgroupsJoined"]["totalCount"], 0, "it is not one that she only joined");
    for bad in ["", "   ", &"x".repeat(201), "two\nlines"] {
        let refused = s.ana.call("createWorkgroup", json!({ "description": bad })).await;
        assert_eq!((code(&refused).as_str(), field(&refused)), ("INVALID_INPUT", "description"), "{bad:?}");
    }
    let longest = s.ana.call("createWorkgroup", json!({ "description": "é".repeat(200) })).await;
    assert_eq!(code(&longest), "DONE");
}

#[tokio::test]
async fn a18_a19_only_an_adviser_owns_a_workgroup() {
    let s = story().await;
    let bo = s.app.actor("bo").await;
    for other in [&s.ali, &bo] {
        let refused = other.call("createWorkgroup", json!({ "description": "Mine" })).await;
        assert_eq!(refused.of("/userErrors/0/__typename"), "ForbiddenError");
        assert!(refused.of("/userErrors/0/rule").as_str().unwrap().contains("Only an adviser"));
    }
    assert_eq!(s.app.count("select count(*) from workgroups").await, 1);
    let created = s.sam.call("createWorkgroup", json!({ "description": "Mine" })).await;
    assert_eq!(code(&created), "DONE", "Sam is an adviser, too");
}

#[tokio::test]
async fn pl_08_the_owner_describes_it_in_other_words_unless_somebody_did_so_meanwhile() {
    let s = story().await.of_three().await;
    let before = s.ben.events().await.len();
    let change = |version: i32, words: &str| json!({ "workgroupId": s.group, "expectedVersion": version, "description": words });
    let updated = s.ana.call("updateWorkgroup", change(1, " Retirement & estates ")).await;
    assert_eq!(updated.of("/workgroup/description"), "Retirement & estates");
    assert_eq!(updated.of("/workgroup/version"), 2);
    let stale = s.ana.call("updateWorkgroup", change(1, "Something else")).await;
    assert_eq!((code(&stale).as_str(), stale.of("/userErrors/0/currentVersion")), ("CONFLICT", &json!(2)));
    assert_eq!(code(&s.ana.call("updateWorkgroup", change(2, "")).await), "INVALID_INPUT");
    let heard = s.ben.heard_since(before).await;
    assert_eq!(
        types(&heard),
        ["WorkgroupUpdated"],
        "members hear of it, and of what was refused they do not"
    );
    assert_eq!(listed(&s.ben.profile().await["workgroupsJoined"], "/description"), ["Retirement & estates"]);
}

/// A page of a list of somebody's workgroups: descriptions, and whether there is more before and after.
async fn page(who: &Actor, list: &str, arguments: &str) -> (Vec<String>, Value) {
    let query = format!(
        "{{ viewer {{ {list}({arguments}) {{ totalCount edges {{ cursor node {{ description }} }}
        pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }} }} }} }}"
    );
    let seen = who.send(&query, json!({})).await;
    assert_eq!(seen.code(), None, "{}", seen.json);
    let connection = seen.at(&format!("/data/viewer/{list}"));
    (listed(connection, "/description"), connection.clone())
}

#[tokio::test]
async fn pl_05_pl_06_two_lists_with_the_number_of_members_and_pages_both_ways() {
    let s = story().await.of_three().await;
    for n in 1..7 {
        let group = s.ana.workgroup(&format!("Group {n}")).await;
        s.ana.takes_in(&group, &s.ben).await;
    }
    let own = s.ben.workgroup("Ben's").await;
    s.ben.takes_in(&own, &s.ana).await;
    let (ana, ben) = (s.ana.profile().await, s.ben.profile().await);
    assert_eq!(listed(&ana["workgroupsCreated"], "/memberCount"), ["3", "2", "2", "2", "2", "2", "2"]);
    assert_eq!(listed(&ana["workgroupsJoined"], "/description"), ["Ben's"]);
    assert_eq!(listed(&ben["workgroupsCreated"], "/description"), ["Ben's"]);
    assert_eq!(ben["workgroupsJoined"]["totalCount"], 7);
    for (who, list) in [(&s.ana, "workgroupsCreated"), (&s.ben, "workgroupsJoined")] {
        let (whole, _) = page(who, list, "first: 100").await;
        assert_eq!(whole, ["Retirement", "Group 1", "Group 2", "Group 3", "Group 4", "Group 5", "Group 6"]);
        for size in [1, 2, 3, 7] {
            let (mut forward, mut after) = (Vec::new(), String::new());
            while forward.len() < 7 {
                let (rows, connection) = page(who, list, &format!("first: {size}{after}")).await;
                assert!(!rows.is_empty());
                forward.extend(rows);
                assert_eq!(connection["pageInfo"]["hasNextPage"], forward.len() < 7);
                assert_eq!(connection["totalCount"], 7);
                after = format!(", after: {}", connection["pageInfo"]["endCursor"]);
            }
            assert_eq!(forward, whole);
            let (mut backward, mut before) = (Vec::new(), String::new());
            while backward.len() < 7 {
                let (rows, connection) = page(who, list, &format!("last: {size}{before}")).await;
                assert!(!rows.is_empty());
                backward.splice(0..0, rows);
                assert_eq!(connection["pageInfo"]["hasPreviousPage"], backward.len() < 7);
                before = format!(", before: {}", connection["pageInfo"]["startCursor"]);
            }
            assert_eq!(backward, whole);
        }
    }
}

#[tokio::test]
async fn pl_04_pl_07_a_workgroup_has_as_many_members_as_want_to_and_lists_all_of_them() {
    let s = story().await;
    s.app
        .sql(
            "with g as (select * from workgroups), new as (
               insert into users (firm_id, id, handle, email, display_name, kind, status, can_login, created_at)
               select firm_id, gen_random_uuid(), 'm' || n, 'm' || n || '@harbour.example', 'M ' || n, 'ASSISTANT', 'PENDING', true, now()
               from g, generate_series(1, 250) n returning firm_id, id)
             insert into memberships (firm_id, workgroup_id, user_id, joined_at)
             select new.firm_id, g.id, new.id, now() from new, g",
        )
        .await;
    let (mut members, mut after) = (Vec::new(), Value::Null);
    loop {
        let query = "query ($id: ID!, $after: String) { node(id: $id) { ... on Workgroup { memberCount
            members(first: 100, after: $after) { totalCount edges { node { user { handle } joinedAt } } pageInfo { hasNextPage endCursor } } } } }";
        let seen = s.ana.send(query, json!({ "id": s.group, "after": after })).await;
        assert_eq!(
            (seen.at("/data/node/memberCount"), seen.at("/data/node/members/totalCount")),
            (&json!(251), &json!(251))
        );
        members.extend(listed(seen.at("/data/node/members"), "/user/handle"));
        if seen.at("/data/node/members/pageInfo/hasNextPage") == false {
            break;
        }
        after = seen.at("/data/node/members/pageInfo/endCursor").clone();
    }
    assert!(members.contains(&"ana".to_owned()) && members.contains(&"m250".to_owned()));
    members.sort();
    members.dedup();
    assert_eq!(members.len(), 251);
}

#[tokio::test]
async fn pl_13_to_pl_16_a22_the_default_workgroup_is_none_at_first_and_new_clients_follow_it() {
    let s = story().await.of_three().await;
    let added = async |name: &str, other: Value| {
        let mut input = json!({ "name": name });
        input.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let added = s.ben.call("createClient", input).await;
        assert_eq!(code(&added), "DONE", "{name}");
        added.of("/client/workgroup/id").clone()
    };
    let rule = async || s.ben.profile().await["addClientRule"].clone();
    assert_eq!(s.ben.profile().await["defaultWorkgroup"], Value::Null, "PL-14");
    assert_eq!(rule().await, json!({ "__typename": "FreeAdd", "defaultWorkgroup": null }));
    assert_eq!(added("Without", json!({})).await, Value::Null, "PL-15");
    let before = s.ben.events().await.len();
    let set = s.ben.call("setDefaultWorkgroup", json!({ "workgroupId": s.group })).await;
    assert_eq!(code(&set), "DONE", "A22: the only one can be the default");
    assert_eq!(
        s.ben.heard_since(before).await,
        [("DefaultWorkgroupChanged".to_owned(), json!({ "user": s.ben.id().await, "workgroup": s.group }))]
    );
    assert_eq!(
        s.ana.heard_since(0).await.iter().filter(|(name, _)| name == "DefaultWorkgroupChanged").count(),
        0
    );
    assert_eq!(rule().await, json!({ "__typename": "FreeAdd", "defaultWorkgroup": { "id": s.group } }));
    assert_eq!(added("By default", json!({})).await, s.group, "PL-16");
    assert_eq!(added("Not in it", json!({ "workgroupId": null })).await, Value::Null, "what is said wins");
    let other = s.ben.workgroup("Ben's").await;
    assert_eq!(added("In another", json!({ "workgroupId": other })).await, other);
    let theirs = s.ana.workgroup("Without Ben").await;
    for unknown in [theirs.as_str(), "nothing", &s.ben.id().await] {
        let refused = s.ben.call("setDefaultWorkgroup", json!({ "workgroupId": unknown })).await;
        let expected = if unknown == theirs { "NOT_A_MEMBER" } else { "NOT_FOUND" };
        assert_eq!((code(&refused).as_str(), field(&refused)), (expected, "workgroupId"));
    }
    assert_eq!(code(&s.ben.call("setDefaultWorkgroup", json!({ "workgroupId": null })).await), "DONE");
    assert_eq!(added("Without again", json!({})).await, Value::Null);
    s.ben.call("setDefaultWorkgroup", json!({ "workgroupId": s.group })).await;
    let before = s.ben.events().await.len();
    assert_eq!(code(&s.ben.call("leaveWorkgroup", json!({ "workgroupId": s.group })).await), "DONE");
    assert_eq!(s.ben.profile().await["defaultWorkgroup"], Value::Null, "I10");
    let heard = s.ben.heard_since(before).await;
    assert!(types(&heard).contains(&"DefaultWorkgroupChanged"), "{heard:?}");
    assert_eq!(added("After leaving", json!({})).await, Value::Null);
}

#[tokio::test]
async fn a17_a18_a26_a_workgroup_is_handed_over_to_an_adviser_in_it_before_its_owner_leaves() {
    let s = story().await.of_three().await;
    let cleo = s.app.newcomer("cleo", "ADVISER").await;
    let chidi = s.ana.shares("Chidi Okafor", &s.group).await;
    let stays = s.ana.call("leaveWorkgroup", json!({ "workgroupId": s.group })).await;
    assert_eq!((code(&stays).as_str(), field(&stays)), ("OWNER_CANNOT_LEAVE", "workgroupId"));
    let to = async |who: &Actor, to: &Actor, dry: bool| {
        let input = json!({ "workgroupId": s.group, "userId": to.id().await, "dryRun": dry });
        who.call("transferWorkgroup", input).await
    };
    for (other, refusal) in [(&s.ali, "CANNOT_OWN"), (&cleo, "NOT_A_MEMBER"), (&s.sam, "NOT_A_MEMBER")] {
        for dry in [true, false] {
            let refused = to(&s.ana, other, dry).await;
            assert_eq!((code(&refused).as_str(), field(&refused)), (refusal, "userId"));
        }
    }
    let traces = s.app.traces().await;
    let tried = to(&s.ana, &s.ben, true).await;
    assert_eq!(s.app.traces().await, traces, "what is only tried leaves no trace");
    let before = s.ali.events().await.len();
    let done = to(&s.ana, &s.ben, false).await;
    assert_eq!(tried.of(""), done.of(""), "and was what then happened");
    assert_eq!(
        (done.of("/workgroup/owner/handle"), done.of("/workgroup/memberCount")),
        (&json!("ben"), &json!(3))
    );
    assert_eq!(done.changes(), [] as [&str; 0], "nobody's access follows the owner");
    assert_eq!(
        s.ali.heard_since(before).await,
        [("WorkgroupOwnerChanged".to_owned(), json!({ "workgroup": s.group, "owner": s.ben.id().await }))]
    );
    let query = "query ($id: ID!) { node(id: $id) { ... on Client { primaryAdviser { handle } } } }";
    let seen = s.ana.send(query, json!({ "id": chidi })).await;
    assert_eq!(seen.at("/data/node/primaryAdviser/handle"), "ana", "A26: clients stay with their adviser");
    let new = s.ali.call("createClient", json!({ "name": "New One" })).await;
    assert_eq!(new.of("/client/primaryAdviser/handle"), "ben", "A26: new ones follow the new owner");
    assert_eq!(code(&to(&s.ana, &s.ana, false).await), "FORBIDDEN", "she does not own it any more");
    assert_eq!(code(&s.ana.call("leaveWorkgroup", json!({ "workgroupId": s.group })).await), "DONE");
    assert_eq!(s.ana.profile().await["workgroupsCreated"]["totalCount"], 0);
    assert_eq!(listed(&s.ben.profile().await["workgroupsCreated"], "/memberCount"), ["2"]);
}

#[tokio::test]
async fn a_page_of_workgroups_with_members_and_clients_takes_as_many_statements_for_many_as_for_few() {
    let app = app_with(patient).await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    let page = "{ viewer { workgroupsCreated(first: 20) { totalCount edges { node { description memberCount owner { name }
        members(first: 5) { edges { node { user { name } } } } clients(first: 3) { edges { node { name primaryAdviser { name } } } }
        invites { invitee { name } } } } } } }";
    let fill = async |n: usize| {
        let group = ana.workgroup(&format!("Group {n}")).await;
        ana.takes_in(&group, &ben).await;
        ana.call("createClient", json!({ "name": format!("Client {n}"), "workgroupId": group })).await;
        ana.invited(&group, "ali").await;
    };
    fill(0).await;
    let few = ana.send(page, json!({})).await;
    for n in 1..15 {
        fill(n).await;
    }
    let many = ana.send(page, json!({})).await;
    assert_eq!(many.at("/data/viewer/workgroupsCreated/edges").as_array().map(Vec::len), Some(15));
    assert_eq!(
        many.at("/data/viewer/workgroupsCreated/edges/14/node/clients/edges/0/node/name"),
        "Client 14"
    );
    assert_eq!(many.at("/data/viewer/workgroupsCreated/edges/14/node/invites/0/invitee/name"), "Ali Demir");
    // One each for the session, the page, its count, members, clients and invites.
    assert_eq!((few.statements(), many.statements()), (6, 6));
}

#[tokio::test]
async fn two_pages_of_one_workgroup_in_one_answer_are_two_pages() {
    let s = story().await;
    for name in ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"] {
        s.ana.shares(name, &s.group).await;
    }
    let query = "query ($id: ID!) { node(id: $id) { ... on Workgroup { one: clients(first: 1) { edges { node { name } } pageInfo { hasNextPage } }
        all: clients(first: 9) { totalCount edges { node { name } } pageInfo { hasNextPage } } } } }";
    let seen = s.ana.send(query, json!({ "id": s.group })).await;
    assert_eq!(listed(seen.at("/data/node/one"), "/name"), ["Amélie Laurent"]);
    assert_eq!(
        listed(seen.at("/data/node/all"), "/name"),
        ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"]
    );
    assert_eq!(seen.at("/data/node/one/pageInfo/hasNextPage"), true);
}
