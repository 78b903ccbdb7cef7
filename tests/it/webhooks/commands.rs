//! What helps whoever writes a receiver: `locum webhooks listen`, `locum events tail`.

use crate::support::{Program, app, eventually};
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

fn locum(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_locum"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

async fn ended(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_receiver_on_the_command_line_verifies_what_it_prints() {
    let app = app().await;
    let sam = app.actor("sam").await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let made = sam.hook("createWebhook", json!({ "url": url, "eventTypes": ["FirmImported"] })).await;
    let secret = made.text("/data/createWebhook/secret");
    let id = made.text("/data/createWebhook/webhook/id");
    let mut listening =
        Program::start(locum(&["webhooks", "listen", "--port", &port.to_string(), "--secret", &secret]));
    assert_eq!(listening.line_with("Listening").await, format!("Listening for webhooks on {url}"));
    assert_eq!(sam.hook("sendTestEvent", json!({ "webhookId": id })).await.code(), None);
    assert!(listening.line_with("verified").await.ends_with("  verified"));
    let forged = sam.http.post(&url).header("webhook-id", "x").body("{}").send().await.unwrap();
    assert_eq!(forged.status().as_u16(), 401);
    assert!(listening.line_with("REFUSED").await.starts_with("x  REFUSED: "));
    let wrong = ended(locum(&["webhooks", "listen", "--secret", "whsec_short"])).await;
    assert!(!wrong.status.success());
}

#[tokio::test]
async fn the_log_can_be_followed_on_the_command_line() {
    let app = app().await;
    let (sam, ana) = (app.actor("sam").await, app.actor("ana").await);
    let tail = |more: &[&str]| {
        let mut command = locum(&[&["events", "tail", "--firm", "harbour"], more].concat());
        command.env("DATABASE_URL", &app.database.url);
        command
    };
    let all = ended(tail(&["--after", "start", "--no-follow"])).await;
    let lines: Vec<Value> = String::from_utf8(all.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen = sam.events().await;
    assert!(lines.len() >= seen.len() && lines.iter().any(|line| line["id"] == seen[0]["id"]));

    let last = lines.last().unwrap()["cursor"].as_str().unwrap().to_owned();
    let mut following = Program::start(tail(&["--after", &last]));
    ana.add_back_office_user("bea@else.example").await;
    let line: Value = serde_json::from_str(&following.line_with("DelegationCreated").await).unwrap();
    let id = eventually("ana hears of it", async || {
        let events = ana.events().await;
        events.iter().find(|event| event["type"] == "DelegationCreated").map(|event| event["id"].clone())
    });
    assert_eq!(line["id"], id.await);
    assert!(!ended(tail(&["--after", "nonsense"])).await.status.success());
    let mut elsewhere = locum(&["events", "tail", "--firm", "elsewhere"]);
    elsewhere.env("DATABASE_URL", &app.database.url);
    assert!(!ended(elsewhere).await.status.success());
}
