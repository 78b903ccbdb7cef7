//! The door: HTTP.
//!
//! `/graphql` is the one endpoint ([`endpoint`]): a request is read ([`message`]), its sender found ([`credentials`]),
//! admitted, executed, and answered in the form that the sender accepts ([`respond`]). What streams ([`operation`]) does so
//! over a WebSocket ([`socket`]) or as an event stream ([`event_stream`]). Every answer has a request id
//! ([`trace`]), which every line of the log has too. `/print/{token}` is a case on paper ([`print`]). On a second port are health and metrics ([`ops`]).

mod credentials;
mod endpoint;
mod event_stream;
mod explorer;
mod message;
mod operation;
pub mod ops;
mod print;
mod respond;
mod socket;
mod trace;

use crate::graphql::{Face, Services};
use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// What the handlers share.
pub struct Door {
    pub face: Face,
    pub services: Services,
    /// Whether GraphiQL is served.
    pub explorer: bool,
    /// Origins whose pages may use the session cookie.
    pub origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
    /// Whether answers say how many SQL statements they took.
    pub statement_header: bool,
    /// Tells long-lived connections that the house closes.
    pub closing: CancellationToken,
    /// Long-lived connections; closing waits for them.
    pub connections: TaskTracker,
}

/// The longest that a connection goes on when the house closes: not all come back in the same moment.
const SPREAD: Duration = Duration::from_secs(4);

impl Door {
    /// When one of the connections is to end, once the house closes.
    fn ends_after(&self) -> Duration {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        SPREAD * (NEXT.fetch_add(1, Ordering::Relaxed) % 64) / 64
    }
}

/// The routes of the service.
pub fn router(door: Arc<Door>) -> Router {
    let mut router = Router::new()
        .route("/graphql", get(endpoint::get).post(endpoint::post))
        .route("/print/{token}", get(print::open).head(print::head));
    if door.explorer {
        router = router.route("/graphql/explorer/{name}", get(explorer::asset));
    }
    let origins = door.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([HeaderName::from_static("x-request-id"), header::RETRY_AFTER]);
    let router = router.fallback(async || StatusCode::NOT_FOUND);
    router.layer(cors).layer(from_fn_with_state(door.clone(), trace::trace)).with_state(door)
}
