//! The program itself: how it starts, what it says, how it stops. R6.

use crate::support::{Actor, Database, PASSPHRASE, app, eventually, stranger};
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// `locum` with nothing set but this, in an empty folder.
fn locum(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_locum"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.env("PATH", env!("PATH")).stdin(Stdio::null());
    command
}

async fn ended(arguments: &[&str], settings: &[(&str, &str)]) -> (ExitStatus, String) {
    let mut command = locum(arguments, settings);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    (status, String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

/// What `locum serve` cannot do without.
fn for_serve(database: &str) -> Vec<(&str, &str)> {
    vec![
        ("DATABASE_URL", database),
        ("LOCUM_PUBLIC_URL", "http://localhost:8080"),
        ("LOCUM_APP_URL", "https://app.example"),
        ("LOCUM_SMTP_HOST", "127.0.0.1"),
        ("LOCUM_SMTP_PORT", "9"),
        ("LOCUM_SMTP_TLS", "none"),
        ("LOCUM_MAIL_FROM", "Locum <locum@locum.example>"),
        ("LOCUM_ENCRYPTION_KEY", "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlISE="),
        ("LOCUM_LISTEN", "127.0.0.1:0"),
        ("LOCUM_OPS_LISTEN", "127.0.0.1:0"),
    ]
}

/// A program that runs; killed with the story.
struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (log, stdout) =
            (BufReader::new(child.stderr.take().unwrap()), BufReader::new(child.stdout.take().unwrap()));
        let kept = lines.clone();
        std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line))
        });
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(drop));
        Self { child, lines }
    }

    /// The lines of the log; each of them is JSON.
    fn log(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    /// Where `locum serve` listens: the service and its health.
    async fn addresses(&self) -> [String; 2] {
        eventually("it serves", async || {
            let serves = self.log().into_iter().find(|line| line["message"] == "locum serves")?;
            Some(["address", "ops"].map(|name| format!("http://{}", serves[name].as_str().unwrap())))
        })
        .await
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    async fn exit(&mut self) -> ExitStatus {
        eventually("it ends", async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    let mut serving = Running::start(locum(&["serve"], &settings));
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
    let serving = Running::start(locum(&["serve"], &for_serve(&app.database.url)));
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

#[tokio::test]
async fn the_log_is_json_and_has_the_id_of_each_request() {
    let app = app().await;
    let settings: Vec<_> = for_serve(&app.database.url).into_iter().chain([("LOCUM_LOG", "debug")]).collect();
    let serving = Running::start(locum(&["serve"], &settings));
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
    let mut serving = Running::start(locum(&["serve"], &for_serve(&app.database.url)));
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
    let mut serving = Running::start(locum(&["serve"], &for_serve(&app.database.url)));
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

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Starts `locum dev` in a folder; answers it, where it is, and how long it took to be ready.
async fn dev(folder: &Folder) -> (Running, String, Duration) {
    let (listen, ops) = (free_address(), free_address());
    let folder = folder.0.to_str().unwrap();
    let began = Instant::now();
    let running =
        Running::start(locum(&["dev", "--data-dir", folder, "--listen", &listen, "--ops-listen", &ops], &[]));
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
