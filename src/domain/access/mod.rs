//! Who may see which client: the one place that decides it.
//!
//! A person sees a client if at least one path holds now. The paths of today are `PRIMARY_ADVISER` and
//! `SECONDARY_ADVISER`, and `DELEGATION` over them: while impersonating, the subject of the statement is the
//! principal, and never the actor as well.

mod store;

pub use store::{Place, count, find, page};

use crate::caller::{Caller, UserKey};

/// Whose paths count for the caller.
fn subject(caller: &Caller) -> UserKey {
    caller.subject()
}
