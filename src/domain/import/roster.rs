//! Who can be a client's adviser: the people of the import, and those whom the firm has already.

use crate::caller::Kind;
use crate::domain::user::{self, User};
use crate::error::Result;
use crate::events::Tx;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// People by handle, whatever its case.
pub struct Roster {
    people: HashMap<String, Person>,
    /// Not everybody of the import could be read: whoever is missing may be among the others.
    pub has_gaps: bool,
}

struct Person {
    /// Where the import has them.
    line: Option<u64>,
    standing: Standing,
}

/// What someone can be to a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// So far nobody: their own row is refused, or not judged yet.
    Open,
    /// A person of the firm.
    Is(Kind, Uuid),
}

impl Roster {
    pub fn new() -> Self {
        Self { people: HashMap::new(), has_gaps: false }
    }

    /// Enters a handle of the import. Answers the line where it stands already, if it does.
    pub fn enter(&mut self, handle: &str, line: u64) -> Option<u64> {
        match self.people.entry(key(handle)) {
            Entry::Vacant(free) => {
                free.insert(Person { line: Some(line), standing: Standing::Open });
                None
            }
            Entry::Occupied(taken) => taken.get().line,
        }
    }

    /// Notes who someone is.
    pub fn note(&mut self, user: &User) {
        let standing = Standing::Is(user.kind, user.id);
        self.people.entry(key(&user.handle)).or_insert(Person { line: None, standing }).standing = standing;
    }

    /// Who has this handle, among those entered and looked up.
    pub fn find(&self, handle: &str) -> Option<Standing> {
        self.people.get(&key(handle)).map(|person| person.standing)
    }

    /// Looks up those in the firm who are not known yet.
    pub async fn look_up<'h>(
        &mut self,
        tx: &mut Tx,
        firm: Uuid,
        handles: impl Iterator<Item = &'h str>,
    ) -> Result<()> {
        let mut unknown: Vec<String> =
            handles.map(key).filter(|handle| !self.people.contains_key(handle)).collect();
        unknown.sort();
        unknown.dedup();
        if !unknown.is_empty() {
            user::taken_handles(tx.sql(), firm, unknown).await?.iter().for_each(|user| self.note(user));
        }
        Ok(())
    }
}

/// By which handles compare: in the form in which they are kept, in lower case.
fn key(handle: &str) -> String {
    handle.nfc().collect::<String>().to_lowercase()
}
