//! Documents, as texts and as what the parser makes of them. A program asks the same few queries again and again, so those
//! that were parsed and found small enough are remembered.

use super::limits;
use crate::config::Limits;
use crate::error::{Error, ErrorCode, Result};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many bytes of text are remembered. What the parser makes of a byte takes up to 200.
const REMEMBERED: usize = 128 << 10;

/// Reads documents.
pub struct Documents {
    limits: Arc<Limits>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    documents: HashMap<String, Arc<ExecutableDocument>>,
    bytes: usize,
}

impl Documents {
    /// None is known yet.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self { limits, known: Mutex::default() }
    }

    /// Parses a document, unless it is known; refuses what cannot be parsed or is too large.
    pub fn read(&self, text: &str) -> Result<Arc<ExecutableDocument>> {
        let known = self.known(|known| known.documents.get(text).cloned());
        if let Some(document) = known {
            return Ok(document);
        }
        limits::scan(text, &self.limits)?;
        let document = parse_query(text).map_err(|error| {
            Error::stop_saying(
                ErrorCode::GraphqlParseFailed,
                format!("The document cannot be parsed. {error}"),
            )
        })?;
        limits::expand(&document, &self.limits)?;
        let document = Arc::new(document);
        // A password may stand in the text of a change.
        if document.operations.iter().all(|(_, operation)| operation.node.ty != OperationType::Mutation) {
            self.known(|known| known.remember(text, document.clone()));
        }
        Ok(document)
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    /// Begins anew when it is full: whatever is still asked is soon there again.
    fn remember(&mut self, text: &str, document: Arc<ExecutableDocument>) {
        if self.bytes + text.len() > REMEMBERED {
            *self = Self::default();
        }
        if self.documents.insert(text.to_owned(), document).is_none() {
            self.bytes += text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Documents {
        Documents::new(Arc::new(Limits::default()))
    }

    #[test]
    fn queries_are_remembered_and_changes_are_not() {
        let documents = documents();
        let read = |text| documents.read(text).unwrap();
        assert!(Arc::ptr_eq(&read("{ a }"), &read("{ a }")));
        assert!(!Arc::ptr_eq(&read("mutation { a }"), &read("mutation { a }")));
    }

    #[test]
    fn what_is_refused_is_refused_again() {
        let documents = documents();
        for text in ["{ a", "{ ...F } fragment F on Query { ...F }"] {
            let refused = [(); 2].map(|()| format!("{:?}", documents.read(text).unwrap_err()));
            assert_eq!(refused[0], refused[1]);
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let documents = documents();
        for number in 0..100 {
            documents.read(&format!("{{ a{number} }} # {}", "x".repeat(10_000))).unwrap();
            let (bytes, count) = documents.known(|known| (known.bytes, known.documents.len()));
            assert!(bytes <= REMEMBERED && count > 0);
        }
    }
}
