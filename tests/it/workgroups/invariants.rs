//! What the database itself refuses, whoever writes to it: I4 to I14, I26.

use super::{code, story};
use serde_json::json;

const ANA: &str = "(select id from users where email = 'ana@harbour.example')";
const BEN: &str = "(select id from users where email = 'ben@harbour.example')";
const ALI: &str = "(select id from users where email = 'ali@harbour.example')";
const BO: &str = "(select id from users where email = 'bo@harbour.example')";
const ABROAD: &str = "(select id from users where email = 'ana@summit.example')";
const GROUP: &str = "(select id from workgroups where description = 'Retirement')";

#[tokio::test]
async fn i4_i5_i6_i7_whose_a_client_can_be() {
    let s = story().await.of_three().await;
    s.app.actor_of("summit", "ana").await.workgroup("Abroad").await;
    let set = |change: &str| {
        format!("update clients set {change} where name = 'Chidi Okafor' and primary_adviser_id = {ANA}")
    };
    for (change, constraint) in [
        (format!("primary_adviser_id = {ALI}"), "clients_primary_adviser"),
        (format!("secondary_adviser_id = {ALI}"), "clients_secondary_adviser"),
        (format!("secondary_adviser_id = {BO}"), "clients_secondary_adviser"),
        (format!("secondary_adviser_id = {ANA}"), "clients_two_advisers"),
        (format!("primary_adviser_id = {ABROAD}"), "clients_primary_adviser"),
        (
            "workgroup_id = (select id from workgroups where description = 'Abroad')".to_owned(),
            "clients_workgroup",
        ),
        ("workgroup_since = now()".to_owned(), "clients_since"),
    ] {
        assert_eq!(s.app.refused_by(&set(&change)).await, constraint, "{change}");
    }
    for change in [format!("secondary_adviser_id = {BEN}"), format!("workgroup_id = {GROUP}")] {
        s.app.sql(&set(&change)).await;
    }
    let assistant = |who: &str| format!("update users set kind = 'ASSISTANT' where id = {who}");
    s.app.newcomer("cleo", "ADVISER").await;
    s.app.sql("update users set kind = 'ASSISTANT' where handle = 'cleo'").await;
    assert_eq!(
        s.app.refused_by(&assistant(BEN)).await,
        "clients_primary_adviser",
        "I5, A27: an adviser who has clients"
    );
    s.app
        .sql(&format!("update clients set primary_adviser_id = null where primary_adviser_id = {BEN}"))
        .await;
    assert_eq!(s.app.refused_by(&assistant(BEN)).await, "clients_secondary_adviser");
    s.app
        .sql(&format!("update clients set secondary_adviser_id = null where secondary_adviser_id = {BEN}"))
        .await;
    s.app.sql(&assistant(BEN)).await;
}

#[tokio::test]
async fn i8_i9_i10_i12_who_can_own_and_be_in_a_workgroup() {
    let s = story().await.of_three().await;
    let member = |who: &str| {
        format!(
            "insert into memberships (firm_id, workgroup_id, user_id, joined_at)
        select firm_id, id, {who}, now() from workgroups where id = {GROUP}"
        )
    };
    let invite = |who: &str| {
        format!(
            "insert into invites (firm_id, id, workgroup_id, inviter_id, invitee_id, created_at)
        select firm_id, gen_random_uuid(), id, owner_id, {who}, now() from workgroups where id = {GROUP}"
        )
    };
    s.app.actor("sam").await;
    let sam = "(select id from users where email = 'sam@harbour.example')";
    s.app.sql(&invite(sam)).await;
    for (statement, constraint) in [
        (format!("delete from memberships where user_id = {ANA}"), "workgroups_owner_is_member"),
        (format!("update workgroups set owner_id = {sam} where id = {GROUP}"), "workgroups_owner_is_member"),
        (format!("update workgroups set owner_id = {ALI} where id = {GROUP}"), "workgroups_owner"),
        (
            format!(
                "update users set kind = 'ASSISTANT' where id = {sam}; {}; update workgroups set owner_id = {sam} where id = {GROUP}",
                member(sam)
            ),
            "workgroups_owner",
        ),
        (member(BEN), "memberships_pkey"),
        (member(BO), "memberships_user"),
        (member(ABROAD), "memberships_user"),
        (format!("update users set kind = 'BACK_OFFICE' where id = {ALI}"), "memberships_user"),
        (invite(sam), "invites_one_per_pair"),
        (invite(BO), "invites_invitee"),
        (invite(ABROAD), "invites_invitee"),
        (
            format!("update users set default_workgroup_id = {GROUP} where id = {sam}"),
            "users_default_workgroup",
        ),
        ("update workgroups set description = ''".to_owned(), "workgroups_description"),
        ("update workgroups set description = repeat('x', 201)".to_owned(), "workgroups_description"),
        ("update firms set invite_days = 0".to_owned(), "firms_invite_days"),
        ("update firms set invite_days = 91".to_owned(), "firms_invite_days"),
    ] {
        assert_eq!(s.app.refused_by(&format!("begin; {statement}; commit")).await, constraint, "{statement}");
    }
    s.app.sql(&format!("update users set default_workgroup_id = {GROUP} where id = {BEN}")).await;
    s.app.sql(&format!("delete from memberships where user_id = {BEN}")).await;
    let none = format!("select count(*) from users where id = {BEN} and default_workgroup_id is null");
    assert_eq!(s.app.count(&none).await, 1, "I10");
}

#[tokio::test]
async fn i11_i14_edges_keep_their_history_without_overlap() {
    let s = story().await.of_three().await;
    let chidi = s.ana.shares("Chidi Okafor", &s.group).await;
    let other = s.ana.workgroup("Another").await;
    for target in [Some(&other), None, Some(&s.group), Some(&other)] {
        let moved =
            s.ana.call("setClientWorkgroup", json!({ "clientId": chidi, "workgroupId": target })).await;
        assert_eq!(code(&moved), "DONE");
    }
    for (primary, secondary) in [("ana", "ben"), ("ana", "sam")] {
        let input = json!({ "clientId": chidi, "primaryAdviserHandle": primary, "secondaryAdviserHandle": secondary });
        assert_eq!(code(&s.ana.call("setClientAdvisers", input).await), "DONE");
    }
    for _ in 0..2 {
        s.ben.call("leaveWorkgroup", json!({ "workgroupId": s.group })).await;
        s.ana.takes_in(&s.group, &s.ben).await;
    }
    let past = "select count(*) from past_assignments where role = ";
    assert_eq!(s.app.count(&format!("{past} 'WORKGROUP'")).await, 3);
    assert_eq!(s.app.count(&format!("{past} 'SECONDARY_ADVISER'")).await, 1);
    assert_eq!(s.app.count(&format!("{past} 'PRIMARY_ADVISER'")).await, 0);
    assert_eq!(s.app.count("select count(*) from past_memberships").await, 2);
    let shifted = |table: &str| {
        format!("insert into {table} select (jsonb_populate_record(p, jsonb_build_object('held_from', held_from + (held_until - held_from) / 2))).*
        from {table} p limit 1")
    };
    assert_eq!(s.app.refused_by(&shifted("past_assignments")).await, "past_assignments_never_overlap");
    assert_eq!(s.app.refused_by(&shifted("past_memberships")).await, "past_memberships_never_overlap");
    // The clock of whoever changes an edge may be behind that of whoever did so before.
    s.app
        .sql(&format!(
            "begin; select set_config('locum.now', '2000-01-01', true);
             update clients set workgroup_id = null where name = 'Chidi Okafor' and workgroup_id is not null;
             update clients set workgroup_id = {GROUP} where name = 'Chidi Okafor' and primary_adviser_id = {ANA};
             delete from memberships where user_id = {BEN};
             insert into memberships (firm_id, workgroup_id, user_id, joined_at) select firm_id, id, {BEN}, '2000-01-01' from workgroups where id = {GROUP};
             commit;
             update clients set workgroup_id = null where name = 'Chidi Okafor';
             delete from memberships where user_id = {BEN}"
        ))
        .await;
    let ranges = "select count(*) from past_assignments where held_from >= held_until";
    assert_eq!(s.app.count(ranges).await, 0);
}

#[tokio::test]
async fn i13_i26_an_invite_is_followed_once_and_without_a_membership_there_is_no_client() {
    let s = story().await;
    let invite = s.ana.invited(&s.group, "ali").await;
    assert_eq!(
        (code(&s.ali.join(&invite).await), code(&s.ali.join(&invite).await)),
        ("DONE".into(), "NOT_FOUND".into())
    );
    assert_eq!(code(&s.ali.call("createClient", json!({ "name": "New" })).await), "DONE");
    s.app.sql(&format!("delete from memberships where user_id = {ALI}")).await;
    assert_eq!(code(&s.ali.call("createClient", json!({ "name": "New" })).await), "NO_WORKGROUP");
    let refused = s.ben.call("createClient", json!({ "name": "New", "workgroupId": s.group })).await;
    assert_eq!(code(&refused), "NOT_A_MEMBER");
    assert_eq!(s.app.count("select count(*) from clients where name = 'New'").await, 1);
}
