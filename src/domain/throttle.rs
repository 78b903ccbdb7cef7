//! How often something may be tried: counted in the database, so that four nodes are not four times as generous.
//!
//! The keys are hashes of what is counted, whether or not there is such a person: a count tells nobody anything.
//! A failed sign-in makes the next one wait, longer each time, but never for good: a stranger's guesses cannot
//! lock anybody out, and a device that the person used before has a count of its own.

use crate::caller::UserKey;
use crate::db::statement::sql;
use crate::defaults::SWEPT_AT_ONCE;
use crate::error::{Error, ErrorCode, Result};
use crate::events::{Author, Log, Tx};
use crate::secret;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{Integer, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Failures in a row that cost nothing but the minute's allowance.
const FREE_FAILURES: i32 = 5;
/// From so many failures in a row on, a stranger's device waits a day.
const FAILURES_IN_A_ROW: i32 = 100;
/// The person is told at this many failures in a row.
pub const TELL_AT: i32 = 10;

/// Where a request comes from, as it is counted: an IPv4 address, or the /64 of an IPv6 one. A line gets no less than a
/// /64, so whoever has one of its 2^64 addresses has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpAddr);

impl Network {
    /// The network of an address; an IPv4 address that is written as an IPv6 one is itself.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A row's key.
pub fn key(kind: &str, of: &str) -> Vec<u8> {
    secret::hash(format!("{kind}\0{}", of.trim().to_lowercase()).as_bytes())
}

/// The key of a person's account at sign-in: the claimed one, whether or not it exists.
pub fn account(firm_slug: &str, login: &str) -> Vec<u8> {
    key("account", &format!("{}\0{}", firm_slug.trim(), login.trim()))
}

/// Counts one try of each key; `RATE_LIMITED` if one of them has none left in its window, or must wait.
pub async fn count(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    keys: &[Vec<u8>],
    limit: i32,
    window: TimeDelta,
) -> Result<()> {
    let mut keys = keys.to_vec();
    keys.sort();
    let count = sql::<(Integer, Timestamptz, Nullable<Timestamptz>)>(
        "insert into throttles as t (key, count, window_ends_at, updated_at)
         select key, 1, ?, ? from unnest(?) as key order by key
         on conflict (key) do update set
           count = case when t.window_ends_at <= excluded.updated_at then 1 else t.count + 1 end,
           window_ends_at = case when t.window_ends_at <= excluded.updated_at then excluded.window_ends_at else t.window_ends_at end,
           updated_at = excluded.updated_at
         returning count, window_ends_at, blocked_until",
    );
    let count = count.bind(now + window).bind(now).bind(keys);
    let rows: Vec<(i32, DateTime<Utc>, Option<DateTime<Utc>>)> = count.load(connection).await?;
    let waits = rows.iter().filter_map(|(tries, window_ends, blocked)| {
        let over = (*tries > limit).then_some(*window_ends);
        over.max(*blocked).filter(|until| *until > now)
    });
    match waits.max() {
        None => Ok(()),
        Some(until) => Err(wait_until(now, until)),
    }
}

fn wait_until(now: DateTime<Utc>, until: DateTime<Utc>) -> Error {
    Error::retry_after(
        ErrorCode::RateLimited,
        u32::try_from((until - now).num_seconds() + 1).unwrap_or(u32::MAX),
    )
}

/// Notes that a try failed; the next one waits. Answers how many failed in a row.
pub async fn failed(connection: &mut AsyncPgConnection, now: DateTime<Utc>, key: Vec<u8>) -> Result<i32> {
    let update = sql::<Integer>(
        "update throttles set failures = failures + 1, blocked_until = ? + case
             when failures + 1 < ? then interval '0'
             when failures + 1 >= ? then interval '1 day'
             else least(interval '1 second' * power(2, failures + 1 - ?), interval '1 hour')
           end
         where key = ? returning failures",
    );
    let update = update.bind(now).bind(FREE_FAILURES).bind(FAILURES_IN_A_ROW).bind(FREE_FAILURES).bind(key);
    Ok(update.get_result(connection).await.optional()?.unwrap_or(1))
}

/// Notes that a try succeeded: it does not count, and nothing waits.
pub async fn succeeded(tx: &mut Tx, keys: &[Vec<u8>]) -> Result<()> {
    let update = sql::<()>(
        "update throttles set count = greatest(count - 1, 0), failures = 0, blocked_until = null
         where key in (select key from throttles where key = any(?) order by key for update)",
    );
    update.bind(keys.to_vec()).execute(tx.sql()).await?;
    Ok(())
}

/// Forgets the failures of a person who proved to be themselves, under each name they sign in with.
pub async fn forget_account(tx: &mut Tx, firm_slug: &str, logins: [&str; 2]) -> Result<()> {
    let keys = logins.map(|login| account(firm_slug, login)).to_vec();
    sql::<()>("delete from throttles where key = any(?)").bind(keys).execute(tx.sql()).await?;
    Ok(())
}

/// Counts what people do without a session, by their network; `RATE_LIMITED` past the limit of an hour.
pub async fn public_action(log: &Log, what: &str, network: Network) -> Result<()> {
    let (key, limit) = (key(what, &network.to_string()), log.limits.public_actions_per_hour);
    log.transact(Author::System, async |tx| {
        let now = tx.now;
        count(tx.sql(), now, &[key], limit, TimeDelta::hours(1)).await
    })
    .await
}

/// Counts a mail that a person causes; `RATE_LIMITED` past the limit of an hour. Undone with the transaction.
pub async fn mail_of(tx: &mut Tx, actor: UserKey) -> Result<()> {
    let (now, limit) = (tx.now, tx.limits.mails_per_actor_per_hour);
    count(tx.sql(), now, &[key("mails", &actor.id.to_string())], limit, TimeDelta::hours(1)).await
}

/// Whether something may be done that is sampled: once in `window` for each key.
pub async fn first_in(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    key: Vec<u8>,
    window: TimeDelta,
) -> Result<bool> {
    match count(connection, now, &[key], 1, window).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == ErrorCode::RateLimited => Ok(false),
        Err(error) => Err(error),
    }
}

/// Forgets some of what nobody tried for two days; answers how much.
pub async fn sweep(tx: &mut Tx) -> Result<usize> {
    let delete = sql::<()>(
        "delete from throttles where ctid = any(array(
           select ctid from throttles where updated_at < ? and window_ends_at < ? limit ? for update skip locked))",
    );
    Ok(delete.bind(tx.now - TimeDelta::days(2)).bind(tx.now).bind(SWEPT_AT_ONCE).execute(tx.sql()).await?)
}
