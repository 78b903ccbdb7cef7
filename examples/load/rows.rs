//! The story of a run, row by row.

use crate::client::Connection;
use crate::firm::{self, ADVISERS, Firm, PRINCIPALS, Session, connect};
use crate::house::House;
use crate::measure::{Span, Work, at_a_pace, without_pause};
use crate::operations::{Acting, Asking, Delegating};
use crate::pgbench::{CONNECTIONS, Pgbench};
use crate::recordings::{Recording, record, traits};
use crate::sink::Sink;
use crate::table::{Acted, Report, Row, SignIns, Start};
use crate::{Settings, say};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Connections that go on reading while people sign in, and how often each of them asks.
const OTHERS: usize = 4;
const PACE: Duration = Duration::from_millis(20);

/// What is measured on.
struct Ground<'r> {
    settings: &'r Settings,
    pgbench: &'r Pgbench,
    firm: &'r Firm,
    /// What the service's connections to the database are set to.
    session: Vec<String>,
}

/// Prepares everything and measures all rows.
pub async fn run(settings: &Settings, pgbench: &Pgbench, server: &str) -> anyhow::Result<Report> {
    let start = starts(settings).await?;
    let firm = firm::load(settings).await?;
    let sink = Sink::start().await?;
    say("recording the statements of each operation");
    let recorded = record(settings, server, &sink, &firm).await?;
    let ground = Ground { settings, pgbench, firm: &firm, session: recorded.session };
    let house = House::serve(settings, sink.address, &[]).await?;
    let idle = house.resident_memory();
    let delegate = firm.delegate.iter().map(|session| Asking::principals(session.token.reveal()));
    let advisers = firm.advisers.iter().step_by(ADVISERS / CONNECTIONS);
    let advisers = advisers.map(|session| Asking::clients(session.token.reveal()));
    let mut rows = vec![
        ground.reading(&house, "principals of a back-office user", delegate, recorded.principals).await?,
        ground.reading(&house, "50 clients with their advisers", advisers, recorded.clients).await?,
    ];
    let acting = ground.acting(&house).await?;
    let sign_ins = ground.signing_in(&house).await?;
    let memory = [idle, house.resident_memory()].map(|memory| memory.map(|kibibytes| kibibytes >> 10));
    rows.push(ground.delegating(house, &sink, recorded.delegating).await?);
    let version = connect(server).await?.query_one("show server_version", &[]).await?.get(0);
    let seconds = pgbench.measured.as_secs();
    Ok(Report { rows, acting, sign_ins, start, memory, version, seconds })
}

/// How long the first start on an empty folder takes, and the second.
async fn starts(settings: &Settings) -> anyhow::Result<Start> {
    say("starting locum dev on an empty folder, and again");
    let (house, cold) = House::dev(settings, "dev").await?;
    house.stop().await?;
    let (house, warm) = House::dev(settings, "dev").await?;
    house.stop().await?;
    Ok(Start { cold, warm })
}

impl Ground<'_> {
    async fn reading(
        &self,
        house: &House,
        what: &'static str,
        asking: impl Iterator<Item = Asking>,
        Recording { statements, scripts }: Recording,
    ) -> anyhow::Result<Row> {
        say(&format!("measuring: {what}"));
        let workers = workers(house, asking.take(CONNECTIONS)).await?;
        let locum = without_pause(workers, Span::of(self.pgbench.measured)).await;
        let pgbench = self.pgbench.run(self.settings, &self.session, &scripts).await?;
        Ok(Row { what, statements, locum, pgbench, target: 0.8 })
    }

    /// Advisers read a page of their cases, and their delegate reads the same as them, in turns; then the delegate begins to
    /// act, reads a page of clients, and stops.
    async fn acting(&self, house: &House) -> anyhow::Result<Acted> {
        say("measuring: cases, by the adviser herself and as her delegate");
        let half = self.pgbench.measured / 2;
        let by_herself = async || {
            let advisers = self.firm.advisers.iter().take(PRINCIPALS);
            let asking = advisers.map(|session| Asking::cases(session.token.reveal()));
            anyhow::Ok(without_pause(workers(house, asking).await?, Span::of(half)).await)
        };
        let as_delegate = async || {
            let mut ready = Vec::new();
            for (session, delegation) in &self.firm.acting {
                let mut connection = Connection::open(house.address).await?;
                Acting::by(session.token.reveal(), delegation).begin(&mut connection).await?;
                ready.push((connection, Asking::cases(session.token.reveal())));
            }
            anyhow::Ok(without_pause(ready, Span::of(half)).await)
        };
        let (own, delegated) = (by_herself().await?, as_delegate().await?);
        let (own, delegated) = (own.and(by_herself().await?), delegated.and(as_delegate().await?));
        say("measuring: startImpersonation, a page of clients, stopImpersonation");
        let turns = self.firm.acting.iter();
        let turns = turns.map(|(session, delegation)| Acting::by(session.token.reveal(), delegation));
        let turns = without_pause(workers(house, turns).await?, Span::of(self.pgbench.measured)).await;
        Ok(Acted { own, delegated, turns })
    }

    /// People sign in, each connection from an address of its own and with accounts of its own, while others go on
    /// reading.
    async fn signing_in(&self, house: &House) -> anyhow::Result<SignIns> {
        say("measuring: sign-ins, and reading beside them");
        let mut people = Vec::new();
        let accounts = self.firm.advisers.chunks(ADVISERS / CONNECTIONS);
        for (number, own) in (0..CONNECTIONS).zip(accounts) {
            let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, u8::try_from(number + 2)?));
            let connection = Connection::open_from(from, house.address).await?;
            people.push((connection, Asking::sign_ins(own.iter().map(|session| session.handle.as_str()))));
        }
        let readers = self.firm.delegate.iter().rev().take(OTHERS);
        let others =
            workers(house, readers.map(|session| Asking::principals(session.token.reveal()))).await?;
        let span = Span::of(self.pgbench.measured);
        let (sign_ins, others) = tokio::join!(without_pause(people, span), at_a_pace(others, span, PACE));
        Ok(SignIns { sign_ins, others })
    }

    /// The service runs first; then it is ended, for it would send the mails that pgbench causes.
    async fn delegating(&self, house: House, sink: &Sink, recorded: Recording) -> anyhow::Result<Row> {
        let what = "addBackOfficeUser, revokeDelegation";
        say(&format!("measuring: {what}"));
        let owner = connect(&self.settings.database).await?;
        let principals = self.firm.advisers.iter().skip(PRINCIPALS).take(CONNECTIONS).enumerate();
        let of = |(nth, session): (usize, &Session)| {
            Delegating::of(session.token.reveal(), format!("connection{nth}"))
        };
        let workers = workers(&house, principals.map(of)).await?;
        owner.batch_execute("checkpoint").await?;
        let mails = sink.taken();
        let locum = without_pause(workers, Span::of(self.pgbench.measured)).await;
        say(&format!("{} mails went out meanwhile", sink.taken() - mails));
        house.stop().await?;
        let actors = self.firm.advisers.iter().skip(PRINCIPALS + CONNECTIONS).take(CONNECTIONS);
        seat_actors(&owner, actors).await?;
        owner.batch_execute("checkpoint").await?;
        let pgbench = self.pgbench.run(self.settings, &self.session, &recorded.scripts).await?;
        Ok(Row { what, statements: recorded.statements, locum, pgbench, target: 0.6 })
    }
}

async fn workers<W: Work>(
    house: &House,
    works: impl Iterator<Item = W>,
) -> anyhow::Result<Vec<(Connection, W)>> {
    let mut workers = Vec::new();
    for work in works {
        workers.push((Connection::open(house.address).await?, work));
    }
    Ok(workers)
}

/// Gives each of pgbench's clients a principal of its own.
async fn seat_actors(
    owner: &tokio_postgres::Client,
    actors: impl Iterator<Item = &Session>,
) -> anyhow::Result<()> {
    let table = "create table bench_actors (client int primary key, token text, session text, principal text,
          throttle text);
        grant select on bench_actors to locum_app";
    owner.batch_execute(table).await?;
    for (client, actor) in actors.enumerate() {
        let [token, session, principal, throttle] = traits(actor).map(|(_, value)| value);
        let insert = "insert into bench_actors values ($1, $2, $3, $4, $5)";
        owner.execute(insert, &[&i32::try_from(client)?, &token, &session, &principal, &throttle]).await?;
    }
    owner.batch_execute("analyze bench_actors").await?;
    Ok(())
}
