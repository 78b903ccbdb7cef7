//! A firm's name, time zone and policies. Requirements A15, A24, A47.

use crate::support::{Actor, Answer, app};
use serde_json::{Value, json};

async fn update(who: &Actor, version: i32, mut input: Value) -> Answer {
    input["expectedVersion"] = json!(version);
    let text = "mutation ($input: UpdateFirmInput!) { updateFirm(input: $input) {
        firm { name timeZone allowExternalDelegates strictWorkgroupMoves inviteDays version } userErrors { code field } } }";
    who.send(text, json!({ "input": input })).await
}

fn refusal(answer: &Answer) -> (String, Value) {
    (answer.code().unwrap_or_default(), answer.at("/data/updateFirm/userErrors/0/field").clone())
}

#[tokio::test]
async fn a_setup_admin_changes_the_firm_and_its_policies() {
    let app = app().await;
    let sam = app.actor("sam").await;
    let changed =
        update(&sam, 1, json!({ "name": " Harbour & Co ", "strictWorkgroupMoves": true, "inviteDays": 30 }))
            .await;
    let firm = json!({ "name": "Harbour & Co", "timeZone": "Europe/Berlin", "allowExternalDelegates": true,
        "strictWorkgroupMoves": true, "inviteDays": 30, "version": 2 });
    assert_eq!(changed.at("/data/updateFirm/firm"), &firm);
    let again = update(&sam, 2, json!({ "inviteDays": null, "timeZone": "America/New_York" })).await;
    assert_eq!(again.at("/data/updateFirm/firm/inviteDays"), &Value::Null);
    assert_eq!(again.text("/data/updateFirm/firm/timeZone"), "America/New_York");
    let heard = app.count("select count(*) from events where type = 'FirmUpdated'").await;
    assert_eq!(heard, 2);
}

#[tokio::test]
async fn what_cannot_be_a_policy_is_refused_and_so_is_who_does_not_run_the_firm() {
    let app = app().await;
    let (sam, ana) = (app.actor("sam").await, app.actor("ana").await);
    for (input, field) in [
        (json!({ "inviteDays": 0 }), "inviteDays"),
        (json!({ "inviteDays": 91 }), "inviteDays"),
        (json!({ "inviteDays": -1 }), "inviteDays"),
        (json!({ "name": " " }), "name"),
        (json!({ "timeZone": "Mars/Olympus" }), "timeZone"),
    ] {
        let refused = update(&sam, 1, input.clone()).await;
        assert_eq!(refusal(&refused), ("INVALID_INPUT".to_owned(), json!(["input", field])), "{input}");
    }
    assert_eq!(refusal(&update(&sam, 7, json!({ "name": "Late" })).await).0, "CONFLICT");
    for (who, code) in [(&ana, "FORBIDDEN"), (&app.actor("bo").await, "FORBIDDEN")] {
        assert_eq!(refusal(&update(who, 1, json!({ "name": "Mine" })).await).0, code);
    }
    let id = ana.granted("bo@harbour.example", json!({ "scope": ["VIEW", "EDIT"] })).await;
    let bo = app.actor("bo").await;
    bo.start(&id, "READ_WRITE").await;
    assert_eq!(refusal(&update(&bo, 1, json!({ "name": "Mine" })).await).0, "NOT_WHILE_IMPERSONATING");
    assert_eq!(app.count("select count(*) from firms where version > 1").await, 0);
}
