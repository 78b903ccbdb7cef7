//! Two servers on one database, and what befalls them.

use crate::support::Database;
use crate::support::program::{Program, for_serve, locum};
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where the servers are, or were: whoever comes back may find nobody there.
#[derive(Clone)]
pub struct Addresses(Arc<Mutex<Vec<String>>>);

impl Addresses {
    /// That of either.
    pub fn any(&self, chance: &mut StdRng) -> String {
        let addresses = self.0.lock().unwrap();
        addresses[chance.random_range(0..addresses.len())].clone()
    }
}

pub struct Nodes {
    pub addresses: Addresses,
    programs: Vec<Program>,
    settings: Vec<(&'static str, String)>,
    /// What those that are gone have written to their logs.
    logs: Vec<Arc<Mutex<Vec<String>>>>,
}

/// What may happen, and how often, as against the others.
const FAULTS: [(&str, u32); 6] = [
    ("a server is killed", 5),
    ("both servers are killed", 1),
    ("a connection to the database is cut", 4),
    ("a connection that listens is cut", 2),
    ("all connections to the database are cut", 1),
    ("nothing happens", 1),
];

impl Nodes {
    pub async fn start(database: &Database, smtp_port: u16) -> Self {
        let mut settings: Vec<_> =
            for_serve(&database.url).into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        settings.retain(|(name, _)| *name != "LOCUM_SMTP_PORT");
        settings.push(("LOCUM_SMTP_PORT", smtp_port.to_string()));
        for (name, value) in [
            ("LOCUM_ALLOW_PRIVATE_WEBHOOKS", "true"),
            ("LOCUM_LIMITS__COST_BUCKET", "1000000"),
            ("LOCUM_LIMITS__MAILS_PER_ACTOR_PER_HOUR", "100000"),
        ] {
            settings.push((name, value.to_owned()));
        }
        let addresses = Addresses(Arc::new(Mutex::new(vec![String::new(); 2])));
        let mut nodes = Self { addresses, programs: Vec::new(), settings, logs: Vec::new() };
        for place in 0..2 {
            let program = nodes.begin();
            nodes.programs.push(program);
            nodes.arrive(place).await;
        }
        nodes
    }

    fn begin(&mut self) -> Program {
        let settings: Vec<_> = self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let program = Program::start(locum(&["serve"], &settings));
        self.logs.push(program.lines.clone());
        program
    }

    async fn arrive(&self, place: usize) {
        let [service, _] = self.programs[place].addresses().await;
        self.addresses.0.lock().unwrap()[place] = service;
    }

    /// Kills servers, and starts others in their place.
    async fn kill(&mut self, places: &[usize], pause: Duration) {
        for place in places {
            self.programs[*place].signal(Signal::KILL);
        }
        tokio::time::sleep(pause).await;
        for place in places {
            self.programs[*place] = self.begin();
        }
        for place in places {
            self.arrive(*place).await;
        }
    }

    /// Lets one thing after the other happen.
    pub async fn storm(&mut self, database: &Database, mut chance: StdRng, until: Instant) {
        let client = database.client().await;
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
        let mut happened = BTreeMap::<_, usize>::new();
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(chance.random_range(50..900))).await;
            let fault = drawn(&mut chance);
            *happened.entry(fault).or_default() += 1;
            let pause = Duration::from_millis(chance.random_range(0..300));
            match fault {
                "a server is killed" => self.kill(&[chance.random_range(0..2)], pause).await,
                "both servers are killed" => self.kill(&[0, 1], pause).await,
                "a connection to the database is cut" => {
                    client.batch_execute(&format!("{cut} order by random() limit 1")).await.unwrap();
                }
                "a connection that listens is cut" => {
                    let listens = "and query like '%pg_notify%' order by random() limit 1";
                    client.batch_execute(&format!("{cut} {listens}")).await.unwrap();
                }
                "all connections to the database are cut" => client.batch_execute(cut).await.unwrap(),
                _ => {}
            }
            // What a dead server had in hand is free after a minute. So long the story does not wait.
            let free = "update webhooks set claimed_until = now() where claimed_until > now()";
            client.batch_execute(free).await.unwrap();
        }
        println!("{happened:?}");
        assert!(happened.values().sum::<usize>() > 15, "it was a storm: {happened:?}");
    }

    /// Whatever died, it was not by its own hand.
    pub fn assert_no_panic(&self) {
        for log in &self.logs {
            let log = log.lock().unwrap();
            let wrong = log.iter().find(|line| line.contains("panicked") || line.contains("\"ERROR\""));
            assert!(wrong.is_none(), "{wrong:?}");
        }
    }
}

fn drawn(chance: &mut StdRng) -> &'static str {
    let mut ticket = chance.random_range(0..FAULTS.iter().map(|(_, weight)| weight).sum());
    for (fault, weight) in FAULTS {
        if ticket < weight {
            return fault;
        }
        ticket -= weight;
    }
    "nothing happens"
}
