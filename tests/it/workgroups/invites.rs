//! Invites by user ID, in the app: PL-17 to PL-22; A11 to A15, A19.

use super::{code, field, listed, story, types};
use crate::support::{Actor, socket::Socket};
use chrono::TimeDelta;
use serde_json::{Value, json};

async fn ignore(who: &Actor, invite: &str) -> String {
    code(&who.call("ignoreInvite", json!({ "inviteId": invite })).await)
}

async fn revoke(who: &Actor, invite: &str) -> String {
    code(&who.call("revokeInvite", json!({ "inviteId": invite })).await)
}

/// What waits on somebody's profile page.
async fn waiting(who: &Actor) -> Vec<String> {
    let invites = who.profile().await["invites"].clone();
    let ids = listed(&invites, "/id");
    assert_eq!(invites["totalCount"], ids.len());
    ids
}

/// What waits on the page of a workgroup.
async fn asked(owner: &Actor, group: &str) -> Vec<Value> {
    let query = "query ($id: ID!) { node(id: $id) { ... on Workgroup { invites { id } } } }";
    let seen = owner.send(query, json!({ "id": group })).await;
    seen.at("/data/node/invites").as_array().unwrap_or_else(|| panic!("{}", seen.json)).clone()
}

#[tokio::test]
async fn pl_17_pl_18_a12_an_invite_is_made_by_user_id_and_waits_on_the_profile_page() {
    let s = story().await;
    for unknown in ["nobody", "ben@harbour.example", "Ben Achterberg", "", "x\u{202e}"] {
        let refused = s.ana.try_invite(&s.group, unknown).await;
        assert_eq!((code(&refused).as_str(), field(&refused)), ("USER_NOT_FOUND", "handle"), "{unknown:?}");
    }
    let made = s.ana.try_invite(&s.group, " BEN ").await;
    assert_eq!(code(&made), "DONE", "in whatever case");
    let id = made.of("/invite/id").as_str().unwrap().to_owned();
    assert_eq!(made.of("/invite/invitee/handle"), "ben");
    assert_eq!(made.of("/invite/expiresAt"), &Value::Null, "A15: no end by default");
    let invites = s.ben.profile().await["invites"].clone();
    assert_eq!(
        (
            listed(&invites, "/id"),
            listed(&invites, "/workgroupDescription"),
            listed(&invites, "/inviter/handle")
        ),
        (vec![id.clone()], vec!["Retirement".to_owned()], vec!["ana".to_owned()])
    );
    assert_eq!(asked(&s.ana, &s.group).await, [json!({ "id": id })]);
    assert!(waiting(&s.ali).await.is_empty() && waiting(&s.ana).await.is_empty());
    assert_eq!(s.app.actor_of("summit", "ben").await.profile().await["invites"]["totalCount"], 0);
    let again = s.ana.try_invite(&s.group, "ben").await;
    assert_eq!(again.of("/invite/id"), &json!(id), "A13: the one that waits");
    assert_eq!(s.app.count("select count(*) from events where type = 'InviteCreated'").await, 1);
}

#[tokio::test]
async fn pl_19_pl_20_a14_ignoring_deletes_the_invite_and_says_nothing_of_why() {
    let s = story().await;
    let invite = s.ana.invited(&s.group, "ben").await;
    let (mine, theirs) = (s.ana.events().await.len(), s.ben.events().await.len());
    assert_eq!(ignore(&s.ben, &invite).await, "DONE");
    assert!(waiting(&s.ben).await.is_empty() && asked(&s.ana, &s.group).await.is_empty());
    assert_eq!(s.app.count("select count(*) from invites").await, 0);
    for heard in [s.ana.heard_since(mine).await, s.ben.heard_since(theirs).await] {
        let data = json!({ "invite": invite, "workgroup": s.group, "invitee": s.ben.id().await });
        assert_eq!(heard, [("InviteRemoved".to_owned(), data)], "no reason");
    }
    assert_eq!(
        (ignore(&s.ben, &invite).await, code(&s.ben.join(&invite).await)),
        ("NOT_FOUND".into(), "NOT_FOUND".into())
    );
    assert_eq!(revoke(&s.ana, &invite).await, "NOT_FOUND");
    assert_eq!(listed(&s.ana.profile().await["workgroupsCreated"], "/memberCount"), ["1"]);
}

#[tokio::test]
async fn pl_21_pl_22_joining_counts_one_more_and_shares_none_of_the_joiners_clients() {
    let s = story().await;
    s.ana.shares("Chidi Okafor", &s.group).await;
    let invite = s.ana.invited(&s.group, "ben").await;
    let (mine, theirs, others) =
        (s.ana.events().await.len(), s.ben.events().await.len(), s.ali.events().await.len());
    let joined = s.ben.join(&invite).await;
    assert_eq!(
        (joined.of("/workgroup/memberCount"), joined.of("/workgroup/id")),
        (&json!(2), &json!(s.group))
    );
    assert!(waiting(&s.ben).await.is_empty() && asked(&s.ana, &s.group).await.is_empty());
    assert!(
        s.ben.client_names().await.contains(&"Chidi Okafor".to_owned()),
        "what is in the group is shared"
    );
    assert_eq!(
        s.ana.client_names().await,
        ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"],
        "PL-22: and not Dorota"
    );
    let expected = ["InviteRemoved", "AccessGained", "MembershipStarted"];
    let of = |heard: Vec<(String, Value)>| {
        let mut names: Vec<_> = types(&heard).into_iter().map(str::to_owned).collect();
        names.sort_by_key(|name| expected.iter().position(|known| known == name));
        names
    };
    assert_eq!(of(s.ana.heard_since(mine).await), expected, "the owner, who is Chidi's adviser");
    assert_eq!(of(s.ben.heard_since(theirs).await), expected, "who joined");
    assert_eq!(s.ali.heard_since(others).await, [], "nobody else");
    for again in [s.ben.join(&invite).await, s.ana.join(&invite).await] {
        assert_eq!((code(&again).as_str(), field(&again)), ("NOT_FOUND", "inviteId"), "I13");
    }
    let refused = s.ana.try_invite(&s.group, "ben").await;
    assert_eq!((code(&refused).as_str(), field(&refused)), ("ALREADY_MEMBER", "handle"), "A13");
    assert_eq!(code(&s.ana.try_invite(&s.group, "ana").await), "ALREADY_MEMBER", "the owner is one, too");
}

#[tokio::test]
async fn a11_a19_the_owner_invites_and_nobody_without_product_access_is_invited() {
    let s = story().await.of_three().await;
    for (who, expected) in [(&s.ben, "FORBIDDEN"), (&s.ali, "FORBIDDEN"), (&s.sam, "FORBIDDEN")] {
        let refused = who.try_invite(&s.group, "sam").await;
        assert_eq!((code(&refused).as_str(), field(&refused)), (expected, "workgroupId"));
    }
    let bo = s.ana.try_invite(&s.group, "bo").await;
    assert_eq!((code(&bo).as_str(), field(&bo)), ("CANNOT_JOIN", "handle"), "A19");
    s.app.newcomer("gone", "ADVISER").await;
    s.app.sql("update users set status = 'INACTIVE', can_login = false where handle = 'gone'").await;
    assert_eq!(code(&s.ana.try_invite(&s.group, "gone").await), "USER_INACTIVE");
    assert_eq!(s.app.count("select count(*) from invites").await, 0);
}

#[tokio::test]
async fn only_the_invitee_follows_an_invite_and_only_the_owner_takes_it_back() {
    let s = story().await;
    s.ana.takes_in(&s.group, &s.ali).await;
    let invite = s.ana.invited(&s.group, "ben").await;
    let abroad = s.app.actor_of("summit", "ben").await;
    for other in [&s.ana, &s.ali, &s.sam, &abroad] {
        assert_eq!(code(&other.join(&invite).await), "NOT_FOUND");
        assert_eq!(ignore(other, &invite).await, "NOT_FOUND");
    }
    for other in [&s.ben, &s.ali, &s.sam, &abroad] {
        assert_eq!(revoke(other, &invite).await, "NOT_FOUND");
    }
    let query = "query ($id: ID!) { node(id: $id) { __typename } }";
    for (who, sees) in [(&s.ana, true), (&s.ben, true), (&s.ali, false), (&s.sam, false), (&abroad, false)] {
        assert_eq!(!who.send(query, json!({ "id": invite })).await.at("/data/node").is_null(), sees);
    }
    assert_eq!(asked(&s.ali, &s.group).await, [] as [Value; 0], "members do not see who is invited");
    assert_eq!(revoke(&s.ana, &invite).await, "DONE");
    assert!(waiting(&s.ben).await.is_empty());
    assert_eq!(code(&s.ben.join(&invite).await), "NOT_FOUND");
}

#[tokio::test]
async fn a14_the_same_person_is_invited_three_times_in_thirty_days() {
    let s = story().await;
    for round in 0..3 {
        let invite = s.ana.invited(&s.group, "ben").await;
        assert_eq!(s.ana.invited(&s.group, "ben").await, invite, "one that waits does not count again");
        let ended = if round == 1 { revoke(&s.ana, &invite).await } else { ignore(&s.ben, &invite).await };
        assert_eq!(ended, "DONE");
        s.app.clock.advance(TimeDelta::minutes(10));
    }
    let (ana, ben) = (s.app.actor("ana").await, s.app.actor("ben").await);
    let refused = ana.try_invite(&s.group, "ben").await;
    assert_eq!((code(&refused).as_str(), refused.status.as_u16()), ("RATE_LIMITED", 429));
    assert!(refused.at("/errors/0/extensions/retryAfter").as_i64().unwrap() > 29 * 86_400);
    assert!(waiting(&ben).await.is_empty());
    assert_eq!(code(&ana.try_invite(&s.group, "ali").await), "DONE", "somebody else");
    let other = ana.workgroup("Another").await;
    assert_eq!(code(&ana.try_invite(&other, "ben").await), "DONE", "to something else");
    s.app.clock.advance(TimeDelta::days(29));
    assert_eq!(code(&s.app.actor("ana").await.try_invite(&s.group, "ben").await), "RATE_LIMITED");
    s.app.clock.advance(TimeDelta::days(1));
    assert_eq!(code(&s.app.actor("ana").await.try_invite(&s.group, "ben").await), "DONE");
}

#[tokio::test]
async fn a15_by_the_firms_policy_an_invite_runs_out_and_both_sides_can_still_remove_it() {
    let s = story().await;
    s.app.sql("update firms set invite_days = 7 where slug = 'harbour'").await;
    let (one, two) = (s.ana.invited(&s.group, "ben").await, s.ana.invited(&s.group, "ali").await);
    let three = s.ana.invited(&s.group, "sam").await;
    s.app.clock.advance(TimeDelta::days(7) - TimeDelta::minutes(1));
    let (ana, ben) = (s.app.actor("ana").await, s.app.actor("ben").await);
    assert_eq!(waiting(&ben).await, std::slice::from_ref(&one), "up to the end");
    s.app.clock.advance(TimeDelta::minutes(2));
    assert!(waiting(&ben).await.is_empty() && asked(&ana, &s.group).await.is_empty());
    let late = ben.join(&one).await;
    assert_eq!((code(&late).as_str(), field(&late)), ("NOT_FOUND", "inviteId"));
    assert_eq!(s.app.count("select count(*) from invites").await, 3, "a refusal takes nothing away");
    assert_eq!(ignore(&ben, &one).await, "DONE");
    assert_eq!(revoke(&ana, &two).await, "DONE");
    let before = s.app.actor("sam").await.events().await.len();
    let anew = ana.invited(&s.group, "sam").await;
    assert_ne!(anew, three, "one that has run out makes room for a new one");
    let sam = s.app.actor("sam").await;
    assert_eq!(types(&sam.heard_since(before).await), ["InviteRemoved", "InviteCreated"]);
    assert_eq!(waiting(&sam).await, std::slice::from_ref(&anew));
    assert_eq!(code(&sam.join(&anew).await), "DONE");
}

#[tokio::test]
async fn inviteevents_come_live_to_both_sides_and_to_nobody_else() {
    let s = story().await;
    let query = "subscription { inviteEvents { __typename ... on Event { type data actor { handle } } ... on Checkpoint { cursor } } }";
    let mut sockets = Vec::new();
    for who in [&s.ana, &s.ben, &s.ali] {
        let mut socket = Socket::of(who).await;
        socket.subscribe("invites", query, json!({})).await;
        assert_eq!(socket.item().await["__typename"], "Checkpoint");
        sockets.push(socket);
    }
    let first = s.ana.invited(&s.group, "ben").await;
    assert_eq!(ignore(&s.ben, &first).await, "DONE");
    let second = s.ana.invited(&s.group, "ben").await;
    assert_eq!(code(&s.ben.join(&second).await), "DONE");
    let last = s.ana.invited(&s.group, "ali").await;
    let expected = [
        ("InviteCreated", &first),
        ("InviteRemoved", &first),
        ("InviteCreated", &second),
        ("InviteRemoved", &second),
    ];
    for (socket, to_all) in sockets.iter_mut().zip([true, true, false]) {
        for (name, invite) in expected.iter().filter(|_| to_all) {
            let event = socket.event().await;
            assert_eq!(
                (event["type"].as_str(), event["data"]["invite"].as_str()),
                (Some(*name), Some(invite.as_str()))
            );
        }
    }
    for index in [0, 2] {
        let event = sockets[index].event().await;
        assert_eq!(
            (event["type"].as_str(), event["data"]["invite"].as_str()),
            (Some("InviteCreated"), Some(last.as_str())),
            "for Ali it is the first one"
        );
    }
}
