//! The messages and close codes of `graphql-transport-ws`.

use axum::extract::ws::CloseFrame;
use serde::Deserialize;
use serde_json::Value;

/// The name that client and server agree on.
pub const NAME: &str = "graphql-transport-ws";

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Said {
    ConnectionInit {
        #[serde(default)]
        payload: Value,
    },
    Ping {
        #[serde(default)]
        payload: Value,
    },
    Pong {},
    Subscribe {
        id: String,
        payload: Value,
    },
    Complete {
        id: String,
    },
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The other side is gone, or does not take what it is sent.
    Gone,
    /// It is told so, with a code and a reason.
    Close(u16, String),
}

impl End {
    pub fn malformed(why: impl std::fmt::Display) -> Self {
        // A reason has 123 bytes at most.
        let reason: String = why.to_string().chars().filter(char::is_ascii).take(120).collect();
        Self::Close(4400, reason)
    }

    pub fn before_ack() -> Self {
        Self::Close(4401, "Unauthorized".to_owned())
    }

    pub fn forbidden() -> Self {
        Self::Close(4403, "Forbidden".to_owned())
    }

    pub fn no_init() -> Self {
        Self::Close(4408, "Connection initialisation timeout".to_owned())
    }

    pub fn known_id(id: &str) -> Self {
        let id: String = id.chars().filter(char::is_ascii).take(60).collect();
        Self::Close(4409, format!("Subscriber for {id} already exists"))
    }

    pub fn second_init() -> Self {
        Self::Close(4429, "Too many initialisation requests".to_owned())
    }

    pub fn too_many_operations() -> Self {
        Self::Close(4429, "Too many operations".to_owned())
    }

    pub fn restart() -> Self {
        Self::Close(1012, "Service restart".to_owned())
    }

    pub fn try_again_later() -> Self {
        Self::Close(1013, "Try again later".to_owned())
    }

    /// The code, for metrics and the log.
    pub fn code(&self) -> u16 {
        match self {
            Self::Gone => 1006,
            Self::Close(code, _) => *code,
        }
    }

    pub fn frame(self) -> Option<CloseFrame> {
        match self {
            Self::Gone => None,
            Self::Close(code, reason) => Some(CloseFrame { code, reason: reason.into() }),
        }
    }
}

/// A message of an operation: its type, and its payload as JSON.
pub fn of_operation(kind: &str, id: &str, payload: Option<&str>) -> String {
    let id = Value::from(id);
    match payload {
        Some(payload) => format!(r#"{{"id":{id},"type":"{kind}","payload":{payload}}}"#),
        None => format!(r#"{{"id":{id},"type":"{kind}"}}"#),
    }
}
