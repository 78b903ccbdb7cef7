//! Who may see which client: the one place that decides it.
//!
//! A person sees a client if at least one path holds now. The paths of today are `PRIMARY_ADVISER` and
//! `SECONDARY_ADVISER`, and `DELEGATION` over them: while impersonating, the subject is the principal, and never the
//! actor as well, cut to the clients that the delegation lists, if it does. All of today's paths let their holder edit;
//! what a delegate may do is cut once more by the scope, in [`Caller::require`].
//!
//! Whatever reads clients, or what belongs to them, is a statement over [`Forms`]: their text in here, the rest of it in
//! the store of the noun.

mod store;

pub use store::{Forms, Reach, count_of, reached_by, readers};

use crate::caller::{Caller, Kind, Permission};

/// May work on clients: whoever does, or acts for somebody who does.
#[derive(Debug)]
pub struct WorkOnClients;

impl Permission for WorkOnClients {
    const RULE: &'static str =
        "Only advisers and assistants, and who acts for one of them, work on clients and cases.";
    const GRANTABLE_BY: &'static str = "a setup admin of the firm, by the kind of user";

    fn allows(caller: &Caller) -> bool {
        matches!(caller.subject_kind(), Kind::Adviser | Kind::Assistant)
    }
}
