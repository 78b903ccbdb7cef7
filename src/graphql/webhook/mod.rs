//! Webhooks, and what was sent to them.

mod mutations;

pub use mutations::Mutations;

use crate::domain::page::{Page, Slice};
use crate::domain::webhook::{self, DeliveryState, WebhookState};
use crate::error::Result;
use crate::events::event::PauseReason;
use crate::graphql::connection::{self, PageInfo};
use crate::graphql::context::Locum;
use crate::graphql::guard::{list_size, own_only};
use crate::graphql::node::global;
use crate::id::NodeType;
use async_graphql::{Context, Description, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

/// An address that the firm's events are pushed to, as Standard Webhooks has it.
#[derive(Description)]
pub struct Webhook(webhook::Webhook);

impl From<webhook::Webhook> for Webhook {
    fn from(webhook: webhook::Webhook) -> Self {
        Self(webhook)
    }
}

#[Object(use_type_description)]
impl Webhook {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::Webhook, self.0.id)
    }

    /// Where events are sent to.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// What it is for.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Which events it gets, by their names in the event catalogue; all of the firm's if empty.
    async fn event_types(&self) -> &[String] {
        &self.0.event_types
    }

    /// Whether anything is sent.
    async fn state(&self) -> WebhookState {
        self.0.state
    }

    /// Why nothing is sent; null while it is.
    async fn pause_reason(&self) -> Option<PauseReason> {
        self.0.pause_reason
    }

    /// Since when nothing that was sent was taken; null if the last one was.
    async fn failing_since(&self) -> Option<DateTime<Utc>> {
        self.0.failing_since
    }

    /// Its place in the firm's log: every event up to here has been sent once, or waits for a further attempt.
    async fn cursor(&self) -> String {
        connection::by_position(self.0.position)
    }

    /// Until when the secret before the last rotation is used beside the new one; null if there is none.
    async fn old_secret_until(&self) -> Option<DateTime<Utc>> {
        self.0.old_secret_until
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Goes up by one with each change.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// What became of events here, the newest first; kept for 30 days.
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, or after `after`: at most 100, by default 50.")] first: Option<i32>,
        #[graphql(desc = "A cursor: the page begins behind it.")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`: at most 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor: the page ends in front of it.")] before: Option<String>,
    ) -> Result<WebhookDeliveryConnection> {
        let page = Page::new(first, connection::place_of_id(after)?, last, connection::place_of_id(before)?)?;
        let of = self.0.clone();
        let slice = ctx
            .read(move |connection, _| {
                Box::pin(async move { webhook::deliveries(connection, &of, &page).await })
            })
            .await?;
        Ok(WebhookDeliveryConnection(slice))
    }
}

/// What became of an event at a webhook, from its first attempt on.
#[derive(Description)]
pub struct WebhookDelivery(webhook::Delivery);

impl From<webhook::Delivery> for WebhookDelivery {
    fn from(delivery: webhook::Delivery) -> Self {
        Self(delivery)
    }
}

#[Object(use_type_description)]
impl WebhookDelivery {
    /// The global id.
    pub async fn id(&self) -> ID {
        global(NodeType::WebhookDelivery, self.0.row.id)
    }

    /// The webhook.
    async fn webhook_id(&self) -> ID {
        global(NodeType::Webhook, self.0.row.webhook_id)
    }

    /// The event's id: the `webhook-id` of the message, the same at each attempt.
    async fn event_id(&self) -> ID {
        global(NodeType::Event, self.0.event_id)
    }

    /// What happened: a name of the event catalogue.
    async fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// The event's place in the firm's log.
    async fn event_cursor(&self) -> String {
        connection::by_position(self.0.row.position)
    }

    /// Where it stands.
    async fn state(&self) -> DeliveryState {
        self.0.row.state
    }

    /// How often it was tried since it was last queued.
    async fn attempts(&self) -> i32 {
        self.0.row.attempts
    }

    /// When it is tried next; null if it is not.
    async fn next_attempt_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.next_attempt_at
    }

    /// When it was last tried.
    async fn last_attempt_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.last_attempt_at
    }

    /// The HTTP status of the last answer; null if there was none.
    async fn status_code(&self) -> Option<i32> {
        self.0.row.status_code
    }

    /// The first 2 kB of the last answer; or why there was none.
    async fn answer(&self) -> Option<&str> {
        self.0.row.answer.as_deref()
    }

    /// When it was taken, or given up.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.finished_at
    }
}

/// A page of deliveries.
#[derive(Description)]
pub struct WebhookDeliveryConnection(Slice<webhook::Delivery>);

/// A delivery in a page.
#[derive(SimpleObject)]
struct WebhookDeliveryEdge {
    /// Its place in the list.
    cursor: String,
    /// The delivery.
    node: WebhookDelivery,
}

fn cursor(delivery: &webhook::Delivery) -> String {
    connection::by_id(delivery.row.id)
}

#[Object(use_type_description)]
impl WebhookDeliveryConnection {
    /// The deliveries of this page, each with its place.
    async fn edges(&self) -> Vec<WebhookDeliveryEdge> {
        let edge = |delivery: &webhook::Delivery| WebhookDeliveryEdge {
            cursor: cursor(delivery),
            node: delivery.clone().into(),
        };
        self.0.rows.iter().map(edge).collect()
    }

    /// Which part of the list this is.
    async fn page_info(&self) -> PageInfo {
        PageInfo::new(&self.0, cursor)
    }
}

#[derive(Default)]
pub struct Queries;

#[Object(name = "WebhookQueries")]
impl Queries {
    /// The firm's webhooks, oldest first: at most 20. For setup admins.
    #[graphql(directive = own_only::apply(), directive = list_size::apply(20))]
    async fn webhooks(&self, ctx: &Context<'_>) -> Result<Vec<Webhook>> {
        let all = ctx.read(|connection, caller| Box::pin(webhook::all(connection, caller))).await?;
        Ok(all.into_iter().map(Webhook::from).collect())
    }
}
