//! Connections to the database: in the clear over a Unix socket or where the URL says so, otherwise by rustls,
//! which always verifies the server against the machine's certificate authorities.

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Arc;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls};

/// Opens one connection.
pub async fn establish(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let config: Config = url.parse().map_err(bad)?;
    if in_the_clear(&config) {
        return AsyncPgConnection::establish(url).await;
    }
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(client_config()?);
    let (client, connection) = config.connect(tls).await.map_err(bad)?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// Opens one that also hears what the server says unasked; it works only while its messages are taken.
pub async fn listening(
    url: &str,
) -> anyhow::Result<(Client, BoxStream<'static, Result<AsyncMessage, Error>>)> {
    let config: Config = url.parse()?;
    if in_the_clear(&config) {
        let (client, connection) = config.connect(NoTls).await?;
        return Ok((client, messages(connection)));
    }
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(client_config()?);
    let (client, connection) = config.connect(tls).await?;
    Ok((client, messages(connection)))
}

fn messages<S, T>(mut connection: Connection<S, T>) -> BoxStream<'static, Result<AsyncMessage, Error>>
where
    Connection<S, T>: Send + 'static,
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    stream::poll_fn(move |context| connection.poll_message(context)).boxed()
}

fn in_the_clear(config: &Config) -> bool {
    let local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    local || config.get_ssl_mode() == SslMode::Disable
}

fn client_config() -> ConnectionResult<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(bad)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn bad(cause: impl std::fmt::Display) -> ConnectionError {
    ConnectionError::BadConnection(cause.to_string())
}
