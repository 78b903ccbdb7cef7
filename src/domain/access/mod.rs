//! Who may see which client, and what they may do with it: the one place that decides it.
//!
//! A person reaches a client if at least one path holds now; the closed list of them is in [`paths`]. While impersonating, the
//! subject is the principal, and never the actor as well, cut to the clients that the delegation lists, if it does; what a
//! delegate may do is cut once more by the scope, in [`Caller::require`].
//!
//! Whatever reads clients, or what belongs to them, is a statement over [`Forms`]: their text in here, the rest of it in
//! the store of the noun. Why somebody reaches a client is a [`Decision`]; what a change does to access is found by
//! [`around`].

mod changes;
mod decision;
mod paths;
mod store;

pub use changes::{AccessChange, Done, around};
pub use decision::{AccessPath, Decision, Running, decisions};
pub use paths::{PathKind, reached_by};
pub use store::{Forms, Holding, Reach, count_of, edges_change, edges_change_at, holdings, readers};

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

crate::text_enum! {
    /// How far somebody's access to a client goes; each level includes the ones before it.
    pub enum Level {
        /// Its name, its advisers and its workgroup.
        Directory = "DIRECTORY",
        /// All of it.
        View = "VIEW",
        /// And change it.
        Edit = "EDIT",
        /// And decide who else works on it.
        Manage = "MANAGE",
    }
}

impl Ord for Level {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
