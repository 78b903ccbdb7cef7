//! Health and metrics, on a port of their own that is not for everybody.

use crate::db::{Database, health};
use crate::error::Result;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What health is judged by.
#[derive(Clone)]
pub struct Ops {
    pub database: Database,
    pub metrics: PrometheusHandle,
    /// Off as soon as the service shuts down.
    pub ready: Arc<AtomicBool>,
    /// The newest migration that this program needs.
    pub newest_migration: String,
}

/// The routes.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(ops)
}

async fn ready(State(ops): State<Ops>) -> (StatusCode, String) {
    let reasons = match reasons(&ops).await {
        Ok(reasons) => reasons,
        Err(_) => vec!["the database is out of reach".to_owned()],
    };
    if reasons.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}

/// Why the service is not ready; none if it is.
async fn reasons(ops: &Ops) -> Result<Vec<String>> {
    if !ops.ready.load(Ordering::Relaxed) {
        return Ok(vec!["shutting down".to_owned()]);
    }
    health::complaints(&mut ops.database.connection().await?, &ops.newest_migration).await
}

async fn render(State(ops): State<Ops>) -> String {
    let (open, idle) = ops.database.usage();
    metrics::gauge!("locum_database_connections").set(open as f64);
    metrics::gauge!("locum_database_connections_idle").set(idle as f64);
    ops.metrics.render()
}
