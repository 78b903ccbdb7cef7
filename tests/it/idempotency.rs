//! A mutation that is repeated with its `Idempotency-Key`: R7.

use crate::support::{Actor, Answer, TestApp, app, app_with, eventually};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

const ADD: &str = "mutation ($email: String!) { addBackOfficeUser(input: { email: $email }) {
    delegation { id email state } userErrors { code } } }";
const ID: &str = "/data/addBackOfficeUser/delegation/id";

async fn add(actor: &Actor, email: &str, key: &str) -> Answer {
    actor.send_with(ADD, json!({ "email": email }), &[("idempotency-key", key)]).await
}

async fn delegations(app: &TestApp) -> i64 {
    app.count("select count(*) from delegations").await
}

#[tokio::test]
async fn r7_the_first_success_is_answered_again() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let first = add(&ana, "new@else.example", "one").await;
    let events = ana.events().await.len();
    for _ in 0..3 {
        let again = add(&ana, "new@else.example", "one").await;
        assert_eq!((again.status, again.at("/data"), again.code()), (first.status, first.at("/data"), None));
    }
    assert_eq!((delegations(&app).await, ana.events().await.len()), (1, events));
    app.all_mails_sent().await;
    assert_eq!(app.mails.mails().len(), 1);
    let without = ana.add_back_office_user("new@else.example").await;
    assert_eq!(
        without.code().as_deref(),
        Some("ALREADY_DELEGATED"),
        "it is the key that makes the difference"
    );
}

#[tokio::test]
async fn r7_another_body_under_the_same_key_is_a_conflict() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let first = add(&ana, "one@else.example", "key").await.text(ID);
    let revoke =
        "mutation ($id: ID!) { revokeDelegation(input: { delegationId: $id }) { userErrors { code } } }";
    let others = [
        (ADD, json!({ "email": "two@else.example" })),
        (
            "mutation { again: addBackOfficeUser(input: { email: \"one@else.example\" }) { userErrors { code } } }",
            json!({}),
        ),
        (revoke, json!({ "id": first })),
        ("mutation { signOut { signedOut } }", json!({})),
    ];
    for (query, variables) in others {
        let refused = ana.send_with(query, variables, &[("idempotency-key", "key")]).await;
        assert_eq!(refused.code().as_deref(), Some("IDEMPOTENCY_CONFLICT"), "{query}: {}", refused.json);
    }
    assert_eq!(app.count("select count(*) from delegations where ended_at is null").await, 1);
    assert_eq!(add(&ana, "one@else.example", "key").await.text(ID), first);
    assert_eq!(add(&ana, "two@else.example", "another key").await.code(), None);
}

#[tokio::test]
async fn r7_what_was_refused_is_not_remembered() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let seats = [
        add(&ana, "one@else.example", "1").await.text(ID),
        add(&ana, "two@else.example", "2").await.text(ID),
    ];
    assert_eq!(add(&ana, "three@else.example", "3").await.code().as_deref(), Some("LIMIT_REACHED"));
    ana.revoke(&seats[0]).await;
    let added = add(&ana, "three@else.example", "3").await;
    assert_eq!(
        (added.code(), added.text("/data/addBackOfficeUser/delegation/email").as_str()),
        (None, "three@else.example")
    );
    assert_eq!(add(&ana, "three@else.example", "3").await.at("/data"), added.at("/data"));
}

#[tokio::test]
async fn r7_each_field_of_one_request_has_a_record_of_its_own() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let query = "mutation { a: addBackOfficeUser(input: { email: \"a@else.example\" }) { delegation { id } userErrors { code } }
        b: addBackOfficeUser(input: { email: \"b@else.example\" }) { delegation { id } userErrors { code } } }";
    let first = ana.send_with(query, json!({}), &[("idempotency-key", "both")]).await;
    let again = ana.send_with(query, json!({}), &[("idempotency-key", "both")]).await;
    assert_ne!(first.text("/data/a/delegation/id"), first.text("/data/b/delegation/id"));
    assert_eq!((again.at("/data"), delegations(&app).await), (first.at("/data"), 2));
}

#[tokio::test]
async fn r7_another_persons_key_is_another_key() {
    let app = app().await;
    let (ana, ben) = (app.actor("ana").await, app.actor("ben").await);
    let hers = add(&ana, "new@else.example", "key").await;
    let his = add(&ben, "new@else.example", "key").await;
    assert_eq!((hers.code(), his.code()), (None, None));
    assert_ne!(hers.text(ID), his.text(ID));
    let again = app.actor("ana").await;
    assert_eq!(
        add(&again, "new@else.example", "key").await.text(ID),
        hers.text(ID),
        "her key, in another session"
    );
}

#[tokio::test]
async fn r7_starting_and_stopping_to_act_are_repeated_within_their_session() {
    let app = app().await;
    let (ana, bo, elsewhere) = (app.actor("ana").await, app.actor("bo").await, app.actor("bo").await);
    let delegation = ana.add_back_office_user("bo@harbour.example").await.text(ID);
    let start = "mutation ($id: ID!) { startImpersonation(input: { delegationId: $id }) { impersonation { id } userErrors { code } } }";
    let stop = "mutation { stopImpersonation { impersonation { id } userErrors { code } } }";
    let send = async |actor: &Actor, query: &str, key: &str| {
        actor.send_with(query, json!({ "id": delegation }), &[("idempotency-key", key)]).await
    };
    let started = send(&bo, start, "start").await;
    assert_eq!(
        send(&bo, start, "start").await.at("/data"),
        started.at("/data"),
        "though bo acts for ana by now"
    );
    assert_eq!(app.count("select count(*) from impersonations").await, 1);
    let stopped = send(&bo, stop, "stop").await;
    assert_eq!(stopped.code(), None);
    assert_eq!(send(&bo, stop, "stop").await.at("/data"), stopped.at("/data"));

    let other = send(&elsewhere, start, "start").await;
    assert_ne!(other.at("/data"), started.at("/data"), "another session starts one of its own");
    assert_eq!(elsewhere.client_names().await.len(), 3);
    let sign_out = "mutation { signOut { signedOut } }";
    for session in [&bo, &elsewhere] {
        assert_eq!(send(session, sign_out, "out").await.at("/data/signOut/signedOut"), &json!(1));
        assert_eq!(send(session, sign_out, "out").await.code().as_deref(), Some("UNAUTHENTICATED"));
    }
}

#[tokio::test]
async fn r7_after_a_day_it_is_forgotten() {
    let app = app().await;
    add(&app.actor("ana").await, "new@else.example", "key").await;
    app.clock.advance(TimeDelta::hours(24) - TimeDelta::minutes(5));
    assert_eq!(add(&app.actor("ana").await, "new@else.example", "key").await.code(), None);
    app.clock.advance(TimeDelta::minutes(6));
    let ana = app.actor("ana").await;
    assert_eq!(
        add(&ana, "new@else.example", "key").await.code().as_deref(),
        Some("ALREADY_DELEGATED"),
        "done anew"
    );
    assert_eq!(add(&ana, "other@else.example", "key").await.code(), None, "and free for another body");
    assert_eq!(add(&ana, "new@else.example", "key").await.code().as_deref(), Some("IDEMPOTENCY_CONFLICT"));
}

#[tokio::test]
async fn a_key_has_1_to_255_visible_characters() {
    let app = app().await;
    let ana = app.actor("ana").await;
    for key in ["", &"k".repeat(256), "ä"] {
        let refused = add(&ana, "new@else.example", key).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_deref()),
            (400, Some("BAD_USER_INPUT")),
            "{key}"
        );
    }
    assert_eq!(delegations(&app).await, 0);
    assert_eq!(add(&ana, "new@else.example", &"k".repeat(255)).await.code(), None);
}

#[tokio::test]
async fn r7_of_twenty_at_once_one_has_an_effect() {
    let app = app_with(|config| {
        config.limits.mails_per_actor_per_hour = 100_000;
        config.limits.cost_bucket = 1_000_000;
    })
    .await;
    let ana = app.actor("ana").await;
    for round in 0..25 {
        let (email, key) = (format!("n{round}@else.example"), format!("key {round}"));
        let answers = join_all((0..20).map(|_| add(&ana, &email, &key))).await;
        let codes: Vec<_> = answers.iter().map(Answer::code).collect();
        let done: Vec<_> =
            answers.iter().filter(|answer| answer.code().is_none()).map(|answer| answer.text(ID)).collect();
        assert!(
            !done.is_empty() && done.iter().all(|id| *id == done[0]),
            "round {round}: {done:?} {codes:?}"
        );
        let twins = codes.iter().flatten().filter(|code| *code == "IDEMPOTENCY_IN_PROGRESS").count();
        assert_eq!(done.len() + twins, 20, "round {round}: {codes:?}");
        assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 409)));
        assert_eq!(add(&ana, &email, &key).await.text(ID), done[0]);
        assert_eq!(delegations(&app).await, round + 1);
        ana.revoke(&done[0]).await;
    }
}

#[tokio::test]
async fn r7_of_two_bodies_at_once_one_has_an_effect() {
    let app = app_with(|config| config.limits.mails_per_actor_per_hour = 100_000).await;
    let ana = app.actor("ana").await;
    for round in 0..20 {
        let key = format!("key {round}");
        let emails = [format!("a{round}@else.example"), format!("b{round}@else.example")];
        let answers = join_all(emails.iter().map(|email| add(&ana, email, &key))).await;
        let done: Vec<_> = answers.iter().filter(|answer| answer.code().is_none()).collect();
        assert_eq!(
            done.len(),
            1,
            "round {round}: {:?}",
            answers.iter().map(Answer::code).collect::<Vec<_>>()
        );
        assert_eq!(delegations(&app).await, round + 1);
        ana.revoke(&done[0].text(ID)).await;
    }
}

#[tokio::test]
async fn r7_a_client_that_hangs_up_does_not_cut_its_mutation_in_half() {
    let app = app().await;
    let ana = app.actor("ana").await;
    for round in 0..2 {
        let held = app.database.client().await;
        held.batch_execute("begin; select from event_heads for update").await.unwrap();
        let (email, key) = (format!("n{round}@else.example"), format!("key {round}"));
        let sending = tokio::spawn({
            let (ana, email, key) = (ana.clone(), email.clone(), key.clone());
            async move { add(&ana, &email, &key).await }
        });
        let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        eventually("it waits for its place in the log", async || (app.count(waits).await > 0).then_some(()))
            .await;
        sending.abort();
        assert!(sending.await.is_err(), "hung up");
        assert_eq!(delegations(&app).await, round, "nothing is committed yet");
        held.batch_execute("commit").await.unwrap();
        eventually("the mutation is finished", async || (delegations(&app).await > round).then_some(()))
            .await;
        let events = ana.events().await;
        let created = events.iter().filter(|event| event["type"] == "DelegationCreated").count();
        assert_eq!(created as i64, round + 1, "with its event");
        let again = add(&ana, &email, &key).await;
        assert_eq!((again.code(), delegations(&app).await), (None, round + 1), "and with its record");
    }
}
