//! The program itself: how it starts, what it says, how it stops. R6.

use crate::support::program::{Program, for_serve, free_address, locum};
use crate::support::{Actor, Database, PASSPHRASE, app, eventually, stranger};
use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::json;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

async fn ended(arguments: &[&str], settings: &[(&str, &str)]) -> (ExitStatus, String) {
    let mut command = locum(arguments, settings);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    (status, String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

async fn get(url: &str) -> Option<(StatusCode, String)> {
    let response = stranger(url).http.get(url).send().await.ok()?;
    Some((response.status(), response.text().await.ok()?))
}

#[tokio::test]
async fn serve_says_all_that_is_missing_at_once() {
    let (status, text) = ended(&["serve"], &[]).await;
    assert!(!status.success());
    let names = ["DATABASE_URL", "LOCUM_APP_URL", "LOCUM_PUBLIC_URL", "LOCUM_SMTP_HOST", "LOCUM_MAIL_FROM"];
    for name in names.into_iter().chain(["LOCUM_ENCRYPTION_KEY"]) {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[tokio::test]
async fn an_unknown_setting_is_an_error_that_names_it() {
    for name in ["LOCUM_LISTNE", "LOCUM_LIMITS__COST_BUCKTE", "LOCUM_SMTP"] {
        let (status, text) = ended(&["serve"], &[(name, "127.0.0.1:0")]).await;
        assert!(!status.success() && text.contains(name), "{name}: {text}");
    }
    let (status, text) = ended(&["serve"], &[("LOCUM_LISTEN", "not an address")]).await;
    assert!(!status.success() && text.contains("LOCUM_LISTEN"), "{text}");
}

#[tokio::test]
async fn serve_wants_a_migrated_database_and_then_serves() {
    let database = Database::empty().await;
    let settings = for_serve(&database.url);
    let (status, text) = ended(&["serve"], &settings).await;
    assert!(!status.success() && text.contains("locum migrate"), "{text}");
    let (status, text) = ended(&["migrate"], &[("DATABASE_URL", &database.url)]).await;
    assert!(status.success(), "{text}");
    let mut serving = Program::start(locum(&["serve"], &settings));
    let [_, ops] = serving.addresses().await;
    assert_eq!(get(&format!("{ops}/readyz")).await.unwrap().0, 200);
    serving.signal(Signal::INT);
    assert!(serving.exit().await.success(), "{:?}", serving.lines);
}

#[tokio::test]
async fn serve_without_a_database_ends_and_tells_no_password() {
    let nowhere = "postgres://someone:s3cret-word@127.0.0.1:1/locum";
    let (status, text) = ended(&["serve"], &for_serve(nowhere)).await;
    assert!(!status.success() && text.contains("database"), "{text}");
    assert!(!text.contains("s3cret-word"), "{text}");
}

#[tokio::test]
async fn health_and_metrics_are_on_the_second_port_only() {
    let app = app().await;
    let serving = Program::start(locum(&["serve"], &for_serve(&app.database.url)));
    let [service, ops] = serving.addresses().await;
    Actor::sign_in(&service, "harbour", "ana", PASSPHRASE).await.client_names().await;
    for (path, part) in [("livez", "ok"), ("readyz", "ok"), ("metrics", "locum_requests_total")] {
        let (status, text) = get(&format!("{ops}/{path}")).await.unwrap();
        assert!(status == 200 && text.contains(part), "{path}: {status} {text}");
        assert_eq!(get(&format!("{service}/{path}")).await.unwrap().0, 404, "{path}");
    }
    assert_eq!(get(&format!("{ops}/graphql")).await.unwrap().0, 404);
    let (_, metrics) = get(&format!("{ops}/metrics")).await.unwrap();
    for secret in ["lcs_", "harbour", "ana"] {
        assert!(!metrics.contains(&format!("\"{secret}")), "{secret}: {metrics}");
    }
}

/// Shells and service managers begin with a soft limit of few open files; the hard one is what counts.
#[tokio::test]
async fn there_is_room_for_more_connections_than_the_soft_limit_of_open_files() {
    let app = app().await;
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -n 128 && exec \"$0\" serve", env!("CARGO_BIN_EXE_locum")]);
    command.env_clear().envs(for_serve(&app.database.url)).current_dir(env!("CARGO_TARGET_TMPDIR"));
    let serving = Program::start(command);
    let [service, _] = serving.addresses().await;
    let address = service.trim_start_matches("http://");
    let mut connections = Vec::new();
    for _ in 0..200 {
        connections.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let answer = tokio::time::timeout(Duration::from_secs(10), get(&format!("{service}/graphql"))).await;
    assert!(matches!(answer, Ok(Some(_))), "nobody else is let in");
    drop(connections);
}

#[tokio::test]
async fn the_log_is_json_and_has_the_id_of_each_request() {
    let app = app().await;
    let settings: Vec<_> = for_serve(&app.database.url).into_iter().chain([("LOCUM_LOG", "debug")]).collect();
    let serving = Program::start(locum(&["serve"], &settings));
    let [service, _] = serving.addresses().await;
    let ana = Actor::sign_in(&service, "harbour", "ana", PASSPHRASE).await;
    app.sql("alter table clients rename to gone").await;
    let answers = [
        ana.send("{ viewer { user { handle } } }", json!({})).await,
        ana.send("{ clients { totalCount } }", json!({})).await,
        ana.send("{ nothing }", json!({})).await,
    ];
    for answer in &answers {
        let id = answer.headers["x-request-id"].to_str().unwrap();
        let line = eventually("the request is in the log", async || {
            serving
                .log()
                .into_iter()
                .find(|line| line["message"] == "answered" && line["span"]["request_id"] == id)
        })
        .await;
        assert_eq!(
            (&line["status"], &line["path"]),
            (&json!(answer.status.as_u16()), &json!("/graphql")),
            "{line}"
        );
    }
    let log = serving.log();
    let fault = log.iter().find(|line| line["level"] == "ERROR").expect("the cause is in the log");
    assert_eq!(fault["span"]["request_id"], answers[1].text("/errors/0/extensions/requestId"));
    assert!(fault["error"].as_str().unwrap().contains("clients"), "{fault}");
    assert!(
        log.iter()
            .filter(|line| line["message"] == "answered")
            .all(|line| line["span"]["request_id"].is_string())
    );
    let text = serving.lines.lock().unwrap().join("\n");
    for secret in [ana.token.as_ref().unwrap().as_str(), PASSPHRASE, "ana@harbour.example"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn r6_told_to_stop_it_finishes_what_runs_and_ends_well() {
    let app = app().await;
    let mut serving = Program::start(locum(&["serve"], &for_serve(&app.database.url)));
    let [service, ops] = serving.addresses().await;
    let ana = Actor::sign_in(&service, "harbour", "ana", PASSPHRASE).await;
    let held = app.database.client().await;
    held.batch_execute(
        "begin; lock table clients in access exclusive mode; select from event_heads for update",
    )
    .await
    .unwrap();
    let reading = tokio::spawn({
        let ana = ana.clone();
        async move { ana.client_names().await }
    });
    let changing = tokio::spawn({
        let ana = ana.clone();
        async move { ana.add_back_office_user("new@else.example").await }
    });
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually("both wait", async || (app.count(waits).await >= 2).then_some(())).await;
    serving.signal(Signal::TERM);
    eventually("it is not ready any more", async || {
        let (status, text) = get(&format!("{ops}/readyz")).await?;
        (status == 503 && text.contains("shutting down")).then_some(())
    })
    .await;
    assert_eq!(get(&format!("{ops}/livez")).await.unwrap().0, 200);
    eventually("nobody new gets in", async || {
        get(&format!("{service}/graphql")).await.is_none().then_some(())
    })
    .await;
    held.batch_execute("commit").await.unwrap();
    assert_eq!(reading.await.unwrap().len(), 3);
    assert_eq!(changing.await.unwrap().code(), None);
    let status = serving.exit().await;
    assert_eq!(status.code(), Some(0), "{:?}", serving.lines);
    assert_eq!(app.count("select count(*) from delegations").await, 1);
}

#[tokio::test]
async fn r6_told_twice_it_ends_at_once() {
    let app = app().await;
    let mut serving = Program::start(locum(&["serve"], &for_serve(&app.database.url)));
    let [service, ops] = serving.addresses().await;
    let ana = Actor::sign_in(&service, "harbour", "ana", PASSPHRASE).await;
    let held = app.database.client().await;
    held.batch_execute("begin; lock table clients in access exclusive mode").await.unwrap();
    let reading = tokio::spawn(async move { ana.send("{ clients { totalCount } }", json!({})).await });
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually("it waits", async || (app.count(waits).await >= 1).then_some(())).await;
    serving.signal(Signal::TERM);
    eventually("it is stopping", async || (get(&format!("{ops}/readyz")).await?.0 == 503).then_some(()))
        .await;
    let began = Instant::now();
    serving.signal(Signal::TERM);
    assert!(!serving.exit().await.success());
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(reading.await.is_err());
}

/// A folder for `locum dev`; PostgreSQL may be another user, who must be able to enter it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir()
            .join(format!("locum-{}", locum::id::new(chrono::DateTime::UNIX_EPOCH).simple()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts `locum dev` in a folder; answers it, where it is, and how long it took to be ready.
async fn dev(folder: &Folder) -> (Program, String, Duration) {
    let (listen, ops) = (free_address(), free_address());
    let folder = folder.0.to_str().unwrap();
    let began = Instant::now();
    let running =
        Program::start(locum(&["dev", "--data-dir", folder, "--listen", &listen, "--ops-listen", &ops], &[]));
    let deadline = Instant::now() + Duration::from_secs(60);
    while get(&format!("http://{ops}/readyz")).await.is_none_or(|(status, _)| status != 200) {
        assert!(Instant::now() < deadline, "locum dev is not ready: {:?}", running.lines);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (running, format!("http://{listen}"), began.elapsed())
}

const DEMO: &str = "locum-demo-passphrase";

#[tokio::test]
async fn dev_starts_again_in_no_time_and_keeps_its_data() {
    let folder = Folder::new();
    let (mut running, service, _) = dev(&folder).await;
    let ana = Actor::sign_in(&service, "harbour", "ana", DEMO).await;
    let clients = ana.client_names().await;
    assert!(!clients.is_empty(), "there is demo data");
    // What it says about the log works as it stands there.
    let line = running.line_with("locum events tail").await;
    let database = line.split('\'').nth(1).unwrap();
    let tail = ["events", "tail", "--firm", "harbour", "--after", "start", "--no-follow"];
    let told = locum(&tail, &[("DATABASE_URL", database)]).output().unwrap();
    assert!(told.status.success() && told.stdout.starts_with(b"{\"id\":"), "{told:?}");
    let ali = Actor::sign_in(&service, "harbour", "ali", DEMO).await;
    assert_eq!(ali.client_names().await.len(), 1, "Ana's workgroup, in which Ali is, has a client");
    assert_eq!(ana.add_back_office_user("bo@harbour.example").await.code(), None);
    running.signal(Signal::TERM);
    assert_eq!(running.exit().await.code(), Some(0), "{:?}", running.lines);

    let (mut again, service, took) = dev(&folder).await;
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    let mut still = Actor::sign_in(&service, "harbour", "ana", DEMO).await;
    still.token = ana.token.clone();
    let kept = still.send("{ viewer { backOfficeUsers { email } } }", json!({})).await;
    assert_eq!(
        kept.at("/data/viewer/backOfficeUsers"),
        &json!([{ "email": "bo@harbour.example" }]),
        "even the session"
    );
    assert_eq!(still.client_names().await, clients, "the demo data is not there twice");
    again.signal(Signal::TERM);
    assert_eq!(again.exit().await.code(), Some(0));
}

#[tokio::test]
async fn dev_killed_in_the_middle_starts_again() {
    let folder = Folder::new();
    let (running, service, _) = dev(&folder).await;
    let ana = Actor::sign_in(&service, "harbour", "ana", DEMO).await;
    assert_eq!(ana.add_back_office_user("bo@harbour.example").await.code(), None);
    drop(running);
    let (mut again, service, _) = dev(&folder).await;
    let ana = Actor::sign_in(&service, "harbour", "ana", DEMO).await;
    let kept = ana.send("{ viewer { backOfficeUsers { email } } }", json!({})).await;
    assert_eq!(kept.at("/data/viewer/backOfficeUsers"), &json!([{ "email": "bo@harbour.example" }]));
    again.signal(Signal::TERM);
    assert_eq!(again.exit().await.code(), Some(0));
}
