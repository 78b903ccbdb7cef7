//! Around every request: its id, its line in the log, its metrics, and a net below it for panics.

use super::Door;
use super::respond;
use crate::db::counting;
use crate::id;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tracing::Instrument;

/// The id of a request, for whoever answers it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Runs a request.
pub async fn trace(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let request_id = id::new(door.services.log.clock.now()).to_string();
    let span = tracing::info_span!("request", %request_id);
    // As the route has it: there may be a token in the path itself.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let (method, path) = (request.method().clone(), route.unwrap_or_else(|| "(no such route)".to_owned()));
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let statements = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let work = AssertUnwindSafe(counting::into(statements.clone(), next.run(request)))
        .catch_unwind()
        .instrument(span.clone());
    let mut response = work.await.unwrap_or_else(|_| {
        metrics::counter!("locum_panics_total").increment(1);
        respond::fault(&request_id)
    });
    let (elapsed, statements) = (started.elapsed(), statements.load(Ordering::Relaxed));
    span.in_scope(|| {
        let (status, ms) = (response.status().as_u16(), elapsed.as_secs_f64() * 1_000.0);
        tracing::info!(%method, path, status, ms, statements, "answered");
    });
    metrics::counter!("locum_requests_total", "status" => response.status().as_str().to_owned()).increment(1);
    metrics::histogram!("locum_request_seconds").record(elapsed.as_secs_f64());
    metrics::histogram!("locum_request_statements").record(statements as f64);
    let headers = response.headers_mut();
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert("x-request-id", value);
    }
    if door.statement_header {
        headers.insert("x-locum-statements", HeaderValue::from(statements));
    }
    response
}
