//! Scalars beside GraphQL's own.

use async_graphql::{InputValueResult, Scalar, ScalarType, Value};

/// How `DateTime` is described: async-graphql's own words are about Rust.
pub const DATE_TIME: &str = "A moment, as RFC 3339 in UTC: `2026-11-22T09:30:00+00:00`.";

/// Any JSON value.
pub struct AnyJson(pub serde_json::Value);

/// Any JSON value.
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for AnyJson {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
