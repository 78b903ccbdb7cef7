//! What leaves the house by webhook.
//!
//! Who takes part, in order: every endpoint has a cursor of its own, the position in the firm's log up to which each
//! event has had its first attempt. Whatever node is free claims an endpoint for a minute ([`store::claim`]), so that
//! several nodes share the work and none waits for another, and nobody sends to one endpoint beside another. It reads
//! the events behind the cursor and sends them one after the other ([`worker`]): the next one goes out when the one
//! before has been answered, for good or ill. The cursor moves in the statement that notes what became of the event,
//! which takes the minute anew. What failed is a row that waits for its next attempt ([`schedule`]); up to three such go
//! out beside the first attempts. While the network is waited for ([`sender`]), no transaction is open and no connection
//! held.
//!
//! What can fail: the node, at any point. Then the claim lapses, another one starts where the cursor stands, and only
//! what was sent but not noted is sent twice, under the same `webhook-id`. The receiver: a row waits longer each time, and
//! after its tenth attempt says `FAILED`. 410, or 120 hours in which nothing was taken, *pauses* the endpoint: setup
//! admins hear of it, and the cursor stays. A slow or dead endpoint takes up one task of [`worker::AT_ONCE`], and
//! nothing else: no other endpoint waits for it.

pub mod schedule;
pub mod sender;
mod store;
mod worker;

pub use sender::Sender;
pub use worker::Webhooks;
