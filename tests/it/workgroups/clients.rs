//! Clients go from one workgroup, and from one adviser, to another: PL-11, PL-12, PL-34 to PL-36; A21, A23 to A25.

use super::{code, field, story, types};
use crate::support::{Actor, Answer};
use serde_json::{Value, json};

async fn put(who: &Actor, client: &str, group: Option<&str>, dry: bool) -> Answer {
    who.call("setClientWorkgroup", json!({ "clientId": client, "workgroupId": group, "dryRun": dry })).await
}

async fn advised(who: &Actor, client: &str, primary: Value, secondary: Value, dry: bool) -> Answer {
    let input = json!({ "clientId": client, "primaryAdviserHandle": primary, "secondaryAdviserHandle": secondary, "dryRun": dry });
    who.call("setClientAdvisers", input).await
}

#[tokio::test]
async fn pl_11_pl_34_a_client_in_a_workgroup_is_worked_on_by_its_members_as_by_a_secondary_adviser() {
    let s = story().await.of_three().await;
    let chidi = s.ana.client_id("Chidi Okafor").await;
    let before = [s.ana.events().await.len(), s.ben.events().await.len(), s.sam.events().await.len()];
    let traces = s.app.traces().await;
    let key = [("idempotency-key", "tried")];
    let input = json!({ "clientId": chidi, "workgroupId": s.group, "dryRun": true });
    let tried = s.ana.call_with("setClientWorkgroup", input, &key).await;
    assert_eq!(s.app.traces().await, traces, "no event, no row, no record");
    let done = put(&s.ana, &chidi, Some(&s.group), false).await;
    assert_eq!(tried.of(""), done.of(""), "what was found is what happened");
    assert_eq!(done.changes(), ["ali +Chidi Okafor", "ana ~Chidi Okafor", "ben +Chidi Okafor"]);
    assert_eq!(
        (
            done.of("/accessChanges/gainedCount"),
            done.of("/accessChanges/lostCount"),
            done.of("/accessChanges/peopleCount")
        ),
        (&json!(2), &json!(0), &json!(3))
    );
    assert_eq!(done.of("/client/primaryAdviser/handle"), "ana", "A25");
    assert_eq!(types(&s.ben.heard_since(before[1]).await), ["AccessGained", "ClientWorkgroupChanged"]);
    assert_eq!(
        types(&s.ana.heard_since(before[0]).await),
        ["AccessGained", "AccessGained", "ClientWorkgroupChanged"]
    );
    assert_eq!(s.sam.heard_since(before[2]).await, []);
    assert_eq!(code(&s.ben.update_client(&chidi, 2, json!({ "name": "Chidi O." })).await), "DONE");
    assert_eq!(code(&s.ben.create_case(&chidi, "Pension", json!([])).await), "DONE");
    assert_eq!(
        code(&advised(&s.ben, &chidi, json!("ben"), Value::Null, false).await),
        "FORBIDDEN",
        "EDIT is not MANAGE"
    );
    let elsewhere = s.ben.workgroup("Ben's").await;
    let moved = put(&s.ben, &chidi, Some(&elsewhere), false).await;
    assert_eq!(moved.changes(), ["ali -Chidi O.", "ana ~Chidi O."], "PL-35: it is in one at most");
}

#[tokio::test]
async fn a23_whoever_edits_a_client_moves_it_to_a_group_of_theirs_or_out_and_the_losers_hear_of_it() {
    let s = story().await.of_three().await;
    let chidi = s.ana.shares("Chidi Okafor", &s.group).await;
    let not_bens = s.ana.workgroup("Without Ben").await;
    let abroad = s.app.actor_of("summit", "ana").await.workgroup("Abroad").await;
    for target in [&not_bens, &abroad] {
        let refused = put(&s.ben, &chidi, Some(target), false).await;
        assert_eq!((code(&refused).as_str(), field(&refused)), ("NOT_A_MEMBER", "workgroupId"));
    }
    let bjorn = s.ana.client_id("Björn Lindqvist").await;
    let dorota = s.ben.client_id("Dorota Nowak").await;
    assert_eq!(code(&put(&s.ben, &bjorn, Some(&s.group), false).await), "DONE", "its secondary adviser does");
    let unseen = put(&s.ana, &dorota, Some(&s.group), false).await;
    assert_eq!((code(&unseen).as_str(), field(&unseen)), ("NOT_FOUND", "clientId"));
    let before = [s.ana.events().await.len(), s.ben.events().await.len(), s.ali.events().await.len()];
    let tried = put(&s.ali, &chidi, None, true).await;
    assert_eq!(tried.changes(), ["ali -Chidi Okafor", "ana ~Chidi Okafor", "ben -Chidi Okafor"]);
    let key = [("idempotency-key", "out")];
    let input = json!({ "clientId": chidi, "workgroupId": null });
    let done = s.ali.call_with("setClientWorkgroup", input.clone(), &key).await;
    assert_eq!((done.of(""), done.of("/client")), (tried.of(""), &Value::Null), "who moves it may lose it");
    assert_eq!(s.ali.call_with("setClientWorkgroup", input, &key).await.of(""), done.of(""));
    let lost = |who: &str| ("AccessLost".to_owned(), json!({ "user": who, "count": 1, "clients": [chidi] }));
    let (ben, ali) = (s.ben.id().await, s.ali.id().await);
    assert!(s.ben.heard_since(before[1]).await.contains(&lost(&ben)), "who loses it still hears of it");
    assert!(s.ali.heard_since(before[2]).await.contains(&lost(&ali)));
    let hers = s.ana.heard_since(before[0]).await;
    assert!(
        hers.contains(&lost(&ben)) && hers.contains(&lost(&ali)),
        "its primary adviser hears who: {hers:?}"
    );
    assert_eq!(code(&put(&s.ali, &chidi, None, false).await), "NOT_FOUND");
    assert_eq!(code(&put(&s.ana, &chidi, Some(&s.group), false).await), "DONE", "it can be undone");
    let stays = put(&s.ana, &chidi, Some(&s.group), false).await;
    assert_eq!((code(&stays).as_str(), stays.changes().len()), ("DONE", 0), "where it is already");
}

#[tokio::test]
async fn a24_a_strict_firm_lets_the_adviser_the_groups_owner_and_setup_admins_move_clients() {
    let s = story().await.of_three().await;
    s.app.sql("update firms set strict_workgroup_moves = true where slug = 'harbour'").await;
    let theirs = s.ben.workgroup("Ben's").await;
    s.ben.takes_in(&theirs, &s.ana).await;
    s.ben.takes_in(&theirs, &s.ali).await;
    let dorota = s.ben.client_id("Dorota Nowak").await;
    assert_eq!(code(&put(&s.ben, &dorota, Some(&s.group), false).await), "DONE", "its primary adviser");
    for target in [Some(theirs.as_str()), None] {
        let refused = put(&s.ali, &dorota, target, false).await;
        assert_eq!(
            (refused.of("/userErrors/0/__typename"), field(&refused)),
            (&json!("ForbiddenError"), "clientId")
        );
        assert!(refused.of("/userErrors/0/rule").as_str().unwrap().contains("In this firm"));
    }
    assert_eq!(
        code(&put(&s.ana, &dorota, Some(&theirs), false).await),
        "DONE",
        "the owner of the group that it is in"
    );
    assert_eq!(code(&put(&s.ana, &dorota, Some(&s.group), false).await), "FORBIDDEN", "and of no other one");
    let bjorn = s.ana.client_id("Björn Lindqvist").await;
    assert_eq!(code(&put(&s.ben, &bjorn, Some(&theirs), false).await), "FORBIDDEN", "a secondary adviser");
    assert_eq!(
        code(&put(&s.sam, &dorota, Some(&s.group), false).await),
        "DONE",
        "a setup admin, wherever to"
    );
    let abroad = s.app.actor_of("summit", "ana").await.workgroup("Abroad").await;
    assert_eq!(code(&put(&s.sam, &dorota, Some(&abroad), false).await), "NOT_A_MEMBER");
    assert_eq!(code(&put(&s.app.actor_of("summit", "sam").await, &dorota, None, false).await), "NOT_FOUND");
}

#[tokio::test]
async fn pl_12_a_client_gets_other_advisers_from_its_primary_one_or_an_admin() {
    let s = story().await.of_three().await;
    let chidi = s.ana.shares("Chidi Okafor", &s.group).await;
    let traces = s.app.traces().await;
    let tried = s
        .ana
        .call(
            "setClientAdvisers",
            json!({ "clientId": chidi, "secondaryAdviserHandle": "SAM", "dryRun": true }),
        )
        .await;
    assert_eq!(s.app.traces().await, traces);
    let before = s.sam.events().await.len();
    let done =
        s.ana.call("setClientAdvisers", json!({ "clientId": chidi, "secondaryAdviserHandle": "SAM" })).await;
    assert_eq!((tried.of(""), done.changes()), (done.of(""), vec!["sam +Chidi Okafor".to_owned()]));
    assert_eq!(done.of("/client/primaryAdviser/handle"), "ana", "what is left out stays");
    assert_eq!(types(&s.sam.heard_since(before).await), ["AccessGained", "ClientAdvisersChanged"]);
    assert_eq!(s.sam.client_names().await, ["Chidi Okafor"], "PL-12");
    let same =
        s.ana.call("setClientAdvisers", json!({ "clientId": chidi, "secondaryAdviserHandle": "ana" })).await;
    assert_eq!((code(&same).as_str(), field(&same)), ("INVALID_INPUT", "secondaryAdviserHandle"), "I6");
    let bo = s.app.actor("bo").await;
    for (who, expected) in
        [(&s.sam, "DONE"), (&s.ali, "FORBIDDEN"), (&s.ben, "FORBIDDEN"), (&bo, "NOT_FOUND")]
    {
        let answer = who
            .call(
                "setClientAdvisers",
                json!({ "clientId": chidi, "secondaryAdviserHandle": null, "dryRun": true }),
            )
            .await;
        assert_eq!(code(&answer), expected);
    }
    s.app.sql("update users set capabilities = '{CLIENT_ADMIN}' where handle = 'bo'").await;
    let bo = s.app.actor("bo").await;
    let given = advised(&bo, &chidi, json!("ben"), Value::Null, false).await;
    assert_eq!(
        given.changes(),
        ["ana ~Chidi Okafor", "ben ~Chidi Okafor", "sam -Chidi Okafor"],
        "A25: it stays in its workgroup"
    );
    assert_eq!(given.of("/client/primaryAdviser/handle"), "ben");
    assert_eq!(
        code(&put(&bo, &chidi, None, false).await),
        "FORBIDDEN",
        "who only finds it in the directory does not move it"
    );
    let nobodys = advised(&bo, &chidi, Value::Null, Value::Null, false).await;
    assert_eq!(nobodys.of("/client/primaryAdviser"), &Value::Null);
    let gone = put(&s.ana, &chidi, None, false).await;
    assert_eq!(gone.of("/client"), &Value::Null, "nobody's, and in no workgroup");
    for who in [&s.ana, &s.ben, &s.ali] {
        assert!(!who.client_names().await.contains(&"Chidi Okafor".to_owned()));
    }
}

#[tokio::test]
async fn a21_who_leaves_or_is_taken_out_keeps_paths_of_their_own_and_what_they_put_in_stays() {
    let s = story().await.of_three().await;
    let dorota = s.ben.shares("Dorota Nowak", &s.group).await;
    s.ana.shares("Chidi Okafor", &s.group).await;
    s.ana.shares("Björn Lindqvist", &s.group).await;
    let traces = s.app.traces().await;
    let input = |dry: bool| json!({ "workgroupId": s.group, "dryRun": dry });
    let tried = s.ben.call("leaveWorkgroup", input(true)).await;
    assert_eq!(s.app.traces().await, traces);
    let before = [s.ana.events().await.len(), s.ben.events().await.len(), s.ali.events().await.len()];
    let done = s.ben.call("leaveWorkgroup", input(false)).await;
    assert_eq!((tried.of(""), done.of("/workgroup/memberCount")), (done.of(""), &json!(2)));
    assert_eq!(done.changes(), ["ben -Chidi Okafor", "ben ~Björn Lindqvist", "ben ~Dorota Nowak"]);
    assert_eq!(types(&s.ben.heard_since(before[1]).await), ["AccessLost", "MembershipEnded"]);
    assert_eq!(types(&s.ana.heard_since(before[0]).await), ["AccessLost", "MembershipEnded"]);
    assert_eq!(types(&s.ali.heard_since(before[2]).await), ["MembershipEnded"]);
    assert_eq!(s.ben.client_names().await, ["Amélie Laurent", "Björn Lindqvist", "Dorota Nowak"]);
    assert!(s.ali.client_names().await.contains(&"Dorota Nowak".to_owned()), "she stays in the group");
    assert_eq!(code(&s.ben.call("leaveWorkgroup", input(false)).await), "NOT_FOUND");
    assert_eq!(code(&put(&s.ben, &dorota, None, false).await), "DONE", "her adviser takes her out");
    assert!(!s.ali.client_names().await.contains(&"Dorota Nowak".to_owned()));

    let out = |user: String, dry: bool| json!({ "workgroupId": s.group, "userId": user, "dryRun": dry });
    let (ana, ben, ali) = (s.ana.id().await, s.ben.id().await, s.ali.id().await);
    for (user, refusal) in [(ana, "OWNER_CANNOT_LEAVE"), (ben, "NOT_A_MEMBER")] {
        let refused = s.ana.call("removeMember", out(user, false)).await;
        assert_eq!((code(&refused).as_str(), field(&refused)), (refusal, "userId"));
    }
    let traces = s.app.traces().await;
    let tried = s.ana.call("removeMember", out(ali.clone(), true)).await;
    assert_eq!(s.app.traces().await, traces);
    let before = s.ali.events().await.len();
    let done = s.ana.call("removeMember", out(ali, false)).await;
    assert_eq!(
        (tried.of(""), done.changes()),
        (done.of(""), vec!["ali -Björn Lindqvist".to_owned(), "ali -Chidi Okafor".to_owned()])
    );
    assert_eq!(types(&s.ali.heard_since(before).await), ["AccessLost", "MembershipEnded"]);
    assert!(s.ali.client_names().await.is_empty());
}

#[tokio::test]
async fn pl_36_a_test_client_never_becomes_anything_else() {
    let s = story().await;
    let usual = s.ana.call("createClient", json!({ "name": "Usual" })).await;
    assert_eq!(usual.of("/client/type"), "CLIENT");
    for kind in ["PROSPECT", "INACTIVE", "CLIENT", "TEST"] {
        let added = s.ana.call("createClient", json!({ "name": kind, "type": kind })).await;
        let id = added.of("/client/id").as_str().unwrap();
        assert_eq!(added.of("/client/type"), kind);
        let mut version = 1;
        for (other, may) in
            [("PROSPECT", kind != "TEST"), ("INACTIVE", kind != "TEST"), ("TEST", true), ("CLIENT", false)]
        {
            let changed = s.ana.update_client(id, version, json!({ "type": other })).await;
            if may {
                version += 1;
                assert_eq!(changed.of("/client/type"), other);
            } else {
                assert_eq!(
                    (code(&changed).as_str(), field(&changed)),
                    ("INVALID_INPUT", "type"),
                    "{kind} to {other}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a24_who_acts_for_somebody_moves_clients_only_with_share() {
    let s = story().await.of_three().await;
    let (bo, chidi) = (s.app.actor("bo").await, s.ana.client_id("Chidi Okafor").await);
    for (scope, mode, expected) in [
        (&["VIEW", "EDIT"][..], "READ_WRITE", "SHARE"),
        (&["VIEW", "SHARE"], "READ_ONLY", "READ_WRITE"),
        (&["VIEW", "SHARE"], "READ_WRITE", ""),
    ] {
        let id = s.ana.granted("bo@harbour.example", json!({ "scope": scope })).await;
        assert_eq!(bo.start(&id, mode).await.code(), None);
        for dry in [true, false] {
            let answer = put(&bo, &chidi, Some(&s.group), dry).await;
            let missing = answer.at("/errors/0/extensions/missing").as_str().unwrap_or_default();
            assert_eq!(missing, expected, "{scope:?} {mode}: {}", answer.json);
        }
        assert_eq!(
            code(&advised(&bo, &chidi, json!("ben"), Value::Null, false).await),
            "NOT_WHILE_IMPERSONATING"
        );
        bo.stop().await;
        s.ana.revoke(&id).await;
    }
    assert!(s.ben.client_names().await.contains(&"Chidi Okafor".to_owned()));
}
