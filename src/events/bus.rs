//! The bus: carries wake-ups from node to node, outside of every transaction.
//!
//! Two of them are there: PostgreSQL's own LISTEN/NOTIFY, on a connection of its own beside the pool, and NATS. Whichever
//! it is, a lost connection is made anew, and what was missed meanwhile is found by comparing the heads.

use super::hub::{Hub, Wakeup};
use crate::db::listen::Listener;
use anyhow::Context;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The channel and the subject that all nodes share.
const CHANNEL: &str = "locum_wakeups";
/// Pause before a lost connection is made anew, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long to gather after a wake-up went out: under load, many commits of a firm are one wake-up.
const REST: Duration = Duration::from_millis(5);
/// A connection that has not answered for so long is as good as lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// What carries wake-ups.
pub trait Bus: Send + Sync + 'static {
    /// Carries them both ways until the connection is lost.
    fn carry<'b>(&'b self, hub: &'b Hub) -> BoxFuture<'b, anyhow::Result<()>>;
}

/// Carries wake-ups until `stop`, over as many connections as it takes.
pub async fn run(bus: Box<dyn Bus>, hub: Hub, stop: CancellationToken) {
    let mut pause = PAUSES.0;
    loop {
        let started = tokio::time::Instant::now();
        let lost = tokio::select! {
            () = stop.cancelled() => return,
            lost = bus.carry(&hub) => lost,
        };
        if let Err(error) = lost {
            let error = format!("{error:#}");
            tracing::warn!(
                error,
                "the bus between the nodes is down; a sweep stands in for it until it is back"
            );
        }
        metrics::counter!("locum_bus_losses_total").increment(1);
        pause = if started.elapsed() > PAUSES.1 { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// PostgreSQL's LISTEN/NOTIFY.
pub struct Postgres {
    pub url: String,
}

impl Bus for Postgres {
    fn carry<'b>(&'b self, hub: &'b Hub) -> BoxFuture<'b, anyhow::Result<()>> {
        Box::pin(async move {
            let opening = Listener::open(&self.url, CHANNEL);
            let mut listener = tokio::time::timeout(PATIENCE, opening).await.context("no answer")??;
            hub.missed();
            let speaker = listener.speaker();
            let speaking = async {
                loop {
                    // Also when there is nothing to say: a connection that is half open is found by speaking.
                    let wakeups =
                        tokio::time::timeout(PATIENCE * 3, hub.outgoing()).await.unwrap_or_default();
                    let texts = wakeups.iter().map(Wakeup::to_string).collect();
                    tokio::time::timeout(PATIENCE, speaker.notify(CHANNEL, texts))
                        .await
                        .context("no answer")??;
                    tokio::time::sleep(REST).await;
                }
            };
            let hearing = async {
                while let Some(text) = listener.next().await? {
                    text.parse().into_iter().for_each(|wakeup| hub.heard(wakeup));
                }
                anyhow::bail!("the connection was closed")
            };
            tokio::select! {
                ended = speaking => ended,
                ended = hearing => ended,
            }
        })
    }
}

/// A NATS server.
pub struct Nats {
    pub url: String,
}

impl Bus for Nats {
    fn carry<'b>(&'b self, hub: &'b Hub) -> BoxFuture<'b, anyhow::Result<()>> {
        Box::pin(async move {
            let options = async_nats::ConnectOptions::new().max_reconnects(1).connection_timeout(PATIENCE);
            let client = options.connect(&self.url).await?;
            let mut subscription = client.subscribe(CHANNEL).await?;
            tokio::time::timeout(PATIENCE, client.flush()).await.context("no answer")??;
            hub.missed();
            let speaking = async {
                loop {
                    for wakeup in hub.outgoing().await {
                        client.publish(CHANNEL, wakeup.to_string().into()).await?;
                    }
                    tokio::time::timeout(PATIENCE, client.flush()).await.context("no answer")??;
                    tokio::time::sleep(REST).await;
                }
            };
            let hearing = async {
                while let Some(message) = subscription.next().await {
                    let text = std::str::from_utf8(&message.payload).unwrap_or_default();
                    text.parse().into_iter().for_each(|wakeup| hub.heard(wakeup));
                }
                anyhow::bail!("the connection was closed")
            };
            let lost = async {
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    anyhow::ensure!(
                        client.connection_state() == async_nats::connection::State::Connected,
                        "the connection was lost"
                    );
                }
            };
            tokio::select! {
                ended = speaking => ended,
                ended = hearing => ended,
                ended = lost => ended,
            }
        })
    }
}
