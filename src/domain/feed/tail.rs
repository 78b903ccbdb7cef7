//! The end of a firm's log, read once for all who follow it on this node.
//!
//! A task per firm reads what is new, with its audience, whenever the hub says that there is something. It keeps the last
//! few events for those who keep up; whoever does not, reads the table. Nothing else is buffered, and nothing dropped.

use super::{Entry, EventRow, ROW, Row, User, head};
use crate::db::statement::sql;
use crate::error::Result;
use crate::events::Log;
use crate::events::hub::{SWEEP, Wakeup};
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// Events that are kept for those who keep up.
const KEPT: usize = 256;
/// Events that are read at once.
const BATCH: i64 = 100;
/// Pause after the log could not be read.
const PAUSE: Duration = Duration::from_millis(200);

/// The firms that are followed on this node.
#[derive(Clone, Default)]
pub struct Feeds(Arc<Mutex<HashMap<Uuid, Weak<Feed>>>>);

/// One firm's log, as far as this node has read it.
pub struct Feed {
    tail: Mutex<Tail>,
    reached: watch::Sender<i64>,
}

/// The events behind `from`, without a gap.
struct Tail {
    from: i64,
    events: VecDeque<(Arc<Entry>, Vec<Uuid>)>,
}

impl Feeds {
    /// A firm's feed, which is read along for as long as somebody holds it.
    pub async fn of(&self, log: &Log, firm: Uuid) -> Result<Arc<Feed>> {
        if let Some(feed) = self.live(firm) {
            return Ok(feed);
        }
        // It listens first and looks then, so that it misses nothing.
        let wakeups = log.hub.follow(firm);
        let from = head(&mut *log.reader().await?, firm).await?;
        log.hub.heard(Wakeup::Reached(firm, from));
        let mut feeds = self.feeds();
        if let Some(feed) = feeds.get(&firm).and_then(Weak::upgrade) {
            return Ok(feed);
        }
        let tail = Mutex::new(Tail { from, events: VecDeque::new() });
        let feed = Arc::new(Feed { tail, reached: watch::Sender::new(from) });
        feeds.retain(|_, feed| feed.strong_count() > 0);
        feeds.insert(firm, Arc::downgrade(&feed));
        tokio::spawn(read_along(Arc::downgrade(&feed), log.clone(), firm, wakeups));
        Ok(feed)
    }

    fn live(&self, firm: Uuid) -> Option<Arc<Feed>> {
        self.feeds().get(&firm).and_then(Weak::upgrade)
    }

    fn feeds(&self) -> MutexGuard<'_, HashMap<Uuid, Weak<Feed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    /// How far the log has been read, now and from now on.
    pub fn reached(&self) -> watch::Receiver<i64> {
        self.reached.subscribe()
    }

    /// What somebody hears of behind a position, and up to where that is; `None` if it is not kept any more.
    pub fn after(&self, position: i64, recipient: Uuid) -> Option<(Vec<Arc<Entry>>, i64)> {
        let tail = self.tail();
        let skip = usize::try_from(position.checked_sub(tail.from)?).ok()?;
        let to = tail.events.back().map_or(tail.from, |(entry, _)| entry.row.position);
        let theirs = tail.events.iter().skip(skip).filter(|(_, recipients)| recipients.contains(&recipient));
        Some((theirs.map(|(entry, _)| entry.clone()).collect(), to.max(position)))
    }

    fn extend(&self, events: Vec<(Arc<Entry>, Vec<Uuid>)>) {
        let mut tail = self.tail();
        tail.events.extend(events);
        while tail.events.len() > KEPT {
            tail.drop_first();
        }
        let Some(to) = tail.events.back().map(|(entry, _)| entry.row.position) else { return };
        drop(tail);
        self.reached.send_replace(to);
    }

    /// Keeps nothing of a log to which nothing is added.
    fn forget(&self) {
        let mut tail = self.tail();
        while !tail.events.is_empty() {
            tail.drop_first();
        }
        tail.events.shrink_to_fit();
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn drop_first(&mut self) {
        if let Some((entry, _)) = self.events.pop_front() {
            self.from = entry.row.position;
        }
    }
}

async fn read_along(feed: Weak<Feed>, log: Log, firm: Uuid, mut wakeups: watch::Receiver<i64>) {
    loop {
        let woken = tokio::time::timeout(SWEEP, wakeups.changed()).await;
        let Some(feed) = feed.upgrade() else { return };
        match woken {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => feed.forget(),
        }
        let head = *wakeups.borrow_and_update();
        while *feed.reached.borrow() < head && Arc::strong_count(&feed) > 1 {
            let from = *feed.reached.borrow();
            match async { since(&mut *log.reader().await?, firm, from).await }.await {
                Ok(events) if events.is_empty() => break,
                Ok(events) => feed.extend(events),
                Err(error) => {
                    tracing::warn!(?error, "a log could not be read along; it is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// The events of a firm behind a position, each with all who hear of it.
async fn since(
    connection: &mut AsyncPgConnection,
    firm: Uuid,
    position: i64,
) -> Result<Vec<(Arc<Entry>, Vec<Uuid>)>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {}, array(select r.recipient_id from event_audience r where r.firm_id = e.firm_id and r.position = e.position)
             from events e
             left join users a on a.firm_id = e.actor_firm_id and a.id = e.actor_id
             left join users p on p.firm_id = e.principal_firm_id and p.id = e.principal_id
             where e.firm_id = ? and e.position > ? order by e.position limit ?",
            *ROW
        )
    });
    let find = sql::<(Row, Array<SqlUuid>)>(&FIND).bind(firm).bind(position).bind(BATCH);
    type Found = ((EventRow, Option<User>, Option<User>), Vec<Uuid>);
    let rows: Vec<Found> = find.load(connection).await?;
    let heard =
        |((row, actor, principal), recipients)| (Arc::new(Entry { row, actor, principal }), recipients);
    Ok(rows.into_iter().map(heard).collect())
}
