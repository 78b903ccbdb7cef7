//! What setup admins do about webhooks, and what others cannot.

use crate::support::receiver::{Receiver, Reply};
use crate::support::{Actor, Answer, app, app_with, eventually};
use chrono::TimeDelta;
use serde_json::{Value, json};

const WEBHOOK: &str =
    "webhook { id url description eventTypes state pauseReason failingSince cursor oldSecretUntil version }";

impl Actor {
    pub async fn hook(&self, mutation: &str, input: Value) -> Answer {
        let kind = match mutation {
            "createWebhook" | "updateWebhook" | "replayWebhook" => {
                format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..])
            }
            _ => "WebhookInput".to_owned(),
        };
        let shown = match mutation {
            "createWebhook" | "rotateWebhookSecret" => format!("{WEBHOOK} secret"),
            "deleteWebhook" => "deletedWebhookId".to_owned(),
            _ => WEBHOOK.to_owned(),
        };
        let query = format!(
            "mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ {shown} userErrors {{ __typename code message field
               ... on LimitReachedError {{ limit }} ... on ConflictError {{ currentVersion }} ... on ForbiddenError {{ rule grantableBy }} }} }} }}"
        );
        self.send(&query, json!({ "input": input })).await
    }

    /// Makes one; answers its id and secret.
    pub async fn hooked(&self, receiver: &Receiver, types: &[&str]) -> (String, String) {
        let made = self.hook("createWebhook", json!({ "url": receiver.url(), "eventTypes": types })).await;
        (made.text("/data/createWebhook/webhook/id"), made.text("/data/createWebhook/secret"))
    }

    async fn webhooks(&self) -> Answer {
        let query = "{ webhooks { id state pauseReason cursor deliveries(first: 10) { edges { cursor node { id eventId eventType
            eventCursor state attempts nextAttemptAt lastAttemptAt statusCode answer finishedAt } } pageInfo { hasNextPage } } } }";
        self.send(query, json!({})).await
    }
}

#[tokio::test]
async fn what_happens_arrives_signed_in_the_envelope_of_the_feed() {
    let app = app().await;
    let (sam, ana) = (app.actor("sam").await, app.actor("ana").await);
    let receiver = Receiver::start().await;
    let (id, secret) = sam.hooked(&receiver, &["DelegationCreated"]).await;
    let delegation =
        ana.add_back_office_user("bea@else.example").await.text("/data/addBackOfficeUser/delegation/id");
    let message = receiver.wait_for(1).await.remove(0);
    assert_eq!(
        (message.path.as_str(), message.header("content-type").as_str()),
        ("/hooks", "application/json")
    );
    assert!(message.header("user-agent").starts_with("locum/"));
    assert!(secret.starts_with("whsec_") && message.is_signed_with(&secret));
    assert!(!message.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "abuse 29");

    let events = "{ events(last: 1) { edges { cursor node { id type occurredAt data actor { id } principal { id } } } } }";
    let mut feed = ana.send(events, json!({})).await.at("/data/events/edges/0/node").clone();
    let sent = message.json();
    assert_eq!(message.header("webhook-id"), feed["id"].as_str().unwrap());
    let cursor = ana.send(events, json!({})).await.text("/data/events/edges/0/cursor");
    let time = |value: &Value| value.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(time(&sent["occurredAt"]), time(&feed["occurredAt"]));
    feed["occurredAt"] = sent["occurredAt"].clone();
    feed["cursor"] = json!(cursor);
    feed["subjects"] = json!([delegation, feed["data"]["principal"]]);
    assert_eq!(sent, feed);

    let shown = eventually("the delivery is noted", async || {
        let answer = sam.webhooks().await;
        answer.at("/data/webhooks/0/deliveries/edges/0").is_object().then_some(answer)
    });
    let shown = shown.await;
    let node = shown.at("/data/webhooks/0/deliveries/edges/0/node");
    assert_eq!((shown.text("/data/webhooks/0/id"), &node["eventId"]), (id, &sent["id"]));
    assert_eq!(
        (&node["state"], &node["statusCode"], &node["attempts"]),
        (&json!("DELIVERED"), &json!(204), &json!(1))
    );
    assert_eq!(node["eventCursor"], sent["cursor"]);
    // Both have a global id of their own.
    for id in [shown.text("/data/webhooks/0/id"), node["id"].as_str().unwrap().to_owned()] {
        let found =
            sam.send("query ($id: ID!) { node(id: $id) { __typename id } }", json!({ "id": id })).await;
        assert_eq!(found.text("/data/node/id"), id);
    }
}

#[tokio::test]
async fn abuse_3_20_only_a_setup_admin_as_themselves_has_to_do_with_webhooks_and_no_other_firm() {
    let app = app().await;
    let receiver = Receiver::start().await;
    let sam = app.actor("sam").await;
    let (id, _) = sam.hooked(&receiver, &[]).await;
    let delivery = eventually("something is delivered", async || {
        let answer = sam.webhooks().await;
        answer.at("/data/webhooks/0/deliveries/edges/0/node/id").as_str().map(str::to_owned)
    })
    .await;
    let inputs = [
        ("createWebhook", json!({ "url": receiver.url() })),
        ("updateWebhook", json!({ "webhookId": id, "expectedVersion": 1, "url": receiver.url() })),
        ("deleteWebhook", json!({ "webhookId": id })),
        ("rotateWebhookSecret", json!({ "webhookId": id })),
        ("pauseWebhook", json!({ "webhookId": id })),
        ("resumeWebhook", json!({ "webhookId": id })),
        ("sendTestEvent", json!({ "webhookId": id })),
        ("replayWebhook", json!({ "webhookId": id, "deliveryId": delivery })),
    ];
    let (ana, foreign) = (app.actor("ana").await, app.actor_of("summit", "sam").await);
    for (mutation, input) in &inputs {
        let refused = ana.hook(mutation, input.clone()).await;
        assert_eq!(refused.code().as_deref(), Some("FORBIDDEN"), "{mutation}");
        let refused = foreign.hook(mutation, input.clone()).await.code();
        let expected = if *mutation == "createWebhook" { None } else { Some("NOT_FOUND") };
        assert_eq!(refused.as_deref(), expected, "{mutation}");
        if input.get("webhookId").is_some() {
            let mut wrong = input.clone();
            wrong["webhookId"] = json!(delivery);
            assert_eq!(sam.hook(mutation, wrong).await.code().as_deref(), Some("NOT_FOUND"), "{mutation}");
        }
    }
    assert_eq!(ana.webhooks().await.code().as_deref(), Some("FORBIDDEN"));
    assert_eq!(foreign.webhooks().await.at("/data/webhooks").as_array().unwrap().len(), 1, "their own");
    for id in [&id, &delivery] {
        for stranger in [&ana, &foreign] {
            let found = stranger.send("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
            assert!(found.at("/data/node").is_null() && found.code().is_none());
        }
    }
    let denied = "select count(*) from events where type = 'AccessDenied' and payload ->> 'operation' = 'createWebhook'";
    assert_eq!(app.count(denied).await, 1, "the auditors hear of it");
    // In somebody's name, even for whoever is a setup admin, and even for reading.
    let bo = app.actor("bo").await;
    app.sql("update users set capabilities = '{SETUP_ADMIN}' where handle = 'bo'").await;
    let delegation = sam.granted("bo@harbour.example", json!({ "scope": ["VIEW", "EDIT", "SHARE"] })).await;
    bo.start(&delegation, "READ_WRITE").await;
    for (mutation, input) in &inputs {
        assert_eq!(
            bo.hook(mutation, input.clone()).await.code().as_deref(),
            Some("NOT_WHILE_IMPERSONATING"),
            "{mutation}"
        );
    }
    assert_eq!(bo.webhooks().await.code().as_deref(), Some("NOT_WHILE_IMPERSONATING"));
    let found = bo.send("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
    assert!(found.at("/data/node").is_null());
}

#[tokio::test]
async fn a_webhook_is_changed_paused_resumed_tried_out_and_deleted() {
    let app = app().await;
    let (sam, ana) = (app.actor("sam").await, app.actor("ana").await);
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let (id, _) = sam.hooked(&first, &["DelegationCreated"]).await;
    let changed = json!({ "webhookId": id, "expectedVersion": 1, "url": second.url(), "description": "the CRM",
        "eventTypes": ["DelegationRevoked", "DelegationCreated", "DelegationCreated"] });
    let updated = sam.hook("updateWebhook", changed.clone()).await;
    assert_eq!(
        updated.at("/data/updateWebhook/webhook/eventTypes"),
        &json!(["DelegationCreated", "DelegationRevoked"])
    );
    let conflict = sam.hook("updateWebhook", changed).await;
    assert_eq!(
        (conflict.code().as_deref(), conflict.at("/data/updateWebhook/userErrors/0/currentVersion")),
        (Some("CONFLICT"), &json!(2))
    );
    let unknown = json!({ "webhookId": id, "expectedVersion": 2, "eventTypes": ["SomethingElse"] });
    assert_eq!(sam.hook("updateWebhook", unknown).await.code().as_deref(), Some("INVALID_INPUT"));

    let delegation =
        ana.add_back_office_user("bea@else.example").await.text("/data/addBackOfficeUser/delegation/id");
    second.wait_for(1).await;
    let of = json!({ "webhookId": id });
    assert_eq!(
        sam.hook("pauseWebhook", of.clone()).await.text("/data/pauseWebhook/webhook/pauseReason"),
        "REQUESTED"
    );
    assert_eq!(sam.hook("pauseWebhook", of.clone()).await.code(), None, "nothing to do");
    assert_eq!(sam.hook("sendTestEvent", of.clone()).await.code().as_deref(), Some("INVALID_INPUT"));
    ana.revoke(&delegation).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(second.received().len(), 1);
    assert_eq!(
        sam.hook("resumeWebhook", of.clone()).await.text("/data/resumeWebhook/webhook/state"),
        "ACTIVE"
    );
    assert_eq!(second.wait_for(2).await[1].json()["type"], "DelegationRevoked");

    // A test is for this webhook alone, whatever its filter.
    let (_, _) = sam.hooked(&first, &[]).await;
    assert_eq!(sam.hook("sendTestEvent", of.clone()).await.code(), None);
    let test = second.wait_for(3).await[2].json();
    assert_eq!((&test["type"], &test["data"]["webhook"]), (&json!("WebhookTested"), &json!(id)));
    assert_eq!(test["subjects"], json!([id]));
    assert!(first.received().iter().all(|message| message.json()["type"] != "WebhookTested"));

    assert_eq!(sam.hook("deleteWebhook", of.clone()).await.text("/data/deleteWebhook/deletedWebhookId"), id);
    assert_eq!(sam.hook("deleteWebhook", of).await.code().as_deref(), Some("NOT_FOUND"));
    let told: Vec<_> =
        sam.events().await.into_iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    for event in [
        "WebhookCreated",
        "WebhookUpdated",
        "WebhookPaused",
        "WebhookResumed",
        "WebhookTested",
        "WebhookDeleted",
    ] {
        assert!(told.contains(&event.to_owned()), "{event}: {told:?}");
    }
}

#[tokio::test]
async fn events_are_sent_once_more_one_or_a_range_or_all_since_a_cursor() {
    let app = app().await;
    let (sam, ana) = (app.actor("sam").await, app.actor("ana").await);
    let receiver = Receiver::start().await;
    let (id, _) = sam.hooked(&receiver, &["DelegationCreated", "DelegationRevoked"]).await;
    for round in 0..3 {
        let added = ana.add_back_office_user(&format!("round{round}@else.example")).await;
        ana.revoke(&added.text("/data/addBackOfficeUser/delegation/id")).await;
    }
    let sent: Vec<_> = receiver.wait_for(6).await.iter().map(|message| message.json()).collect();
    let delivery = eventually("all are noted", async || {
        let shown = sam.webhooks().await;
        let edges = shown.at("/data/webhooks/0/deliveries/edges").as_array().unwrap().clone();
        (edges.len() == 6).then(|| edges[5]["node"]["id"].as_str().unwrap().to_owned())
    })
    .await;
    receiver.take();
    let replay = async |input: Value| {
        let mut input = input;
        input["webhookId"] = json!(id);
        sam.hook("replayWebhook", input).await.code()
    };
    assert_eq!(replay(json!({ "deliveryId": delivery })).await, None);
    assert_eq!(receiver.wait_for(1).await[0].json(), sent[0]);
    receiver.take();
    assert_eq!(replay(json!({ "after": sent[1]["cursor"], "until": sent[3]["cursor"] })).await, None);
    let mut again: Vec<_> = receiver.wait_for(2).await.iter().map(|message| message.json()).collect();
    again.sort_by_key(|event| event["cursor"].as_str().unwrap().to_owned());
    assert_eq!(again, sent[2..4]);
    receiver.take();
    assert_eq!(replay(json!({ "after": sent[2]["cursor"] })).await, None);
    let again: Vec<_> = receiver.wait_for(3).await.iter().map(|message| message.json()).collect();
    assert_eq!(again, sent[3..]);

    let ahead = "f_________8";
    for (input, code) in [
        (json!({}), "INVALID_INPUT"),
        (json!({ "until": sent[3]["cursor"] }), "INVALID_INPUT"),
        (json!({ "deliveryId": delivery, "after": sent[3]["cursor"] }), "INVALID_INPUT"),
        (json!({ "deliveryId": id }), "NOT_FOUND"),
        (json!({ "after": sent[3]["cursor"], "until": sent[1]["cursor"] }), "INVALID_INPUT"),
        (json!({ "after": sent[3]["cursor"], "until": ahead }), "INVALID_INPUT"),
        (json!({ "after": ahead }), "INVALID_INPUT"),
        (json!({ "after": "no cursor" }), "BAD_USER_INPUT"),
    ] {
        assert_eq!(replay(input.clone()).await.as_deref(), Some(code), "{input}");
    }
}

#[tokio::test]
async fn abuse_29_a_new_secret_is_used_beside_the_one_before_for_a_day() {
    let app = app().await;
    let sam = app.actor("sam").await;
    let receiver = Receiver::start().await;
    let (id, old) = sam.hooked(&receiver, &["UserUpdated"]).await;
    let of = json!({ "webhookId": id });
    let rotated = sam.hook("rotateWebhookSecret", of.clone()).await;
    let new = rotated.text("/data/rotateWebhookSecret/secret");
    assert_ne!(old, new);
    assert!(rotated.at("/data/rotateWebhookSecret/webhook/oldSecretUntil").is_string());
    assert_eq!(sam.hook("sendTestEvent", of.clone()).await.code(), None);
    let message = receiver.wait_for(1).await.remove(0);
    assert_eq!(message.header("webhook-signature").split(' ').count(), 2);
    assert!(message.is_signed_with(&old) && message.is_signed_with(&new));
    app.clock.advance(TimeDelta::hours(24));
    let sam = app.actor("sam").await;
    assert_eq!(sam.hook("sendTestEvent", of).await.code(), None);
    let message = receiver.wait_for(2).await.remove(1);
    assert_eq!(message.header("webhook-signature").split(' ').count(), 1);
    assert!(!message.is_signed_with(&old) && message.is_signed_with(&new));
}

/// The secret is in the one answer: not in the database, nor in what is kept for a repetition.
#[tokio::test]
async fn abuse_11_a_webhooks_secret_is_nowhere_in_the_database() {
    let app = app().await;
    let sam = app.actor("sam").await;
    let query =
        "mutation ($url: String!) { createWebhook(input: { url: $url }) { secret userErrors { code } } }";
    let url = json!({ "url": "http://127.0.0.1:49151/" });
    let made = sam.send_with(query, url, &[("idempotency-key", "once")]).await;
    let secret = made.text("/data/createWebhook/secret");
    assert_eq!(app.count("select count(*) from idempotency_records").await, 0);
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(&secret[6..]).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let client = app.database.client().await;
    for table in ["webhooks", "webhook_deliveries", "events"] {
        for row in client.query(&format!("select t::text from {table} t"), &[]).await.unwrap() {
            let row: String = row.get(0);
            assert!(!row.contains(&hex) && !row.contains(&secret[6..]), "{table}: {row}");
        }
    }
    assert_eq!(bytes.len(), 32);
}

#[tokio::test]
async fn abuse_28_private_addresses_are_refused_when_a_webhook_is_saved() {
    let app = app_with(|config| config.allow_private_webhooks = false).await;
    let sam = app.actor("sam").await;
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://localhost./",
        "https://169.254.169.254/",
        "https://[64:ff9b::7f00:1]/",
        "https://user:secret@example.com/",
        "https://example.com:25/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "nonsense",
    ] {
        let refused = sam.hook("createWebhook", json!({ "url": url })).await;
        assert_eq!(refused.code().as_deref(), Some("INVALID_INPUT"), "{url}");
        assert_eq!(refused.at("/data/createWebhook/userErrors/0/field"), &json!(["input", "url"]));
    }
    let made = sam.hook("createWebhook", json!({ "url": "https://93.184.216.34:8443/x" })).await;
    let id = made.text("/data/createWebhook/webhook/id");
    let moved = json!({ "webhookId": id, "expectedVersion": 1, "url": "https://10.0.0.1/" });
    assert_eq!(sam.hook("updateWebhook", moved).await.code().as_deref(), Some("INVALID_INPUT"));
    assert_eq!(app.count("select count(*) from webhooks").await, 1);
}

#[tokio::test]
async fn a_firm_has_at_most_twenty_webhooks_also_when_many_are_made_at_once() {
    let app = app().await;
    let sam = app.actor("sam").await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::Status(204));
    let make = (0..24)
        .map(|_| sam.hook("createWebhook", json!({ "url": receiver.url(), "eventTypes": ["FirmImported"] })));
    let answers = futures_util::future::join_all(make).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.code().is_some()).collect();
    assert_eq!(refused.len(), 4);
    for answer in refused {
        assert_eq!(answer.code().as_deref(), Some("LIMIT_REACHED"));
        assert_eq!(answer.at("/data/createWebhook/userErrors/0/limit"), &json!(20));
    }
    assert_eq!(app.count("select count(*) from webhooks").await, 20);
}

#[tokio::test]
async fn two_servers_share_the_work() {
    let app = app().await;
    let second = app.second_server().await;
    let (sam, ana) = (app.actor("sam").await, app.actor("ana").await);
    let elsewhere =
        Actor::sign_in(&format!("http://{}", second.address), "harbour", "ben", crate::support::PASSPHRASE)
            .await;
    let receiver = Receiver::start().await;
    sam.hooked(&receiver, &["DelegationCreated"]).await;
    for round in 0..2 {
        ana.add_back_office_user(&format!("round{round}@else.example")).await;
        elsewhere.add_back_office_user(&format!("turn{round}@else.example")).await;
    }
    let cursors: Vec<_> = receiver
        .wait_for(4)
        .await
        .iter()
        .map(|message| message.json()["cursor"].as_str().unwrap().to_owned())
        .collect();
    let mut sorted = cursors.clone();
    sorted.sort();
    assert_eq!(cursors, sorted, "in order, each once");
    second.close().await;
}

#[tokio::test]
async fn the_names_that_a_filter_may_have_are_those_of_the_catalogue() {
    let catalogue: Vec<_> = locum::cli::catalogue::examples()
        .iter()
        .map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    let mut names: Vec<_> = locum::events::event::NAMES.iter().map(|name| (*name).to_owned()).collect();
    let mut catalogue = catalogue;
    names.sort();
    catalogue.sort();
    assert_eq!(names, catalogue);
}
