//! Acting for a principal: who may start, when it ends, and what is not done in somebody else's name. Abuse cases 1 to 7;
//! I17 to I19.

mod races;

use crate::support::{Actor, Answer, TestApp, app, eventually};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// Lets someone act for `principal`, with this scope.
async fn grant(principal: &Actor, email: &str, scope: &[&str]) -> String {
    let query = "mutation ($email: String!, $scope: [Action!]!) {
        addBackOfficeUser(input: { email: $email, scope: $scope }) { delegation { id } userErrors { code } } }";
    let added = principal.send(query, json!({ "email": email, "scope": scope })).await;
    added.text("/data/addBackOfficeUser/delegation/id")
}

/// Ana and ben let bo act for them.
async fn two_principals(app: &TestApp) -> (Actor, String, String) {
    let for_ana = grant(&app.actor("ana").await, "bo@harbour.example", &["VIEW", "EDIT"]).await;
    let for_ben = grant(&app.actor("ben").await, "bo@harbour.example", &["VIEW", "EDIT"]).await;
    (app.actor("bo").await, for_ana, for_ben)
}

async fn clients(actor: &Actor) -> Answer {
    actor.send("{ clients { edges { node { name } } } }", json!({})).await
}

async fn end_reason(actor: &Actor) -> String {
    actor.stop().await.text("/data/stopImpersonation/impersonation/endReason")
}

/// Impersonations that nobody has left yet.
async fn running(app: &TestApp) -> i64 {
    app.count("select count(*) from impersonations where left_at is null").await
}

fn code(answer: &Answer) -> String {
    answer.code().unwrap_or_default()
}

#[tokio::test]
async fn who_may_not_start_does_not() {
    let app = app().await;
    let (ana, ben, ali, bo) =
        (app.actor("ana").await, app.actor("ben").await, app.actor("ali").await, app.actor("bo").await);
    let hers = grant(&ana, "bo@harbour.example", &["VIEW", "EDIT"]).await;
    let pending = grant(&ana, "new@else.example", &["VIEW"]).await;
    let of_ali = grant(&ali, "bo@harbour.example", &["VIEW"]).await;
    let revoked = grant(&ben, "bo@harbour.example", &["VIEW"]).await;
    ben.revoke(&revoked).await;
    let unknown = locum::id::encode(locum::id::NodeType::Delegation, locum::id::new(DateTime::UNIX_EPOCH));
    for (who, delegation, expected) in [
        (&bo, &unknown, "NOT_FOUND"),
        (&bo, &pending, "NOT_FOUND"),
        (&bo, &revoked, "DELEGATION_NOT_ACTIVE"),
        (&ben, &hers, "NOT_FOUND"),
        (&ana, &hers, "NOT_FOUND"),
        (&app.actor_of("summit", "bo").await, &hers, "NOT_FOUND"),
    ] {
        let refused = who.start(delegation, "READ_ONLY").await;
        assert_eq!(
            (code(&refused).as_str(), refused.at("/data/startImpersonation/impersonation")),
            (expected, &Value::Null)
        );
    }
    for (trouble, mend, expected) in [
        (
            "update delegations set valid_until = valid_from + interval '1 microsecond'",
            "update delegations set valid_until = null",
            "DELEGATION_NOT_ACTIVE",
        ),
        (
            "update delegations set valid_from = now() + interval '1 day'",
            "update delegations set valid_from = created_at",
            "DELEGATION_NOT_ACTIVE",
        ),
        (
            "update users set status = 'INACTIVE', can_login = false where handle = 'ana'",
            "update users set status = 'ACTIVE', can_login = true where handle = 'ana'",
            "DELEGATION_NOT_ACTIVE",
        ),
        (
            "update users set can_login = false where handle = 'ana'",
            "update users set can_login = true where handle = 'ana'",
            "DELEGATION_NOT_ACTIVE",
        ),
        (
            "update users set kind = 'COMPANY_REP' where handle = 'bo'",
            "update users set kind = 'BACK_OFFICE' where handle = 'bo'",
            "FORBIDDEN",
        ),
    ] {
        app.sql(trouble).await;
        assert_eq!(code(&bo.start(&hers, "READ_ONLY").await), expected, "{trouble}");
        app.sql(mend).await;
    }
    app.sql("update users set kind = 'BACK_OFFICE' where handle = 'ali'").await;
    assert_eq!(
        code(&bo.start(&of_ali, "READ_ONLY").await),
        "DELEGATION_NOT_ACTIVE",
        "a back-office user is no principal"
    );
    assert_eq!(app.count("select count(*) from impersonations").await, 0);
    assert_eq!(app.count("select count(*) from events where type like 'Impersonation%'").await, 0);
    assert_eq!(bo.start(&hers, "READ_ONLY").await.code(), None, "it was not for anything else");
}

#[tokio::test]
async fn changing_anything_has_to_be_granted() {
    let app = app().await;
    let (ana, bo) = (app.actor("ana").await, app.actor("bo").await);
    for (scope, expected) in [
        (&["VIEW"][..], "SCOPE_EXCEEDED"),
        (&["VIEW", "PRINT"], "SCOPE_EXCEEDED"),
        (&["EDIT"], ""),
        (&["SHARE"], ""),
    ] {
        let delegation = grant(&ana, "bo@harbour.example", scope).await;
        let started = bo.start(&delegation, "READ_WRITE").await;
        assert_eq!(code(&started), expected, "{scope:?}");
        if expected.is_empty() {
            assert_eq!(started.at("/extensions/acting/mode"), "READ_WRITE");
        } else {
            assert_eq!(started.at("/data/startImpersonation/userErrors/0/field"), &json!(["input", "mode"]));
            assert_eq!(bo.start(&delegation, "READ_ONLY").await.code(), None, "{scope:?}");
        }
        bo.stop().await;
        ana.revoke(&delegation).await;
    }
}

#[tokio::test]
async fn a_reason_is_one_line_of_500_characters_and_the_principal_reads_it() {
    let app = app().await;
    let (bo, for_ana, _) = two_principals(&app).await;
    let start = async |reason: &str| {
        let query = "mutation ($id: ID!, $reason: String) { startImpersonation(input: { delegationId: $id, reason: $reason }) {
            impersonation { reason } userErrors { code field } } }";
        bo.send(query, json!({ "id": for_ana, "reason": reason })).await
    };
    for bad in [
        "x".repeat(501).as_str(),
        "two\nlines",
        "two\r\nlines",
        "two\u{2028}lines",
        "",
        " ",
        "=?utf-8?q?x?=",
        "\u{202e}back",
    ] {
        let refused = start(bad).await;
        assert_eq!((code(&refused).as_str(), running(&app).await), ("INVALID_INPUT", 0), "{bad:?}");
        assert_eq!(refused.at("/data/startImpersonation/userErrors/0/field"), &json!(["input", "reason"]));
    }
    let longest = "ü".repeat(500);
    assert_eq!(start(&longest).await.text("/data/startImpersonation/impersonation/reason"), longest);
    let events = app.actor("ana").await.events().await;
    let started = events.iter().find(|event| event["type"] == "ImpersonationStarted").unwrap();
    assert_eq!(started["data"]["reason"], longest);
}

async fn expires_at(actor: &Actor) -> DateTime<Utc> {
    let seen = actor.send("{ viewer { impersonation { expiresAt } } }", json!({})).await;
    seen.text("/data/viewer/impersonation/expiresAt").parse().unwrap()
}

#[tokio::test]
async fn abuse_5_it_ends_after_eight_hours_however_busy() {
    let app = app().await;
    let (bo, for_ana, _) = two_principals(&app).await;
    bo.start(&for_ana, "READ_WRITE").await;
    for _ in 0..24 {
        app.clock.advance(TimeDelta::minutes(20) - TimeDelta::seconds(2));
        assert_eq!(clients(&bo).await.code(), None);
    }
    app.clock.advance(TimeDelta::minutes(1));
    let refused = clients(&bo).await;
    assert_eq!((refused.status.as_u16(), code(&refused).as_str()), (403, "IMPERSONATION_ENDED"));
    assert_eq!(end_reason(&bo).await, "EXPIRED");
    assert_eq!(clients(&bo).await.at("/data/clients/edges"), &json!([]), "and goes on as oneself");
}

#[tokio::test]
async fn abuse_5_it_ends_no_later_than_the_session_and_the_grant() {
    let app = app().await;
    let (bo, for_ana, for_ben) = two_principals(&app).await;
    app.sql("update sessions set expires_at = now() + interval '90 minutes'").await;
    app.sql("update delegations d set valid_until = now() + interval '20 minutes' from users u where u.id = d.principal_id and u.handle = 'ben'").await;
    bo.start(&for_ana, "READ_ONLY").await;
    let session =
        bo.send("{ viewer { sessionExpiresAt } }", json!({})).await.text("/data/viewer/sessionExpiresAt");
    assert_eq!(expires_at(&bo).await, session.parse::<DateTime<Utc>>().unwrap());
    let before = expires_at(&bo).await;
    bo.start(&for_ben, "READ_ONLY").await;
    assert!(expires_at(&bo).await < before - TimeDelta::minutes(60));
    app.clock.advance(TimeDelta::minutes(21));
    assert_eq!(code(&clients(&bo).await), "IMPERSONATION_ENDED");
    assert_eq!(end_reason(&bo).await, "EXPIRED");
    bo.start(&for_ana, "READ_ONLY").await;
    for _ in 0..3 {
        assert_eq!(clients(&bo).await.code(), None);
        app.clock.advance(TimeDelta::minutes(25));
    }
    assert_eq!(code(&clients(&bo).await), "UNAUTHENTICATED", "the session is over, and with it everything");
    assert_eq!(code(&bo.stop().await), "UNAUTHENTICATED");
}

#[tokio::test]
async fn left_alone_for_half_an_hour_it_ends() {
    let app = app().await;
    let (bo, for_ana, _) = two_principals(&app).await;
    bo.start(&for_ana, "READ_ONLY").await;
    app.clock.advance(TimeDelta::minutes(29));
    assert_eq!(clients(&bo).await.code(), None);
    app.clock.advance(TimeDelta::minutes(29));
    assert_eq!(clients(&bo).await.code(), None, "the last use counts");
    app.clock.advance(TimeDelta::minutes(30) + TimeDelta::seconds(1));
    for _ in 0..2 {
        assert_eq!(code(&clients(&bo).await), "IMPERSONATION_ENDED");
    }
    assert_eq!(end_reason(&bo).await, "IDLE");
    let events = app.actor("ana").await.events().await;
    let ended = events.iter().find(|event| event["type"] == "ImpersonationEnded").unwrap();
    assert_eq!(ended["data"]["endReason"], "IDLE");
}

#[tokio::test]
async fn abuse_6_after_a_revocation_nothing_is_done_until_it_is_noticed() {
    let app = app().await;
    let (bo, for_ana, for_ben) = two_principals(&app).await;
    let ana = app.actor("ana").await;
    let elsewhere = app.actor("bo").await;
    bo.start(&for_ana, "READ_WRITE").await;
    assert_eq!(clients(&bo).await.code(), None);
    ana.revoke(&for_ana).await;
    let tries = [
        "{ clients { totalCount } }",
        "{ viewer { user { handle } } }",
        "{ node(id: \"x\") { id } }",
        "{ nodes(ids: [\"x\"]) { id } }",
        "{ events { edges { cursor } } }",
        "mutation { addBackOfficeUser(input: { email: \"x@else.example\" }) { userErrors { code } } }",
        "mutation { changePassword(input: { currentPassword: \"x\", newPassword: \"x\" }) { changed } }",
        "mutation { signOutEverywhere { signedOut } }",
    ];
    for query in tries {
        let refused = bo.send(query, json!({})).await;
        assert_eq!(
            (refused.status.as_u16(), code(&refused).as_str()),
            (403, "IMPERSONATION_ENDED"),
            "{query}"
        );
        assert_eq!(
            (refused.json.get("data"), refused.at("/extensions/acting")),
            (None, &Value::Null),
            "{query}"
        );
    }
    assert_eq!(
        clients(&elsewhere).await.at("/data/clients/edges"),
        &json!([]),
        "another session of bo goes on"
    );
    assert_eq!(code(&bo.start(&for_ana, "READ_ONLY").await), "DELEGATION_NOT_ACTIVE");
    assert_eq!(code(&clients(&bo).await), "IMPERSONATION_ENDED", "a refused start is no notice");
    assert_eq!(end_reason(&bo).await, "REVOKED");
    assert_eq!(clients(&bo).await.at("/data/clients/edges"), &json!([]));

    let again = grant(&ana, "bo@harbour.example", &["VIEW"]).await;
    bo.start(&again, "READ_ONLY").await;
    ana.revoke(&again).await;
    assert_eq!(code(&clients(&bo).await), "IMPERSONATION_ENDED");
    assert_eq!(bo.start(&for_ben, "READ_ONLY").await.code(), None, "going over to another principal is one");
    assert_eq!(bo.client_names().await, ["Amélie Laurent", "Björn Lindqvist", "Dorota Nowak"]);
    assert_eq!(running(&app).await, 1);
}

#[tokio::test]
async fn abuse_7_when_one_of_the_two_is_made_inactive_it_ends() {
    let app = app().await;
    let (bo, for_ana, _) = two_principals(&app).await;
    bo.start(&for_ana, "READ_ONLY").await;
    app.sql("update users set status = 'INACTIVE', can_login = false where handle = 'ana'").await;
    assert_eq!(code(&clients(&bo).await), "IMPERSONATION_ENDED");
    assert_eq!(end_reason(&bo).await, "INACTIVATED");
    app.sql("update users set status = 'ACTIVE', can_login = true where handle = 'ana'").await;
    bo.start(&for_ana, "READ_ONLY").await;
    app.sql("update users set status = 'INACTIVE', can_login = false where handle = 'bo'").await;
    assert_eq!(code(&clients(&bo).await), "UNAUTHENTICATED");
    assert_eq!(code(&bo.stop().await), "UNAUTHENTICATED");
}

#[tokio::test]
async fn abuse_4_a_principals_own_grants_are_not_the_delegates() {
    let app = app().await;
    let (ana, ben, bo) = (app.actor("ana").await, app.actor("ben").await, app.actor("bo").await);
    let to_bo = grant(&ana, "bo@harbour.example", &["VIEW"]).await;
    let to_ana = grant(&ben, "ana@harbour.example", &["VIEW"]).await;
    bo.start(&to_bo, "READ_ONLY").await;
    assert_eq!(code(&bo.start(&to_ana, "READ_ONLY").await), "NOT_FOUND");
    let menu = bo.send("{ viewer { user { handle } principals { id } } }", json!({})).await;
    assert_eq!(
        (menu.text("/data/viewer/user/handle"), menu.at("/data/viewer/principals")),
        ("ana".to_owned(), &json!([{ "id": to_bo }]))
    );
}

/// What is not done in somebody else's name, and what the log calls it.
const OWN_ONLY: [(&str, &str); 8] = [
    ("{ viewer { backOfficeUsers { id } } }", "viewer.backOfficeUsers"),
    ("{ events { edges { cursor } } }", "events"),
    ("mutation { addBackOfficeUser(input: { email: \"x@else.example\" }) { userErrors { code } } }", "addBackOfficeUser"),
    ("mutation { revokeDelegation(input: { delegationId: \"x\" }) { userErrors { code } } }", "revokeDelegation"),
    (
        "mutation { inviteUser(input: { handle: \"new\", email: \"x@else.example\", displayName: \"New\", kind: ADVISER, capabilities: [SETUP_ADMIN] }) {
            userErrors { code } } }",
        "inviteUser",
    ),
    ("mutation { changePassword(input: { currentPassword: \"locum-demo-passphrase\", newPassword: \"a much longer passphrase\" }) { changed } }", "changePassword"),
    ("mutation { signOutEverywhere { signedOut } }", "signOutEverywhere"),
    ("mutation { ...F } fragment F on Mutation { ... { addBackOfficeUser(input: { email: \"x@else.example\" }) { userErrors { code } } } }", "addBackOfficeUser"),
];

#[tokio::test]
async fn abuse_1_2_what_is_only_the_principals_own_is_refused_and_noted_for_the_auditors() {
    let app = app().await;
    let sam = app.actor("sam").await;
    let bo = app.actor("bo").await;
    // Sam is a setup admin, and an auditor from now on: being allowed to, as oneself, changes nothing.
    app.sql("update users set capabilities = capabilities || '{AUDITOR}' where handle = 'sam'").await;
    let delegation = grant(&sam, "bo@harbour.example", &["VIEW", "EDIT", "PRINT", "SHARE"]).await;
    bo.start(&delegation, "READ_WRITE").await;
    let state = "select count(*) from delegations union all select count(*) from users union all select count(*) from sessions where ended_at is null";
    let state = format!("select sum(count)::bigint from ({state}) s (count)");
    let (before, mut noted) = (app.count(&state).await, denials(&sam).await.len());
    for (query, operation) in OWN_ONLY {
        for round in 0..2 {
            let refused = bo.send(query, json!({})).await;
            assert_eq!(code(&refused), "NOT_WHILE_IMPERSONATING", "{query}: {}", refused.json);
            let seen = denials(&sam).await;
            assert_eq!(seen.len(), noted + 1, "{operation}, {round}: once a minute");
        }
        let seen = denials(&sam).await.pop().unwrap();
        assert_eq!(seen["data"], json!({ "code": "NOT_WHILE_IMPERSONATING", "operation": operation }));
        assert_eq!((&seen["actor"]["handle"], &seen["principal"]["handle"]), (&json!("bo"), &json!("sam")));
        noted += 1;
        app.clock.advance(TimeDelta::seconds(61));
    }
    assert_eq!(app.count(&state).await, before, "nothing changed");
    assert_eq!(denials(&app.actor("bo").await).await, Vec::<Value>::new(), "only auditors hear of it");
}

async fn denials(actor: &Actor) -> Vec<Value> {
    actor.events().await.into_iter().filter(|event| event["type"] == "AccessDenied").collect()
}

#[tokio::test]
async fn whatever_only_reads_cannot_write() {
    let app = app().await;
    let (bo, for_ana, _) = two_principals(&app).await;
    let ana = app.actor("ana").await;
    // From now on, whoever reads a client writes something, too: what a mistake of ours would do.
    app.sql(
        "create table written (n integer);
         grant select, insert on written to locum_app;
         create function write_while_reading() returns boolean language plpgsql as 'begin insert into written values (1); return true; end';
         alter table clients rename to kept_clients;
         create view clients as select * from kept_clients where write_while_reading();
         grant select on clients to locum_app",
    )
    .await;
    let written = async || app.count("select count(*) from written").await;
    for (who, mode) in [(&bo, "READ_ONLY"), (&bo, "READ_WRITE"), (&ana, "")] {
        if !mode.is_empty() {
            assert_eq!(bo.start(&for_ana, mode).await.code(), None);
        }
        for query in [
            "{ clients { totalCount } }",
            "{ clients { edges { node { name } } } }",
            "{ cases { totalCount } }",
        ] {
            let refused = who.send(query, json!({})).await;
            assert_eq!(
                (code(&refused).as_str(), written().await),
                ("INTERNAL_SERVER_ERROR", 0),
                "{mode} {query}"
            );
        }
    }
    // Whoever works in the background is in a transaction for a moment; what a request left would stay.
    let left = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'";
    eventually("no transaction is left open", async || (app.count(left).await == 0).then_some(())).await;
    app.count("select count(*) from clients").await;
    assert!(written().await > 0, "the trap works");
}
