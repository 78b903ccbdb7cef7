//! The face: one GraphQL schema. It translates and decides nothing; the rules are in [`crate::domain`].
//!
//! A request is *admitted* first ([`guard`]): signed in, and while impersonating only what is marked for it. Queries
//! take a connection for each statement; a mutation runs in a task and a transaction of its own ([`context`]), so that
//! neither a client that hangs up nor the time limit can cut it in half. A refusal becomes a `UserError` of the payload, everything else an
//! error of the answer ([`error`]). What an operation costs is known before it runs ([`cost`]).

pub mod context;
pub mod cost;
pub mod error;
pub mod guard;
pub mod limits;
pub mod variables;

mod access;
mod case;
mod client;
mod connection;
mod delegation;
mod documents;
mod event;
mod firm;
mod impersonation;
mod in_place;
mod loaders;
mod node;
mod scalar;
mod schema;
pub mod shape;
mod sign_in;
mod subscription;
mod terms;
mod user;
mod viewer;
mod webhook;
mod workgroup;

pub use context::{Outcome, RequestContext, Services};
pub use impersonation::acting;
pub use schema::{Face, Schema, build, sdl};
