//! A connection that listens: beside the pool, for one that waits would be missing there.

use super::tls;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::sync::Arc;
use tokio_postgres::{AsyncMessage, Client, Error};

/// Hears what is said on a channel. The connection works only while it is listened to.
pub struct Listener {
    client: Arc<Client>,
    messages: BoxStream<'static, Result<AsyncMessage, Error>>,
}

/// Speaks over a listener's connection.
pub struct Speaker {
    client: Arc<Client>,
}

impl Listener {
    /// Connects, and listens from now on.
    pub async fn open(url: &str, channel: &str) -> anyhow::Result<Self> {
        let (client, messages) = tls::listening(url).await?;
        let mut listener = Self { client: Arc::new(client), messages };
        let client = listener.client.clone();
        let listen = format!("set role locum_app; listen {channel}");
        let mut listening = std::pin::pin!(client.batch_execute(&listen));
        loop {
            tokio::select! {
                done = &mut listening => {
                    done?;
                    return Ok(listener);
                }
                message = listener.messages.next() => {
                    message.ok_or_else(|| anyhow::anyhow!("the connection was closed"))??;
                }
            }
        }
    }

    /// The next that is said; `None` once the connection is closed.
    pub async fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            match self.messages.next().await.transpose()? {
                Some(AsyncMessage::Notification(said)) => return Ok(Some(said.payload().to_owned())),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Speaks over the same connection.
    pub fn speaker(&self) -> Speaker {
        Speaker { client: self.client.clone() }
    }
}

impl Speaker {
    /// Says some things to all who listen on the channel, in one transaction of its own.
    pub async fn notify(&self, channel: &str, texts: Vec<String>) -> anyhow::Result<()> {
        let statement = "select pg_notify($1, said) from unnest($2::text[]) as said";
        self.client.query(statement, &[&channel, &texts]).await?;
        Ok(())
    }
}
