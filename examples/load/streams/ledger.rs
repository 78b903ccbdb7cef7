//! What everybody should have heard, and when it was committed, as PostgreSQL has it.

use super::crowd::{Heard, Subscriber};
use std::collections::HashMap;
use tokio_postgres::Client;
use uuid::Uuid;

/// The events of a span of the log, by who hears of them.
pub struct Ledger(HashMap<Uuid, Vec<Heard>>);

/// What became of the events on their way to the sockets.
#[derive(Default)]
pub struct Account {
    /// From the commit to the frame, in microseconds, ascending.
    pub delays: Vec<i64>,
    pub missed: usize,
    /// Heard twice, out of order, or by somebody whom they do not concern.
    pub stray: usize,
}

/// How far the firm's log has come.
pub async fn head(owner: &Client, firm: Uuid) -> anyhow::Result<i64> {
    let head = "select position from event_heads where firm_id = $1::text::uuid";
    Ok(owner.query_one(head, &[&firm.to_string()]).await?.get(0))
}

impl Ledger {
    /// What lies behind a position. PostgreSQL notes the time of a commit before it waits for the disk.
    pub async fn since(owner: &Client, firm: Uuid, position: i64) -> anyhow::Result<Self> {
        let find = "select r.recipient_id::text, e.id::text,
                      (extract(epoch from pg_xact_commit_timestamp(e.xmin)) * 1000000)::bigint
                    from event_audience r join events e on e.firm_id = r.firm_id and e.position = r.position
                    where e.firm_id = $1::text::uuid and e.position > $2 order by e.position";
        let mut events = HashMap::<Uuid, Vec<_>>::new();
        for row in owner.query(find, &[&firm.to_string(), &position]).await? {
            let (user, event) = (row.get::<_, &str>(0).parse()?, row.get::<_, &str>(1).parse()?);
            events.entry(user).or_default().push(Heard { event, at: row.get(2) });
        }
        Ok(Self(events))
    }

    /// How many events reach these people, counted once for each of them.
    pub fn count(&self, people: &[Uuid]) -> usize {
        people.iter().filter_map(|user| self.0.get(user)).map(Vec::len).sum()
    }

    /// Compares what they heard, which it takes from them.
    pub fn settle(&self, subscribers: &mut [Subscriber]) -> Account {
        let mut account = Account::default();
        for subscriber in subscribers {
            let expected = self.0.get(&subscriber.user).map_or(&[][..], Vec::as_slice);
            account.compare(expected, &std::mem::take(&mut subscriber.heard));
        }
        account.delays.sort_unstable();
        account
    }
}

impl Account {
    fn compare(&mut self, expected: &[Heard], heard: &[Heard]) {
        let mut heard = heard.iter().peekable();
        for Heard { event, at: committed } in expected {
            match heard.next_if(|heard| heard.event == *event) {
                Some(heard) => self.delays.push(heard.at - committed),
                None => self.missed += 1,
            }
        }
        self.stray += heard.count();
    }

    /// The delay, in milliseconds, that this share of all stayed below.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.delays.len().saturating_sub(1);
        let index = (self.delays.len() as f64 * share) as usize;
        self.delays.get(index.min(last)).map_or(0.0, |micros| *micros as f64 / 1e3)
    }
}
