//! Has the service do one operation, and PostgreSQL write down what reaches it.
//!
//! The service that is recorded has one connection to the database, on which PostgreSQL logs everything. What the service
//! does of itself (looking for mails, for wishes, for the time) is told by doing nothing for a while, and left out.

use crate::Settings;
use crate::client::{Answer, Connection};
use crate::firm::connect;
use crate::house::House;
use crate::statements::{self, Statement};
use anyhow::{Context, ensure};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

/// How long the service is watched doing nothing: longer than its longest pause but for the clock's.
const IDLE: Duration = Duration::from_secs(4);
/// Longest wait for a line to come into the log.
const PATIENCE: Duration = Duration::from_secs(10);
/// Read of the log at once, at most.
const PART: i64 = 16 << 20;

pub struct Recorder {
    house: House,
    /// Over which the service is asked.
    pub connection: Connection,
    /// Connected to the server's own database, with its statements logged: each of them is a mark in the log.
    marker: Client,
    database: String,
    read: i64,
    marks: usize,
    idle: HashSet<String>,
    /// What the service's connections are set to.
    pub settings: Vec<String>,
}

impl Recorder {
    /// Starts the service and learns what it does unasked.
    pub async fn start(settings: &Settings, server: &str, mail: SocketAddr) -> anyhow::Result<Self> {
        let marker = connect(server).await?;
        marker.batch_execute("set log_statement = 'all'").await?;
        let logged = "?options=-c%20log_statement%3Dall%20-c%20log_error_verbosity%3Ddefault";
        let url = format!("{}{logged}", settings.database);
        let change = [
            ("DATABASE_URL", url.as_str()),
            ("LOCUM_DATABASE_POOL", "1"),
            ("LOCUM_STATEMENT_HEADER", "true"),
        ];
        let house = House::serve(settings, mail, &change).await?;
        let connection = Connection::open(house.address).await?;
        let database = settings.database.rsplit('/').next().unwrap_or_default().to_owned();
        let (idle, own) = (HashSet::new(), Vec::new());
        let mut recorder =
            Self { house, connection, marker, database, read: 0, marks: 0, idle, settings: own };
        recorder.settings = statements::session_settings(&recorder.logged().await?);
        ensure!(recorder.settings.len() > 1, "the service's connections are not set to anything");
        until_mails_are_out(&settings.database).await?;
        recorder.logged().await?;
        sleep(IDLE).await;
        recorder.idle = recorder.logged().await?.into_iter().map(|statement| statement.text).collect();
        Ok(recorder)
    }

    /// Forgets what was logged up to now.
    pub async fn begin(&mut self) -> anyhow::Result<()> {
        self.logged().await.map(drop)
    }

    /// The statements of the operation that was asked since, of which there are so many.
    pub async fn end(&mut self, count: usize) -> anyhow::Result<Vec<Statement>> {
        let mut of_operation = Vec::new();
        for unit in statements::units(self.logged().await?) {
            let unasked = unit.iter().all(|statement| self.idle.contains(&statement.text));
            if !unasked && of_operation.len() < count {
                of_operation.extend(unit);
            }
        }
        ensure!(of_operation.len() == count, "{count} statements, but not these: {of_operation:#?}");
        Ok(of_operation)
    }

    /// What was logged since the last time.
    async fn logged(&mut self) -> anyhow::Result<Vec<Statement>> {
        self.marks += 1;
        let mark = format!("select 'mark {} of the load driver'", self.marks);
        self.marker.batch_execute(&mark).await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let read = "select pg_read_file(pg_current_logfile('jsonlog'), $1, $2)";
            let part: String = self.marker.query_one(read, &[&self.read, &PART]).await?.get(0);
            if let Some((before, behind)) = part.split_once(&mark) {
                let line = behind.find('\n').context("a line without an end")?;
                self.read += i64::try_from(part.len() - behind.len() + line + 1)?;
                return Ok(statements::read(before, &self.database));
            }
            ensure!(Instant::now() < deadline, "PostgreSQL does not log in JSON");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the service.
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.connection);
        self.house.stop().await
    }
}

/// How many statements the service says that an answer took.
pub fn count(answer: &Answer<'_>) -> anyhow::Result<usize> {
    Ok(answer.header("x-locum-statements").context("no x-locum-statements")?.parse()?)
}

/// Waits until no mail is left to be sent: what the mails do is not part of the next figure.
pub async fn until_mails_are_out(database: &str) -> anyhow::Result<()> {
    let client = connect(database).await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let left = "select count(*) from mail_deliveries where state = 'QUEUED'";
        let left: i64 = client.query_one(left, &[]).await?.get(0);
        if left == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{left} mails are still to be sent");
        sleep(Duration::from_millis(50)).await;
    }
}
