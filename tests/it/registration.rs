//! How firms and people come in: a firm registers, a setup admin invites, a principal names someone; each goes on
//! behind the link of a mail.

use crate::support::{Actor, Answer, TestApp, app, app_with, assert_same_time, stranger};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Instant;

const PHRASE: &str = "an-entirely-new-phrase";

/// Somebody whom sam invites; answers the token of the mail's link.
async fn invited(app: &TestApp, sam: &Actor, handle: &str) -> String {
    let email = format!("{handle}@harbour.example");
    let answer = sam.invite(handle, &email, json!({})).await;
    assert_eq!(answer.code(), None, "{answer:?}");
    app.mails.next(&email, "Your account at harbour & Partners").await.token("register")
}

/// Somebody whom ana names; answers the token of the mail's link, and the delegation.
async fn named(app: &TestApp, ana: &Actor, email: &str) -> (String, String) {
    let delegation = ana.add_back_office_user(email).await.text("/data/addBackOfficeUser/delegation/id");
    (app.mails.next(email, "Ana Underwood wants you").await.token("register"), delegation)
}

/// What an answer says that must not depend on why a link does not hold.
fn said(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.at("/data").clone())
}

fn is_invalid(answer: &Answer) -> bool {
    answer.code().as_deref() == Some("INVITE_INVALID")
        && answer.at("/data/completeRegistration/user") == &Value::Null
}

/// The code of the answer and the field it names.
fn refusal(answer: &Answer) -> (String, Value) {
    let field = answer.at("/data").as_object().unwrap().values().next().unwrap();
    (answer.code().unwrap(), field["userErrors"][0]["field"].clone())
}

#[tokio::test]
async fn a_firm_registers_and_its_first_user_signs_in() {
    let app = app().await;
    let door = stranger(&app.base);
    let answer = door.register_firm("meadow", json!({})).await;
    let firm = json!({ "slug": "meadow", "name": "Meadow Advisers", "timeZone": "Europe/Lisbon" });
    assert_eq!(answer.at("/data/registerFirm"), &json!({ "firm": firm, "userErrors": [] }));
    let mail = app.mails.next("kim@meadow.example", "Your account at Meadow Advisers").await;
    assert!(mail.text.contains("Your user ID is kim"));
    assert_eq!(
        door.try_sign_in("meadow", "kim", PHRASE).await.code().as_deref(),
        Some("INVALID_CREDENTIALS"),
        "not registered yet"
    );

    let registered = door.register(&mail.token("register"), PHRASE).await;
    let user = json!({ "handle": "kim", "name": "Kim Vale", "status": "ACTIVE" });
    assert_eq!(registered.at("/data/completeRegistration"), &json!({ "user": user, "userErrors": [] }));
    let kim = Actor::sign_in(&app.base, "meadow", "kim", PHRASE).await;
    let me = kim.send("{ viewer { user { kind capabilities } firm { slug } } }", json!({})).await;
    assert_eq!(
        me.at("/data/viewer"),
        &json!({ "user": { "kind": "ADVISER", "capabilities": ["SETUP_ADMIN"] }, "firm": { "slug": "meadow" } })
    );
    let heard = kim.events().await;
    let kinds: Vec<_> = heard
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .filter(|kind| *kind != "EmailSent")
        .collect();
    assert_eq!(kinds, ["FirmRegistered", "UserRegistered"]);
}

#[tokio::test]
async fn a_firm_that_cannot_be_is_refused_and_leaves_nothing() {
    let app = app().await;
    let door = stranger(&app.base);
    let input = |name: &str, value: &str| json!({ name: value });
    let bad = [
        ("slug", "harbour", "SLUG_TAKEN"),
        ("slug", "Harbour", "INVALID_INPUT"),
        ("slug", "-meadow", "INVALID_INPUT"),
        ("slug", "mea dow", "INVALID_INPUT"),
        ("slug", "", "INVALID_INPUT"),
        ("slug", &"m".repeat(64), "INVALID_INPUT"),
        ("name", " ", "INVALID_INPUT"),
        ("timeZone", "Europe/Nowhere", "INVALID_INPUT"),
        ("handle", "k", "INVALID_INPUT"),
        ("handle", "kim@meadow", "INVALID_INPUT"),
        ("email", "kim", "INVALID_INPUT"),
        ("email", "kim@meadow.example\r\nBcc: x@y.example", "INVALID_INPUT"),
        ("displayName", "Kim\nVale", "INVALID_INPUT"),
    ];
    for (field, value, code) in bad {
        let answer = door.register_firm("meadow", input(field, value)).await;
        assert_eq!(refusal(&answer), (code.to_owned(), json!(["input", field])), "{field}: {value:?}");
        assert_eq!(answer.at("/data/registerFirm/firm"), &Value::Null);
    }
    let firms: i64 =
        app.database.client().await.query_one("select count(*) from firms", &[]).await.unwrap().get(0);
    assert_eq!((firms, app.mails.mails().len()), (2, 0));
}

#[tokio::test]
async fn where_registration_is_closed_nobody_registers_a_firm() {
    let app = app_with(|config| config.open_registration = false).await;
    let answer = stranger(&app.base).register_firm("meadow", json!({})).await;
    let error = answer.at("/data/registerFirm/userErrors/0");
    assert_eq!((&error["__typename"], &error["code"]), (&json!("ForbiddenError"), &json!("FORBIDDEN")));
    assert!(
        error["rule"].as_str().unwrap().contains("whoever runs this service")
            && error["grantableBy"].as_str().unwrap().contains("locum user create")
    );
}

#[tokio::test]
async fn a_setup_admin_invites_someone_who_registers_and_signs_in() {
    let app = app().await;
    let (sam, door) = (app.actor("sam").await, stranger(&app.base));
    let answer = sam
        .invite("cleo", "Cleo@harbour.example", json!({ "kind": "ASSISTANT", "capabilities": ["AUDITOR"] }))
        .await;
    let user = json!({ "handle": "cleo", "name": "Cleo Marsh", "email": "Cleo@harbour.example", "kind": "ASSISTANT", "status": "PENDING", "capabilities": ["AUDITOR"] });
    assert_eq!(answer.at("/data/inviteUser"), &json!({ "user": user, "userErrors": [] }));
    let mail = app.mails.next("Cleo@harbour.example", "Your account at harbour & Partners").await;
    assert_eq!(
        door.try_sign_in("harbour", "cleo", PHRASE).await.code().as_deref(),
        Some("INVALID_CREDENTIALS"),
        "not registered yet"
    );

    let input = json!({ "token": mail.token("register"), "password": PHRASE, "displayName": "Cleo M.", "handle": "somebody-else" });
    let registered = door.register_with(input).await;
    let user = json!({ "handle": "cleo", "name": "Cleo M.", "status": "ACTIVE" });
    assert_eq!(registered.at("/data/completeRegistration/user"), &user, "the handle is what sam chose");
    assert_eq!(
        Actor::sign_in(&app.base, "harbour", "cleo@harbour.example", PHRASE).await.who().await,
        "cleo"
    );
    let heard = sam.events().await;
    let of = |kind: &str| {
        heard.iter().filter(|event| event["type"] == kind && event["data"]["handle"] == "cleo").count()
    };
    assert_eq!((of("UserInvited"), of("UserRegistered")), (1, 1), "the setup admin hears of it");
}

#[tokio::test]
async fn an_invitation_that_cannot_be_is_refused_and_mails_nobody() {
    let app = app().await;
    let sam = app.actor("sam").await;
    let bad = [
        ("handle", json!({ "handle": "ANA" }), "HANDLE_TAKEN"),
        ("handle", json!({ "handle": "c" }), "INVALID_INPUT"),
        ("handle", json!({ "handle": "cleo@harbour.example" }), "INVALID_INPUT"),
        ("handle", json!({ "handle": "c".repeat(65) }), "INVALID_INPUT"),
        ("email", json!({ "email": "cleo@harbour" }), "INVALID_INPUT"),
        ("email", json!({ "email": "cleo@harbour.example, x@y.example" }), "INVALID_INPUT"),
        ("displayName", json!({ "displayName": "" }), "INVALID_INPUT"),
        ("displayName", json!({ "displayName": "=?utf-8?q?Cleo?=" }), "INVALID_INPUT"),
        ("level", json!({ "level": "x".repeat(65) }), "INVALID_INPUT"),
    ];
    for (field, other, code) in bad {
        let answer = sam.invite("cleo", "cleo@harbour.example", other.clone()).await;
        assert_eq!(refusal(&answer), (code.to_owned(), json!(["input", field])), "{other}");
        assert_eq!(answer.at("/data/inviteUser/user"), &Value::Null);
    }
    let unknown = sam.invite("cleo", "cleo@harbour.example", json!({ "kind": "OWNER" })).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_deref()), (400, Some("BAD_USER_INPUT")));
    let ever: i64 = app
        .database
        .client()
        .await
        .query_one("select count(*) from mail_deliveries", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(ever, 0);
}

#[tokio::test]
async fn abuse_23_what_is_not_in_the_input_cannot_be_set() {
    let app = app().await;
    let sam = app.actor("sam").await;
    for other in [
        json!({ "firmId": "x" }),
        json!({ "status": "ACTIVE" }),
        json!({ "emailVerified": true }),
        json!({ "passwordHash": "x" }),
    ] {
        let answer = sam.invite("cleo", "cleo@harbour.example", other.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.at("/data")), (400, &Value::Null), "{other}");
    }
    let input =
        json!({ "token": "lcl_x", "password": PHRASE, "kind": "ADVISER", "capabilities": ["SETUP_ADMIN"] });
    assert_eq!(stranger(&app.base).register_with(input).await.status.as_u16(), 400);
}

#[tokio::test]
async fn only_a_setup_admin_invites_and_only_to_their_own_firm() {
    let app = app().await;
    let (ana, bo, sam) = (app.actor("ana").await, app.actor("bo").await, app.actor("sam").await);
    for actor in [&ana, &bo] {
        let answer = actor.invite("cleo", "cleo@harbour.example", json!({})).await;
        let error = answer.at("/data/inviteUser/userErrors/0");
        assert_eq!((&error["__typename"], &error["code"]), (&json!("ForbiddenError"), &json!("FORBIDDEN")));
        assert!(
            error["rule"].as_str().unwrap().contains("setup admin")
                && error["grantableBy"].as_str().unwrap().contains("SETUP_ADMIN")
        );
        let taken = actor.invite("ben", "ben@harbour.example", json!({})).await;
        assert_eq!(taken.at("/data"), answer.at("/data"), "nor do they learn what is taken");
    }
    assert_eq!(
        stranger(&app.base).invite("cleo", "cleo@harbour.example", json!({})).await.code().as_deref(),
        Some("UNAUTHENTICATED")
    );

    app.actor_of("summit", "sam").await.invite("cleo", "cleo@mail.example", json!({})).await;
    let same = sam.invite("cleo", "cleo@mail.example", json!({})).await;
    assert_eq!(same.code(), None, "whom another firm has does not matter, and is not told");
    let mail = app.mails.next("cleo@mail.example", "Your account at harbour & Partners").await;
    assert!(!mail.raw.contains("summit"));
}

#[tokio::test]
async fn abuse_2_a_setup_admin_in_somebody_elses_name_invites_nobody() {
    let app = app().await;
    let (ana, sam) = (app.actor("ana").await, app.actor("sam").await);
    let delegation =
        ana.add_back_office_user("sam@harbour.example").await.text("/data/addBackOfficeUser/delegation/id");
    sam.start(&delegation, "READ_WRITE").await;
    assert_eq!(
        sam.invite("cleo", "cleo@harbour.example", json!({})).await.code().as_deref(),
        Some("NOT_WHILE_IMPERSONATING")
    );
}

#[tokio::test]
async fn abuse_10_a_link_is_used_once() {
    let app = app().await;
    let (sam, door) = (app.actor("sam").await, stranger(&app.base));
    let token = invited(&app, &sam, "cleo").await;
    let unknown = door.register("lcl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", PHRASE).await;
    assert!(is_invalid(&unknown));
    assert_eq!(door.register(&token, PHRASE).await.code(), None);
    assert_eq!(said(&door.register(&token, "yet-another-new-phrase").await), said(&unknown));
    assert_eq!(
        Actor::sign_in(&app.base, "harbour", "cleo", PHRASE).await.who().await,
        "cleo",
        "the first password holds"
    );
    for other in ["", " ", "lcl_", &token.to_uppercase(), &format!("{token} ")] {
        assert_eq!(said(&door.register(other, PHRASE).await), said(&unknown), "{other:?}");
    }
}

#[tokio::test]
async fn abuse_10_a_link_opened_by_twenty_at_once_makes_one_person() {
    let app = app_with(|config| {
        config.limits.public_actions_per_hour = 1_000_000;
        config.limits.mails_per_actor_per_hour = 1_000_000;
        config.limits.cost_bucket = 1_000_000;
    })
    .await;
    let second = app.second_server().await;
    let (sam, ana) = (app.actor("sam").await, app.actor("ana").await);
    let doors = [stranger(&app.base), stranger(&format!("http://{}", second.address))];
    for round in 0..20 {
        // In turn: somebody who has an account to activate, and somebody who gets a new one.
        let (token, delegation) = if round % 2 == 0 {
            (invited(&app, &sam, &format!("cleo{round}")).await, None)
        } else {
            let (token, delegation) = named(&app, &ana, &format!("bea{round}@else.example")).await;
            (token, Some(delegation))
        };
        let tries = (0..20).map(|n| {
            let (door, token) = (&doors[n % 2], token.clone());
            async move { door.register(&token, &format!("the-phrase-of-number-{n}")).await }
        });
        let answers = join_all(tries).await;
        let won: Vec<_> = (0..20).filter(|n| answers[*n].code().is_none()).collect();
        let lost = answers.iter().filter(|answer| is_invalid(answer)).count();
        assert_eq!(
            (won.len(), lost),
            (1, 19),
            "round {round}: {:?}",
            answers.iter().map(Answer::code).collect::<Vec<_>>()
        );
        let handle = answers[won[0]].text("/data/completeRegistration/user/handle");
        Actor::sign_in(&app.base, "harbour", &handle, &format!("the-phrase-of-number-{}", won[0])).await;
        if let Some(delegation) = delegation {
            assert_eq!(ana.revoke(&delegation).await.code(), None);
        }
    }
    let people = "select count(*) from users where handle like 'cleo%' or handle like 'bea%'";
    let people: i64 = app.database.client().await.query_one(people, &[]).await.unwrap().get(0);
    assert_eq!(people, 20);
    second.close().await;
}

#[tokio::test]
async fn abuse_10_two_links_to_one_address_make_one_person() {
    let app = app_with(|config| {
        config.limits.mails_per_actor_per_hour = 1_000_000;
        config.limits.public_actions_per_hour = 1_000_000;
    })
    .await;
    let (ana, ben, door) = (app.actor("ana").await, app.actor("ben").await, stranger(&app.base));
    for round in 0..20 {
        let email = format!("bea{round}@else.example");
        let (of_ana, for_ana) = named(&app, &ana, &email).await;
        let for_ben = ben.add_back_office_user(&email).await.text("/data/addBackOfficeUser/delegation/id");
        let of_ben = app.mails.next(&email, "Ben Achterberg wants you").await.token("register");
        let answers = join_all([&of_ana, &of_ben].map(|token| door.register(token, PHRASE))).await;
        assert_eq!(answers.iter().filter(|answer| answer.code().is_none()).count(), 1, "round {round}");
        assert_eq!(answers.iter().filter(|answer| is_invalid(answer)).count(), 1, "round {round}");
        let bea = Actor::sign_in(&app.base, "harbour", &email, PHRASE).await;
        let principals = bea.send("{ viewer { principals { principal { handle } } } }", json!({})).await;
        assert_eq!(
            principals.at("/data/viewer/principals").as_array().unwrap().len(),
            2,
            "PF-23: both of them"
        );
        ana.revoke(&for_ana).await;
        ben.revoke(&for_ben).await;
    }
}

#[tokio::test]
async fn abuse_10_a_link_holds_for_seven_days() {
    let app = app().await;
    let (sam, ana, door) = (app.actor("sam").await, app.actor("ana").await, stranger(&app.base));
    let (cleo, dan) = (invited(&app, &sam, "cleo").await, invited(&app, &sam, "dan").await);
    let (bea, _) = named(&app, &ana, "bea@else.example").await;
    app.clock.advance(TimeDelta::days(7) - TimeDelta::minutes(1));
    assert_eq!(door.register(&cleo, PHRASE).await.code(), None);
    app.clock.advance(TimeDelta::minutes(1));
    let unknown = door.register("lcl_unknown", PHRASE).await;
    for token in [dan, bea] {
        assert_eq!(said(&door.register(&token, PHRASE).await), said(&unknown));
    }
}

#[tokio::test]
async fn abuse_10_after_revocation_or_once_the_inviter_has_lost_the_right_a_link_holds_no_more() {
    let app = app().await;
    let (ana, ben, door) = (app.actor("ana").await, app.actor("ben").await, stranger(&app.base));
    let unknown = door.register("lcl_unknown", PHRASE).await;
    let (revoked, delegation) = named(&app, &ana, "one@else.example").await;
    ana.revoke(&delegation).await;
    assert_eq!(said(&door.register(&revoked, PHRASE).await), said(&unknown));

    let (orphaned, _) = named(&app, &ana, "two@else.example").await;
    ben.add_back_office_user("three@else.example").await;
    let of_ben = app.mails.next("three@else.example", "Ben Achterberg wants you").await.token("register");
    let client = app.database.client().await;
    client
        .batch_execute("update users set status = 'INACTIVE', can_login = false where handle = 'ana'")
        .await
        .unwrap();
    client
        .batch_execute("update clients set primary_adviser_id = null, secondary_adviser_id = null")
        .await
        .unwrap();
    client.batch_execute("update users set kind = 'BACK_OFFICE' where handle = 'ben'").await.unwrap();
    for token in [orphaned, of_ben] {
        assert_eq!(said(&door.register(&token, PHRASE).await), said(&unknown));
    }
}

#[tokio::test]
async fn abuse_9_whoever_is_signed_in_with_another_address_does_not_use_a_link() {
    let app = app().await;
    let (sam, ana, ben, door) =
        (app.actor("sam").await, app.actor("ana").await, app.actor("ben").await, stranger(&app.base));
    let unknown = ben.register("lcl_unknown", PHRASE).await;
    let (staff, (delegate, _)) =
        (invited(&app, &sam, "cleo").await, named(&app, &ana, "bea@else.example").await);
    for token in [&staff, &delegate] {
        for actor in [&ben, &ana, &sam, &app.actor_of("summit", "ben").await] {
            assert_eq!(
                said(&actor.register(token, PHRASE).await),
                said(&unknown),
                "nothing is shown of whom it is from"
            );
        }
    }
    for token in [&staff, &delegate] {
        assert_eq!(door.register(token, PHRASE).await.code(), None, "and it still holds for the right one");
    }
}

#[tokio::test]
async fn a_password_or_handle_that_cannot_be_taken_leaves_the_link_as_it_was() {
    let app = app().await;
    let (sam, ana, door) = (app.actor("sam").await, app.actor("ana").await, stranger(&app.base));
    let token = invited(&app, &sam, "cleo").await;
    let (short, long) = ("fourteen-chars", "a phrase ".repeat(120));
    let bad = [
        short,
        "",
        "passwordpassword",
        "Cleo@Harbour.Example",
        "aaaaaaaaaaaaaaaaaaaa",
        "123456789012345678",
        &long,
        &"x y".repeat(300_000),
    ];
    for password in bad {
        let answer = door.register(&token, password).await;
        assert_eq!(
            refusal(&answer),
            ("PASSWORD_REFUSED".to_owned(), json!(["input", "password"])),
            "{password:.40}"
        );
    }
    assert_eq!(door.register(&token, "fifteen-chars-ok").await.code(), None);

    let (token, _) = named(&app, &ana, "bea@else.example").await;
    let with_handle = async |handle: &str| {
        door.register_with(json!({ "token": token, "password": PHRASE, "handle": handle })).await
    };
    assert_eq!(refusal(&with_handle("ANA").await), ("HANDLE_TAKEN".to_owned(), json!(["input", "handle"])));
    assert_eq!(refusal(&with_handle("b").await), ("INVALID_INPUT".to_owned(), json!(["input", "handle"])));
    assert_eq!(with_handle("bea").await.text("/data/completeRegistration/user/handle"), "bea");
}

#[tokio::test]
async fn pf_06_whoever_was_named_registers_and_acts_and_does_nothing_else() {
    let app = app().await;
    let (ana, door) = (app.actor("ana").await, stranger(&app.base));
    let (token, delegation) = named(&app, &ana, "ana@else.example").await;
    let registered = door.register(&token, PHRASE).await;
    assert_eq!(
        registered.text("/data/completeRegistration/user/handle"),
        "ana2",
        "made of the address, where `ana` is taken"
    );
    let bea = Actor::sign_in(&app.base, "harbour", "ana2", PHRASE).await;
    assert_eq!(bea.client_names().await, Vec::<String>::new());
    assert_eq!(bea.start(&delegation, "READ_ONLY").await.code(), None);
    assert_eq!(bea.client_names().await, ["Amélie Laurent", "Björn Lindqvist", "Chidi Okafor"]);
}

#[tokio::test]
async fn abuse_12_adding_a_back_office_user_does_not_tell_who_has_an_account_elsewhere() {
    let app = app_with(|config| {
        config.limits.mails_per_actor_per_hour = 1_000_000;
        config.limits.mails_per_address_per_day = 1_000_000;
        config.limits.mails_per_firm_per_day = 1_000_000;
        config.limits.cost_bucket = 1_000_000;
    })
    .await;
    let ana = app.actor("ana").await;
    let add = async |email: &str| {
        let begun = Instant::now();
        let answer = ana.add_back_office_user(email).await;
        let took = begun.elapsed();
        ana.revoke(&answer.text("/data/addBackOfficeUser/delegation/id")).await;
        (took, answer)
    };
    let strip = |answer: Answer, email: &str| {
        let (status, headers, statements, json) = answer.shape();
        (status, headers, statements, json.to_string().replace(email, "…"))
    };
    let known = strip(add("ben@summit.example").await.1, "ben@summit.example");
    let nobody = strip(add("nobody@summit.example").await.1, "nobody@summit.example");
    assert_eq!(known, nobody);
    assert!(known.3.contains("PENDING"));
    let (elsewhere, nowhere) =
        (async |_| add("ben@summit.example").await.0, async |_| add("nil@summit.example").await.0);
    assert_same_time("addBackOfficeUser, known elsewhere or nowhere", elsewhere, nowhere).await;
}
