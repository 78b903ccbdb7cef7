//! What leaves the house: by webhook ([`webhook`]), and by mail.
//!
//! Who takes part, in order: an event brings its mail along, as a row of `mail_deliveries` that is written in the
//! same transaction ([`crate::events::log`]). The [`Relay`] of some node claims the row for two minutes, so that
//! several nodes share the work and none waits for another. In one transaction it reads what there is to know now,
//! decides which mail is right ([`letter`]) and whether the address may get one (it said "not for me"; the daily
//! limits), and mints the links ([`links`]): only their hashes are kept, and they are committed *before* the mail
//! goes out. Then, with no transaction open and no connection held, the words are put together ([`templates`]) and
//! handed to the mail server ([`mail`]). At last the row is marked, together with the event that says so.
//!
//! What can fail: the node, at any point. Then the claim lapses and another one starts over; nothing is lost, and
//! only a mail that was handed over but not marked goes out twice, under the same Message-ID. The mail server: the
//! next attempt waits longer each time; after the last one, or a refusal for good, the row says `FAILED` and why,
//! and setup admins hear of it. A reason that is gone, an address that wants no mail, a limit: `SUPPRESSED`, and why.

pub mod letter;
pub mod links;
pub mod mail;
mod prepare;
mod relay;
mod store;
pub mod templates;
pub mod webhook;

pub use links::Links;
pub use mail::{Message, SendError, Smtp, Transport};
pub use relay::Relay;

use crate::error::Result;
use crate::events::Log;
use chrono::{DateTime, Utc};

/// Since when the oldest mail waits that should be out already; `None` while none does.
pub async fn overdue_since(log: &Log) -> Result<Option<DateTime<Utc>>> {
    store::overdue_since(&mut *log.reader().await?, log.clock.now()).await
}
