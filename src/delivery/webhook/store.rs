//! The deliveries' SQL.

use crate::db::statement::sql;
use crate::error::Result;
use crate::events::Tx;
use crate::events::envelope::{COLUMNS, Logged, LoggedSql};
use crate::events::event::PauseReason;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

/// How long a node has until it notes the next thing about an endpoint; longer than a call can take.
const CLAIM: TimeDelta = TimeDelta::minutes(1);
/// Events that are read at once.
pub const BATCH: i64 = 32;
/// Further attempts that go out at once, beside the first ones.
pub const RETRIES: i64 = 3;

/// An endpoint that this node has for itself, for a while.
#[derive(Clone, Debug, Queryable)]
pub struct Endpoint {
    pub firm: Uuid,
    pub id: Uuid,
    pub url: String,
    pub event_types: Vec<String>,
    pub secret: Vec<u8>,
    pub old_secret: Option<Vec<u8>>,
    pub old_secret_until: Option<DateTime<Utc>>,
    pub position: i64,
    /// Tells this claim from a later one.
    pub claims: i64,
    pub version: i32,
}

/// Claims up to `at_most` of the endpoints that something is due for, those first that waited longest; others' claims
/// are passed over, not waited for.
pub async fn claim(tx: &mut Tx, at_most: i64) -> Result<Vec<Endpoint>> {
    let now = tx.now;
    type Row = (
        (SqlUuid, SqlUuid, Text, Array<Text>, Binary),
        (Nullable<Binary>, Nullable<Timestamptz>, BigInt, BigInt, Integer),
    );
    let claim = sql::<Row>(
        "with due as materialized (
           select w.firm_id, w.id from webhooks w join event_heads h on h.firm_id = w.firm_id
           where w.state = 'ACTIVE' and (w.claimed_until is null or w.claimed_until <= ?)
             and (w.quiet_until is null or w.quiet_until <= ?)
             and (h.position > w.position or exists (select from webhook_deliveries d
               where d.firm_id = w.firm_id and d.webhook_id = w.id and d.state = 'QUEUED' and d.next_attempt_at <= ?))
           order by w.claimed_until nulls first limit ? for update of w skip locked)
         update webhooks w set claimed_until = ?, claims = w.claims + 1 from due
         where w.firm_id = due.firm_id and w.id = due.id
         returning w.firm_id, w.id, w.url, w.event_types, w.secret, w.old_secret, w.old_secret_until, w.position, w.claims, w.version",
    );
    let claim = claim.bind(now).bind(now).bind(now).bind(at_most).bind(now + CLAIM);
    type Found =
        ((Uuid, Uuid, String, Vec<String>, Vec<u8>), (Option<Vec<u8>>, Option<DateTime<Utc>>, i64, i64, i32));
    let found: Vec<Found> = claim.load(tx.sql()).await?;
    let endpoint = |((firm, id, url, event_types, secret), rest): Found| {
        let (old_secret, old_secret_until, position, claims, version) = rest;
        Endpoint {
            firm,
            id,
            url,
            event_types,
            secret,
            old_secret,
            old_secret_until,
            position,
            claims,
            version,
        }
    };
    Ok(found.into_iter().map(endpoint).collect())
}

/// Lets others have the endpoint: those first that have waited longer.
pub async fn release(tx: &mut Tx, endpoint: &Endpoint) -> Result<()> {
    let update =
        sql::<()>("update webhooks set claimed_until = ? where firm_id = ? and id = ? and claims = ?");
    let update = update.bind(tx.now).bind(endpoint.firm).bind(endpoint.id).bind(endpoint.claims);
    update.execute(tx.sql()).await?;
    Ok(())
}

/// How far the log reaches, and the first events behind the endpoint's cursor that it is to get: both as of one moment.
pub async fn next(connection: &mut AsyncPgConnection, endpoint: &Endpoint) -> Result<(i64, Vec<Logged>)> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select h.position, {COLUMNS} from event_heads h left join lateral (
               select e.* from events e where e.firm_id = h.firm_id and e.position > ?
                 and case e.type when 'WebhookTested' then ? = any(e.subjects) else cardinality(?) = 0 or e.type = any(?) end
               order by e.position limit ?) e on true
             where h.firm_id = ? order by e.position"
        )
    });
    let types = endpoint.event_types.clone();
    let find = sql::<(BigInt, Nullable<LoggedSql>)>(&FIND).bind(endpoint.position).bind(endpoint.id);
    let find = find.bind(types.clone()).bind(types).bind(BATCH).bind(endpoint.firm);
    let found: Vec<(i64, Option<Logged>)> = find.load(connection).await?;
    let head = found.iter().map(|(head, _)| *head).next().unwrap_or(endpoint.position);
    Ok((head, found.into_iter().filter_map(|(_, event)| event).collect()))
}

/// A delivery that is tried again.
#[derive(Clone, Debug, Queryable)]
pub struct Retry {
    pub id: Uuid,
    pub attempts: i32,
    pub event: Logged,
}

/// Some of those that are due, the oldest event first.
pub async fn retries(
    connection: &mut AsyncPgConnection,
    endpoint: &Endpoint,
    now: DateTime<Utc>,
) -> Result<Vec<Retry>> {
    static FIND: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select d.id, d.attempts, {COLUMNS} from webhook_deliveries d
             join events e on e.firm_id = d.firm_id and e.position = d.position
             where d.firm_id = ? and d.webhook_id = ? and d.state = 'QUEUED' and d.next_attempt_at <= ?
             order by d.next_attempt_at, d.position limit ?"
        )
    });
    let find = sql::<(SqlUuid, Integer, LoggedSql)>(&FIND);
    let find = find.bind(endpoint.firm).bind(endpoint.id).bind(now).bind(RETRIES);
    Ok(find.load(connection).await?)
}

/// What is to be noted about an attempt.
pub struct Attempt {
    pub now: DateTime<Utc>,
    /// How many there have been of this delivery, with this one.
    pub number: i32,
    pub delivered: bool,
    /// When the next one is; `None` if there is none.
    pub next: Option<DateTime<Utc>>,
    pub quiet_until: Option<DateTime<Utc>>,
    pub status: Option<i32>,
    pub answer: String,
}

impl Attempt {
    fn state(&self) -> &'static str {
        match (self.delivered, self.next) {
            (true, _) => "DELIVERED",
            (false, Some(_)) => "QUEUED",
            (false, None) => "FAILED",
        }
    }

    fn finished(&self) -> Option<DateTime<Utc>> {
        (self.delivered || self.next.is_none()).then_some(self.now)
    }
}

/// Where an endpoint stands after an attempt was noted.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct Standing {
    pub active: bool,
    pub version: i32,
    pub failing_since: Option<DateTime<Utc>>,
    /// Whether it is to be left alone for a while.
    pub quiet: bool,
}

type StandingSql = (Bool, Integer, Nullable<Timestamptz>, Bool);

/// Notes the first attempt of an event, and moves the cursor to it. `None` if the endpoint is another node's by now, or
/// its cursor was set.
pub async fn note_first(
    connection: &mut AsyncPgConnection,
    endpoint: &Endpoint,
    id: Uuid,
    event: &Logged,
    attempt: &Attempt,
) -> Result<Option<Standing>> {
    let note = sql::<StandingSql>(
        "with held as (
           update webhooks set position = ?, claimed_until = ?, quiet_until = ?,
             failing_since = case when ? then null else coalesce(failing_since, ?) end
           where firm_id = ? and id = ? and claims = ? and position = ?
           returning firm_id, id, state, version, failing_since, quiet_until),
         noted as (
           insert into webhook_deliveries (firm_id, id, webhook_id, position, state, attempts, next_attempt_at,
             last_attempt_at, status_code, answer, created_at, finished_at)
           select firm_id, ?, id, ?, ?, ?, ?, ?, ?, ?, ?, ? from held
           on conflict on constraint webhook_deliveries_one_per_event do update set state = excluded.state,
             attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at,
             last_attempt_at = excluded.last_attempt_at, status_code = excluded.status_code, answer = excluded.answer,
             finished_at = excluded.finished_at)
         select state = 'ACTIVE', version, failing_since, quiet_until is not null from held",
    );
    let now = attempt.now;
    let note = note.bind(event.position).bind(now + CLAIM).bind(attempt.quiet_until);
    let note = note.bind(attempt.delivered).bind(now);
    let note = note.bind(endpoint.firm).bind(endpoint.id).bind(endpoint.claims).bind(endpoint.position);
    let note = note.bind(id).bind(event.position).bind(attempt.state()).bind(attempt.number);
    let note = note.bind(attempt.next).bind(now).bind(attempt.status).bind(attempt.answer.clone());
    Ok(note.bind(now).bind(attempt.finished()).get_result(connection).await.optional()?)
}

/// Notes a further attempt. `None` if the endpoint is another node's by now.
pub async fn note_retry(
    connection: &mut AsyncPgConnection,
    endpoint: &Endpoint,
    retry: &Retry,
    attempt: &Attempt,
) -> Result<Option<Standing>> {
    let note = sql::<StandingSql>(
        "with held as (
           update webhooks set claimed_until = ?, quiet_until = ?,
             failing_since = case when ? then null else coalesce(failing_since, ?) end
           where firm_id = ? and id = ? and claims = ?
           returning firm_id, state, version, failing_since, quiet_until),
         noted as (
           update webhook_deliveries d set state = ?, attempts = ?, next_attempt_at = ?, last_attempt_at = ?,
             status_code = ?, answer = ?, finished_at = ?
           from held where d.firm_id = held.firm_id and d.id = ? and d.attempts = ? and d.state = 'QUEUED')
         select state = 'ACTIVE', version, failing_since, quiet_until is not null from held",
    );
    let now = attempt.now;
    let note = note.bind(now + CLAIM).bind(attempt.quiet_until).bind(attempt.delivered).bind(now);
    let note = note.bind(endpoint.firm).bind(endpoint.id).bind(endpoint.claims);
    let next = if attempt.delivered { None } else { attempt.next };
    let note = note.bind(attempt.state()).bind(attempt.number).bind(next).bind(now);
    let note = note.bind(attempt.status).bind(attempt.answer.clone()).bind(attempt.finished());
    Ok(note.bind(retry.id).bind(retry.attempts).get_result(connection).await.optional()?)
}

/// Moves the cursor over events that the endpoint does not get.
pub async fn pass_over(tx: &mut Tx, endpoint: &Endpoint, to: i64) -> Result<bool> {
    let update = sql::<()>(
        "update webhooks set position = ? where firm_id = ? and id = ? and claims = ? and position = ?",
    );
    let update = update.bind(to).bind(endpoint.firm).bind(endpoint.id).bind(endpoint.claims);
    Ok(update.bind(endpoint.position).execute(tx.sql()).await? == 1)
}

/// Pauses an endpoint; `false` if it is paused already.
pub async fn pause(tx: &mut Tx, endpoint: &Endpoint, reason: PauseReason) -> Result<bool> {
    let update = sql::<()>(
        "update webhooks set state = 'PAUSED', pause_reason = ?, version = version + 1
         where firm_id = ? and id = ? and state = 'ACTIVE'",
    );
    let update = update.bind(reason.as_str()).bind(endpoint.firm).bind(endpoint.id);
    Ok(update.execute(tx.sql()).await? == 1)
}
