//! Answers: their media type, their status, their headers.

use crate::error::{Error, ErrorCode, Place, Stop};
use async_graphql::{Response as GraphqlResponse, ServerError, Value};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The two media types of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/graphql-response+json`: the status tells whether the request was one.
    Graphql,
    /// `application/json`: 200 for whatever is a GraphQL request.
    Json,
}

impl Media {
    /// What the request accepts best; `None` if neither. Without a wish, or with no preference: `application/json`.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let wishes = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let wishes: Vec<_> = wishes.flat_map(|value| value.split(',')).filter_map(wish).collect();
        if wishes.is_empty() {
            return Some(Self::Json);
        }
        // For each of them counts the wish that names it most closely, the first one if there are several.
        let wish_for = |name: &str| {
            [name, "application/*", "*/*"].into_iter().enumerate().find_map(|(far, range)| {
                let (place, (_, quality)) =
                    wishes.iter().enumerate().find(|(_, (wished, _))| wished == range)?;
                Some((*quality, Reverse(far), Reverse(place)))
            })
        };
        let mut best = None;
        for (media, name) in
            [(Self::Json, "application/json"), (Self::Graphql, "application/graphql-response+json")]
        {
            let wish = wish_for(name).filter(|(quality, ..)| *quality > 0.0);
            if wish > best.map(|(wish, _)| wish) {
                best = wish.map(|wish| (wish, media));
            }
        }
        best.map(|(_, media)| media)
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Graphql => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }
}

fn wish(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().filter(|essence| !essence.is_empty())?.to_ascii_lowercase();
    let quality = parts
        .find_map(|parameter| parameter.strip_prefix(['q', 'Q'])?.strip_prefix('='))
        .and_then(|quality| quality.parse().ok());
    Some((essence, quality.unwrap_or(1.0)))
}

/// The answer of an execution.
pub fn executed(
    media: Media,
    mut response: GraphqlResponse,
    request_id: &str,
    most_errors: usize,
) -> Response {
    response.errors.truncate(most_errors);
    let nothing_executed = nothing_executed(&response);
    let status = status(media, &response, nothing_executed);
    let retry_after = response
        .errors
        .iter()
        .find_map(|error| extension(error, "retryAfter").and_then(|value| value.as_u64()));
    let errors: Vec<_> = response.errors.iter().map(|error| shown(error, request_id)).collect();
    let body = Body {
        errors,
        data: (!nothing_executed).then_some(&response.data),
        extensions: &response.extensions,
    };
    answer(media, status, retry_after, &body)
}

/// An answer as GraphQL has it; the data's fields in the order of the operation.
#[derive(Serialize)]
struct Body<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'r Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'r BTreeMap<String, Value>,
}

/// An answer that comes along a stream, as JSON; or the errors of what was never executed, as a JSON list.
pub fn streamed(
    mut response: GraphqlResponse,
    request_id: &str,
    most_errors: usize,
) -> Result<String, String> {
    response.errors.truncate(most_errors);
    let errors: Vec<_> = response.errors.iter().map(|error| shown(error, request_id)).collect();
    if nothing_executed(&response) {
        return Err(serde_json::to_string(&errors).unwrap_or_default());
    }
    let body = Body { errors, data: Some(&response.data), extensions: &response.extensions };
    Ok(serde_json::to_string(&body).unwrap_or_default())
}

fn nothing_executed(response: &GraphqlResponse) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The answer to what was never executed.
pub fn refused(media: Media, error: Error, request_id: &str) -> Response {
    executed(
        media,
        GraphqlResponse::from_errors(vec![crate::graphql::error::server_error(error)]),
        request_id,
        1,
    )
}

/// The answer to what is not a GraphQL request at all: the same status for every media type.
pub fn not_a_request(media: Media, status: StatusCode, message: &str) -> Response {
    let body = json!({ "errors": [{ "message": message, "extensions": { "code": ErrorCode::BadUserInput.as_str() } }] });
    answer(media, status, None, &body)
}

/// A panic, or anything else that left no answer.
pub fn fault(request_id: &str) -> Response {
    let stop = Stop {
        code: ErrorCode::InternalServerError,
        message: ErrorCode::InternalServerError.message().to_owned(),
        retry_after: None,
        missing: None,
        earliest: None,
    };
    refused(Media::Json, Error::Stop(stop), request_id)
}

fn answer(media: Media, status: StatusCode, retry_after: Option<u64>, body: &impl Serialize) -> Response {
    let mut response = (status, serde_json::to_vec(body).unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media.content_type());
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An error as it is shown.
fn shown(error: &ServerError, request_id: &str) -> Json {
    let mut json = serde_json::to_value(error).unwrap_or_default();
    json["extensions"]["code"] = json!(code(error).as_str());
    if json["extensions"]["code"] == ErrorCode::InternalServerError.as_str() {
        json["extensions"]["requestId"] = json!(request_id);
    }
    json
}

fn extension(error: &ServerError, name: &str) -> Option<Json> {
    error.extensions.as_ref()?.get(name).and_then(|value| value.clone().into_json().ok())
}

/// The error's code. async-graphql's own errors have none and can only be told apart by where they come from: those of
/// execution, and those about arguments, are about values.
fn code(error: &ServerError) -> ErrorCode {
    let given =
        extension(error, "code").and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
    let known = ErrorCode::ALL.iter().copied().find(|known| known.as_str() == given);
    let of_values = !error.path.is_empty() || error.message.starts_with("Invalid value for argument");
    known.unwrap_or(match error.message.as_str() {
        "Query is too complex." | "Query is nested too deep." => ErrorCode::CostExceeded,
        _ if of_values => ErrorCode::BadUserInput,
        _ => ErrorCode::GraphqlValidationFailed,
    })
}

fn status(media: Media, response: &GraphqlResponse, nothing_executed: bool) -> StatusCode {
    let status_of = |error: &ServerError| match code(error).place() {
        Place::Errors(status) => StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        Place::UserErrors => StatusCode::BAD_REQUEST,
    };
    let first = response.errors.first().map(status_of);
    match first {
        // Under application/json, a document that does not parse or fit is still a request that was answered.
        Some(StatusCode::BAD_REQUEST) if nothing_executed && media == Media::Json => StatusCode::OK,
        Some(status) if nothing_executed => status,
        // Overload has to be seen by proxies and clients that do not read the body.
        Some(status @ (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS))
            if response.data == Value::Null =>
        {
            status
        }
        _ => StatusCode::OK,
    }
}
