//! Many at once: whatever comes first, nothing hangs or breaks, and the end is one that could have come about one by one.

use super::{Story, code, story};
use crate::support::{Actor, Answer};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// How often each race is run.
const ROUNDS: usize = 25;

/// What came of it; a fault, or a service that gives up, fails the story.
fn outcome(answer: &Answer) -> String {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json);
    assert!(answer.at("/errors").is_null(), "{}", answer.json);
    code(answer)
}

async fn call(who: &Actor, mutation: &'static str, input: Value) -> String {
    outcome(&who.call(mutation, input).await)
}

/// What holds at any time.
async fn sound(s: &Story) {
    for (what, find) in [
        (
            "a workgroup whose owner is not in it",
            "select count(*) from workgroups g where not exists (select from memberships m
            where m.workgroup_id = g.id and m.user_id = g.owner_id)",
        ),
        (
            "a workgroup that is there and deleted",
            "select count(*) from workgroups join deleted_workgroups using (firm_id, id)",
        ),
        (
            "a member who is invited",
            "select count(*) from invites i join memberships m on m.workgroup_id = i.workgroup_id and m.user_id = i.invitee_id",
        ),
        (
            "a default workgroup of others",
            "select count(*) from users u where default_workgroup_id is not null and not exists (
            select from memberships m where m.workgroup_id = u.default_workgroup_id and m.user_id = u.id)",
        ),
    ] {
        assert_eq!(s.app.count(find).await, 0, "{what}");
    }
}

fn sorted(mut codes: Vec<String>) -> Vec<String> {
    codes.sort();
    codes
}

#[tokio::test]
async fn races_of_two_joins_and_of_a_join_with_ignoring_and_revoking() {
    let s = story().await;
    for round in 0..ROUNDS {
        let group = s.ana.workgroup(&format!("Round {round}")).await;
        let invite = s.ana.invited(&group, "ben").await;
        let of = json!({ "inviteId": invite });
        let joins = join_all((0..4).map(|_| call(&s.ben, "joinWorkgroup", of.clone()))).await;
        assert_eq!(sorted(joins), ["DONE", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"]);

        let invite = s.ana.invited(&group, "ali").await;
        let of = json!({ "inviteId": invite });
        let (joined, revoked, ignored) = tokio::join!(
            call(&s.ali, "joinWorkgroup", of.clone()),
            call(&s.ana, "revokeInvite", of.clone()),
            call(&s.ali, "ignoreInvite", of.clone()),
        );
        assert_eq!(sorted(vec![joined.clone(), revoked, ignored]), ["DONE", "NOT_FOUND", "NOT_FOUND"]);
        let id = locum::id::decode(&group).unwrap().1;
        let there =
            s.app.count(&format!("select count(*) from memberships where workgroup_id = '{id}'")).await;
        assert_eq!(there, if joined == "DONE" { 3 } else { 2 });
    }
    sound(&s).await;
    let events = "select count(*) from events where type = ";
    assert_eq!(
        s.app.count(&format!("{events} 'InviteCreated'")).await,
        s.app.count(&format!("{events} 'InviteRemoved'")).await
    );
}

#[tokio::test]
async fn races_of_two_invites_of_the_same_pair_and_with_the_joining_and_the_deletion() {
    let s = story().await;
    for round in 0..ROUNDS {
        let group = s.ana.workgroup(&format!("Round {round}")).await;
        let of = json!({ "workgroupId": group, "handle": "ben" });
        let made = join_all((0..5).map(|_| s.ana.call("inviteToWorkgroup", of.clone()))).await;
        let invites: Vec<_> =
            made.iter().map(|made| (outcome(made), made.of("/invite/id").clone())).collect();
        assert!(
            invites.iter().all(|invite| invite.0 == "DONE" && invite.1 == invites[0].1),
            "all of them are the same one"
        );
        let invite = json!({ "inviteId": invites[0].1 });
        let (joined, again, deleted) = tokio::join!(
            call(&s.ben, "joinWorkgroup", invite),
            call(&s.ana, "inviteToWorkgroup", of.clone()),
            call(&s.ana, "deleteWorkgroup", json!({ "workgroupId": group })),
        );
        assert_eq!(deleted, "DONE");
        assert!(["DONE", "NOT_FOUND"].contains(&joined.as_str()), "{joined}");
        assert!(["DONE", "ALREADY_MEMBER", "NOT_FOUND"].contains(&again.as_str()), "{again}");
    }
    assert_eq!(s.app.count("select count(*) from invites").await, 0);
    sound(&s).await;
}

#[tokio::test]
async fn races_of_leaving_with_the_transfer_the_removal_and_the_default() {
    let s = story().await;
    let ben = s.ben.id().await;
    for round in 0..ROUNDS {
        let group = s.ana.workgroup(&format!("Round {round}")).await;
        s.ana.takes_in(&group, &s.ben).await;
        let of = json!({ "workgroupId": group });
        let (left, handed_over, chosen) = tokio::join!(
            call(&s.ben, "leaveWorkgroup", of.clone()),
            call(&s.ana, "transferWorkgroup", json!({ "workgroupId": group, "userId": ben })),
            call(&s.ben, "setDefaultWorkgroup", of.clone()),
        );
        match (left.as_str(), handed_over.as_str()) {
            ("DONE", "NOT_A_MEMBER") | ("OWNER_CANNOT_LEAVE", "DONE") => {}
            both => panic!("{both:?}"),
        }
        assert!(["DONE", "NOT_A_MEMBER"].contains(&chosen.as_str()), "{chosen}");
        if left == "DONE" {
            s.ana.takes_in(&group, &s.ben).await;
            let (left, removed, gone) = tokio::join!(
                call(&s.ben, "leaveWorkgroup", of.clone()),
                call(&s.ana, "removeMember", json!({ "workgroupId": group, "userId": ben })),
                call(&s.ben, "setDefaultWorkgroup", of.clone()),
            );
            assert!(
                [("DONE", "NOT_A_MEMBER"), ("NOT_FOUND", "DONE")]
                    .contains(&(left.as_str(), removed.as_str())),
                "{left} {removed}"
            );
            assert!(["DONE", "NOT_A_MEMBER"].contains(&gone.as_str()), "{gone}");
        }
    }
    sound(&s).await;
}

#[tokio::test]
async fn races_of_the_deletion_with_new_clients_and_with_clients_that_come_and_go() {
    let s = story().await;
    let elsewhere = s.ana.workgroup("Elsewhere").await;
    let chidi = s.ana.client_id("Chidi Okafor").await;
    let mut was_put = false;
    for round in 0..ROUNDS {
        let group = s.ana.workgroup(&format!("Round {round}")).await;
        s.ana.takes_in(&group, &s.ali).await;
        s.ana.shares("Björn Lindqvist", &group).await;
        let bjorn = s.ana.client_id("Björn Lindqvist").await;
        call(&s.ana, "setDefaultWorkgroup", json!({ "workgroupId": group })).await;
        let into = |client: &str, group: Option<&str>| json!({ "clientId": client, "workgroupId": group });
        let new = json!({ "name": format!("New {round}"), "workgroupId": group });
        let (deleted, created, put, taken, chosen, left) = tokio::join!(
            call(&s.ana, "deleteWorkgroup", json!({ "workgroupId": group })),
            call(&s.ali, "createClient", new),
            call(&s.ana, "setClientWorkgroup", into(&chidi, Some(&group))),
            call(&s.ana, "setClientWorkgroup", into(&bjorn, Some(&elsewhere))),
            call(&s.ana, "setDefaultWorkgroup", json!({ "workgroupId": group })),
            call(&s.ali, "leaveWorkgroup", json!({ "workgroupId": group })),
        );
        assert_eq!((deleted.as_str(), taken.as_str()), ("DONE", "DONE"));
        assert!(["DONE", "NOT_A_MEMBER", "NO_WORKGROUP"].contains(&created.as_str()), "{created}");
        assert!(["DONE", "NOT_A_MEMBER"].contains(&put.as_str()), "{put}");
        was_put |= put == "DONE";
        assert!(["DONE", "NOT_A_MEMBER"].contains(&chosen.as_str()), "{chosen}");
        assert!(["DONE", "NOT_FOUND"].contains(&left.as_str()), "{left}");
        let there = format!(
            "select count(*) from clients where name = 'New {round}' and workgroup_id is null and primary_adviser_id is not null"
        );
        assert_eq!(s.app.count(&there).await, i64::from(created == "DONE"));
        let back =
            join_all((0..2).map(|_| call(&s.ana, "restoreWorkgroup", json!({ "workgroupId": group })))).await;
        assert_eq!(sorted(back), ["DONE", "NOT_FOUND"]);
        let again =
            format!("select count(*) from clients where name = 'New {round}' and workgroup_id is not null");
        assert_eq!(
            s.app.count(&again).await,
            i64::from(created == "DONE"),
            "what was in it comes back with it"
        );
    }
    sound(&s).await;
    assert_eq!(
        s.app
            .count("select count(*) from clients where name = 'Chidi Okafor' and workgroup_id is not null")
            .await,
        i64::from(was_put),
        "whatever it was put into is there again"
    );
}

#[tokio::test]
async fn races_of_a_new_client_of_an_assistant_with_the_transfer_and_the_removal() {
    let s = story().await;
    let (ali, ben) = (s.ali.id().await, s.ben.id().await);
    for round in 0..ROUNDS {
        let group = s.ana.workgroup(&format!("Round {round}")).await;
        s.ana.takes_in(&group, &s.ali).await;
        s.ana.takes_in(&group, &s.ben).await;
        let name = |n: usize| format!("New {round}/{n}");
        let new = |n: usize| json!({ "name": name(n), "workgroupId": group });
        let (created, handed_over, other, removed) = tokio::join!(
            s.ali.call("createClient", new(0)),
            call(&s.ana, "transferWorkgroup", json!({ "workgroupId": group, "userId": ben })),
            s.ali.call("createClient", new(1)),
            call(&s.ana, "removeMember", json!({ "workgroupId": group, "userId": ali })),
        );
        assert_eq!(handed_over, "DONE");
        assert!(["DONE", "FORBIDDEN"].contains(&removed.as_str()), "{removed}");
        for answer in [created, other] {
            match outcome(&answer).as_str() {
                "DONE" => {
                    let adviser = answer.of("/client/primaryAdviser/handle").as_str().unwrap();
                    assert!(["ana", "ben"].contains(&adviser), "the owner of the moment");
                }
                refused => assert!(["NOT_A_MEMBER", "NO_WORKGROUP"].contains(&refused), "{refused}"),
            }
        }
        if removed == "FORBIDDEN" {
            assert_eq!(
                call(&s.ben, "removeMember", json!({ "workgroupId": group, "userId": ali })).await,
                "DONE"
            );
        }
    }
    sound(&s).await;
}
