//! The mails' SQL.

use super::letter::{Account, Acting, Facts, Firm, Grant, Invitee, Summary};
use super::links::Purpose;
use crate::db::schema::{links, mail_deliveries};
use crate::db::statement::sql;
use crate::error::Result;
use crate::events::{MailTemplate, Tx};
use crate::secret::{self, Token};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::min;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

/// How long a node has for a mail that it claimed; longer than the outward call can take.
const CLAIM: TimeDelta = TimeDelta::minutes(2);
/// The span of the daily limits.
const DAY: TimeDelta = TimeDelta::days(1);

/// A mail that this node has for itself, for a while.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct Claim {
    pub firm: Uuid,
    pub id: Uuid,
    pub template: MailTemplate,
    /// Counted at the claim, this one included; it also tells this claim from a later one.
    pub attempt: i32,
}

/// Claims up to `at_most` of the mails that are due, oldest first; others' claims are passed over, not waited for.
pub async fn claim(tx: &mut Tx, at_most: i64) -> Result<Vec<Claim>> {
    let now = tx.now;
    let claim = sql::<(SqlUuid, SqlUuid, Text, Integer)>(
        "with due as materialized (
           select firm_id, id from mail_deliveries
           where state = 'QUEUED' and next_attempt_at <= ? and (claimed_until is null or claimed_until <= ?)
           order by next_attempt_at limit ? for update skip locked)
         update mail_deliveries m set claimed_until = ?, attempts = m.attempts + 1 from due
         where m.firm_id = due.firm_id and m.id = due.id
         returning m.firm_id, m.id, m.template, m.attempts",
    );
    Ok(claim.bind(now).bind(now).bind(at_most).bind(now + CLAIM).load(tx.sql()).await?)
}

/// Takes the two minutes anew, and the row's lock; `false` if the claim lapsed and another node has the mail.
pub async fn renew(tx: &mut Tx, claim: &Claim) -> Result<bool> {
    let until = tx.now + CLAIM;
    let update = diesel::update(held(claim)).set(mail_deliveries::claimed_until.eq(until));
    Ok(update.execute(tx.sql()).await? == 1)
}

/// Gives a claim back, as if it had not been.
pub async fn release(tx: &mut Tx, claim: &Claim) -> Result<()> {
    let update = diesel::update(held(claim)).set((
        mail_deliveries::claimed_until.eq(None::<DateTime<Utc>>),
        mail_deliveries::attempts.eq(claim.attempt - 1),
    ));
    update.execute(tx.sql()).await?;
    Ok(())
}

/// What decides which mail is right, and what it says.
pub async fn facts(tx: &mut Tx, claim: &Claim) -> Result<Facts> {
    type InviteeSql = Nullable<(SqlUuid, Text, Text, Text, Bool, Bool)>;
    type Moment = Nullable<Timestamptz>;
    type GrantSql =
        Nullable<(SqlUuid, Text, Text, Array<Text>, Moment, Moment, Bool, Bool, Bool, Bool, Bool)>;
    type AccountSql = Nullable<(SqlUuid, Text, Text, Text, Bool, Bool)>;
    type ActingSql = Nullable<(Text, Text, Nullable<Text>)>;
    type Row = ((Text, Text), Timestamptz, Nullable<SqlUuid>, InviteeSql, GrantSql, AccountSql, ActingSql);
    let find = sql::<Row>(
        "select f.name, f.time_zone, e.occurred_at,
           case when e.actor_firm_id = m.firm_id then e.actor_id end,
           u.id, u.email, u.display_name, u.handle, u.status = 'PENDING', u.status = 'ACTIVE' and u.can_login,
           d.id, d.email, p.display_name, d.actions,
           case when d.valid_from > d.created_at then d.valid_from end, d.valid_until,
           d.schedule is not null, d.only_listed_clients, d.delegate_id is not null,
           d.ended_at is null and (d.valid_until is null or d.valid_until > ?),
           p.status = 'ACTIVE' and p.can_login and p.kind in ('ADVISER', 'ASSISTANT'),
           a.id, a.display_name, a.handle, a.firm_slug, a.pending, a.active,
           x.display_name, i.mode, i.reason
         from mail_deliveries m
         join firms f on f.id = m.firm_id
         join events e on e.firm_id = m.firm_id and e.id = m.event_id
         left join users u on u.firm_id = m.firm_id and u.id = m.user_id
         left join delegations d on d.firm_id = m.firm_id and d.id = m.delegation_id
         left join users p on p.firm_id = d.firm_id and p.id = d.principal_id
         left join lateral (
           select o.id, o.display_name, o.handle, h.slug as firm_slug, o.status = 'PENDING' as pending,
             o.status = 'ACTIVE' and o.can_login as active
           from (
             select b.* from users b where b.firm_id = d.delegate_firm_id and b.id = d.delegate_id
             union all
             select b.* from users b
             where d.delegate_id is null and lower(b.email) = lower(d.email) and (b.firm_id, b.id) <> (p.firm_id, p.id)
               and (b.status = 'ACTIVE' and b.can_login and (b.firm_id = d.firm_id or f.allow_external_delegates)
                 or b.status = 'PENDING' and b.can_login and b.firm_id = d.firm_id)
           ) o
           join firms h on h.id = o.firm_id
           order by o.firm_id = d.firm_id desc, o.status = 'ACTIVE' desc, o.created_at, o.id limit 1
         ) a on true
         left join impersonations i on i.firm_id = m.firm_id and i.id = e.impersonation_id
         left join users x on x.firm_id = i.actor_firm_id and x.id = i.actor_id
         where m.firm_id = ? and m.id = ?",
    );
    type Found =
        (Firm, DateTime<Utc>, Option<Uuid>, Option<Invitee>, Option<Grant>, Option<Account>, Option<Acting>);
    let now = tx.now;
    let found: Found = find.bind(now).bind(claim.firm).bind(claim.id).get_result(tx.sql()).await?;
    let (firm, occurred_at, sender, user, grant, account, acting) = found;
    let summary = match claim.template {
        MailTemplate::DailySummary => Some(summary(tx, claim).await?),
        _ => None,
    };
    Ok(Facts { firm, occurred_at, sender, user, grant, account, acting, summary })
}

/// What was done in the recipient's name on the days that the event names, by whoever did it.
async fn summary(tx: &mut Tx, claim: &Claim) -> Result<Summary> {
    let days = sql::<(Date, Date)>(
        "select (e.payload ->> 'since')::date, (e.payload ->> 'until')::date - 1
         from mail_deliveries m join events e on e.firm_id = m.firm_id and e.id = m.event_id where m.firm_id = ? and m.id = ?",
    );
    let (first, last) = days.bind(claim.firm).bind(claim.id).get_result(tx.sql()).await?;
    let find = sql::<(Text, BigInt, BigInt, BigInt, BigInt)>(
        "select x.display_name, count(distinct e.impersonation_id),
           coalesce(sum(greatest(jsonb_array_length(e.payload -> 'objects'), 1)) filter (where e.type = 'ImpersonatedAction'), 0)::bigint,
           count(*) filter (where e.type not in ('ImpersonatedAction', 'CasePrinted') and e.type not like 'Impersonation%'),
           count(*) filter (where e.type = 'CasePrinted')
         from mail_deliveries m
         join firms f on f.id = m.firm_id
         join events d on d.firm_id = m.firm_id and d.id = m.event_id
         join events e on e.firm_id = m.firm_id and e.principal_id = m.user_id and e.type <> 'AccessDenied'
           and e.occurred_at >= ((d.payload ->> 'since')::timestamp at time zone f.time_zone)
           and e.occurred_at < ((d.payload ->> 'until')::timestamp at time zone f.time_zone)
         join users x on x.firm_id = e.actor_firm_id and x.id = e.actor_id
         where m.firm_id = ? and m.id = ? group by x.firm_id, x.id, x.display_name order by x.display_name",
    );
    let deeds = find.bind(claim.firm).bind(claim.id).load(tx.sql()).await?;
    Ok(Summary { first, last, deeds })
}

/// What stands against a further mail to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct Against {
    /// Its owner wants no mails from the firm.
    pub suppressed: bool,
    /// Such mails that it got within a day, or is about to get.
    pub to_address: i64,
    /// Such mails that the firm sent within a day, or is about to send.
    pub from_firm: i64,
}

/// What stands against a further mail of these kinds to an address. Until the end of the transaction nobody else
/// asks the same for the firm or the address, so that many at once do not each see the last free place.
pub async fn against(tx: &mut Tx, claim: &Claim, address: &[u8], kinds: &[MailTemplate]) -> Result<Against> {
    let lock =
        |bytes: &[u8]| i64::from_be_bytes(secret::hash(bytes).first_chunk().copied().unwrap_or_default());
    // First the firm, then the address: nobody who has an address waits for a firm.
    for key in [lock(claim.firm.as_bytes()), lock(address)] {
        let lock = sql::<Bool>("select pg_advisory_xact_lock(?) is null");
        lock.bind(key).get_result::<bool>(tx.sql()).await?;
    }
    let count = sql::<(Bool, BigInt, BigInt)>(
        "select exists (select from mail_suppressions where firm_id = ? and address_hash = ?),
           (select count(*) from mail_deliveries where address_hash = ?
              and coalesce(finished_at, 'infinity') > ? and state in ('QUEUED', 'SENT') and template = any(?) and id <> ?),
           (select count(*) from mail_deliveries where firm_id = ? and address_hash is not null
              and coalesce(finished_at, 'infinity') > ? and state in ('QUEUED', 'SENT') and template = any(?) and id <> ?)",
    );
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let (since, address) = (tx.now - DAY, address.to_vec());
    let count = count.bind(claim.firm).bind(address.clone());
    let count = count.bind(address).bind(since).bind(kinds.clone()).bind(claim.id);
    let count = count.bind(claim.firm).bind(since).bind(kinds).bind(claim.id);
    Ok(count.get_result(tx.sql()).await?)
}

/// Counts the mail as one to this address from now on.
pub async fn address(tx: &mut Tx, claim: &Claim, address: Vec<u8>) -> Result<()> {
    let update = diesel::update(held(claim)).set(mail_deliveries::address_hash.eq(address));
    update.execute(tx.sql()).await?;
    Ok(())
}

/// Keeps a link's hash; the token itself is only in the mail.
pub async fn insert_link(
    tx: &mut Tx,
    claim: &Claim,
    purpose: Purpose,
    of: Subject,
    token: &Token,
) -> Result<()> {
    let (id, now) = (tx.new_id(), tx.now);
    let (user, delegation) = match of {
        Subject::User(id) => (Some(id), None),
        Subject::Delegation(id) => (None, Some(id)),
    };
    let insert = diesel::insert_into(links::table).values((
        links::firm_id.eq(claim.firm),
        links::id.eq(id),
        links::purpose.eq(purpose.as_str()),
        links::token_hash.eq(token.hash()),
        links::mail_id.eq(claim.id),
        links::user_id.eq(user),
        links::delegation_id.eq(delegation),
        links::created_at.eq(now),
        links::expires_at.eq(now + purpose.holds()),
    ));
    insert.execute(tx.sql()).await?;
    Ok(())
}

/// Whom or what a link is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    User(Uuid),
    Delegation(Uuid),
}

/// How a mail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Sent,
    Failed,
    Suppressed,
}

/// Ends a mail; `false` if it has ended already, or another node has it. That it was handed over is true even if the
/// claim lapsed since.
pub async fn finish(tx: &mut Tx, claim: &Claim, end: End, why: Option<String>) -> Result<bool> {
    let state = match end {
        End::Sent => "SENT",
        End::Failed => "FAILED",
        End::Suppressed => "SUPPRESSED",
    };
    let now = tx.now;
    let last_claim = if end == End::Sent { i32::MAX } else { claim.attempt };
    let mail =
        mail_deliveries::table.find((claim.firm, claim.id)).filter(mail_deliveries::state.eq("QUEUED"));
    let mail = mail.filter(mail_deliveries::attempts.between(claim.attempt, last_claim));
    let update = diesel::update(mail).set((
        mail_deliveries::state.eq(state),
        mail_deliveries::finished_at.eq(now),
        mail_deliveries::claimed_until.eq(None::<DateTime<Utc>>),
        mail_deliveries::last_error.eq(why),
    ));
    Ok(update.execute(tx.sql()).await? == 1)
}

/// Lets a mail wait for its next attempt.
pub async fn postpone(tx: &mut Tx, claim: &Claim, until: DateTime<Utc>, why: String) -> Result<()> {
    let update = diesel::update(held(claim)).set((
        mail_deliveries::next_attempt_at.eq(until),
        mail_deliveries::claimed_until.eq(None::<DateTime<Utc>>),
        mail_deliveries::last_error.eq(why),
    ));
    update.execute(tx.sql()).await?;
    Ok(())
}

/// Since when the oldest mail waits that is due.
pub async fn overdue_since(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let due = mail_deliveries::table.filter(mail_deliveries::state.eq("QUEUED"));
    let due =
        due.filter(mail_deliveries::next_attempt_at.le(now)).select(min(mail_deliveries::next_attempt_at));
    Ok(due.get_result(connection).await?)
}

/// The mail, as long as nobody claimed it since.
#[diesel::dsl::auto_type(no_type_alias)]
fn held(claim: &Claim) -> _ {
    let (firm, id, attempt): (Uuid, Uuid, i32) = (claim.firm, claim.id, claim.attempt);
    let mail =
        mail_deliveries::table.filter(mail_deliveries::firm_id.eq(firm)).filter(mail_deliveries::id.eq(id));
    mail.filter(mail_deliveries::attempts.eq(attempt)).filter(mail_deliveries::state.eq("QUEUED"))
}
