//! What nobody needs any more is swept up, by a server that opens or has been open for ten minutes. What history refers
//! to is not.

use crate::support::{TestApp, app, eventually, stranger};
use chrono::TimeDelta;
use serde_json::json;

/// Sweeps up as a server does that opens now; waits until a query answers zero.
async fn sweep_until_none(app: &TestApp, counted: &str) {
    let server = app.second_server().await;
    let query = format!("select count(*) from {counted}");
    eventually(&format!("there are no {counted}"), async || (app.count(&query).await == 0).then_some(()))
        .await;
    server.close().await;
}

#[tokio::test]
async fn a_device_is_forgotten_after_four_hundred_days_without_use() {
    let app = app().await;
    let door = stranger(&app.base);
    let sign_in = async |device: Option<&str>| {
        let input = json!({ "firm": "harbour", "username": "ana", "password": crate::support::PASSPHRASE, "deviceToken": device });
        door.sign_in_with(input, &[]).await.text("/data/signIn/deviceToken")
    };
    let (left, used) = (sign_in(None).await, sign_in(None).await);
    app.clock.advance(TimeDelta::days(390));
    assert_eq!(sign_in(Some(&used)).await, used);
    app.clock.advance(TimeDelta::days(11));
    sweep_until_none(&app, "devices where last_used_at = created_at").await;
    assert_eq!(sign_in(Some(&used)).await, used, "a use counts, not the age");
    assert_ne!(sign_in(Some(&left)).await, left);
    assert_eq!(app.count("select count(*) from sessions").await, 5, "who was there when stays known");
}

#[tokio::test]
async fn a_link_is_forgotten_thirty_days_after_it_ceased_to_hold() {
    let app = app().await;
    let (sam, door) = (app.actor("sam").await, stranger(&app.base));
    for handle in ["cleo", "dina"] {
        sam.invite(handle, &format!("{handle}@harbour.example"), json!({})).await;
    }
    let link = app.mails.next("cleo@harbour.example", "Your account").await.token("register");
    app.mails.next("dina@harbour.example", "Your account").await;
    app.all_mails_sent().await;
    assert_eq!(door.register(&link, "an-entirely-new-phrase").await.code(), None);

    app.clock.advance(TimeDelta::days(31));
    sweep_until_none(&app, "links where consumed_at is not null").await;
    let unused = "select count(*) from links where purpose = 'REGISTRATION'";
    assert_eq!(app.count(unused).await, 1, "Dina's held for seven days, and is over for less than thirty");
    app.clock.advance(TimeDelta::days(7));
    sweep_until_none(&app, "links where purpose = 'REGISTRATION'").await;
}

#[tokio::test]
async fn a20_a_deleted_workgroup_is_forgotten_when_it_cannot_be_brought_back_any_more() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let group = ana.workgroup("Retirement").await;
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(ana.call("deleteWorkgroup", json!({ "workgroupId": group })).await.code(), None);
    app.clock.advance(TimeDelta::days(29));
    app.second_server().await.close().await;
    assert_eq!(app.count("select count(*) from deleted_workgroups").await, 1);
    app.clock.advance(TimeDelta::days(2));
    sweep_until_none(&app, "deleted_workgroups").await;
    assert_eq!(app.count("select count(*) from past_memberships").await, 1, "who was in it stays known");
}

#[tokio::test]
async fn a_great_heap_is_swept_up_and_what_is_in_use_is_stepped_around() {
    let app = app().await;
    app.sql(
        "insert into devices (firm_id, id, user_id, token_hash, created_at, last_used_at)
           select firm_id, gen_random_uuid(), id, sha256(n::text::bytea), now(), now() - interval '401 days'
           from users, generate_series(1, 2500) as n where handle = 'ana' and email like '%harbour%';
         insert into throttles (key, count, window_ends_at, updated_at)
           select sha256(n::text::bytea), 1, now(), now() - interval '3 days' from generate_series(1, 2500) as n",
    )
    .await;
    let held = app.database.client().await;
    held.batch_execute("begin; select from devices where token_hash = sha256('1') for update").await.unwrap();
    sweep_until_none(&app, "devices where token_hash <> sha256('1')").await;
    assert_eq!(app.count("select count(*) from throttles").await, 0);
    held.batch_execute("commit").await.unwrap();
    sweep_until_none(&app, "devices").await;
}
