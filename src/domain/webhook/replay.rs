//! Sending events once more: one, a range, or all since a place in the log.

use super::{ManageWebhooks, Webhook, find_locked, store};
use crate::caller::Caller;
use crate::defaults::REPLAYED_AT_ONCE;
use crate::error::{ErrorCode, Refusal, Result};
use crate::events::{Event, Tx};
use uuid::Uuid;

/// What is sent once more.
#[derive(Clone, Copy, Debug)]
pub enum Replay {
    /// One delivery, however it ended.
    Delivery(Uuid),
    /// The events behind one position, up to another one: at most 1,000.
    Range { after: i64, until: i64 },
    /// Everything behind a position: the webhook's cursor goes back (or, to leave something out, forward) to there.
    Since(i64),
}

/// Has events sent once more; those of a paused webhook go out when it is resumed.
pub async fn replay(tx: &mut Tx, caller: &Caller, id: Uuid, what: Replay) -> Result<Webhook> {
    let permit = caller.permit(ManageWebhooks)?;
    let webhook = find_locked(tx, &permit, id).await?;
    match what {
        Replay::Delivery(delivery) => {
            if !store::queue_one(tx, &permit, id, delivery).await? {
                return Err(Refusal::new(ErrorCode::NotFound).at("deliveryId").into());
            }
        }
        Replay::Range { after, until } => {
            if until > webhook.position {
                let words = "This is behind the webhook's own cursor: those events are still to come.";
                return Err(Refusal::input("until", words).into());
            }
            if after < 0 || after >= until {
                return Err(Refusal::input("until", "Nothing lies between `after` and `until`.").into());
            }
            if until - after > REPLAYED_AT_ONCE {
                let words =
                    format!("More than {REPLAYED_AT_ONCE} events: leave `until` out to go on from `after`.");
                return Err(Refusal::input("until", words).into());
            }
            store::queue_range(tx, &permit, &webhook, after, until).await?;
        }
        Replay::Since(after) => {
            if after < 0 || !store::set_position(tx, &permit, id, after).await? {
                return Err(Refusal::input("after", "This is not a place in the firm's log.").into());
            }
        }
    }
    tx.record(webhook.firm_id, Event::WebhookReplayed { webhook: webhook.subject() });
    find_locked(tx, &permit, id).await
}
