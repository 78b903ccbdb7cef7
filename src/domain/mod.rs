//! The rules: one folder per noun. `mod.rs` has its types, commands and rules, `store.rs` its only SQL.
//!
//! A command takes the transaction (or, for reading, a connection) and the caller; it asks for a permit, hands
//! the permit to the store, and records what happened.

pub mod access;
pub mod case;
pub mod client;
pub mod delegation;
pub mod feed;
pub mod firm;
pub mod impersonation;
pub mod import;
pub mod link;
pub mod page;
pub mod session;
pub mod sign_in;
pub mod text;
pub mod throttle;
pub mod user;
pub mod webhook;
pub mod workgroup;
