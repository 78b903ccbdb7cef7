//! A house of one's own, without its door: one firm, its database, a mail server, and a clock that waits to be told.

use crate::support::Database;
use crate::support::smtp::Sink;
use anyhow::{Result, anyhow};
use chrono::{DateTime, TimeDelta, Utc};
use lettre::message::Mailbox;
use locum::caller::{Action, Caller, Kind, Stand};
use locum::clock::Clock;
use locum::config::{self, Config, Limits};
use locum::delivery::{Links, Relay, Smtp, Transport};
use locum::domain::delegation::{self, Delegation, NewDelegation, Terms};
use locum::domain::firm::{self, Firm, NewFirm};
use locum::domain::impersonation;
use locum::domain::user::{self, Invitation, User};
use locum::events::{Author, Event, Hub, Log};
use locum::secret::Token;
use std::sync::{Arc, Mutex};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// A clock that goes only when told to.
pub struct Hand(Mutex<DateTime<Utc>>);

impl Hand {
    pub fn forward(&self, by: TimeDelta) {
        let mut now = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *now += by;
    }
}

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A house with one firm, its database, and a mail server.
pub struct House {
    pub log: Log,
    pub clock: Arc<Hand>,
    pub sink: Sink,
    pub db: Client,
    pub database: Database,
    pub firm: Firm,
    pub ana: User,
}

impl House {
    pub async fn new() -> Result<Self> {
        Self::with(Limits::default(), 4).await
    }

    pub async fn with(limits: Limits, connections: usize) -> Result<Self> {
        let database = Database::create().await;
        let start = "2026-05-01T07:00:00Z".parse()?;
        let clock = Arc::new(Hand(Mutex::new(start)));
        let pool = locum::db::Database::new(&database.url, connections)?;
        let log = Log { database: pool, clock: clock.clone(), hub: Hub::default(), limits: Arc::new(limits) };
        let firm = a_firm(&log, "harbour").await?;
        let ana = person(&log, &firm, "ana", Kind::Adviser, true).await?;
        let (sink, db) = (Sink::start().await, database.client().await);
        Ok(Self { log, clock, sink, db, database, firm, ana })
    }

    pub fn relay(&self) -> Result<Relay> {
        self.relay_over(Arc::new(smtp(&self.sink, TimeDelta::seconds(2))?))
    }

    pub fn relay_over(&self, mailer: Arc<dyn Transport>) -> Result<Relay> {
        let from = "Locum <locum@locum.example>".parse::<Mailbox>()?;
        Relay::new(self.log.clone(), mailer, Links::App("https://app.example/".parse()?), from)
    }

    pub async fn sweep(&self) -> Result<usize> {
        self.relay()?.sweep().await.map_err(wrong)
    }

    /// Lets somebody act for ana.
    pub async fn grant(&self, email: &str) -> Result<Delegation> {
        grant(&self.log, &self.ana, email).await
    }

    pub async fn rows(
        &self,
        query: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>> {
        Ok(self.db.query(query, values).await?)
    }

    pub async fn number(&self, query: &str) -> Result<i64> {
        Ok(self.db.query_one(query, &[]).await?.get(0))
    }

    /// Each mail's state and last error, oldest first.
    pub async fn states(&self) -> Result<Vec<(String, Option<String>)>> {
        let rows =
            self.rows("select state, last_error from mail_deliveries order by created_at, id", &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Ends a story: no mail is left, and no secret is anywhere in the database.
    pub async fn end(self) -> Result<()> {
        assert_eq!(self.number("select count(*) from mail_deliveries where state = 'QUEUED'").await?, 0);
        let dump = self.rows(
            "select row_to_json(t)::text from mail_deliveries t union all select row_to_json(t)::text from links t
             union all select row_to_json(t)::text from events t", &[]).await?;
        for row in dump {
            assert!(!row.get::<_, String>(0).contains("lcl_"), "a token is in the database");
        }
        self.log.database.close();
        Ok(())
    }
}

pub fn wrong(error: locum::error::Error) -> anyhow::Error {
    anyhow!("{error:?}")
}

pub fn smtp(sink: &Sink, within: TimeDelta) -> Result<Smtp> {
    let flags = [
        ("smtp_host", sink.address.ip().to_string().into()),
        ("smtp_port", sink.address.port().into()),
        ("smtp_tls", "none".into()),
    ];
    let flags = flags
        .into_iter()
        .map(|(key, value): (&str, figment::value::Value)| (key.to_owned(), value))
        .collect();
    let config: Config = config::load(None, flags)?.0;
    Ok(Smtp::new(&config)?.within(within.to_std()?))
}

pub async fn a_firm(log: &Log, slug: &str) -> Result<Firm> {
    let new = NewFirm {
        slug: slug.to_owned(),
        name: format!("{slug} advisers"),
        time_zone: "Europe/Berlin".to_owned(),
        handle: "root".to_owned(),
        email: format!("root@{slug}.example"),
        display_name: "Root".to_owned(),
    };
    let firm =
        log.transact(Author::Operator, async |tx| firm::create(tx, new, Some("!".to_owned())).await).await;
    Ok(firm.map_err(wrong)?.0)
}

pub async fn person(log: &Log, firm: &Firm, handle: &str, kind: Kind, active: bool) -> Result<User> {
    let new = Invitation {
        handle: handle.to_owned(),
        email: format!("{handle}@{}.example", firm.slug),
        display_name: format!("{handle} of {}", firm.slug),
        kind,
        level: None,
        capabilities: Vec::new(),
    };
    let hash = active.then(|| "!".to_owned());
    log.transact(Author::Operator, async |tx| user::create(tx, firm.id, new, hash).await).await.map_err(wrong)
}

fn caller(user: &User) -> Caller {
    let (actor, kind, capabilities) = (user.key(), user.kind, user.capabilities.clone());
    Caller { actor, kind, capabilities, session: Uuid::nil(), stand: Stand::Own }
}

pub async fn grant(log: &Log, principal: &User, email: &str) -> Result<Delegation> {
    let caller = caller(principal);
    let terms = Terms { scope: vec![Action::Edit], ..Terms::default() };
    let new = NewDelegation { email: email.to_owned(), handle: None, terms };
    log.transact(Author::from(&caller), async |tx| delegation::add(tx, &caller, new).await)
        .await
        .map_err(wrong)
}

pub async fn revoke(log: &Log, principal: &User, id: Uuid) -> Result<()> {
    let caller = caller(principal);
    log.transact(Author::from(&caller), async |tx| impersonation::revoke(tx, &caller, id).await)
        .await
        .map_err(wrong)?;
    Ok(())
}

pub fn token_of(link: &str) -> Token {
    Token::presented(link.split_once("#token=").map(|(_, token)| token).unwrap_or_default().to_owned())
}

/// Records an event of a person's own, with the mail that it causes.
pub async fn record(log: &Log, user: &User, event: Event) -> Result<()> {
    let key = user.key();
    let recorded = log.transact(Author::person(key), async |tx| {
        tx.record(key.firm, event);
        Ok(())
    });
    recorded.await.map_err(wrong)
}
