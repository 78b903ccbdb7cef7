//! Webhooks.

use super::connection::{self, PageInfo};
use super::context::Locum;
use super::error::{OfOne, Payload};
use super::guard::{list_size, own_only};
use super::node::{global, local};
use crate::domain::page::{Page, Slice};
use crate::domain::sign_in;
use crate::domain::webhook::{self, ChangedWebhook, DeliveryState, NewWebhook, Opened, Replay, WebhookState};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::event::PauseReason;
use crate::events::{Author, Tx};
use crate::id::NodeType;
use async_graphql::{Context, Description, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use url::Url;

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

/// A webhook to be.
#[derive(InputObject)]
struct CreateWebhookInput {
    /// Where events are sent to: a public address with `https://`.
    url: String,
    /// What it is for: up to 200 characters.
    #[graphql(default)]
    description: String,
    /// Which events it gets, by their names in the event catalogue; all of the firm's if empty.
    #[graphql(default)]
    event_types: Vec<String>,
}

crate::payload! {
    /// The answer of `createWebhook`.
    CreateWebhookPayload {
        /// The webhook.
        webhook: Webhook,
        /// What its messages are signed with: `whsec_` and base64. It is shown this once.
        secret: String,
    }
}

/// What changes about a webhook; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateWebhookInput {
    /// Which one.
    webhook_id: ID,
    /// The version that was read; `CONFLICT` if somebody else changed it since.
    expected_version: i32,
    /// Where events are sent to: a public address with `https://`.
    url: Option<String>,
    /// What it is for: up to 200 characters.
    description: Option<String>,
    /// Which events it gets; all of the firm's if empty.
    event_types: Option<Vec<String>>,
}

crate::payload! {
    /// The answer of `updateWebhook`.
    UpdateWebhookPayload {
        /// The webhook as it is now.
        webhook: Webhook,
    }
}

/// One of the firm's webhooks.
#[derive(InputObject)]
struct WebhookInput {
    /// Which one.
    webhook_id: ID,
}

crate::payload! {
    /// The answer of `deleteWebhook`.
    DeleteWebhookPayload {
        /// The id that it had.
        deleted_webhook_id: ID,
    }
}

crate::payload! {
    /// The answer of `rotateWebhookSecret`.
    RotateWebhookSecretPayload {
        /// The webhook.
        webhook: Webhook,
        /// What its messages are signed with from now on, beside the one before for 24 hours. It is shown this once.
        secret: String,
    }
}

crate::payload! {
    /// The answer of `pauseWebhook`.
    PauseWebhookPayload {
        /// The webhook, paused.
        webhook: Webhook,
    }
}

crate::payload! {
    /// The answer of `resumeWebhook`.
    ResumeWebhookPayload {
        /// The webhook, active.
        webhook: Webhook,
    }
}

crate::payload! {
    /// The answer of `sendTestEvent`.
    SendTestEventPayload {
        /// The webhook.
        webhook: Webhook,
    }
}

/// What is sent once more: one delivery, or the events behind `after`.
#[derive(InputObject)]
struct ReplayWebhookInput {
    /// Which webhook.
    webhook_id: ID,
    /// One delivery, however it ended; then neither `after` nor `until`.
    delivery_id: Option<ID>,
    /// A cursor of the firm's log. Without `until` the webhook goes on from there, and so gets everything behind it again.
    after: Option<String>,
    /// A cursor of the firm's log: the last event that is sent once more, at most 1,000 behind `after`.
    until: Option<String>,
}

impl ReplayWebhookInput {
    fn what(&self) -> Result<Replay> {
        let position = |cursor: &Option<String>| connection::position(cursor.clone());
        match (&self.delivery_id, position(&self.after)?, position(&self.until)?) {
            (Some(id), None, None) => {
                Ok(Replay::Delivery(local(NodeType::WebhookDelivery, id, "deliveryId")?))
            }
            (None, Some(after), Some(until)) => Ok(Replay::Range { after, until }),
            (None, Some(after), None) => Ok(Replay::Since(after)),
            _ => Err(Refusal::input(
                "after",
                "Give either `deliveryId` or `after`, which `until` can go with.",
            )
            .into()),
        }
    }
}

crate::payload! {
    /// The answer of `replayWebhook`.
    ReplayWebhookPayload {
        /// The webhook.
        webhook: Webhook,
    }
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "WebhookMutations")]
impl Mutations {
    /// Pushes the firm's events to an address from now on. For setup admins.
    async fn create_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where to, and which.")] input: CreateWebhookInput,
    ) -> Result<CreateWebhookPayload> {
        let created = async {
            let (seal, url) = (ctx.services().seal()?, judged(ctx, &input.url).await?);
            let new = NewWebhook { url, description: input.description, event_types: input.event_types };
            with_secret(ctx, move |tx, caller| {
                async move { webhook::create(tx, caller, new, &seal).await }.boxed()
            })
            .await
        };
        CreateWebhookPayload::of(created.await, |opened| CreateWebhookPayload {
            secret: Some(opened.secret.reveal().expose_secret().to_owned()),
            webhook: Some(opened.webhook.into()),
            ..Default::default()
        })
    }

    /// Changes a webhook. For setup admins.
    async fn update_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateWebhookInput,
    ) -> Result<UpdateWebhookPayload> {
        let updated = async {
            let id = local(NodeType::Webhook, &input.webhook_id, "webhookId")?;
            let url = match &input.url {
                Some(url) => Some(judged(ctx, url).await?),
                None => None,
            };
            let version = input.expected_version;
            let changed =
                ChangedWebhook { url, description: input.description, event_types: input.event_types };
            ctx.mutate(move |tx, caller| webhook::update(tx, caller, id, version, changed).boxed()).await
        };
        UpdateWebhookPayload::answer(updated.await)
    }

    /// Deletes a webhook, and the list of its deliveries. For setup admins.
    async fn delete_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: WebhookInput,
    ) -> Result<DeleteWebhookPayload> {
        let deleted = async {
            let id = local(NodeType::Webhook, &input.webhook_id, "webhookId")?;
            ctx.mutate(move |tx, caller| webhook::delete(tx, caller, id).boxed()).await
        };
        DeleteWebhookPayload::of(deleted.await, |id| {
            DeleteWebhookPayload::of_one(global(NodeType::Webhook, id))
        })
    }

    /// Gives a webhook a new secret. For 24 hours its messages carry two signatures: that of the new secret, and that of
    /// the one before. For setup admins.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: WebhookInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let rotated = async {
            let (seal, id) =
                (ctx.services().seal()?, local(NodeType::Webhook, &input.webhook_id, "webhookId")?);
            with_secret(ctx, move |tx, caller| {
                async move { webhook::rotate_secret(tx, caller, id, &seal).await }.boxed()
            })
            .await
        };
        RotateWebhookSecretPayload::of(rotated.await, |opened| RotateWebhookSecretPayload {
            secret: Some(opened.secret.reveal().expose_secret().to_owned()),
            webhook: Some(opened.webhook.into()),
            ..Default::default()
        })
    }

    /// Sends nothing to a webhook any more, until it is resumed; its place in the log is kept. For setup admins.
    async fn pause_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: WebhookInput,
    ) -> Result<PauseWebhookPayload> {
        let paused = async {
            let id = local(NodeType::Webhook, &input.webhook_id, "webhookId")?;
            ctx.mutate(move |tx, caller| webhook::pause(tx, caller, id).boxed()).await
        };
        PauseWebhookPayload::answer(paused.await)
    }

    /// Goes on sending to a webhook from where it stood. For setup admins.
    async fn resume_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: WebhookInput,
    ) -> Result<ResumeWebhookPayload> {
        let resumed = async {
            let id = local(NodeType::Webhook, &input.webhook_id, "webhookId")?;
            ctx.mutate(move |tx, caller| webhook::resume(tx, caller, id).boxed()).await
        };
        ResumeWebhookPayload::answer(resumed.await)
    }

    /// Sends an event that only this webhook gets, whatever its filter. For setup admins.
    async fn send_test_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: WebhookInput,
    ) -> Result<SendTestEventPayload> {
        let sent = async {
            let id = local(NodeType::Webhook, &input.webhook_id, "webhookId")?;
            ctx.mutate(move |tx, caller| webhook::send_test(tx, caller, id).boxed()).await
        };
        SendTestEventPayload::answer(sent.await)
    }

    /// Sends events once more, under the same `webhook-id`: one, a range, or everything since a place in the log. For
    /// setup admins.
    async fn replay_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is sent once more.")] input: ReplayWebhookInput,
    ) -> Result<ReplayWebhookPayload> {
        let replayed = async {
            let id = local(NodeType::Webhook, &input.webhook_id, "webhookId")?;
            let what = input.what()?;
            ctx.mutate(move |tx, caller| webhook::replay(tx, caller, id, what).boxed()).await
        };
        ReplayWebhookPayload::answer(replayed.await)
    }
}

/// The address, if it may be called. That asks a resolver, so it is only done for whoever may give one, and before the
/// transaction begins.
async fn judged(ctx: &Context<'_>, url: &str) -> Result<Url> {
    let services = ctx.services();
    if ctx.caller()?.permit(webhook::ManageWebhooks).is_err() {
        // The command refuses, and notes it.
        return services.reach.check(url).map_err(webhook::refused);
    }
    services.reach.check_names(url).await.map_err(webhook::refused)
}

/// Runs a command without an idempotency key: nothing is kept of an answer that holds a secret.
async fn with_secret<F>(ctx: &Context<'_>, work: F) -> Result<Opened>
where
    F: for<'t> FnOnce(&'t mut Tx, &'t crate::caller::Caller) -> BoxFuture<'t, Result<Opened>>
        + Send
        + 'static,
{
    let (log, caller, field) = (ctx.services().log.clone(), ctx.caller()?.clone(), ctx.field_name());
    ctx.detached(async move {
        let done = log.transact(Author::from(&caller), async |tx| work(tx, &caller).await).await;
        if let Err(error) = &done
            && error.code() == ErrorCode::Forbidden
        {
            sign_in::note_denial(&log, &caller, error.code(), field).await;
        }
        done
    })
    .await
}
