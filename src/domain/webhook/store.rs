//! The webhooks' SQL, as far as people have to do with it.

use super::ManageWebhooks;
use crate::caller::Permit;
use crate::db::row::SqlOf;
use crate::db::schema::{firms, webhooks};
use crate::db::statement::sql;
use crate::defaults::{DELIVERY_KEPT, SWEPT_AT_ONCE};
use crate::domain::page::{Page, Slice};
use crate::error::Result;
use crate::events::Tx;
use crate::events::event::PauseReason;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::sync::LazyLock;
use uuid::Uuid;

crate::text_enum! {
    /// Whether anything is sent to a webhook.
    pub enum WebhookState {
        /// Events are sent as they happen.
        Active = "ACTIVE",
        /// Nothing is sent; its place in the log is kept.
        Paused = "PAUSED",
    }
}

crate::text_enum! {
    /// What became of an event at a webhook.
    pub enum DeliveryState {
        /// It is tried again.
        Queued = "QUEUED",
        /// The receiver took it.
        Delivered = "DELIVERED",
        /// Every attempt failed; it can be replayed.
        Failed = "FAILED",
    }
}

crate::row! {
    /// A webhook, without its secrets.
    pub struct Webhook from webhooks {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub url: String,
        pub description: String,
        pub event_types: Vec<String>,
        pub state: WebhookState,
        pub pause_reason: Option<PauseReason>,
        pub old_secret_until: Option<DateTime<Utc>>,
        pub position: i64,
        pub failing_since: Option<DateTime<Utc>>,
        pub created_at: DateTime<Utc>,
        pub version: i32,
    }
}

crate::row! {
    /// An event at a webhook, from its first attempt on.
    pub struct DeliveryRow from webhook_deliveries {
        pub firm_id: Uuid,
        pub id: Uuid,
        pub webhook_id: Uuid,
        pub position: i64,
        pub state: DeliveryState,
        pub attempts: i32,
        pub next_attempt_at: Option<DateTime<Utc>>,
        pub last_attempt_at: Option<DateTime<Utc>>,
        pub status_code: Option<i32>,
        pub answer: Option<String>,
        pub created_at: DateTime<Utc>,
        pub finished_at: Option<DateTime<Utc>>,
    }
}

/// The same with what the event is.
#[derive(Clone, Debug, Queryable)]
pub struct Delivery {
    pub row: DeliveryRow,
    pub event_id: Uuid,
    pub event_type: String,
}

type DeliverySql = (SqlOf<DeliveryRow>, diesel::sql_types::Uuid, diesel::sql_types::Text);

/// A webhook to be, with its secret sealed.
pub struct Draft {
    pub id: Uuid,
    pub url: String,
    pub description: String,
    pub event_types: Vec<String>,
    pub sealed: Vec<u8>,
}

/// Adds a webhook at the firm's first free place. `webhooks_at_most` refuses one too many.
pub async fn insert(tx: &mut Tx, permit: &Permit<ManageWebhooks>, new: Draft) -> Result<Webhook> {
    static INSERT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "insert into webhooks as w (firm_id, id, place, url, description, event_types, secret, position, created_at)
             select h.firm_id, ?, (select coalesce(min(p), 21) from generate_series(1, 20) p
                 where not exists (select from webhooks o where o.firm_id = h.firm_id and o.place = p)),
               ?, ?, ?, ?, h.position, ?
             from event_heads h where h.firm_id = ? returning {}",
            Webhook::columns("w")
        )
    });
    let (firm, now) = (permit.subject().firm, tx.now);
    // Those who add at the same time find their places one after the other.
    firms::table.find(firm).select(firms::id).for_no_key_update().get_result::<Uuid>(tx.sql()).await?;
    let insert = sql::<SqlOf<Webhook>>(&INSERT).bind(new.id).bind(new.url).bind(new.description);
    let insert = insert.bind(new.event_types).bind(new.sealed).bind(now).bind(firm);
    Ok(insert.get_result(tx.sql()).await?)
}

/// The webhooks of a firm, oldest first.
pub async fn all(
    connection: &mut AsyncPgConnection,
    permit: &Permit<ManageWebhooks>,
) -> Result<Vec<Webhook>> {
    let find = webhooks::table.filter(webhooks::firm_id.eq(permit.subject().firm)).order(webhooks::id);
    Ok(find.select(Webhook::as_select()).load(connection).await?)
}

/// One of them.
pub async fn find(
    connection: &mut AsyncPgConnection,
    permit: &Permit<ManageWebhooks>,
    id: Uuid,
) -> Result<Option<Webhook>> {
    let find = webhooks::table.find((permit.subject().firm, id)).select(Webhook::as_select());
    Ok(find.get_result(connection).await.optional()?)
}

/// The same, which nobody else changes until the end of the transaction.
pub async fn find_locked(tx: &mut Tx, permit: &Permit<ManageWebhooks>, id: Uuid) -> Result<Option<Webhook>> {
    let find = webhooks::table.find((permit.subject().firm, id)).select(Webhook::as_select());
    Ok(find.for_update().get_result(tx.sql()).await.optional()?)
}

/// Writes what people can change.
pub async fn update(tx: &mut Tx, permit: &Permit<ManageWebhooks>, webhook: &Webhook) -> Result<Webhook> {
    let update = diesel::update(webhooks::table.find((permit.subject().firm, webhook.id))).set((
        webhooks::url.eq(&webhook.url),
        webhooks::description.eq(&webhook.description),
        webhooks::event_types.eq(&webhook.event_types),
        webhooks::version.eq(webhooks::version + 1),
    ));
    Ok(update.returning(Webhook::as_returning()).get_result(tx.sql()).await?)
}

/// Deletes one, with its deliveries.
pub async fn delete(tx: &mut Tx, permit: &Permit<ManageWebhooks>, id: Uuid) -> Result<()> {
    diesel::delete(webhooks::table.find((permit.subject().firm, id))).execute(tx.sql()).await?;
    Ok(())
}

/// Puts a new secret in front of the one so far, which holds until then.
pub async fn rotate(
    tx: &mut Tx,
    permit: &Permit<ManageWebhooks>,
    id: Uuid,
    sealed: Vec<u8>,
    until: DateTime<Utc>,
) -> Result<Webhook> {
    let update = diesel::update(webhooks::table.find((permit.subject().firm, id))).set((
        webhooks::old_secret.eq(webhooks::secret.nullable()),
        webhooks::old_secret_until.eq(until),
        webhooks::secret.eq(sealed),
        webhooks::version.eq(webhooks::version + 1),
    ));
    Ok(update.returning(Webhook::as_returning()).get_result(tx.sql()).await?)
}

/// Pauses or resumes; what it failed before counts no more.
pub async fn set_state(
    tx: &mut Tx,
    permit: &Permit<ManageWebhooks>,
    id: Uuid,
    state: WebhookState,
    reason: Option<PauseReason>,
) -> Result<Webhook> {
    let update = diesel::update(webhooks::table.find((permit.subject().firm, id))).set((
        webhooks::state.eq(state),
        webhooks::pause_reason.eq(reason),
        webhooks::failing_since.eq(None::<DateTime<Utc>>),
        // Nobody is late with what waited while it was paused.
        webhooks::quiet_until.eq(Some(tx.now)),
        webhooks::version.eq(webhooks::version + 1),
    ));
    Ok(update.returning(Webhook::as_returning()).get_result(tx.sql()).await?)
}

/// Sets the cursor; `false` if the log does not reach so far.
pub async fn set_position(
    tx: &mut Tx,
    permit: &Permit<ManageWebhooks>,
    id: Uuid,
    position: i64,
) -> Result<bool> {
    let update = sql::<()>(
        "update webhooks w set position = ?, version = w.version + 1, quiet_until = greatest(w.quiet_until, ?) from event_heads h
         where h.firm_id = w.firm_id and h.position >= ? and w.firm_id = ? and w.id = ?",
    );
    let update = update.bind(position).bind(tx.now).bind(position).bind(permit.subject().firm).bind(id);
    Ok(update.execute(tx.sql()).await? == 1)
}

/// Queues a delivery anew; `false` if there is none such.
pub async fn queue_one(
    tx: &mut Tx,
    permit: &Permit<ManageWebhooks>,
    webhook: Uuid,
    delivery: Uuid,
) -> Result<bool> {
    let update = sql::<()>(
        "update webhook_deliveries set state = 'QUEUED', attempts = 0, next_attempt_at = ?, finished_at = null
         where firm_id = ? and webhook_id = ? and id = ?",
    );
    let update = update.bind(tx.now).bind(permit.subject().firm).bind(webhook).bind(delivery);
    Ok(update.execute(tx.sql()).await? == 1)
}

/// Queues the events of a range that pass the webhook's filter.
pub async fn queue_range(
    tx: &mut Tx,
    permit: &Permit<ManageWebhooks>,
    webhook: &Webhook,
    after: i64,
    until: i64,
) -> Result<()> {
    let find = sql::<BigInt>(
        "select position from events where firm_id = ? and position > ? and position <= ?
           and type <> 'WebhookTested' and (cardinality(?) = 0 or type = any(?)) order by position",
    );
    let types = webhook.event_types.clone();
    let find = find.bind(permit.subject().firm).bind(after).bind(until).bind(types.clone()).bind(types);
    let positions: Vec<i64> = find.load(tx.sql()).await?;
    let ids: Vec<Uuid> = positions.iter().map(|_| tx.new_id()).collect();
    let insert = sql::<()>(
        "insert into webhook_deliveries (firm_id, id, webhook_id, position, state, attempts, next_attempt_at, created_at)
         select ?, k.id, ?, k.position, 'QUEUED', 0, ?, ? from unnest(?, ?) as k (id, position)
         on conflict on constraint webhook_deliveries_one_per_event do update
         set state = 'QUEUED', attempts = 0, next_attempt_at = excluded.next_attempt_at, finished_at = null",
    );
    let insert = insert.bind(permit.subject().firm).bind(webhook.id).bind(tx.now).bind(tx.now);
    insert.bind(ids).bind(positions).execute(tx.sql()).await?;
    Ok(())
}

/// A delivery.
pub async fn find_delivery(
    connection: &mut AsyncPgConnection,
    permit: &Permit<ManageWebhooks>,
    id: Uuid,
) -> Result<Option<Delivery>> {
    static FIND: LazyLock<String> = LazyLock::new(|| delivery_text("d.firm_id = ? and d.id = ?"));
    let find = sql::<DeliverySql>(&FIND).bind(permit.subject().firm).bind(id);
    Ok(find.get_result(connection).await.optional()?)
}

/// A page of what became of events at a webhook, newest first. Whoever has the webhook may see it.
pub async fn deliveries(
    connection: &mut AsyncPgConnection,
    webhook: &Webhook,
    page: &Page<Uuid>,
) -> Result<Slice<Delivery>> {
    static FORWARD: LazyLock<String> = LazyLock::new(|| page_text("<", "desc"));
    static BACKWARD: LazyLock<String> = LazyLock::new(|| page_text(">", "asc"));
    let (text, nowhere): (&'static str, Uuid) =
        if page.backward { (&BACKWARD, Uuid::nil()) } else { (&FORWARD, Uuid::max()) };
    let find = sql::<DeliverySql>(text).bind(webhook.firm_id).bind(webhook.id);
    let find = find.bind(page.from.unwrap_or(nowhere)).bind(page.fetch());
    Ok(page.of(find.load(connection).await?))
}

fn page_text(beyond: &str, order: &str) -> String {
    let of = format!("d.firm_id = ? and d.webhook_id = ? and d.id {beyond} ? order by d.id {order} limit ?");
    delivery_text(&of)
}

fn delivery_text(of: &str) -> String {
    format!(
        "select {}, e.id, e.type from webhook_deliveries d
         join events e on e.firm_id = d.firm_id and e.position = d.position where {of}",
        DeliveryRow::columns("d")
    )
}

/// Forgets some of the deliveries that ended long ago, and secrets that are not used any more; answers how much.
pub async fn sweep(tx: &mut Tx) -> Result<usize> {
    let delete = sql::<()>(
        "delete from webhook_deliveries where ctid = any(array(
           select ctid from webhook_deliveries where finished_at < ? limit ? for update skip locked))",
    );
    let deliveries = delete.bind(tx.now - DELIVERY_KEPT).bind(SWEPT_AT_ONCE).execute(tx.sql()).await?;
    let forget = sql::<()>(
        "update webhooks set old_secret = null, old_secret_until = null where ctid = any(array(
           select ctid from webhooks where old_secret_until < ? limit ? for update skip locked))",
    );
    Ok(deliveries + forget.bind(tx.now).bind(SWEPT_AT_ONCE).execute(tx.sql()).await?)
}
