//! Connections to the database: in the clear over a Unix socket or where the URL says so, otherwise by rustls,
//! which always verifies the server against the machine's certificate authorities.

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use std::sync::Arc;
use tokio_postgres::config::{Host, SslMode};

/// Opens one connection.
pub async fn establish(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let config: tokio_postgres::Config = url.parse().map_err(bad)?;
    let local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    if local || config.get_ssl_mode() == SslMode::Disable {
        return AsyncPgConnection::establish(url).await;
    }
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(client_config()?);
    let (client, connection) = config.connect(tls).await.map_err(bad)?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
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
