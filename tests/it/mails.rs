//! The mails that a delegation causes, and what is behind their links: PF-05 to PF-13, PF-23, A1 to A6, A50, A51.

use crate::support::smtp::Trouble;
use crate::support::{TestApp, app, app_with, stranger};
use chrono::TimeDelta;
use serde_json::json;

const NEW_PASSPHRASE: &str = "drei alte Männer spielen Karten";

async fn states(app: &TestApp) -> Vec<(String, String)> {
    let rows = app
        .database
        .client()
        .await
        .query("select email, state from delegations order by created_at", &[])
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn pf_06_pf_08_a_new_address_gets_one_mail_with_a_registration_link() {
    let app = app().await;
    app.actor("ana").await.add_back_office_user("bea@office.example").await;
    let mail = app.mail_to("bea@office.example").await;
    app.all_mails_sent().await;
    assert_eq!(app.mails.mails().len(), 1);
    assert!(mail.link("https://app.example/register#token=lcl_").is_some(), "{}", mail.text);
    assert!(mail.link("/sign-in").is_none(), "exactly one of the two links");
    assert!(mail.text.contains("Ana Underwood") && mail.html.contains("Ana Underwood"));
    assert_eq!((mail.headers("to"), mail.headers("bcc"), mail.headers("cc")), (1, 0, 0));
}

#[tokio::test]
async fn pf_07_pf_10_an_existing_address_gets_one_mail_with_the_login_link_and_can_act_at_once() {
    let app = app().await;
    let added = app.actor("ana").await.add_back_office_user("bo@harbour.example").await;
    let mail = app.mail_to("bo@harbour.example").await;
    assert!(mail.link("https://app.example/sign-in").is_some(), "{}", mail.text);
    assert!(mail.link("/register").is_none());
    let bo = app.actor("bo").await;
    assert_eq!(
        bo.start(&added.text("/data/addBackOfficeUser/delegation/id"), "READ_ONLY").await.code(),
        None
    );
}

#[tokio::test]
async fn pf_09_pf_11_pf_12_whoever_registers_can_act_and_do_nothing_else() {
    let app = app().await;
    let ana = app.actor("ana").await;
    ana.add_back_office_user("bea@office.example").await;
    let token = app.mail_to("bea@office.example").await.token("/register");
    let nobody = stranger(&app.base);
    assert_eq!(
        nobody.try_sign_in("harbour", "bea", NEW_PASSPHRASE).await.code().as_deref(),
        Some("INVALID_CREDENTIALS"),
        "PF-09"
    );

    let registered = nobody.register_as(&token, "bea", NEW_PASSPHRASE).await;
    assert_eq!(
        registered.at("/data/completeRegistration/user"),
        &json!({ "handle": "bea", "name": "Somebody New", "kind": "BACK_OFFICE", "status": "ACTIVE" })
    );
    assert_eq!(states(&app).await, [("bea@office.example".to_owned(), "ACTIVE".to_owned())]);

    let bea = crate::support::Actor::sign_in(&app.base, "harbour", "bea", NEW_PASSPHRASE).await;
    assert_eq!(bea.client_names().await, Vec::<String>::new(), "PF-12: no product access");
    assert_eq!(bea.add_back_office_user("x@else.example").await.code().as_deref(), Some("FORBIDDEN"));
    let principals = bea.send("{ viewer { principals { id principal { handle } } } }", json!({})).await;
    assert_eq!(principals.text("/data/viewer/principals/0/principal/handle"), "ana");
    bea.start(&principals.text("/data/viewer/principals/0/id"), "READ_ONLY").await;
    assert_eq!(bea.client_names().await.len(), 3);

    let kinds: Vec<_> =
        ana.events().await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    for kind in [
        "DelegationCreated",
        "DelegationActivated",
        "EmailSent",
        "ImpersonationStarted",
        "ImpersonatedAction",
    ] {
        assert!(kinds.contains(&kind.to_owned()), "{kind}: {kinds:?}");
    }
}

#[tokio::test]
async fn pf_23_one_registration_activates_every_delegation_to_the_address_also_of_other_firms() {
    let app = app().await;
    app.actor("ana").await.add_back_office_user("bea@office.example").await;
    app.actor("ben").await.add_back_office_user("Bea@Office.example").await;
    app.actor_of("summit", "ana").await.add_back_office_user("bea@office.example").await;
    let token = app.mails_to("bea@office.example", 2).await[0].token("/register");
    stranger(&app.base).register_as(&token, "bea", NEW_PASSPHRASE).await;
    assert!(states(&app).await.iter().all(|(_, state)| state == "ACTIVE"), "{:?}", states(&app).await);
    let bea = crate::support::Actor::sign_in(&app.base, "harbour", "bea", NEW_PASSPHRASE).await;
    let principals =
        bea.send("{ viewer { principals { principal { name email firm { slug } } } } }", json!({})).await;
    let of_summit = principals
        .at("/data/viewer/principals")
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["principal"]["firm"]["slug"] == "summit");
    assert_eq!(
        of_summit.unwrap()["principal"]["email"],
        json!(null),
        "another firm keeps its addresses to itself"
    );
}

#[tokio::test]
async fn a4_a50_someone_of_another_firm_gets_the_login_link_and_acts_after_the_next_sign_in() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let known = ana.add_back_office_user("bo@summit.example").await;
    let unknown = ana.add_back_office_user("nobody@nowhere.example").await;
    let blank = |answer: &crate::support::Answer| {
        let mut json = answer.json.clone();
        let delegation = json.pointer_mut("/data/addBackOfficeUser/delegation").unwrap();
        (delegation["id"], delegation["email"]) = (json!(null), json!(null));
        json["extensions"] = json!(null);
        json
    };
    assert_eq!(blank(&known), blank(&unknown), "A50: nothing is revealed");
    assert!(app.mail_to("bo@summit.example").await.link("/sign-in").is_some());
    assert!(app.mail_to("nobody@nowhere.example").await.link("/register").is_some());
    let bo = app.actor_of("summit", "bo").await;
    let id = known.text("/data/addBackOfficeUser/delegation/id");
    assert_eq!(bo.start(&id, "READ_ONLY").await.code(), None);
    assert_eq!(bo.client_names().await, ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"]);
    assert_eq!(ana.revoke(&id).await.code(), None);
    let heard: Vec<_> = bo_events(&app).await;
    assert!(
        heard.contains(&"DelegationRevoked".to_owned()),
        "the delegate hears of it in the log of their own firm: {heard:?}"
    );
}

async fn bo_events(app: &TestApp) -> Vec<String> {
    let bo = app.actor_of("summit", "bo").await;
    bo.events().await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a4_a_firm_without_external_delegates_gets_a_user_of_its_own() {
    let app = app().await;
    app.database
        .client()
        .await
        .execute("update firms set allow_external_delegates = false", &[])
        .await
        .unwrap();
    app.actor("ana").await.add_back_office_user("bo@summit.example").await;
    let mail = app.mail_to("bo@summit.example").await;
    assert!(mail.link("/register").is_some() && mail.link("/sign-in").is_none());
    app.actor_of("summit", "bo").await;
    assert_eq!(states(&app).await[0].1, "PENDING");
}

#[tokio::test]
async fn a6_the_link_holds_for_seven_days_and_the_grant_stays_pending() {
    let app = app().await;
    app.actor("ana").await.add_back_office_user("bea@office.example").await;
    let token = app.mail_to("bea@office.example").await.token("/register");
    app.clock.advance(TimeDelta::days(7) + TimeDelta::minutes(1));
    let late = stranger(&app.base).register_as(&token, "bea", NEW_PASSPHRASE).await;
    assert_eq!(late.code().as_deref(), Some("INVITE_INVALID"));
    assert_eq!(states(&app).await[0].1, "PENDING");
}

#[tokio::test]
async fn abuse_10_a_link_is_worth_nothing_after_its_delegation_was_revoked() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let added = ana.add_back_office_user("bea@office.example").await;
    let token = app.mail_to("bea@office.example").await.token("/register");
    ana.revoke(&added.text("/data/addBackOfficeUser/delegation/id")).await;
    let late = stranger(&app.base).register_as(&token, "bea", NEW_PASSPHRASE).await;
    assert_eq!(late.code().as_deref(), Some("INVITE_INVALID"));
}

#[tokio::test]
async fn a50_several_people_with_one_address_are_told_apart_by_handle() {
    let app = app().await;
    let rename = "update users set email = 'office@harbour.example' where handle in ('ben', 'bo')";
    app.database.client().await.execute(rename, &[]).await.unwrap();
    let ana = app.actor("ana").await;
    let ambiguous = ana.add_back_office_user("office@harbour.example").await;
    let error = ambiguous.at("/data/addBackOfficeUser/userErrors/0");
    assert_eq!(
        (&error["__typename"], &error["handles"]),
        (&json!("AmbiguousEmailError"), &json!(["ben", "bo"]))
    );
    let by_handle = "mutation { addBackOfficeUser(input: { email: \"office@harbour.example\", handle: \"BO\" }) { delegation { delegate { handle } } userErrors { code } } }";
    assert_eq!(
        ana.send(by_handle, json!({})).await.text("/data/addBackOfficeUser/delegation/delegate/handle"),
        "bo"
    );
}

#[tokio::test]
async fn abuse_32_not_me_declines_the_delegation_and_ends_the_mails() {
    let app = app().await;
    let ana = app.actor("ana").await;
    ana.add_back_office_user("wrong@office.example").await;
    let token = app.mail_to("wrong@office.example").await.token("/unwanted");
    let report = "mutation ($t: String!) { reportUnwantedMail(input: { token: $t }) { reported userErrors { code } } }";
    let nobody = stranger(&app.base);
    assert_eq!(
        nobody.send(report, json!({ "t": token })).await.at("/data/reportUnwantedMail/reported"),
        &json!(true)
    );
    assert_eq!(nobody.send(report, json!({ "t": token })).await.code().as_deref(), Some("INVITE_INVALID"));
    assert_eq!(states(&app).await[0].1, "DECLINED");
    assert_eq!(ana.add_back_office_user("WRONG@office.example").await.code(), None, "A2: the seat is free");
    app.all_mails_sent().await;
    assert_eq!(app.mails.mails().len(), 1, "and no second mail goes out");
}

#[tokio::test]
async fn abuse_32_a_person_causes_at_most_so_many_mails_an_hour_and_an_address_gets_three_a_day() {
    let app = app_with(|config| config.limits.mails_per_actor_per_hour = 6).await;
    let ana = app.actor("ana").await;
    for _ in 0..6 {
        let added = ana.add_back_office_user("bea@office.example").await;
        ana.revoke(&added.text("/data/addBackOfficeUser/delegation/id")).await;
        app.all_mails_sent().await;
    }
    let seventh = ana.add_back_office_user("bea@office.example").await;
    assert_eq!(seventh.code().as_deref(), Some("RATE_LIMITED"));
    assert!(seventh.at("/errors/0/extensions/retryAfter").as_i64().unwrap() > 0);
    assert_eq!(states(&app).await.len(), 6, "nothing happened");
    assert!(app.mails.mails().len() <= 3, "{}", app.mails.mails().len());
    app.clock.advance(TimeDelta::hours(1) - TimeDelta::minutes(1));
    let ana = app.actor("ana").await;
    app.clock.advance(TimeDelta::minutes(2));
    assert_eq!(ana.add_back_office_user("bea@office.example").await.code(), None);
}

#[tokio::test]
async fn r8_a_mail_server_in_trouble_delays_a_mail_and_loses_none() {
    let app = app().await;
    app.mails.trouble(Trouble::Refuse(451), 2);
    let ana = app.actor("ana").await;
    ana.add_back_office_user("bea@office.example").await;
    let client = app.database.client().await;
    for attempts in 1..=2 {
        let tried = format!(
            "select count(*) from mail_deliveries where attempts >= {attempts} and last_error is not null and claimed_until is null"
        );
        while client.query_one(&tried, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        app.clock.advance(TimeDelta::minutes(10));
        // A sign-in does not commit an event, so the relay finds the mail by itself.
    }
    let mail = app.mail_to("bea@office.example").await;
    let registered = stranger(&app.base).register_as(&mail.token("/register"), "bea", NEW_PASSPHRASE).await;
    assert_eq!(registered.code(), None);
}

#[tokio::test]
async fn r8_a_mail_that_is_refused_for_good_is_given_up_visibly() {
    let app = app().await;
    app.mails.trouble(Trouble::Refuse(550), 1);
    let ana = app.actor("ana").await;
    ana.add_back_office_user("gone@office.example").await;
    app.all_mails_sent().await;
    let failed = ana.events().await.into_iter().find(|event| event["type"] == "EmailFailed").unwrap();
    assert_eq!(failed["data"]["template"], "delegation_granted");
    assert!(!app.actor("sam").await.events().await.is_empty());
    assert!(app.mails.mails().is_empty());
}

#[tokio::test]
async fn abuse_30_abuse_31_names_neither_break_a_header_nor_run_as_a_template() {
    let app = app().await;
    let ana = app.actor("ana").await;
    let hostile = "{{7*7}} <b>#PASSWORD#</b> {% include 'x' %}";
    app.database
        .client()
        .await
        .execute("update users set display_name = $1 where handle = 'ana'", &[&hostile])
        .await
        .unwrap();
    ana.add_back_office_user("bea@office.example").await;
    let mail = app.mail_to("bea@office.example").await;
    assert!(mail.text.contains(hostile), "values are data: {}", mail.text);
    assert!(
        mail.html.contains("{{7*7}} &lt;b&gt;#PASSWORD#&lt;") && !mail.html.contains("<b>#PASSWORD#"),
        "{}",
        mail.html
    );
    for bad in [
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example\nBcc: x@y.example",
        "a\u{2028}@b.example",
        "=?utf-8?q?x?=@b.example",
        "a@b.example,c@d.example",
    ] {
        assert_eq!(ana.add_back_office_user(bad).await.code().as_deref(), Some("INVALID_INPUT"), "{bad:?}");
    }
    assert_eq!(mail.rcpt.len(), 1);
    assert_eq!((mail.headers("to"), mail.headers("bcc")), (1, 0));
}
