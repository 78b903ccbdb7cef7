//! What nobody may ever read: not in the database, not in the log, not in a debugger's output.

use crate::streams::event_stream::{Events, try_open};
use crate::support::receiver::{Receiver, Reply};
use crate::support::smtp::Trouble;
use crate::support::socket::{FOLLOW, Socket};
use crate::support::{Actor, PASSPHRASE, TestApp, app, eventually, stranger};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use locum::cli::logging::without_secrets;
use locum::config::{self, Flags};
use locum::domain::sign_in::{Credentials, Registration};
use locum::domain::throttle::Network;
use locum::domain::user::password::Password;
use locum::secret::{Purpose, Token};
use serde_json::json;
use std::io;
use std::sync::{Arc, Mutex};

const WRONG: &str = "a-guess-that-was-wrong-91c7";
const SECOND: &str = "the-second-passphrase-4f1e";
const THIRD: &str = "the-third-passphrase-8b2a";
const MISPLACED: &str = "the-misplaced-passphrase-77d0";

/// All that people do with secrets, right and wrong; answers every secret that was seen on the way.
async fn everything(app: &TestApp) -> Vec<String> {
    let mut secrets: Vec<_> = [PASSPHRASE, WRONG, SECOND, THIRD, MISPLACED].map(str::to_owned).into();
    let door = stranger(&app.base);

    // Sign in, by token and by cookie, rightly and wrongly; change the password.
    let opened = door.try_sign_in("harbour", "ana", PASSPHRASE).await;
    let (session, device) = (opened.text("/data/signIn/token"), opened.text("/data/signIn/deviceToken"));
    let wrong = json!({ "firm": "harbour", "username": "ana", "password": WRONG, "deviceToken": device });
    assert_eq!(door.sign_in_with(wrong, &[]).await.code().as_deref(), Some("INVALID_CREDENTIALS"));
    let browser = json!({ "firm": "harbour", "username": "ben", "password": PASSPHRASE, "cookie": true });
    let browser = door
        .sign_in_with(
            browser,
            &[("origin", "https://app.example"), ("cookie", &format!("__Host-locum-device={device}"))],
        )
        .await;
    let cookies = browser
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split(['=', ';']).nth(1).unwrap());
    secrets.extend(cookies.map(str::to_owned));
    let ana = door.with(&session);
    let changed = ana.change_password(PASSPHRASE, SECOND).await.text("/data/changePassword/token");
    assert_eq!(ana.who().await, "UNAUTHENTICATED");
    let ana = ana.with(&changed);
    secrets.extend([session, device, changed]);

    // Links: to register, to say "not for me", to set a new password; mails that fail now, and for good.
    let sam = app.actor("sam").await;
    // Only that one mail is to be refused.
    app.all_mails_sent().await;
    app.mails.trouble(Trouble::Refuse(550), 1);
    sam.invite("dan", "dan@harbour.example", json!({})).await;
    app.all_mails_sent().await;
    ana.add_back_office_user("bea@else.example").await;
    let mail = app.mails.next("bea@else.example", "wants you").await;
    let (register, unwanted) = (mail.token("register"), mail.token("unwanted"));
    assert_eq!(door.register(&register, "short").await.code().as_deref(), Some("PASSWORD_REFUSED"));
    assert_eq!(door.register(&register, SECOND).await.code(), None);
    assert_eq!(door.register(&register, SECOND).await.code().as_deref(), Some("INVITE_INVALID"));
    let report = "mutation ($token: String!) { reportUnwantedMail(input: { token: $token }) { reported } }";
    assert_eq!(door.send(report, json!({ "token": unwanted })).await.code(), None);
    door.request_reset("harbour", "ali").await;
    let reset = app.mails.next("ali@harbour.example", "Set a new password").await.token("reset-password");
    assert_eq!(door.reset_password(&reset, THIRD).await.code(), None);
    secrets.extend([register, unwanted, reset, sam.token.clone().unwrap()]);

    secrets.extend(webhooks(app, &sam, &ana).await);
    streams(app, &ana).await;
    misplaced(app, &ana).await;
    secrets
}

/// Webhooks whose messages are taken and not taken, and whose secrets are changed; answers these.
async fn webhooks(app: &TestApp, sam: &Actor, ana: &Actor) -> Vec<String> {
    let receiver = Receiver::start().await;
    let (id, first) = sam.hooked(&receiver, &["DelegationCreated"]).await;
    let again = sam.hook("rotateWebhookSecret", json!({ "webhookId": id })).await;
    let second = again.text("/data/rotateWebhookSecret/secret");
    receiver.then([Reply::Full(500, "x-echo", first.clone(), "no".to_owned())]);
    ana.add_back_office_user("eva@else.example").await;
    let message = receiver.wait_for(1).await.remove(0);
    assert!(message.is_signed_with(&first) && message.is_signed_with(&second));
    let failed = "select count(*) from webhook_deliveries where status_code = 500";
    eventually("it is noted", async || (app.count(failed).await == 1).then_some(())).await;
    vec![first, second]
}

/// Sockets and event streams, opened with tokens and closed for what was said over them.
async fn streams(app: &TestApp, ana: &Actor) {
    let mut socket = Socket::of(ana).await;
    socket.follow(None).await;
    socket.say_raw(&format!(r#"{{"type":"{MISPLACED}"}}"#)).await;
    assert_eq!(socket.closed().await.0, 4400);
    let mut socket = Socket::of(ana).await;
    socket.subscribe(MISPLACED, FOLLOW, json!({ "after": MISPLACED })).await;
    assert!(socket.hear().await.unwrap().to_string().contains("BAD_USER_INPUT"));
    for payload in
        [json!({ "Authorization": format!("Bearer {MISPLACED}") }), json!({ "password": MISPLACED })]
    {
        assert_eq!(Socket::open(&app.base).await.init(payload).await, Err(4403));
    }
    let authorization = format!("Bearer {}", ana.token.as_ref().unwrap());
    let by_upgrade = [("authorization", authorization.as_str())];
    let mut socket = Socket::try_open(&app.base, &by_upgrade).await.unwrap();
    assert_eq!(socket.init(json!(null)).await.unwrap()["type"], "connection_ack");
    let stream = try_open(ana, FOLLOW, json!({ "after": null })).await.unwrap();
    assert_eq!(Events::of(stream).next().await.unwrap().0, "next");
}

/// Secrets in places where they do not belong, and a fault of ours in the middle of a sign-in.
async fn misplaced(app: &TestApp, ana: &Actor) {
    let door = stranger(&app.base);
    let inline = format!(
        "mutation {{ signIn(input: {{ firm: \"harbour\", username: \"ana\", password: \"{MISPLACED}\" }}) {{ userErrors {{ code }} }} }}"
    );
    assert_eq!(door.send(&inline, json!({})).await.code().as_deref(), Some("INVALID_CREDENTIALS"));
    for broken in [
        inline.replace("}) {", "}) {{"),
        inline.replace("code }", "cod }"),
        inline.replace("firm:", "company:"),
    ] {
        assert_eq!(door.send(&broken, json!({})).await.status.as_u16(), 400);
    }
    let list = json!({ "firm": "harbour", "username": "ana", "password": [[MISPLACED]] });
    assert_eq!(door.sign_in_with(list, &[]).await.status.as_u16(), 400);
    assert_eq!(door.with(MISPLACED).who().await, "UNAUTHENTICATED");
    assert_eq!(
        ana.send_with("{ __typename }", json!({}), &[("idempotency-key", MISPLACED)]).await.code(),
        None
    );
    let url = format!("{}/graphql?query={{__typename}}&variables={{\"password\":\"{MISPLACED}\"}}", app.base);
    assert_eq!(reqwest::get(url).await.unwrap().status().as_u16(), 200);

    let client = app.database.client().await;
    client.batch_execute("alter table devices rename to devices_elsewhere").await.unwrap();
    assert_eq!(
        door.try_sign_in("harbour", "ana", SECOND).await.code().as_deref(),
        Some("INTERNAL_SERVER_ERROR")
    );
    client.batch_execute("alter table devices_elsewhere rename to devices").await.unwrap();
}

/// The ways in which a secret might be written down: as it is, in hexadecimal, in base64; a token's random bytes too.
fn spellings(secret: &str) -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut ways = vec![
        secret.to_owned(),
        hex(secret.as_bytes()),
        STANDARD.encode(secret).trim_end_matches('=').to_owned(),
    ];
    if let Some(key) = secret.strip_prefix("whsec_") {
        let key = STANDARD.decode(key).expect("a webhook's secret is base64");
        ways.extend([secret[6..].to_owned(), hex(&key)]);
    }
    if let Some(random) = secret
        .get(4..)
        .and_then(|random| URL_SAFE_NO_PAD.decode(random).ok())
        .filter(|random| random.len() == 32)
    {
        ways.extend([secret[4..].to_owned(), hex(&random)]);
    }
    ways
}

fn assert_none_in(secrets: &[String], text: &str) {
    for secret in secrets {
        for way in spellings(secret) {
            let at = text.find(&way);
            assert!(
                at.is_none(),
                "{secret} is there: …{}…",
                at.map(|at| excerpt(text, at)).unwrap_or_default()
            );
        }
    }
}

fn excerpt(text: &str, at: usize) -> String {
    text.get(at.saturating_sub(300)..(at + 300).min(text.len())).unwrap_or_default().to_owned()
}

/// Every row of every table, as text.
async fn dump(app: &TestApp) -> String {
    let client = app.database.client().await;
    let tables = "select table_name::text from information_schema.tables where table_schema = 'public'";
    let mut dump = String::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        for row in client.query(&format!("select t::text from \"{table}\" t"), &[]).await.unwrap() {
            dump.push_str(&format!("{table} {}\n", row.get::<_, String>(0)));
        }
    }
    dump
}

#[tokio::test]
async fn abuse_11_a_copy_of_the_database_opens_nothing() {
    let app = app().await;
    let secrets = everything(&app).await;
    let tokens: Vec<_> = secrets.iter().filter(|secret| secret.starts_with("lc")).collect();
    assert_eq!(tokens.len(), 9, "sessions, devices and links: {tokens:?}");
    let dump = dump(&app).await;
    assert_none_in(&secrets, &dump);
    for of in ["lcs_", "lcd_", "lcl_"] {
        assert!(!dump.contains(of), "{of}");
        let token = tokens.iter().find(|token| token.starts_with(of)).unwrap();
        let hash: String =
            Token::presented((**token).clone()).hash().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(of == "lcs_" || dump.contains(&hash), "the dump is a whole one: it has the hash of {token}");
    }
    assert!(
        dump.contains("$argon2id$v=19$m=19456,t=2,p=1$"),
        "passwords are hashed with 19 MiB in two passes"
    );
}

/// What the process logs.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn abuse_33_no_log_and_no_metric_has_a_secret() {
    let captured = Captured::default();
    let writer = captured.clone();
    let log = tracing_subscriber::fmt()
        .with_env_filter(without_secrets("trace").unwrap())
        .with_ansi(false)
        .with_writer(move || writer.clone());
    log.try_init().expect("no other story of this process listens to the log");
    let app = app().await;
    let secrets = everything(&app).await;
    let metrics = reqwest::get(format!("http://{}/metrics", app.running.ops_address))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for expected in ["locum_requests_total", "locum_webhooks_total", "locum_socket_ends_total"] {
        assert!(metrics.contains(expected), "{expected}");
    }
    assert_none_in(&secrets, &metrics);
    let logged = String::from_utf8_lossy(&captured.0.lock().unwrap()).into_owned();
    for expected in [
        "answered",
        "locum::sql",
        "a fault of ours",
        "a mail failed",
        "a webhook was called",
        "a socket ended",
    ] {
        assert!(logged.contains(expected), "the log is a whole one: {expected}");
    }
    println!("{} lines logged", logged.lines().count());
    assert_none_in(&secrets, &logged);
    assert!(
        !logged.contains("$argon2"),
        "nor what a password could be guessed from: {}",
        excerpt(&logged, logged.find("$argon2").unwrap_or_default())
    );
}

#[test]
fn abuse_33_debugging_shows_no_secret() {
    let (mut config, figment) = config::load(
        None,
        Flags::from([("smtp_username".into(), "locum".into()), ("smtp_password".into(), MISPLACED.into())]),
    )
    .unwrap();
    config.database_url = Some(format!("postgres://locum:{SECOND}@db.example/locum").into());
    let token = Token::generate(Purpose::Session).unwrap();
    let revealed = token.reveal().to_owned();
    let password = || Password::from(PASSPHRASE.to_owned());
    let credentials = Credentials {
        firm: "harbour".to_owned(),
        username: "ana".to_owned(),
        password: password(),
        device: Some(token.clone()),
        network: Network::of("203.0.113.1".parse().unwrap()),
        replaces: None,
    };
    let registration =
        Registration { token: token.clone(), handle: None, display_name: None, password: password() };
    let shown = format!(
        "{config:?} {config:#?} {:?} {token:?} {:?} {credentials:?} {registration:#?}",
        config::explained(&figment),
        password()
    );
    assert_none_in(&[PASSPHRASE.to_owned(), SECOND.to_owned(), MISPLACED.to_owned(), revealed], &shown);
    assert!(shown.contains("harbour"));
}
