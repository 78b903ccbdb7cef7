//! What can go wrong, in three kinds: a refusal that a form can mend, a stop that it cannot, and a fault of ours.
//!
//! The codes are one enum ([`code`]); the database's constraints become refusals in one table ([`rules`]).
//! Nothing here implements `Display`: async-graphql would show it to the caller.

mod code;
pub mod rules;

pub use code::{ErrorCode, Place};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use std::fmt::Debug;

/// The house's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something did not happen. Nothing was changed.
#[derive(Debug)]
pub enum Error {
    /// The caller can mend it: shown in `userErrors`.
    Refused(Refusal),
    /// No form can mend it: shown in `errors`.
    Stop(Stop),
    /// Our fault: the caller learns a request id, the log the cause.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

/// A refusal, with what a form needs to show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub code: ErrorCode,
    /// A sentence for people.
    pub message: String,
    /// The path of the input field concerned; empty if none.
    pub field: Vec<String>,
    pub detail: Detail,
}

/// What some refusals add.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    None,
    /// A limit and how much of it is used.
    Limit {
        limit: i32,
        current: i32,
    },
    /// Which rule forbids it and who could grant it.
    Forbidden {
        rule: String,
        grantable_by: String,
    },
    /// The handles of the people who share an address.
    Handles(Vec<String>),
    /// The workgroups to choose from: the id of each, and its description.
    Workgroups(Vec<(uuid::Uuid, String)>),
    /// The version that the thing has by now.
    Conflict {
        current_version: i32,
    },
}

/// A stop, with what a program needs to react to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    pub code: ErrorCode,
    pub message: String,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u32>,
    /// The action or the mode that an impersonation lacks for it.
    pub missing: Option<&'static str>,
    /// The position from which a log can still be followed.
    pub earliest: Option<i64>,
}

impl Refusal {
    /// A refusal with the code's own sentence.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: code.message().to_owned(), field: Vec::new(), detail: Detail::None }
    }

    /// An input field that holds something it must not.
    pub fn input(field: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidInput).at(field).saying(message)
    }

    /// A permission that the caller lacks.
    pub fn forbidden(rule: &str, grantable_by: &str) -> Self {
        let detail = Detail::Forbidden { rule: rule.to_owned(), grantable_by: grantable_by.to_owned() };
        Self { detail, ..Self::new(ErrorCode::Forbidden) }
    }

    /// A change of something that somebody else has changed meanwhile.
    pub fn conflict(current_version: i32) -> Self {
        let detail = Detail::Conflict { current_version };
        Self { detail, ..Self::new(ErrorCode::Conflict).at("expectedVersion") }
    }

    /// Points at an input field.
    pub fn at(mut self, field: &str) -> Self {
        self.field = vec!["input".to_owned(), field.to_owned()];
        self
    }

    /// Says it in other words.
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }
}

impl Error {
    /// A stop with the code's own sentence.
    pub fn stop(code: ErrorCode) -> Self {
        Self::stop_saying(code, code.message())
    }

    /// A stop that says in other words what was wrong.
    pub fn stop_saying(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Stop(Stop { code, message: message.into(), retry_after: None, missing: None, earliest: None })
    }

    /// An action or a mode that an impersonation lacks.
    pub fn out_of_scope(missing: &'static str, message: impl Into<String>) -> Self {
        let code = ErrorCode::OutOfScope;
        Self::Stop(Stop {
            code,
            message: message.into(),
            retry_after: None,
            missing: Some(missing),
            earliest: None,
        })
    }

    /// A stop that passes by itself.
    pub fn retry_after(code: ErrorCode, seconds: u32) -> Self {
        let (message, retry_after) = (code.message().to_owned(), Some(seconds.max(1)));
        Self::Stop(Stop { code, message, retry_after, missing: None, earliest: None })
    }

    /// A cursor that lies too far back, with the earliest position to begin behind.
    pub fn cursor_expired(earliest: i64) -> Self {
        let code = ErrorCode::CursorExpired;
        let (message, earliest) = (code.message().to_owned(), Some(earliest));
        Self::Stop(Stop { code, message, retry_after: None, missing: None, earliest })
    }

    /// A fault of ours.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The code that the caller sees.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Stop(stop) => stop.code,
            Self::Internal(_) => ErrorCode::InternalServerError,
        }
    }

    /// The same, pointing at an input field if it is a refusal that points nowhere yet.
    pub fn at(self, field: &str) -> Self {
        match self {
            Self::Refused(refusal) if refusal.field.is_empty() => Self::Refused(refusal.at(field)),
            other => other,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<crate::secret::NoRandomness> for Error {
    fn from(cause: crate::secret::NoRandomness) -> Self {
        Self::internal(cause)
    }
}

/// A constraint becomes the refusal of its rule; a database that cannot be reached or is out of time, a stop.
impl From<DieselError> for Error {
    fn from(cause: DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = &cause else {
            return match cause {
                DieselError::BrokenTransactionManager => Self::retry_after(ErrorCode::Unavailable, 1),
                other => Self::internal(other),
            };
        };
        if let Some(refusal) = information.constraint_name().and_then(rules::refusal) {
            return Self::Refused(refusal);
        }
        let text = information.message();
        // The driver has no kind of its own for these: a timeout of ours, or a server that shuts down or is full.
        let passing = [
            "canceling statement",
            "terminating connection",
            "too many clients",
            "is starting up",
            "is shutting down",
            "deadlock detected",
        ];
        match kind {
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::UnableToSendCommand => Self::retry_after(ErrorCode::Unavailable, 1),
            _ if passing.iter().any(|words| text.contains(words)) => {
                Self::retry_after(ErrorCode::Unavailable, 1)
            }
            _ => Self::internal(cause),
        }
    }
}

impl From<diesel_async::pooled_connection::deadpool::PoolError> for Error {
    fn from(cause: diesel_async::pooled_connection::deadpool::PoolError) -> Self {
        tracing::warn!(error = %cause, "no database connection to be had");
        Self::retry_after(ErrorCode::Unavailable, 1)
    }
}
