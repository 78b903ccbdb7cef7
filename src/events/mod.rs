//! The event log: what happened, who hears of it, in an order without gaps.
//!
//! A command works in a [`Tx`] and *records* events there. The last statement before the commit locks the head row
//! of each firm concerned, takes the positions, chains the hashes, and writes the events with their audience and
//! the mails they cause ([`log`]). After the commit, readers are woken ([`hub`]), those of other nodes over a [`bus`].
//! What can fail: the database. Then nothing happened: neither the change nor its event. Who is connected, and may
//! have lost the right to it by a commit, is in [`seats`].

pub mod bus;
pub mod envelope;
pub mod event;
pub mod hub;
pub mod idempotency;
pub mod log;
pub mod seats;

pub use event::{Event, MailTemplate, Subject};
pub use hub::Hub;
pub use log::{Author, Log, Tx};
