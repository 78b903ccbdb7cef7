//! The log: readable on a terminal, JSON otherwise; to standard error.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts it, with a filter in the syntax of `RUST_LOG`.
pub fn start(filter: &str) -> anyhow::Result<()> {
    // From `debug` on, the driver logs what statements are given: addresses, hashes, what clients say.
    let filter = EnvFilter::try_new(filter)?.add_directive("tokio_postgres=info".parse()?);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        subscriber.with_target(false).init();
    } else {
        subscriber.json().flatten_event(true).init();
    }
    Ok(())
}
