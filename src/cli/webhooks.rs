//! `locum webhooks listen`: a receiver that verifies what it gets and prints it.

use super::say;
use crate::signing::{Signed, SigningSecret};
use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::Utc;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Listens for webhooks on this machine, verifies them, and prints them.
    Listen(Listen),
}

/// Where to listen.
#[derive(clap::Args)]
#[command(after_help = "\
Give createWebhook the address that is printed: `locum dev` sends there, and a `locum serve` with
--allow-private-webhooks. Then start this anew with the secret that createWebhook answered.")]
pub struct Listen {
    /// The port, on the loopback.
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// What the messages are signed with, `whsec_…`; without it nothing is verified.
    #[arg(long, env = "LOCUM_WEBHOOK_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: Option<String>,
}

/// Runs it, until a signal.
pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let Command::Listen(args) = command;
    let secret =
        args.secret.map(|text| SigningSecret::parse(&text).context("--secret: this is not a whsec_…"));
    let router = Router::new().fallback(receive).with_state(Arc::new(secret.transpose()?));
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)))
        .await
        .with_context(|| format!("cannot listen on port {}; --port gives another one", args.port))?;
    say::line(format_args!("Listening for webhooks on http://{}/", listener.local_addr()?));
    axum::serve(listener, router).await?;
    Ok(ExitCode::SUCCESS)
}

async fn receive(
    State(secret): State<Arc<Option<SigningSecret>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp").parse().unwrap_or_default());
    let message = Signed { id, timestamp, body: &body };
    let (verdict, status) = match secret.as_ref() {
        None => ("not verified: no --secret".to_owned(), StatusCode::NO_CONTENT),
        Some(secret) => match secret.verify(message, header("webhook-signature"), now()) {
            Ok(()) => ("verified".to_owned(), StatusCode::NO_CONTENT),
            Err(why) => (format!("REFUSED: {why}"), StatusCode::UNAUTHORIZED),
        },
    };
    let shown = match serde_json::from_slice::<Value>(&body) {
        Ok(json) => serde_json::to_string_pretty(&json).unwrap_or_default(),
        Err(_) => format!("{} bytes that are not JSON", body.len()),
    };
    say::line(format_args!("\n{id}  {verdict}\n{shown}"));
    status
}

#[expect(clippy::disallowed_methods, reason = "a receiver has no clock but its machine's")]
fn now() -> i64 {
    Utc::now().timestamp()
}
