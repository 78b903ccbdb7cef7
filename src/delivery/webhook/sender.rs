//! One call to a receiver: never to a private address, never along a redirect, never for longer than 15 seconds.

use crate::reach::Reach;
use anyhow::Context;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, redirect};
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time for all of a call.
const TOTAL: Duration = Duration::from_secs(15);
/// Longest time for the answer's body: what the receiver thinks of it is known before.
const BODY: Duration = Duration::from_secs(5);
/// Most that is read of an answer, and most that is kept of it, in bytes.
const READ: usize = 64 << 10;
const KEPT: usize = 2 << 10;

/// Calls receivers.
pub struct Sender {
    http: Client,
    reach: Reach,
    total: Duration,
}

/// A message, ready to go.
pub struct Message {
    pub url: String,
    pub id: String,
    pub timestamp: i64,
    /// One, or two with a blank between them.
    pub signatures: String,
    pub body: String,
}

/// What a receiver answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// `None` if it was not reached, or did not answer.
    pub status: Option<u16>,
    pub retry_after: Option<String>,
    /// The beginning of the answer; or why there is none.
    pub answer: String,
}

impl Reply {
    /// Whether the receiver took it.
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    fn none(why: impl Into<String>) -> Self {
        Self { status: None, retry_after: None, answer: why.into() }
    }
}

/// The resolver that connections are made by: it knows only addresses that may be dialled.
struct Reachable(Reach);

impl Resolve for Reachable {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let addresses = reach.look_up(name.as_str()).await?;
            if addresses.is_empty() {
                return Err(crate::reach::Unreachable::Private.into());
            }
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// The machine's certificate authorities take a while to read.
static TLS: LazyLock<Option<rustls::ClientConfig>> = LazyLock::new(|| {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Some(builder.ok()?.with_root_certificates(roots).with_no_client_auth())
});

impl Sender {
    /// One that reaches what it may.
    pub fn new(reach: Reach) -> anyhow::Result<Self> {
        let tls = TLS.clone().context("TLS cannot be had")?;
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Reachable(reach.clone()))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("locum/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(4)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { http, reach, total: TOTAL })
    }

    /// With another limit than 15 seconds for all of a call.
    pub fn within(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }

    /// Sends a message, and says what came back: whatever goes wrong is an answer too.
    pub async fn send(&self, message: Message) -> Reply {
        // An address in the URL is dialled without asking a resolver.
        if let Err(why) = self.reach.check(&message.url) {
            return Reply::none(why.to_string());
        }
        let deadline = tokio::time::Instant::now() + self.total;
        let request = self
            .http
            .post(&message.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", &message.signatures)
            .body(message.body);
        match tokio::time::timeout_at(deadline, request.send()).await {
            Err(_) => Reply::none(format!("No answer within {} seconds.", self.total.as_secs_f32())),
            Ok(Err(error)) => Reply::none(words(&error)),
            Ok(Ok(response)) => {
                let status = Some(response.status().as_u16());
                let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = retry_after.map(str::to_owned);
                let until = deadline.min(tokio::time::Instant::now() + BODY);
                Reply { status, retry_after, answer: beginning(response, until).await }
            }
        }
    }
}

/// The beginning of an answer as text; what is larger than 64 kB is not read to its end.
async fn beginning(mut response: Response, until: tokio::time::Instant) -> String {
    let (mut read, mut kept) = (0, Vec::new());
    while read < READ {
        let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(until, response.chunk()).await else { break };
        read += chunk.len();
        kept.extend(chunk.iter().take(KEPT.saturating_sub(kept.len())));
    }
    let mut text: String =
        String::from_utf8_lossy(&kept).chars().filter(|c| !c.is_control() || *c == '\n').collect();
    // What is not UTF-8 grows when it is replaced.
    while text.len() > KEPT {
        text.pop();
    }
    text
}

/// Why there is no answer, in the words of whatever failed at the bottom of it; without the address, whose path may
/// be secret.
fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let what = if error.is_connect() { "No connection" } else { "No answer" };
    let text: String = cause.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    if error.source().is_none() { format!("{what}.") } else { format!("{what}: {text}") }
}
