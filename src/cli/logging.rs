//! The log: readable on a terminal, JSON otherwise; to standard error.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Libraries that log what they carry. From `debug` on, the database's driver: what statements are given, such as addresses
/// and hashes. From `trace` on, those of the WebSockets: each frame, the one with the token too.
const QUIET: [&str; 3] = ["tokio_postgres=info", "tungstenite=info", "tokio_tungstenite=info"];

/// Starts it, with a filter in the syntax of `RUST_LOG`.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(without_secrets(filter)?).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        subscriber.with_target(false).init();
    } else {
        subscriber.json().flatten_event(true).init();
    }
    Ok(())
}

/// What is logged by a filter in the syntax of `RUST_LOG`, whatever that says of those libraries.
pub fn without_secrets(filter: &str) -> anyhow::Result<EnvFilter> {
    let filter = EnvFilter::try_new(filter)?;
    QUIET.iter().try_fold(filter, |filter, quiet| Ok(filter.add_directive(quiet.parse()?)))
}
