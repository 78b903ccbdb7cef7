//! A case on paper: a link that works once, for minutes, and only as long as whoever asked for it may print. A10, PF-15.

use super::case_of_chidi;
use crate::support::{Actor, TestApp, app};
use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::{Client, Method, Response};
use serde_json::json;

async fn link(app: &TestApp, who: &Actor, case: &str) -> String {
    format!("{}{}", app.base, who.print_case(case).await.text("/data/printCase/url"))
}

async fn open(url: &str) -> Response {
    Client::new().get(url).send().await.unwrap()
}

#[tokio::test]
async fn a10_a_case_is_laid_out_for_paper_once() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (_, case) = case_of_chidi(&ana).await;
    let url = link(&app, &ana, &case).await;
    let page = open(&url).await;
    assert_eq!(page.status(), 200);
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-type").starts_with("text/html"));
    assert_eq!(
        (header("cache-control"), header("referrer-policy")),
        ("no-store".into(), "no-referrer".into())
    );
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text().await.unwrap();
    for words in [
        "@page",
        "Retirement plan",
        "Chidi Okafor",
        "48,000 a year",
        "Wants to retire at 60.\nTwo children.",
        "by Ana Underwood.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let again = open(&url).await;
    assert_eq!(again.status(), 410);
    assert!(!again.text().await.unwrap().contains("Retirement"));
    assert_eq!(open(&format!("{}/print/lcp_nonsense", app.base)).await.status(), 410);
    assert_eq!(open(&format!("{}/print/%ff", app.base)).await.status(), 410);
    assert_eq!(open(&format!("{}/print/", app.base)).await.status(), 404);
}

#[tokio::test]
async fn a_delegates_print_has_both_names_and_the_principal_sees_it() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let (_, case) = case_of_chidi(&ana).await;
    let id = ana.granted("bo@harbour.example", json!({ "scope": ["PRINT"] })).await;
    bo.start(&id, "READ_ONLY").await;
    let url = link(&app, &bo, &case).await;
    let text = open(&url).await.text().await.unwrap();
    assert!(text.contains("by Bo Lindgren, acting for Ana Underwood."), "{text}");
    for who in [&ana, &{
        bo.stop().await;
        bo
    }] {
        let events = who.events().await;
        let printed: Vec<_> = events.iter().filter(|event| event["type"] == "CasePrinted").collect();
        assert_eq!(printed.len(), 1);
        assert_eq!(
            (&printed[0]["actor"]["handle"], &printed[0]["principal"]["handle"]),
            (&json!("bo"), &json!("ana"))
        );
        assert_eq!(printed[0]["data"]["case"], json!(case));
    }
}

#[tokio::test]
async fn abuse_10_of_many_who_open_a_link_at_once_one_sees_it() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (_, case) = case_of_chidi(&ana).await;
    for round in 0..20 {
        let url = link(&app, &ana, &case).await;
        let mut statuses: Vec<_> =
            join_all((0..8).map(|_| open(&url))).await.iter().map(|page| page.status().as_u16()).collect();
        statuses.sort();
        assert_eq!(statuses, [vec![200], vec![410; 7]].concat(), "round {round}");
    }
}

#[tokio::test]
async fn looking_ahead_does_not_use_a_link_up_and_five_minutes_do() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (_, case) = case_of_chidi(&ana).await;
    let url = link(&app, &ana, &case).await;
    let head = Client::new().request(Method::HEAD, &url).send().await.unwrap();
    assert_eq!(head.status(), 405);
    let prefetch = Client::new().get(&url).header("sec-purpose", "prefetch;prerender").send().await.unwrap();
    assert_eq!(prefetch.status(), 204);
    app.clock.advance(TimeDelta::minutes(5) - TimeDelta::seconds(5));
    assert_eq!(open(&url).await.status(), 200);
    let url = link(&app, &ana, &case).await;
    app.clock.advance(TimeDelta::minutes(5) + TimeDelta::seconds(1));
    assert_eq!(open(&url).await.status(), 410);
}

#[tokio::test]
async fn abuse_6_a_link_is_worth_what_its_session_is_worth_when_it_is_opened() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    let (_, case) = case_of_chidi(&ana).await;
    for trouble in ["revoked", "ended", "stopped", "switched", "narrowed", "unlisted", "signed out", "lost"] {
        let terms = json!({ "scope": ["PRINT"] });
        let id = ana.granted("bo@harbour.example", terms).await;
        let session = app.actor("bo").await;
        let running = session.start(&id, "READ_ONLY").await.text("/data/startImpersonation/impersonation/id");
        let (kept, url) = (link(&app, &session, &case).await, link(&app, &session, &case).await);
        assert_eq!(open(&kept).await.status(), 200, "{trouble}: before");
        match trouble {
            "revoked" => drop(ana.revoke(&id).await),
            "ended" => drop(ana.end_of_me(&running).await),
            "stopped" => drop(session.stop().await),
            "switched" => drop(session.start(&id, "READ_ONLY").await),
            "narrowed" => drop(ana.update_delegation(&id, 1, json!({ "scope": ["VIEW"] })).await),
            "unlisted" => {
                let amelie = ana.client_id("Amélie Laurent").await;
                ana.update_delegation(&id, 1, json!({ "clients": [amelie] })).await;
            }
            "signed out" => drop(session.sign_out().await),
            _ => {
                app.sql("update clients set primary_adviser_id = null where name = 'Chidi Okafor'").await;
            }
        }
        assert_eq!(open(&url).await.status(), 410, "{trouble}");
        ana.revoke(&id).await;
    }
    drop(bo);
}

#[tokio::test]
async fn abuse_31_abuse_33_a_page_runs_nothing_of_what_a_case_says() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let chidi = ana.client_id("Chidi Okafor").await;
    let nasty = "</td><script>alert(1)</script> {{7*7}} {% include 'x' %} <img src=x onerror=y>";
    let case = ana.create_case(&chidi, nasty, json!([{ "name": nasty, "value": nasty }])).await;
    let case = case.text("/data/createCase/case/id");
    let url = link(&app, &ana, &case).await;
    let text = open(&url).await.text().await.unwrap();
    assert_eq!(text.matches("<script>").count(), 1, "its own: {text}");
    assert!(!text.contains("<img") && text.contains("{{7*7}}"), "{text}");
    let token = url.rsplit('/').next().unwrap();
    let kept = app
        .count(&format!("select count(*) from case_prints where token_hash = convert_to('{token}', 'UTF8')"))
        .await;
    assert_eq!(kept, 0, "only its hash is kept");
}

#[tokio::test]
async fn an_answer_with_a_token_is_not_kept_for_a_repetition() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let (_, case) = case_of_chidi(&ana).await;
    let query = "mutation ($id: ID!) { printCase(input: { caseId: $id }) { url } }";
    let headers = [("idempotency-key", "one")];
    let one = ana.send_with(query, json!({ "id": case }), &headers).await.text("/data/printCase/url");
    let other = ana.send_with(query, json!({ "id": case }), &headers).await.text("/data/printCase/url");
    assert_ne!(one, other, "each print is one of its own");
    assert_eq!(app.count("select count(*) from idempotency_records").await, 0);
}
