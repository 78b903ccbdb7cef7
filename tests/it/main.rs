//! The stories: what people do with locum, told through its front door. Each runs in a database of its own.

mod support;

mod acting;
mod delegation;
mod directory;
mod endpoint;
mod firms;
mod graph;
mod graphs;
mod hang_up;
mod house;
mod idempotency;
mod ids;
mod impersonation;
mod limits;
mod mails;
mod main_job;
mod marks;
mod model;
mod over;
mod passwords;
mod registration;
mod relay;
mod revocation;
mod search;
mod secrets;
mod sign_in;
mod starting;
mod storm;
mod streams;
mod sweeping;
mod webhooks;
mod workgroups;
