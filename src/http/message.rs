//! Reading a GraphQL request out of an HTTP request.

use crate::error::{Error, ErrorCode, Result};
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The parameters of a GraphQL request.
#[derive(Debug, Deserialize)]
pub struct Message {
    pub query: String,
    #[serde(default, deserialize_with = "nullable", rename = "operationName")]
    pub operation_name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub variables: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "nullable")]
    #[expect(dead_code, reason = "read so that anything but an object is refused")]
    pub extensions: Option<Map<String, Value>>,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// The parameters as they stand in a URL, where the two objects are JSON texts.
#[derive(Debug, Deserialize)]
pub struct UrlMessage {
    pub query: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl Message {
    /// From a body of JSON.
    pub fn from_body(body: &[u8]) -> Result<Self> {
        // serde would also take the fields of an array, in their order; an array is a batch, and none is taken.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(bad("The body is not a GraphQL request: it must be a JSON object.".to_owned()));
        }
        let message: Self = serde_json::from_slice(body)
            .map_err(|error| bad(format!("The body is not a GraphQL request: {error}")))?;
        message.checked()
    }

    /// From a message of a WebSocket.
    pub fn from_json(payload: Value) -> Result<Self> {
        let message: Self = serde_json::from_value(payload)
            .map_err(|error| bad(format!("The payload is not a GraphQL request: {error}")))?;
        message.checked()
    }

    /// From the parameters of a URL.
    pub fn from_url(url: UrlMessage) -> Result<Self> {
        let object = |text: Option<String>, name: &str| match text.filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| bad(format!("`{name}` is not a JSON object: {error}"))),
        };
        let message = Self {
            query: url.query.ok_or_else(|| bad("`query` is missing.".to_owned()))?,
            operation_name: url.operation_name,
            variables: object(url.variables, "variables")?,
            extensions: object(url.extensions, "extensions")?,
        };
        message.checked()
    }

    /// PostgreSQL has no text with a NUL in it; neither have we.
    fn checked(self) -> Result<Self> {
        let in_variables =
            self.variables.iter().flatten().any(|(name, value)| name.contains('\0') || has_nul(value));
        if in_variables || self.query.contains('\0') {
            return Err(Error::stop_saying(ErrorCode::BadUserInput, "A NUL character cannot be taken."));
        }
        Ok(self)
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(object) => object.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// Whether the body is JSON by its content type; nothing else is read, so that no form of a foreign page is.
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    })
}

fn bad(message: String) -> Error {
    Error::stop_saying(ErrorCode::BadUserInput, message)
}
