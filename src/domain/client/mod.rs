//! Clients of a firm, each with a primary and a secondary adviser or none. Who may see one is for [`super::access`].

mod store;

pub use store::{Client, ClientRow, ClientType, Draft, insert_batch};
