//! Transactions that end in the log.

use super::event::{Audience, Event, Recipient};
use super::hub::Hub;
use crate::caller::{Caller, Capability, UserKey};
use crate::clock::Clock;
use crate::config::Limits;
use crate::db::statement::sql;
use crate::db::{self, Connection, Database};
use crate::error::{Error, Result};
use crate::id;
use chrono::{DateTime, Utc};
use diesel::sql_types::BigInt;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// The ground that commands stand on: the database, the time, the wake-ups, the limits.
#[derive(Clone)]
pub struct Log {
    pub database: Database,
    pub clock: Arc<dyn Clock>,
    pub hub: Hub,
    pub limits: Arc<Limits>,
}

/// In whose name events are recorded.
#[derive(Clone, Copy, Debug)]
pub enum Author {
    /// A user, perhaps acting for a principal, in a session or (registering) without one.
    User { actor: UserKey, principal: Option<UserKey>, impersonation: Option<Uuid>, session: Option<Uuid> },
    /// Whoever runs the program, at its command line.
    Operator,
    /// The program itself.
    System,
}

impl Author {
    /// A person who has no session at this moment.
    pub fn person(actor: UserKey) -> Self {
        Self::User { actor, principal: None, impersonation: None, session: None }
    }
}

impl From<&Caller> for Author {
    fn from(caller: &Caller) -> Self {
        let acting = caller.acting();
        Self::User {
            actor: caller.actor,
            principal: acting.map(|acting| acting.principal),
            impersonation: acting.map(|acting| acting.impersonation),
            session: Some(caller.session),
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`], nothing of it happened.
pub struct Tx {
    connection: Connection,
    /// One moment for the whole transaction.
    pub now: DateTime<Utc>,
    /// In whose name events are recorded; a command without a caller sets it once it knows.
    pub author: Author,
    pub limits: Arc<Limits>,
    hub: Hub,
    recorded: Vec<(Uuid, Author, Event)>,
    /// Whose sessions, or whom they act for, may have ended.
    rights: Vec<UserKey>,
}

impl Log {
    /// Begins a transaction in the name of `author`.
    pub async fn begin(&self, author: Author) -> Result<Tx> {
        let mut connection = self.database.connection().await?;
        db::begin(&mut connection).await?;
        let (limits, hub) = (self.limits.clone(), self.hub.clone());
        let now = self.clock.now();
        Ok(Tx { connection, now, author, limits, hub, recorded: Vec::new(), rights: Vec::new() })
    }

    /// A connection for reading, by which nothing can be changed; `UNAVAILABLE` if none is free in time.
    pub async fn reader(&self) -> Result<Connection> {
        self.database.connection().await
    }

    /// Runs `work` in a transaction of its own; commits if it succeeds.
    pub async fn transact<T>(
        &self,
        author: Author,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T>,
    ) -> Result<T> {
        let mut tx = self.begin(author).await?;
        match work(&mut tx).await {
            Ok(value) => {
                tx.commit().await?;
                Ok(value)
            }
            Err(error) => {
                tx.roll_back().await;
                Err(error)
            }
        }
    }
}

impl Tx {
    /// The connection, for the stores.
    pub fn sql(&mut self) -> &mut AsyncPgConnection {
        &mut self.connection
    }

    /// A new id.
    pub fn new_id(&self) -> Uuid {
        id::new(self.now)
    }

    /// Records what happened in `firm`, in the name of the present author; written by the commit.
    pub fn record(&mut self, firm: Uuid, event: Event) {
        self.rights.extend(event.changes_rights_of());
        self.recorded.push((firm, self.author, event));
    }

    /// Says that sessions of this user, or whom they act for, may have changed: once it is committed, what is connected
    /// by them is judged anew.
    pub fn changes_rights_of(&mut self, user: UserKey) {
        self.rights.push(user);
    }

    /// Writes the events and commits. Nothing happens between the lock on the head row and the commit.
    pub async fn commit(mut self) -> Result<()> {
        let batches = self.batches()?;
        let mut heads = Vec::with_capacity(batches.len());
        // In the order of the firms' ids, so that two such transactions never wait for each other.
        for (firm, batch) in batches {
            let append = sql::<BigInt>("select append_events(?, ?)").bind(firm).bind(Value::Array(batch));
            heads.push((firm, append.get_result(&mut *self.connection).await?));
        }
        AnsiTransactionManager::commit_transaction(&mut *self.connection).await?;
        if !(heads.is_empty() && self.rights.is_empty()) {
            self.hub.committed(&heads, &self.rights);
        }
        Ok(())
    }

    /// Takes back what was only tried, once the database has found that it could be committed.
    pub async fn give_up(mut self) -> Result<()> {
        let holds = sql::<()>("set constraints all immediate").execute(&mut *self.connection).await;
        self.roll_back().await;
        Ok(holds.map(|_| ())?)
    }

    /// Takes everything back. A connection that cannot even do that is thrown away by the pool.
    pub async fn roll_back(mut self) {
        if let Err(error) = AnsiTransactionManager::rollback_transaction(&mut *self.connection).await {
            tracing::warn!(%error, "a transaction could not be rolled back; its connection is dropped");
        }
    }

    fn batches(&mut self) -> Result<BTreeMap<Uuid, Vec<Value>>> {
        let mut batches = BTreeMap::<Uuid, Vec<Value>>::new();
        for (firm, author, event) in std::mem::take(&mut self.recorded) {
            let id = self.new_id();
            let audience = audience(&event, author);
            let base = self.row(id, author, &event)?;
            batches.entry(firm).or_default().push(local(&base, firm, &audience, self.mails(&event)));
            for other in other_firms(firm, &audience.users) {
                let abroad = Audience { users: audience.users.clone(), capabilities: Vec::new() };
                batches.entry(other).or_default().push(local(&base, other, &abroad, Vec::new()));
            }
        }
        Ok(batches)
    }

    /// The columns that do not depend on the log it is written to.
    fn row(&self, id: Uuid, author: Author, event: &Event) -> Result<Value> {
        let mut row = serde_json::to_value(event).map_err(Error::internal)?;
        row["id"] = json!(id);
        row["occurred_at"] = json!(self.now);
        row["subjects"] = json!(event.subjects());
        row["actor_kind"] = json!(match author {
            Author::User { .. } => "USER",
            Author::Operator => "OPERATOR",
            Author::System => "SYSTEM",
        });
        if let Author::User { actor, principal, impersonation, session } = author {
            row["actor_firm_id"] = json!(actor.firm);
            row["actor_id"] = json!(actor.id);
            row["principal_firm_id"] = json!(principal.map(|user| user.firm));
            row["principal_id"] = json!(principal.map(|user| user.id));
            row["impersonation_id"] = json!(impersonation);
            row["session_id"] = json!(session);
        }
        Ok(row)
    }

    fn mails(&self, event: &Event) -> Vec<Value> {
        let row = |mail: super::event::Mail| {
            let (user, delegation) = match mail.recipient {
                Recipient::User(id) => (Some(id), None),
                Recipient::DelegateOf(id) => (None, Some(id)),
            };
            json!({ "id": self.new_id(), "template": mail.template.as_str(), "user_id": user, "delegation_id": delegation })
        };
        event.mail().map(row).into_iter().collect()
    }
}

/// Who hears of an event. What is done in a principal's name is heard by them, the actor and the auditors, whatever it is;
/// a refusal by the auditors alone.
fn audience(event: &Event, author: Author) -> Audience {
    let mut audience = event.audience();
    let refusal = matches!(event, Event::AccessDenied { .. });
    if let (Author::User { actor, principal: Some(principal), .. }, false) = (author, refusal) {
        audience.users.extend([principal, actor]);
        audience.capabilities.push(Capability::Auditor);
    }
    audience
}

/// The event as it stands in one firm's log: with those of the audience who belong to it.
fn local(base: &Value, firm: Uuid, audience: &Audience, mails: Vec<Value>) -> Value {
    let users: Vec<_> = audience.users.iter().filter(|user| user.firm == firm).map(|user| user.id).collect();
    let capabilities: Vec<_> = audience.capabilities.iter().map(|capability| capability.as_str()).collect();
    let mut row = base.clone();
    row["audience"] = json!(users);
    row["audience_capabilities"] = json!(capabilities);
    row["mails"] = json!(mails);
    if row.get("payload").is_none() {
        row["payload"] = json!({});
    }
    row
}

fn other_firms(firm: Uuid, users: &[UserKey]) -> Vec<Uuid> {
    let mut others: Vec<_> = users.iter().map(|user| user.firm).filter(|other| *other != firm).collect();
    others.sort();
    others.dedup();
    others
}
