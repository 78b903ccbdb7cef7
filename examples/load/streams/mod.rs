//! How ten thousand subscribers fare: what the service holds and does for them while nothing happens, how soon they hear
//! of what happens, and how they come back when it was restarted.
//!
//! | file | what it does |
//! |---|---|
//! | [`socket`] | a client's WebSocket |
//! | [`crowd`] | those who subscribe |
//! | [`changes`] | what they hear of |
//! | [`ledger`] | what they should have heard, and when it was committed |
//! | [`report`] | the figures |

mod changes;
mod crowd;
mod ledger;
mod report;
mod socket;

use crate::client::Connection;
use crate::firm::{self, Firm, connect};
use crate::house::{House, processor_time};
use crate::measure::{Measured, Span, at_a_pace};
use crate::recorder::until_mails_are_out;
use crate::sink::Sink;
use crate::{Settings, say};
use anyhow::Context;
use changes::Changes;
use chrono::{DateTime, Utc};
use crowd::{Crowd, Subscriber};
use ledger::{Ledger, head};
use locum::clock::DatabaseClock;
use report::{Delivery, Idle, Report, Return};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::Client;
use uuid::Uuid;

/// Sockets of each person.
const SOCKETS: usize = 50;
/// Addresses that they come from, so that there are ports enough.
const ADDRESSES: u8 = 20;
/// How long nothing happens: longer than a ping's and a checkpoint's pause.
const IDLE: Duration = Duration::from_secs(30);
/// How long something happens, behind a fifth of it to warm up.
const BUSY: Duration = Duration::from_secs(25);
/// How long something happens while they come back.
const BACK: Duration = Duration::from_secs(10);
/// How often something happens. In turns, 150 sockets and 100 hear of it: 2,000 frames a second.
const PACE: Duration = Duration::from_micros(62_500);

/// What a run goes on with.
struct Ground<'r> {
    database: &'r str,
    owner: Client,
    clock: Arc<DatabaseClock>,
    /// The firm's id.
    id: Uuid,
    /// Those who have sockets.
    people: Vec<Uuid>,
    changes: Changes,
}

/// Measures everything.
pub async fn run(settings: &Settings) -> anyhow::Result<Report> {
    let firm = firm::load(settings).await?;
    let sink = Sink::start().await?;
    let owner = connect(&settings.database).await?;
    let clock = Arc::new(DatabaseClock::new(database_now(&owner).await?));
    let id = firm.advisers.first().map(|adviser| adviser.user.firm).unwrap_or_default();
    let people = firm.advisers.iter().map(|adviser| adviser.user.id).collect();
    let (database, changes) = (settings.database.as_str(), Changes::among(&firm.advisers));
    let mut ground = Ground { database, owner, clock, id, people, changes };
    let house = House::serve(settings, sink.address, &[]).await?;
    until_mails_are_out(&settings.database).await?;
    let before = house.resident_memory();

    let subscribers = subscribers(&firm);
    let count = subscribers.len();
    say(&format!("{count} sockets subscribe"));
    let started = Instant::now();
    let crowd = Crowd::gather(subscribers, house.address, ground.clock.clone());
    crowd.until_all_follow().await?;
    let gathering = started.elapsed();

    let idle = idle(&house, before, count).await;
    let (subscribers, delivery) = ground.busy(house, crowd).await?;

    let house = House::serve(settings, sink.address, &[]).await?;
    let back = ground.back(house, subscribers).await?;
    Ok(Report { count, gathering, idle, delivery, back })
}

fn subscribers(firm: &Firm) -> Vec<Subscriber> {
    // Everybody's first sockets, then everybody's second ones.
    let people = (0..SOCKETS).flat_map(|_| &firm.advisers);
    let addresses = (2..2 + ADDRESSES).cycle().map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
    let subscriber = |(person, from): (&firm::Session, IpAddr)| Subscriber {
        user: person.user.id,
        token: person.token.reveal().to_owned(),
        from,
        cursor: None,
        heard: Vec::new(),
        fault: None,
    };
    people.zip(addresses).map(subscriber).collect()
}

async fn idle(house: &House, before: Option<u64>, count: usize) -> Idle {
    say("measuring: memory and processor time while nothing happens");
    let busy = house.processor_time();
    sleep(IDLE).await;
    let busy = house.processor_time().zip(busy).map(|(now, then)| (now - then).as_secs_f64());
    let memory = before.zip(house.resident_memory());
    Idle { memory, count, processor: busy.map(|busy| busy / IDLE.as_secs_f64()) }
}

impl Ground<'_> {
    /// Things happen, and then the service is ended.
    async fn busy(&mut self, house: House, crowd: Crowd) -> anyhow::Result<(Vec<Subscriber>, Delivery)> {
        say("measuring: from commits to frames");
        let start = head(&self.owner, self.id).await?;
        let (started, busy, own) = (Instant::now(), house.processor_time(), processor_time("self"));
        let changes = self.change(&house, Span::of(BUSY)).await?;
        let took = started.elapsed().as_secs_f64();
        let share = |now: Option<Duration>, then: Option<Duration>| {
            now.zip(then).map(|(now, then)| (now - then).as_secs_f64() / took)
        };
        let processor = share(house.processor_time(), busy);
        let own = share(processor_time("self"), own);
        let ledger = self.settled(&crowd, start).await?;
        say("the service is ended");
        let started = Instant::now();
        let (stopped, subscribers) = tokio::join!(house.stop(), crowd.until_all_left());
        stopped?;
        let mut subscribers = subscribers?;
        let closing = started.elapsed();
        let account = ledger.settle(&mut subscribers);
        let per_second = account.delays.len() as f64 / took;
        let faults = faults(&mut subscribers);
        Ok((subscribers, Delivery { account, per_second, changes, processor, own, closing, faults }))
    }

    /// All come back while things happen, and go on where they were.
    async fn back(&mut self, house: House, subscribers: Vec<Subscriber>) -> anyhow::Result<Return> {
        say("all of them come back");
        let (start, started) = (head(&self.owner, self.id).await?, Instant::now());
        let crowd = Crowd::gather(subscribers, house.address, self.clock.clone());
        let returning = async { crowd.until_all_follow().await.map(|()| started.elapsed()) };
        let (took, changes) = tokio::join!(returning, self.change(&house, Span::of(BACK)));
        let (took, changes) = (took?, changes?);
        let ledger = self.settled(&crowd, start).await?;
        let (stopped, subscribers) = tokio::join!(house.stop(), crowd.until_all_left());
        stopped?;
        let mut subscribers = subscribers?;
        let account = ledger.settle(&mut subscribers);
        Ok(Return { took, changes, account, faults: faults(&mut subscribers) })
    }

    async fn change(&mut self, house: &House, span: Span) -> anyhow::Result<Measured> {
        let connection = Connection::open(house.address).await?;
        Ok(at_a_pace(vec![(connection, &mut self.changes)], span, PACE).await)
    }

    /// What has happened behind a position, once it has come to everybody; what has not will be missing in the account.
    async fn settled(&self, crowd: &Crowd, start: i64) -> anyhow::Result<Ledger> {
        // That a mail went out is an event too.
        until_mails_are_out(self.database).await?;
        let ledger = Ledger::since(&self.owner, self.id, start).await?;
        if let Err(error) = crowd.until_heard(ledger.count(&self.people) * SOCKETS).await {
            say(&format!("not everything came: {error}"));
        }
        Ok(ledger)
    }
}

fn faults(subscribers: &mut [Subscriber]) -> Vec<String> {
    subscribers.iter_mut().filter_map(|subscriber| subscriber.fault.take()).collect()
}

async fn database_now(owner: &Client) -> anyhow::Result<DateTime<Utc>> {
    let micros = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
    let micros = owner.query_one(micros, &[]).await?.get(0);
    DateTime::from_timestamp_micros(micros).context("the database's clock is out of range")
}
