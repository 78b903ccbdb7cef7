//! What the principal sees of it: who acted for her and what they did, in the log, by mail and each morning. PF-15, A7, A10.

use super::{case_of_chidi, code};
use crate::support::{Actor, TestApp, app, app_with, eventually};
use chrono::TimeDelta;
use serde_json::{Value, json};

fn node(answer: &crate::support::Answer, index: usize) -> Value {
    answer.at(&format!("/data/viewer/impersonationsOfMe/edges/{index}/node")).clone()
}

fn kinds(impersonation: &Value) -> Vec<&str> {
    let edges = impersonation["events"]["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["node"]["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_principal_sees_every_start_view_edit_print_and_end_with_both_names() {
    let app = app().await;
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    let (chidi, case) = case_of_chidi(&ana).await;
    let for_ana = ana.granted("bo@harbour.example", json!({})).await;
    let for_ben = ben.granted("bo@harbour.example", json!({})).await;
    bo.start(&for_ana, "READ_WRITE").await;
    bo.client_names().await;
    let query = "query ($id: ID!) { node(id: $id) { ... on Case { facts { value } } } }";
    bo.send(query, json!({ "id": case })).await;
    bo.send(query, json!({ "id": case })).await;
    bo.update_case(&case, 1, json!({ "title": "Better" })).await;
    bo.create_case(&chidi, "Another", json!([])).await;
    bo.update_client(&chidi, 1, json!({ "name": "Chidi B. Okafor" })).await;
    bo.print_case(&case).await;
    let running = node(&ana.impersonations_of_me().await, 0);
    assert_eq!(
        (&running["endedAt"], &running["actor"]["handle"]),
        (&Value::Null, &json!("bo")),
        "she sees it live"
    );
    bo.start(&for_ben, "READ_ONLY").await;
    bo.stop().await;

    let seen = ana.impersonations_of_me().await;
    assert_eq!(seen.at("/data/viewer/impersonationsOfMe/totalCount"), &json!(1));
    let hers = node(&seen, 0);
    assert_eq!((&hers["mode"], &hers["endReason"]), (&json!("READ_WRITE"), &json!("SWITCHED")));
    assert_eq!(
        kinds(&hers),
        [
            "ImpersonationStarted",
            "ImpersonatedAction",
            "ImpersonatedAction",
            "CaseUpdated",
            "CaseCreated",
            "ImpersonatedAction",
            "ImpersonatedAction",
            "ClientUpdated",
            "CasePrinted",
            "ImpersonationEnded"
        ]
    );
    for edge in hers["events"]["edges"].as_array().unwrap() {
        let event = &edge["node"];
        assert_eq!(
            (&event["actor"]["handle"], &event["principal"]["handle"]),
            (&json!("bo"), &json!("ana")),
            "{event}"
        );
    }
    let viewed = &hers["events"]["edges"][2]["node"]["data"];
    assert_eq!(
        (&viewed["operation"], &viewed["objects"]),
        (&json!("case"), &json!([case])),
        "which case was read"
    );
    let his = node(&ben.impersonations_of_me().await, 0);
    assert_eq!(kinds(&his), ["ImpersonationSwitched", "ImpersonationEnded"]);

    let own = bo.events().await;
    let of_ana = own.iter().filter(|event| event["principal"]["handle"] == "ana").count();
    assert_eq!(of_ana, 10, "the actor hears of their own part");
    assert!(!ben.events().await.iter().any(|event| event["principal"]["handle"] == "ana"
        && event["type"] != "ClientUpdated"
        && event["type"] != "CaseUpdated"));
}

#[tokio::test]
async fn a_delegate_of_another_firm_finds_their_part_in_their_own_log() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (_, case) = case_of_chidi(&ana).await;
    let id = ana.granted("bo@summit.example", json!({})).await;
    let bo = app.actor_of("summit", "bo").await;
    bo.start(&id, "READ_WRITE").await;
    bo.update_case(&case, 1, json!({ "title": "From outside" })).await;
    let current =
        bo.send("{ viewer { impersonation { events { edges { node { type } } } } } }", json!({})).await;
    let kinds_of = |list: &Value| {
        list.as_array().unwrap().iter().map(|edge| edge["node"]["type"].clone()).collect::<Vec<_>>()
    };
    let expected = [json!("ImpersonationStarted"), json!("CaseUpdated")];
    assert_eq!(kinds_of(current.at("/data/viewer/impersonation/events/edges"))[..2], expected);
    bo.stop().await;
    assert!(bo.events().await.iter().any(|event| event["type"] == "CaseUpdated"));
    let hers = node(&ana.impersonations_of_me().await, 0);
    assert!(kinds(&hers).contains(&"CaseUpdated"));
    assert_eq!(
        app.actor_of("summit", "ana")
            .await
            .events()
            .await
            .iter()
            .filter(|event| event["type"] == "CaseUpdated")
            .count(),
        0
    );
}

#[tokio::test]
async fn impersonations_are_paged_and_their_statements_do_not_grow() {
    let app = app_with(|config| config.limits.cost_bucket = 1_000_000).await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let id = ana.granted("bo@harbour.example", json!({})).await;
    let turn = async || {
        bo.start(&id, "READ_ONLY").await;
        bo.client_names().await;
        bo.stop().await;
    };
    turn().await;
    let few = ana.impersonations_of_me().await.statements();
    for _ in 0..11 {
        turn().await;
    }
    let all = ana.impersonations_of_me().await;
    assert_eq!((all.statements(), few), (few, 4), "however many");
    assert_eq!(kinds(&node(&all, 11)), ["ImpersonationStarted", "ImpersonatedAction", "ImpersonationEnded"]);
    let page = async |arguments: String| {
        let query = format!(
            "{{ viewer {{ impersonationsOfMe({arguments}) {{ pageInfo {{ endCursor hasNextPage }} edges {{ node {{ id }} }} }} }} }}"
        );
        let seen = ana.send(&query, json!({})).await;
        seen.at("/data/viewer/impersonationsOfMe").clone()
    };
    let (mut ids, mut arguments) = (Vec::new(), "first: 5".to_owned());
    loop {
        let part = page(arguments).await;
        ids.extend(part["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["id"].clone()));
        if part["pageInfo"]["hasNextPage"] == false {
            break;
        }
        arguments = format!("first: 5, after: {}", part["pageInfo"]["endCursor"]);
    }
    let expected: Vec<_> = (0..12).map(|index| node(&all, index)["id"].clone()).collect();
    assert_eq!(ids, expected);
    let last = page("last: 3".to_owned()).await;
    assert_eq!(last["edges"][2]["node"]["id"], expected[11]);
    let inner = "{ viewer { impersonationsOfMe(first: 1) { edges { node { events(first: 2) { pageInfo { endCursor hasNextPage } edges { node { type } } } } } } } }";
    let first = ana.send(inner, json!({})).await;
    let events = first.at("/data/viewer/impersonationsOfMe/edges/0/node/events").clone();
    assert_eq!(
        (&events["pageInfo"]["hasNextPage"], events["edges"].as_array().unwrap().len()),
        (&json!(true), 2)
    );
    let next = inner.replace("first: 2", &format!("first: 2, after: {}", events["pageInfo"]["endCursor"]));
    let rest = ana.send(&next, json!({})).await;
    assert_eq!(
        rest.at("/data/viewer/impersonationsOfMe/edges/0/node/events/edges/0/node/type"),
        &json!("ImpersonationEnded")
    );
}

#[tokio::test]
async fn the_principal_gets_a_mail_the_first_time_someone_acts_for_them() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let id = ana.granted("bo@harbour.example", json!({})).await;
    bo.start_because(&id, Some("Quarter-end review")).await;
    let mail = app.mail_to("ana@harbour.example").await;
    assert_eq!(mail.subject, "Bo Lindgren acts for you");
    let text = mail.text.replace('\n', " ");
    assert!(text.contains("Quarter-end review") && text.contains("change nothing"), "{text}");
    bo.stop().await;
    bo.start(&id, "READ_WRITE").await;
    ana.revoke(&id).await;
    let again = ana.granted("bo@harbour.example", json!({})).await;
    bo.start(&again, "READ_WRITE").await;
    let summit = app.actor_of("summit", "bo").await;
    let other = ana.granted("bo@summit.example", json!({})).await;
    let summit = {
        drop(summit);
        app.actor_of("summit", "bo").await
    };
    summit.start(&other, "READ_WRITE").await;
    let mails = app.mails_to("ana@harbour.example", 2).await;
    app.all_mails_sent().await;
    assert_eq!(
        app.mails.mails().iter().filter(|mail| mail.rcpt == ["ana@harbour.example"]).count(),
        2,
        "once for each person"
    );
    assert!(mails[1].text.contains("change them"), "{}", mails[1].text);
}

/// Moves the clock to shortly past this hour of the next day in the firm's zone.
fn to_hour(app: &TestApp, hour: i64) {
    let local = app.now().with_timezone(&chrono_tz::Europe::Berlin);
    let past = i64::from(chrono::Timelike::num_seconds_from_midnight(&local));
    app.clock.advance(TimeDelta::seconds(24 * 3_600 - past + hour * 3_600 + 60));
}

async fn want_summary(who: &Actor, wanted: bool) {
    let query = "mutation ($wanted: Boolean) { updateProfile(input: { dailySummary: $wanted }) { user { handle } userErrors { code } } }";
    assert_eq!(who.send(query, json!({ "wanted": wanted })).await.code(), None);
    let kept = who.send("{ viewer { dailySummary } }", json!({})).await;
    assert_eq!(kept.at("/data/viewer/dailySummary"), &json!(wanted));
}

#[tokio::test]
async fn each_morning_whoever_wants_it_gets_a_summary_of_the_day_before() {
    let app = app().await;
    // Noon, so that all of it is on one day.
    to_hour(&app, 12);
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    want_summary(&ana, true).await;
    want_summary(&ben, true).await;
    let (_, case) = case_of_chidi(&ana).await;
    let id = ana.granted("bo@harbour.example", json!({})).await;
    for mode in ["READ_WRITE", "READ_ONLY"] {
        bo.start(&id, mode).await;
        bo.send(
            "query ($id: ID!) { node(id: $id) { ... on Case { facts { value } } } }",
            json!({ "id": case }),
        )
        .await;
        if mode == "READ_WRITE" {
            bo.update_case(&case, 1, json!({ "title": "Better" })).await;
        }
        bo.print_case(&case).await;
        bo.stop().await;
    }
    app.all_mails_sent().await;
    app.mails.take();
    to_hour(&app, 5);
    let summaries = "select count(*) from mail_deliveries where template = 'daily_summary'";
    assert_eq!(app.count(summaries).await, 0);
    app.clock.advance(TimeDelta::hours(1));
    second_half_minute(&app).await;
    let mail = app.mail_to("ana@harbour.example").await;
    assert!(mail.subject.starts_with("What was done in your name on "), "{}", mail.subject);
    let text = mail.text.replace('\n', " ");
    assert!(text.contains("Bo Lindgren acted for you 2 times: looked at 2, changed 1, printed 2."), "{text}");
    app.all_mails_sent().await;
    assert_eq!(app.count(summaries).await, 1, "nothing was done in Ben's name");

    to_hour(&app, 7);
    second_half_minute(&app).await;
    assert_eq!(app.count(summaries).await, 1, "nor in Ana's the day after");
    let ana = app.actor("ana").await;
    want_summary(&ana, false).await;
}

/// The sweep that looks for summaries comes twice a minute; the story asks it to come now.
async fn second_half_minute(app: &TestApp) {
    let log = app.running.app.log.clone();
    let swept = log.transact(locum::events::Author::System, async |tx| {
        locum::domain::impersonation::summarize(tx).await
    });
    swept.await.unwrap();
}

#[tokio::test]
async fn a_profile_is_changed_by_its_own_person_only() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let query = "mutation ($name: String) { updateProfile(input: { displayName: $name }) { user { name } userErrors { code field } } }";
    let renamed = ana.send(query, json!({ "name": "Ana Underwood-Lee" })).await;
    assert_eq!(renamed.text("/data/updateProfile/user/name"), "Ana Underwood-Lee");
    for bad in ["", "two\nlines", &"x".repeat(201)] {
        assert_eq!(code(&ana.send(query, json!({ "name": bad })).await), "INVALID_INPUT");
    }
    assert!(ana.events().await.iter().any(|event| event["type"] == "UserUpdated"));
    assert_eq!(
        code(&crate::support::stranger(&app.base).send(query, json!({ "name": "X" })).await),
        "UNAUTHENTICATED"
    );
}

#[tokio::test]
async fn reading_is_noted_before_the_answer_goes_out_and_not_twice() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let id = ana.granted("bo@harbour.example", json!({})).await;
    bo.start(&id, "READ_ONLY").await;
    let noted =
        async || ana.events().await.iter().filter(|event| event["type"] == "ImpersonatedAction").count();
    for _ in 0..3 {
        bo.client_names().await;
        assert_eq!(noted().await, 1);
    }
    app.clock.advance(TimeDelta::minutes(11));
    bo.client_names().await;
    assert_eq!(noted().await, 2, "and again after ten minutes");
    // Without the note, no answer.
    app.sql("alter table events rename to kept_events").await;
    app.clock.advance(TimeDelta::minutes(11));
    let refused = bo.send("{ clients { edges { node { name } } } }", json!({})).await;
    assert_eq!((code(&refused).as_str(), refused.json.get("data")), ("INTERNAL_SERVER_ERROR", None));
    app.sql("alter table kept_events rename to events").await;
    eventually("it goes on", async || (bo.client_names().await.len() == 3).then_some(())).await;
}
