//! Webhooks: addresses that a firm's events are pushed to. For its setup admins, as themselves.
//!
//! An endpoint belongs to the firm, not to whoever made it, and gets the firm's whole log: a setup admin decides that it
//! does, and the payloads hold ids and facts about what happened, no client's data. What is sent, and when, is decided in
//! `src/delivery/webhook`; here is what people do about it.

mod replay;
mod store;

pub use replay::{Replay, replay};
pub use store::{Delivery, DeliveryState, Webhook, WebhookState, deliveries, sweep};

use super::text;
use crate::caller::{Caller, Capability, Permission, Permit};
use crate::defaults::{LIST_MAX, OLD_SECRET};
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::event::{NAMES, PauseReason};
use crate::events::{Event, Subject, Tx};
use crate::id::NodeType;
use crate::reach::Unreachable;
use crate::sealed::Seal;
use crate::signing::{self, SigningSecret};
use diesel_async::AsyncPgConnection;
use url::Url;
use uuid::Uuid;

/// May manage the firm's webhooks.
#[derive(Debug)]
pub struct ManageWebhooks;

impl Permission for ManageWebhooks {
    const RULE: &'static str = "Only a setup admin manages the firm's webhooks.";
    const GRANTABLE_BY: &'static str = "a setup admin of the firm, by the capability SETUP_ADMIN";

    fn allows(caller: &Caller) -> bool {
        caller.has(Capability::SetupAdmin)
    }
}

/// A webhook to be. Its address has been judged ([`crate::reach`]): that asks a resolver, which no transaction waits for.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    pub url: Url,
    pub description: String,
    /// Which events; none means all.
    pub event_types: Vec<String>,
}

/// What changes about a webhook; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangedWebhook {
    pub url: Option<Url>,
    pub description: Option<String>,
    pub event_types: Option<Vec<String>>,
}

/// A webhook with its secret, which is shown this once.
pub struct Opened {
    pub webhook: Webhook,
    pub secret: SigningSecret,
}

/// Adds a webhook; it gets what happens from now on.
pub async fn create(tx: &mut Tx, caller: &Caller, new: NewWebhook, seal: &Seal) -> Result<Opened> {
    let permit = caller.permit(ManageWebhooks)?;
    let description = described(&new.description)?;
    let event_types = known(new.event_types)?;
    let (id, secret) = (tx.new_id(), SigningSecret::generate()?);
    let sealed = seal.seal(signing::sealed_for(permit.subject().firm, id), secret.bytes())?;
    let draft = store::Draft { id, url: new.url.into(), description, event_types, sealed };
    let webhook = store::insert(tx, &permit, draft).await?;
    tx.record(webhook.firm_id, Event::WebhookCreated { webhook: webhook.subject() });
    Ok(Opened { webhook, secret })
}

/// Changes a webhook. `CONFLICT` if somebody else did so since it was read.
pub async fn update(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    expected_version: i32,
    changed: ChangedWebhook,
) -> Result<Webhook> {
    let permit = caller.permit(ManageWebhooks)?;
    let mut webhook = find_locked(tx, &permit, id).await?;
    if webhook.version != expected_version {
        return Err(Refusal::conflict(webhook.version).into());
    }
    if let Some(url) = changed.url {
        webhook.url = url.into();
    }
    if let Some(description) = changed.description {
        webhook.description = described(&description)?;
    }
    if let Some(event_types) = changed.event_types {
        webhook.event_types = known(event_types)?;
    }
    let webhook = store::update(tx, &permit, &webhook).await?;
    let event = Event::WebhookUpdated { webhook: webhook.subject(), version: webhook.version };
    tx.record(webhook.firm_id, event);
    Ok(webhook)
}

/// Deletes a webhook and the list of its deliveries.
pub async fn delete(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Uuid> {
    let permit = caller.permit(ManageWebhooks)?;
    let webhook = find_locked(tx, &permit, id).await?;
    store::delete(tx, &permit, id).await?;
    tx.record(webhook.firm_id, Event::WebhookDeleted { webhook: webhook.subject() });
    Ok(id)
}

/// Gives a webhook a new secret. The one so far is used beside it for 24 hours; one that is older still, no more.
pub async fn rotate_secret(tx: &mut Tx, caller: &Caller, id: Uuid, seal: &Seal) -> Result<Opened> {
    let permit = caller.permit(ManageWebhooks)?;
    let webhook = find_locked(tx, &permit, id).await?;
    let secret = SigningSecret::generate()?;
    let sealed = seal.seal(signing::sealed_for(webhook.firm_id, id), secret.bytes())?;
    let until = tx.now + OLD_SECRET;
    let webhook = store::rotate(tx, &permit, id, sealed, until).await?;
    tx.record(webhook.firm_id, Event::WebhookSecretRotated { webhook: webhook.subject() });
    Ok(Opened { webhook, secret })
}

/// Sends nothing any more, until it is resumed; the place in the log is kept. Nothing to do if it is paused.
pub async fn pause(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Webhook> {
    let permit = caller.permit(ManageWebhooks)?;
    let webhook = find_locked(tx, &permit, id).await?;
    if webhook.state == WebhookState::Paused {
        return Ok(webhook);
    }
    let reason = PauseReason::Requested;
    let webhook = store::set_state(tx, &permit, id, WebhookState::Paused, Some(reason)).await?;
    tx.record(webhook.firm_id, Event::WebhookPaused { webhook: webhook.subject(), reason });
    Ok(webhook)
}

/// Goes on from where it stood. Nothing to do if it is not paused.
pub async fn resume(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Webhook> {
    let permit = caller.permit(ManageWebhooks)?;
    let webhook = find_locked(tx, &permit, id).await?;
    if webhook.state == WebhookState::Active {
        return Ok(webhook);
    }
    let webhook = store::set_state(tx, &permit, id, WebhookState::Active, None).await?;
    tx.record(webhook.firm_id, Event::WebhookResumed { webhook: webhook.subject() });
    Ok(webhook)
}

/// Sends an event that only this webhook gets, whatever its filter; it is sent in its turn.
pub async fn send_test(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Webhook> {
    let permit = caller.permit(ManageWebhooks)?;
    let webhook = find_locked(tx, &permit, id).await?;
    if webhook.state == WebhookState::Paused {
        let words = "This webhook is paused: nothing is sent to it. Resume it first.";
        return Err(Refusal::input("webhookId", words).into());
    }
    tx.record(webhook.firm_id, Event::WebhookTested { webhook: webhook.subject() });
    Ok(webhook)
}

/// The firm's webhooks, oldest first.
pub async fn all(connection: &mut AsyncPgConnection, caller: &Caller) -> Result<Vec<Webhook>> {
    store::all(connection, &caller.permit(ManageWebhooks)?).await
}

/// A webhook of the caller's firm; `None` for whoever does not manage them.
pub async fn visible(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Webhook>> {
    let Ok(permit) = caller.permit(ManageWebhooks) else { return Ok(None) };
    store::find(connection, &permit, id).await
}

/// A delivery of a webhook of the caller's firm; `None` for whoever does not manage them.
pub async fn visible_delivery(
    connection: &mut AsyncPgConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Delivery>> {
    let Ok(permit) = caller.permit(ManageWebhooks) else { return Ok(None) };
    store::find_delivery(connection, &permit, id).await
}

/// The refusal of an address.
pub fn refused(why: Unreachable) -> Error {
    Refusal::input("url", why.to_string()).into()
}

async fn find_locked(tx: &mut Tx, permit: &Permit<ManageWebhooks>, id: Uuid) -> Result<Webhook> {
    let found = store::find_locked(tx, permit, id).await?;
    found.ok_or_else(|| Refusal::new(ErrorCode::NotFound).at("webhookId").into())
}

fn described(text: &str) -> Result<String> {
    if text.trim().is_empty() { Ok(String::new()) } else { text::line("description", text, 200) }
}

/// Names of the event catalogue, each once.
fn known(mut event_types: Vec<String>) -> Result<Vec<String>> {
    if event_types.len() > LIST_MAX {
        return Err(Refusal::input("eventTypes", format!("At most {LIST_MAX} names.")).into());
    }
    if event_types.iter().any(|name| !NAMES.contains(&name.as_str())) {
        return Err(Refusal::input("eventTypes", "One of these is not a name of the event catalogue.").into());
    }
    event_types.sort();
    event_types.dedup();
    Ok(event_types)
}

impl Webhook {
    /// What events say it is.
    pub fn subject(&self) -> Subject {
        Subject(NodeType::Webhook, self.id)
    }
}
