//! For a minute, servers and connections die at random under those who write: nothing that was answered is lost or there
//! twice, and whoever follows the log, over a WebSocket, as an event stream or by webhook, has all of it in its order.
//!
//! A run says its seed; `TEST_SEED=… bin/test storm` draws the same chances again, though not the same moments.

mod followers;
mod nodes;
mod writers;

use crate::support::program::KEY;
use crate::support::receiver::Receiver;
use crate::support::{Actor, Database, app_with, eventually, seed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use followers::{Follower, Way};
use futures_util::future::join_all;
use nodes::{Addresses, Nodes};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long it lasts.
const STORM: Duration = Duration::from_secs(60);
/// Who writes, and who follows.
const PEOPLE: [&str; 3] = ["ana", "ben", "sam"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_missed_while_servers_and_connections_die() {
    let seed = seed(4);
    println!("seed {seed}");
    let chance = |stream: u64| StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(stream));
    // The house is only furnished by this server; those that the story is about are programs of their own.
    let app = app_with(|config| config.encryption_key = Some(KEY.to_owned().into())).await;
    let people = join_all(PEOPLE.iter().map(|handle| app.actor(handle))).await;
    let receiver = Receiver::start().await;
    receiver.refuse_first_times(seed);
    people[2].hooked(&receiver, &[]).await;
    let begin = app.count("select position from webhooks").await;
    let (database, mails) = (app.database, app.mails);
    app.running.close().await;

    let mut nodes = Nodes::start(&database, mails.address.port()).await;
    let done = CancellationToken::new();
    let followers: Vec<_> = PEOPLE
        .into_iter()
        .zip(&people)
        .flat_map(|person| [(person, Way::Socket), (person, Way::EventStream)])
        .zip(0..)
        .map(|((person, way), number)| {
            let cursor = URL_SAFE_NO_PAD.encode(begin.to_be_bytes());
            Follower::start(person, way, &nodes.addresses, cursor, chance(number), done.clone())
        })
        .collect();
    let until = Instant::now() + STORM;
    let writers = people.iter().zip(100..).map(|(person, number)| {
        tokio::spawn(writers::write(person.clone(), nodes.addresses.clone(), chance(number), until))
    });
    let writers: Vec<_> = writers.collect();
    nodes.storm(&database, chance(200), until).await;
    let written = join_all(writers).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();

    assert_each_once(&database, &written).await;
    let expected = hooked(&database, begin).await;
    println!("{} events, of which the webhook had {}", expected.len(), first_times(&receiver.ids()).len());
    let heard = async || (first_times(&receiver.ids()).len() >= expected.len()).then_some(());
    eventually("the webhook has all of it", heard).await;
    let by_webhook = receiver.ids();
    assert_eq!(first_times(&by_webhook)[..expected.len()], expected, "by webhook");
    eventually("what was refused at first has been taken", async || {
        let taken: HashSet<_> = receiver.taken().into_iter().collect();
        expected.iter().all(|id| taken.contains(id)).then_some(())
    })
    .await;
    println!("by webhook: {} events, {} messages", expected.len(), by_webhook.len());
    for follower in &followers {
        let expected = heard_of(&database, follower.handle, begin).await;
        assert!(expected.len() > 50, "it was a busy minute: {}", expected.len());
        let what = format!("{} has all of it {:?}", follower.handle, follower.way);
        eventually(&what, async || (first_times(&follower.heard()).len() >= expected.len()).then_some(()))
            .await;
        let heard = follower.heard();
        assert_eq!(first_times(&heard)[..expected.len()], expected, "{what}");
        let (events, repeats) = (expected.len(), heard.len() - first_times(&heard).len());
        println!("{what}: {events} events over {} connections, {repeats} repeats", follower.connections());
    }
    done.cancel();
    join_all(followers.into_iter().map(Follower::end)).await;
    nodes.assert_no_panic();
}

/// Without what came once more.
fn first_times(ids: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    ids.iter().filter(|id| seen.insert(*id)).cloned().collect()
}

async fn ids(database: &Database, query: &str, begin: i64, handle: &str) -> Vec<String> {
    let rows = database.client().await.query(query, &[&begin, &handle]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What somebody hears of behind a position, by the table.
async fn heard_of(database: &Database, handle: &str, begin: i64) -> Vec<String> {
    let query = "select e.id::text from events e join event_audience r on r.firm_id = e.firm_id and r.position = e.position
        join users u on u.firm_id = r.firm_id and u.id = r.recipient_id join firms f on f.id = u.firm_id
        where f.slug = 'harbour' and e.position > $1 and u.handle = $2 order by e.position";
    ids(database, query, begin, handle).await
}

/// What a webhook for all of the firm's log gets.
async fn hooked(database: &Database, begin: i64) -> Vec<String> {
    let query = "select e.id::text from events e join firms f on f.id = e.firm_id
        where f.slug = $2 and e.position > $1 order by e.position";
    ids(database, query, begin, "harbour").await
}

/// What was answered has happened, each of it once: no more delegations than answers, each added and taken back in the log.
async fn assert_each_once(database: &Database, written: &[Vec<String>]) {
    let answered: HashSet<_> = written.iter().flatten().cloned().collect();
    println!("{} pairs of changes were answered", answered.len());
    let rows = "select d.id::text, d.ended_at is not null,
        (select count(*) from events e where e.type = 'DelegationCreated' and d.id = any(e.subjects)),
        (select count(*) from events e where e.type = 'DelegationRevoked' and d.id = any(e.subjects)) from delegations d";
    let rows = database.client().await.query(rows, &[]).await.unwrap();
    for row in &rows {
        let (id, ended): (String, bool) = (row.get(0), row.get(1));
        let counts: (i64, i64) = (row.get(2), row.get(3));
        assert!(answered.contains(&id) && ended && counts == (1, 1), "{id}: {ended} {counts:?}");
    }
    assert_eq!(rows.len(), answered.len());
}

/// Somebody at one of the servers.
fn at(person: &Actor, addresses: &Addresses, chance: &mut StdRng) -> Actor {
    person.at(&addresses.any(chance))
}
