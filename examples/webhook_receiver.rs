//! A receiver of webhooks, to be copied: it believes nothing that is not signed, handles each event once, and answers
//! quickly. Any language does: these are Standard Webhooks (<https://www.standardwebhooks.com>), with libraries for most.
//!
//! ```sh
//! LOCUM_WEBHOOK_SECRET=whsec_… cargo run --example webhook_receiver
//! ```

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

struct Receiver {
    secret: Vec<u8>,
    /// A real receiver keeps these in its database, in the transaction that handles the event.
    handled: Mutex<HashSet<String>>,
}

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "an example reads its own variable")]
async fn main() -> anyhow::Result<()> {
    let secret = std::env::var("LOCUM_WEBHOOK_SECRET")?;
    let secret =
        secret.strip_prefix("whsec_").ok_or_else(|| anyhow::anyhow!("a secret begins with whsec_"))?;
    let receiver = Receiver { secret: STANDARD.decode(secret)?, handled: Mutex::default() };
    let router = Router::new().route("/hooks", post(receive)).with_state(Arc::new(receiver));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8081").await?;
    println!("Give createWebhook the address http://{}/hooks", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    if !is_recent(timestamp)
        || !is_signed(&receiver.secret, id, timestamp, &body, header("webhook-signature"))
    {
        return StatusCode::UNAUTHORIZED;
    }
    // Events arrive at least once: the id tells the second time from the first.
    let is_new = receiver.handled.lock().is_ok_and(|mut handled| handled.insert(id.to_owned()));
    if is_new {
        let Ok(event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
        // What takes long belongs into a queue of your own: after 15 seconds the event counts as not taken.
        println!("{} {} {}", event["cursor"], event["type"], event["data"]);
    }
    StatusCode::NO_CONTENT
}

/// Within five minutes: what was caught and is played again later is refused.
#[expect(clippy::disallowed_methods, reason = "an example has no clock but its machine's")]
fn is_recent(timestamp: &str) -> bool {
    let Ok(seconds) = timestamp.parse() else { return false };
    let Some(sent) = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else { return false };
    let now = SystemTime::now();
    let apart = now.duration_since(sent).or_else(|_| sent.duration_since(now));
    apart.is_ok_and(|apart| apart <= Duration::from_secs(300))
}

/// One signature of several is enough: while the secret is rotated there are two.
fn is_signed(secret: &[u8], id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
    signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,")).any(|signature| {
        let (Ok(mut mac), Ok(expected)) =
            (Hmac::<Sha256>::new_from_slice(secret), STANDARD.decode(signature))
        else {
            return false;
        };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        // Takes the same time wherever the first wrong byte is.
        mac.verify_slice(&expected).is_ok()
    })
}
