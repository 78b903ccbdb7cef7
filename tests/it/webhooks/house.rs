//! A house without doors: a firm, its log, and workers that run when a story lets them.

use crate::support::receiver::{Received, Receiver};
use crate::support::{Database, ManualClock};
use locum::app::App;
use locum::caller::{Caller, Capability, Kind, Stand, UserKey};
use locum::clock::Clock;
use locum::config::{self, Flags};
use locum::delivery::webhook::{Sender, Webhooks};
use locum::domain::firm::{self, NewFirm};
use locum::domain::webhook::{self, NewWebhook, Webhook};
use locum::events::{Author, Event, Log};
use locum::reach::Reach;
use locum::sealed::Seal;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use uuid::Uuid;

pub struct House {
    pub database: Database,
    pub clock: ManualClock,
    pub log: Log,
    pub firm: Uuid,
    pub sam: Caller,
    seal: Arc<Seal>,
}

impl House {
    pub async fn new() -> Self {
        Self::with_pool(8).await
    }

    pub async fn with_pool(connections: usize) -> Self {
        let database = Database::create().await;
        let (mut config, _) = config::load(None, Flags::new()).unwrap();
        config.database_url = Some(database.url.clone().into());
        config.database_pool = connections;
        let clock = ManualClock::default();
        let app = App::new(&config, Some(Arc::new(clock.clone()))).await.unwrap();
        let sam = NewFirm {
            slug: "harbour".to_owned(),
            name: "Harbour Advisers".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            handle: "sam".to_owned(),
            email: "sam@harbour.example".to_owned(),
            display_name: "Sam Okoro".to_owned(),
        };
        let hash = Some("$argon2id$none".to_owned());
        let made = app.log.transact(Author::Operator, async |tx| firm::create(tx, sam, hash).await);
        let (firm, sam) = made.await.unwrap();
        let sam = Caller {
            actor: UserKey { firm: firm.id, id: sam.id },
            kind: Kind::Adviser,
            capabilities: vec![Capability::SetupAdmin],
            session: Uuid::nil(),
            stand: Stand::Own,
        };
        let seal = Arc::new(Seal::new(&Seal::new_key().unwrap()).unwrap());
        Self { database, clock, log: app.log, firm: firm.id, sam, seal }
    }

    /// A webhook to a receiver for the events of imports, of which [`House::happen`] makes some; and its secret.
    pub async fn webhook(&self, receiver: &Receiver) -> (Webhook, String) {
        self.webhook_to(&receiver.url()).await
    }

    pub async fn webhook_to(&self, url: &str) -> (Webhook, String) {
        let new = NewWebhook {
            url: url.parse().unwrap(),
            description: String::new(),
            event_types: vec!["FirmImported".to_owned()],
        };
        let created = self
            .log
            .transact(Author::Operator, async |tx| webhook::create(tx, &self.sam, new, &self.seal).await);
        let opened = created.await.unwrap();
        (opened.webhook, opened.secret.reveal().expose_secret().to_owned())
    }

    /// So many events, numbered from `first` on.
    pub async fn happen(&self, first: usize, count: usize) {
        let happen = self.log.transact(Author::Operator, async |tx| {
            for number in first..first + count {
                tx.record(self.firm, Event::FirmImported { people: number, clients: 0 });
            }
            Ok(())
        });
        happen.await.unwrap();
    }

    /// A worker of some node.
    pub fn worker(&self) -> Webhooks {
        self.worker_within(Duration::from_secs(5))
    }

    /// The same, whose calls take so long at most.
    pub fn worker_within(&self, total: Duration) -> Webhooks {
        let sender = Sender::new(Reach::new(true)).unwrap().within(total);
        Webhooks::new(self.log.clone(), self.seal.clone(), sender)
    }

    /// The same, by what it may reach.
    pub fn worker_reaching(&self, reach: Reach) -> Webhooks {
        Webhooks::new(self.log.clone(), self.seal.clone(), Sender::new(reach).unwrap())
    }

    /// Handles all that is due now; answers how many attempts that were.
    pub async fn sweep(&self) -> usize {
        self.worker().sweep().await.unwrap()
    }

    /// The first column of a query's first row.
    pub async fn number(&self, query: &str) -> i64 {
        self.rows(query).await[0].get(0)
    }

    /// A query's rows.
    pub async fn rows(&self, query: &str) -> Vec<Row> {
        self.database.client().await.query(query, &[]).await.unwrap()
    }

    /// State, attempts, status and answer of each delivery, in the order of the log.
    pub async fn deliveries(&self) -> Vec<(String, i32, Option<i32>, String)> {
        let rows = "select state, attempts, status_code, coalesce(answer, '') from webhook_deliveries order by position";
        self.rows(rows).await.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
    }

    /// State and reason of the only webhook.
    pub async fn state(&self) -> (String, Option<String>) {
        let rows = self.rows("select state, pause_reason from webhooks").await;
        (rows[0].get(0), rows[0].get(1))
    }

    /// Goes on in time.
    pub fn later(&self, by: chrono::TimeDelta) {
        self.clock.advance(by);
    }

    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }
}

/// The numbers of the events, as they arrived.
pub fn numbers(received: &[Received]) -> Vec<i64> {
    received.iter().map(|message| message.json()["data"]["people"].as_i64().unwrap()).collect()
}
