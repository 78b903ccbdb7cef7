//! Sessions: from signing in to signing out; and the devices that people signed in from.

mod store;

pub use store::{
    EndReason, Session, end_all, end_one, insert, knows_device, lock, remember_device, renew, touch,
};
