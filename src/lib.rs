#![doc = "map"]
pub mod caller;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
pub mod error;
pub mod events;
pub mod id;
pub mod secret;
mod text_enum;
