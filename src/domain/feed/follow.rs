//! Following the log as one of its audience: from a position, through the table, and then along with it.
//!
//! The switch is by position, so nothing falls between. Whoever is behind what is kept for those who keep up reads the
//! table from their own place, as often as it takes.

use super::tail::{Feed, Feeds};
use super::{Entry, page};
use crate::caller::UserKey;
use crate::db::statement::sql;
use crate::defaults::{FEED, PAGE_MAX};
use crate::domain::page::Page;
use crate::error::{Error, ErrorCode, Result};
use crate::events::Log;
use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// Pause after the table could not be read.
const PAUSE: Duration = Duration::from_millis(200);

/// Which events are wanted; where nothing is said, all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub types: Option<Vec<String>>,
    pub subjects: Option<Vec<Uuid>>,
    pub impersonation: Option<Uuid>,
}

impl Filter {
    /// Whether an event fits; [`page`] says the same in SQL.
    fn wants(&self, entry: &Entry) -> bool {
        let row = &entry.row;
        self.types.as_ref().is_none_or(|types| types.contains(&row.type_))
            && self
                .subjects
                .as_ref()
                .is_none_or(|wanted| row.subjects.iter().any(|subject| wanted.contains(subject)))
            && self
                .impersonation
                .is_none_or(|wanted| row.impersonation_id == Some(wanted) || row.subjects.contains(&wanted))
    }
}

/// What comes next in a log.
pub enum Step {
    Event(Arc<Entry>),
    /// Nothing up to this position is still to come.
    Checkpoint(i64),
}

/// Someone's way along a log.
pub struct Follower {
    log: Log,
    feed: Arc<Feed>,
    /// Up to where there may be something for the recipient.
    own: watch::Receiver<i64>,
    recipient: UserKey,
    filter: Filter,
    /// Up to where it was read.
    read: i64,
    /// Up to where it was handed out.
    handed_out: i64,
    ready: VecDeque<Arc<Entry>>,
    /// Whether it has been told that there was nothing more to come: once, in the beginning.
    caught_up: bool,
    /// Longest time without a checkpoint.
    checkpoint_each: Duration,
    checkpoint_due: Instant,
}

impl Follower {
    /// Begins behind a position, or with what happens from now on. `CURSOR_EXPIRED` if what follows the position is not
    /// kept for following any more.
    pub async fn start(
        log: &Log,
        feeds: &Feeds,
        recipient: UserKey,
        after: Option<i64>,
        filter: Filter,
        checkpoint_each: Duration,
    ) -> Result<Self> {
        if let Some(after) = after {
            check(log, recipient.firm, after).await?;
        }
        let feed = feeds.of(log, recipient.firm).await?;
        let own = feed.follow(recipient.id);
        let from = after.unwrap_or_else(|| feed.reached());
        Ok(Self {
            log: log.clone(),
            feed,
            own,
            recipient,
            filter,
            read: from,
            handed_out: from,
            ready: VecDeque::new(),
            caught_up: false,
            checkpoint_each,
            checkpoint_due: Instant::now() + checkpoint_each,
        })
    }

    /// What comes next; waits for it.
    pub async fn next(&mut self) -> Step {
        loop {
            // In this order: whatever there is for the recipient up to `reached`, `own` tells of.
            let reached = self.feed.reached();
            let own = *self.own.borrow_and_update();
            if self.ready.is_empty() {
                self.read = if own <= self.read { reached.max(self.read) } else { self.read };
                self.handed_out = self.read;
            }
            if self.checkpoint_due <= Instant::now() {
                return self.checkpoint();
            }
            if let Some(entry) = self.ready.pop_front() {
                self.handed_out = entry.row.position;
                return Step::Event(entry);
            }
            if self.read < own {
                if let Err(error) = self.fetch(reached).await {
                    tracing::warn!(?error, "the log could not be read; it is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
            } else if !std::mem::replace(&mut self.caught_up, true) {
                return self.checkpoint();
            } else {
                let _ = tokio::time::timeout_at(self.checkpoint_due, self.own.changed()).await;
            }
        }
    }

    fn checkpoint(&mut self) -> Step {
        self.checkpoint_due = Instant::now() + self.checkpoint_each;
        Step::Checkpoint(self.handed_out)
    }

    async fn fetch(&mut self, reached: i64) -> Result<()> {
        if let Some((entries, to)) = self.feed.after(self.read, self.recipient.id) {
            self.ready.extend(entries.into_iter().filter(|entry| self.filter.wants(entry)));
            self.read = to;
            return Ok(());
        }
        // In a box, for it is rare, and a follower keeps the room for it.
        Box::pin(self.fetch_page(reached)).await
    }

    async fn fetch_page(&mut self, reached: i64) -> Result<()> {
        // It filters by itself: so it gets on where little fits, however much there is.
        let next = Page { size: PAGE_MAX, from: Some(self.read), backward: false };
        let slice = page(&mut *self.log.reader().await?, self.recipient, Filter::default(), &next).await?;
        let last = slice.rows.last().map_or(self.read, |entry| entry.row.position);
        // With a full page there may be more; without one, all of what had been committed before is there.
        self.read = if slice.has_next { last } else { last.max(reached) };
        let wanted = slice.rows.into_iter().filter(|entry| self.filter.wants(entry));
        self.ready = wanted.map(Arc::new).collect();
        Ok(())
    }
}

/// Refuses a position that is none of this log, or lies too far back.
async fn check(log: &Log, firm: Uuid, after: i64) -> Result<()> {
    let oldest = log.clock.now() - FEED;
    let mut connection = log.reader().await?;
    let find = sql::<(BigInt, Nullable<Timestamptz>)>(
        "select h.position, (select occurred_at from events e where e.firm_id = h.firm_id and e.position = ?)
         from event_heads h where h.firm_id = ?",
    );
    let (head, next): (i64, Option<DateTime<Utc>>) =
        find.bind(after.saturating_add(1)).bind(firm).get_result(&mut *connection).await?;
    if !(0..=head).contains(&after) {
        return Err(Error::stop_saying(ErrorCode::BadUserInput, "This is not a cursor of this list."));
    }
    match next {
        Some(next) if next < oldest => {
            Err(Error::cursor_expired(earliest(&mut connection, firm, (after, head), oldest).await?))
        }
        _ => Ok(()),
    }
}

/// The position in front of the first event that is not older than that: the times follow the positions.
async fn earliest(
    connection: &mut AsyncPgConnection,
    firm: Uuid,
    (mut old, head): (i64, i64),
    oldest: DateTime<Utc>,
) -> Result<i64> {
    let mut young = head.saturating_add(1);
    while young - old > 1 {
        let middle = old + (young - old) / 2;
        let find = sql::<Timestamptz>("select occurred_at from events where firm_id = ? and position = ?");
        let at: Option<DateTime<Utc>> =
            find.bind(firm).bind(middle).get_result(connection).await.optional()?;
        if at.is_some_and(|at| at < oldest) { old = middle } else { young = middle }
    }
    Ok(young - 1)
}
