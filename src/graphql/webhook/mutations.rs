//! What setup admins do about webhooks.

use super::Webhook;
use crate::domain::sign_in;
use crate::domain::webhook::{self, ChangedWebhook, NewWebhook, Opened, Replay};
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Author, Tx};
use crate::graphql::connection::{self};
use crate::graphql::context::Locum;
use crate::graphql::error::{OfOne, Payload};
use crate::graphql::node::{global, local};
use crate::id::NodeType;
use async_graphql::{Context, ID, InputObject, Object};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use url::Url;

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
