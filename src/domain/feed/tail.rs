//! The end of a firm's log, read once for all who follow it on this node.
//!
//! A task per firm reads what is new, with its audience, whenever the hub says that there is something, and wakes those
//! whom it concerns. It keeps the last few events for those who keep up; whoever does not, reads the table. Nothing else is
//! buffered, and nothing dropped.

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
pub struct Feed(Mutex<Tail>);

/// The events behind `from`, without a gap.
struct Tail {
    from: i64,
    events: VecDeque<(Arc<Entry>, Vec<Uuid>)>,
    /// Who follows, with the position up to which there may be something for them: of all that happens in a firm, most
    /// concerns few.
    followers: HashMap<Uuid, watch::Sender<i64>>,
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
        let tail = Tail { from, events: VecDeque::new(), followers: HashMap::new() };
        let feed = Arc::new(Feed(Mutex::new(tail)));
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
    /// How far the log has been read.
    pub fn reached(&self) -> i64 {
        self.tail().reached()
    }

    /// Up to where there may be something for somebody, now and from now on. Between that and what was reached when it was
    /// asked for before, there is nothing.
    pub fn follow(&self, recipient: Uuid) -> watch::Receiver<i64> {
        let mut tail = self.tail();
        let reached = tail.reached();
        tail.followers.entry(recipient).or_insert_with(|| watch::Sender::new(reached)).subscribe()
    }

    /// What somebody hears of behind a position, and up to where that is; `None` if it is not kept any more.
    pub fn after(&self, position: i64, recipient: Uuid) -> Option<(Vec<Arc<Entry>>, i64)> {
        let tail = self.tail();
        let skip = usize::try_from(position.checked_sub(tail.from)?).ok()?;
        let theirs = tail.events.iter().skip(skip).filter(|(_, recipients)| recipients.contains(&recipient));
        Some((theirs.map(|(entry, _)| entry.clone()).collect(), tail.reached().max(position)))
    }

    fn extend(&self, events: Vec<(Arc<Entry>, Vec<Uuid>)>) {
        let mut tail = self.tail();
        for (entry, recipients) in &events {
            for follower in recipients.iter().filter_map(|recipient| tail.followers.get(recipient)) {
                follower.send_replace(entry.row.position);
            }
        }
        tail.events.extend(events);
        while tail.events.len() > KEPT {
            tail.drop_first();
        }
    }

    /// Keeps nothing of a log to which nothing is added, and nothing of those who do not follow any more.
    fn forget(&self) {
        let mut tail = self.tail();
        tail.followers.retain(|_, follower| follower.receiver_count() > 0);
        while !tail.events.is_empty() {
            tail.drop_first();
        }
        tail.events.shrink_to_fit();
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn reached(&self) -> i64 {
        self.events.back().map_or(self.from, |(entry, _)| entry.row.position)
    }

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
        while feed.reached() < head && Arc::strong_count(&feed) > 1 {
            let from = feed.reached();
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

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn event(position: i64, recipient: Uuid) -> (Arc<Entry>, Vec<Uuid>) {
        let row = EventRow {
            firm_id: Uuid::nil(),
            position,
            id: Uuid::nil(),
            type_: "UserUpdated".to_owned(),
            occurred_at: DateTime::UNIX_EPOCH,
            subjects: Vec::new(),
            impersonation_id: None,
            payload: serde_json::Value::Null,
        };
        (Arc::new(Entry { row, actor: None, principal: None }), vec![recipient])
    }

    #[test]
    fn an_event_wakes_those_whom_it_concerns() {
        let tail = Tail { from: 7, events: VecDeque::new(), followers: HashMap::new() };
        let (feed, ana, ben) = (Feed(Mutex::new(tail)), Uuid::from_u128(1), Uuid::from_u128(2));
        let (of_ana, of_ben) = (feed.follow(ana), feed.follow(ben));
        feed.extend(vec![event(8, ana), event(9, ana)]);
        assert_eq!((*of_ana.borrow(), of_ana.has_changed().unwrap()), (9, true));
        assert_eq!((*of_ben.borrow(), of_ben.has_changed().unwrap()), (7, false));
        assert_eq!(feed.reached(), 9, "and yet all know how far the log has been read");
        feed.extend(vec![event(10, ben)]);
        assert_eq!((*of_ana.borrow(), *of_ben.borrow()), (9, 10));
        let (entries, to) = feed.after(7, ben).unwrap();
        assert_eq!((entries.len(), to), (1, 10));
    }

    #[test]
    fn whoever_stops_following_is_forgotten() {
        let tail = Tail { from: 7, events: VecDeque::new(), followers: HashMap::new() };
        let (feed, ana, ben) = (Feed(Mutex::new(tail)), Uuid::from_u128(1), Uuid::from_u128(2));
        let _of_ana = feed.follow(ana);
        drop(feed.follow(ben));
        feed.extend(vec![event(8, ana)]);
        feed.forget();
        assert_eq!(feed.tail().followers.keys().collect::<Vec<_>>(), [&ana]);
        assert_eq!((feed.reached(), *feed.follow(ben).borrow()), (8, 8));
    }
}
