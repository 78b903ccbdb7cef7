//! Sessions: from signing in to signing out; and the devices that people signed in from.
//!
//! A session that ended stays, for impersonations and events refer to it. So does the hash of its token: it opens
//! nothing, and tells whose a token was that turns up where it should not.

mod store;

pub use store::{
    EndReason, Session, end_all, end_one, forget_devices, insert, knows_device, lock, remember_device, renew,
    sweep_devices, touch,
};
