//! A house of one's own: the real router on a port, its database, its mail server.

use super::smtp::{ReceivedMail, Sink};
use super::{Actor, Database, ManualClock};
use chrono::{DateTime, Utc};
use locum::app::{App, Parts, Running};
use locum::caller::{Capability, Kind};
use locum::clock::Clock;
use locum::config::{self, Config, Flags, SmtpTls};
use locum::delivery::Links;
use locum::delivery::mail::Smtp;
use locum::domain::client::{self, ClientType, Draft};
use locum::domain::firm::{self, NewFirm};
use locum::domain::user::{self, Invitation};
use locum::events::{Author, Tx};
use locum::sealed::Seal;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Everybody's passphrase.
pub const PASSPHRASE: &str = "locum-demo-passphrase";

/// An open house, with two firms in it: `harbour` and `summit`, each with the advisers `ana` and `ben`, the assistant
/// `ali`, the setup admin `sam` and the back-office user `bo`. Ana has the clients Amélie, Björn and Chidi, and Ben
/// stands in for the first two; Ben has Dorota.
pub struct TestApp {
    pub database: Database,
    pub clock: ManualClock,
    pub mails: Sink,
    pub config: Config,
    pub running: Running,
    pub base: String,
}

/// Opens one with the usual settings.
pub async fn app() -> TestApp {
    app_with(|_| {}).await
}

/// Opens one with other settings. With one connection to the database all is the same: `LOCUM_DATABASE_POOL=1 bin/test`.
pub async fn app_with(change: impl FnOnce(&mut Config)) -> TestApp {
    let database = Database::create().await;
    let mails = Sink::start().await;
    let (mut config, _) = config::load(None, Flags::new()).unwrap();
    config.database_url = Some(database.url.clone().into());
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.ops_listen = "127.0.0.1:0".parse().unwrap();
    config.smtp_host = Some("127.0.0.1".to_owned());
    config.smtp_port = Some(mails.address.port());
    config.smtp_tls = SmtpTls::None;
    config.mail_from = Some("Locum <locum@locum.example>".to_owned());
    config.app_url = Some("https://app.example".parse().unwrap());
    config.encryption_key = Some(Seal::new_key().unwrap());
    config.allow_private_webhooks = true;
    config.statement_header = true;
    config.explorer = true;
    change(&mut config);
    let clock = ManualClock::default();
    let running = open(&config, &clock).await;
    for slug in ["harbour", "summit"] {
        seed(&running.app, slug).await;
    }
    let base = format!("http://{}", running.address);
    TestApp { database, clock, mails, config, running, base }
}

async fn open(config: &Config, clock: &ManualClock) -> Running {
    let parts = Parts {
        transport: Arc::new(Smtp::new(config).unwrap()),
        links: Links::App(config.app_url.clone().unwrap()),
        extra: axum::Router::new(),
        origins: vec!["https://app.example".to_owned()],
    };
    let app = App::new(config, Some(Arc::new(clock.clone()))).await.unwrap();
    app.open(config, parts).await.unwrap()
}

impl TestApp {
    /// Signs in as someone of `harbour`.
    pub async fn actor(&self, handle: &str) -> Actor {
        self.actor_of("harbour", handle).await
    }

    /// Signs in as someone.
    pub async fn actor_of(&self, firm: &str, handle: &str) -> Actor {
        Actor::sign_in(&self.base, firm, handle, PASSPHRASE).await
    }

    /// What time it is in this story.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The newest mail to an address; waits for it.
    pub async fn mail_to(&self, address: &str) -> ReceivedMail {
        self.mails_to(address, 1).await.pop().unwrap()
    }

    /// The mails to an address, oldest first, as soon as there are so many.
    pub async fn mails_to(&self, address: &str, count: usize) -> Vec<ReceivedMail> {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let mails: Vec<_> =
                self.mails.mails().into_iter().filter(|mail| mail.rcpt == [address]).collect();
            if mails.len() >= count {
                return mails;
            }
            assert!(
                Instant::now() < deadline,
                "{count} mails to {address} did not arrive: {:?}",
                self.mails.mails()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until no mail is left to be sent.
    pub async fn all_mails_sent(&self) {
        let client = self.database.client().await;
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let left: i64 = client
                .query_one("select count(*) from mail_deliveries where state = 'QUEUED'", &[])
                .await
                .unwrap()
                .get(0);
            if left == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{left} mails are still to be sent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Changes the database behind the service's back, as its owner.
    pub async fn sql(&self, statements: &str) {
        self.database.client().await.batch_execute(statements).await.unwrap();
    }

    /// The number that a query behind the service's back answers.
    pub async fn count(&self, query: &str) -> i64 {
        self.database.client().await.query_one(query, &[]).await.unwrap().get(0)
    }

    /// A second server on the same database, with the same clock and mail server.
    pub async fn second_server(&self) -> Running {
        open(&self.config, &self.clock).await
    }
}

async fn seed(app: &App, slug: &str) {
    let hash = app.services.hasher.hash(PASSPHRASE.to_owned().into()).await.unwrap();
    let seeded = app.log.transact(Author::Operator, async |tx| {
        let sam = NewFirm {
            slug: slug.to_owned(),
            name: format!("{slug} & Partners"),
            time_zone: "Europe/Berlin".to_owned(),
            handle: "sam".to_owned(),
            email: format!("sam@{slug}.example"),
            display_name: "Sam Okoro".to_owned(),
        };
        let (firm, _) = firm::create(tx, sam, Some(hash.clone())).await?;
        let ana = person(tx, firm.id, slug, "ana", "Ana Underwood", Kind::Adviser, &hash).await?;
        let ben = person(tx, firm.id, slug, "ben", "Ben Achterberg", Kind::Adviser, &hash).await?;
        person(tx, firm.id, slug, "ali", "Ali Demir", Kind::Assistant, &hash).await?;
        person(tx, firm.id, slug, "bo", "Bo Lindgren", Kind::BackOffice, &hash).await?;
        let clients = vec![
            draft("Amélie Laurent", ana, Some(ben)),
            draft("Björn Lindqvist", ana, Some(ben)),
            draft("Chidi Okafor", ana, None),
            draft("Dorota Nowak", ben, None),
        ];
        client::insert_batch(tx, firm.id, clients).await
    });
    seeded.await.unwrap();
}

async fn person(
    tx: &mut Tx,
    firm: Uuid,
    slug: &str,
    handle: &str,
    name: &str,
    kind: Kind,
    hash: &str,
) -> locum::error::Result<Uuid> {
    let invitation = Invitation {
        handle: handle.to_owned(),
        email: format!("{handle}@{slug}.example"),
        display_name: name.to_owned(),
        kind,
        level: None,
        capabilities: Vec::<Capability>::new(),
    };
    Ok(user::create(tx, firm, invitation, Some(hash.to_owned())).await?.id)
}

fn draft(name: &str, primary: Uuid, secondary: Option<Uuid>) -> Draft {
    Draft {
        client_type: ClientType::Client,
        name: name.to_owned(),
        emails: vec!["someone@mail.example".to_owned()],
        reference: None,
        details: json!({}),
        primary_adviser: Some(primary),
        secondary_adviser: secondary,
    }
}

/// What `probe` finds, as soon as it finds something.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not come true that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
