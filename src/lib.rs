//! # Locum: who may act for whom, on which clients
//!
//! One crate. A request comes in at the top, goes straight down and comes back the same way; an event comes out of the
//! log at the bottom and leaves by mail or along a stream. No floor knows the floors above it, and a test refuses any other arrow.
//!
//! | floor | what it is |
//! |---|---|
//! | [`cli`] | one file per command: `dev`, `serve`, `migrate`, `schema`, `user`, `import`, `doctor` … |
//! | [`app`] | the composition root, used by the command line and by every test |
//! | [`http`] | the door: GraphQL over HTTP, WebSockets and event streams, credentials → [`caller::Caller`], the explorer, health |
//! | [`graphql`] | the face: one file per noun with its types and thin resolvers; admission, cost, errors |
//! | [`domain`] | the rules: one folder per noun, `mod.rs` (types, commands, rules) and `store.rs` (its only SQL) |
//! | [`events`] | the closed list of events, the log under the firm's head row, wake-ups and the bus between nodes, who is connected |
//! | [`db`] | the pool, the embedded PostgreSQL, migrations, the schema as diesel sees it |
//! | [`delivery`] | what leaves the house, beside the other floors: knows `events` and `db` only |
//!
//! Beside them stand [`caller`] (who asks, and the permits that stores demand), [`error`] (the codes, and which constraint
//! means which), [`config`], [`defaults`], [`clock`], [`id`], [`secret`], [`sealed`] (secrets that are used again),
//! [`signing`] (of webhooks) and [`reach`] (which addresses may be called). They know nothing of the house.
//!
//! **A mutation is three files and its migration:** `graphql/NOUN.rs` translates and decides nothing, `domain/NOUN/mod.rs`
//! holds the rule, `domain/NOUN/store.rs` has the SQL. A good one to begin with: `add_back_office_user` in
//! `graphql/delegation.rs`, [`domain::delegation::add`], and the constraint `delegations_seat`.

pub mod app;
pub mod caller;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod defaults;
pub mod delivery;
pub mod domain;
pub mod error;
pub mod events;
pub mod graphql;
pub mod http;
pub mod id;
pub mod reach;
pub mod sealed;
pub mod secret;
pub mod signing;
mod text_enum;
