//! `locum dev`: the service with demo data, its own database, and an inbox that catches every mail.

mod inbox;
mod key;
mod seed;

use super::serve::told_to_stop;
use crate::app::{App, Parts};
use crate::config::Config;
use crate::db::embedded::{Cluster, Options};
use crate::db::migrations;
use crate::delivery::Links;
use anyhow::Context;
use inbox::Inbox;
pub use seed::PASSPHRASE;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

/// Runs until a signal.
pub async fn run(mut config: Config) -> anyhow::Result<ExitCode> {
    tokio::fs::create_dir_all(&config.data_dir)
        .await
        .with_context(|| format!("cannot make the folder {}", config.data_dir.display()))?;
    let options = Options::new(config.data_dir.join("postgres"));
    let (cluster, url) = tokio::task::spawn_blocking(move || {
        let cluster = Cluster::start(options)?;
        cluster.create_database_if_missing("locum")?;
        let url = cluster.url("locum");
        anyhow::Ok((cluster, url))
    })
    .await??;
    config.database_url = Some(url.clone().into());
    config.explorer = true;
    config.statement_header = true;
    config.allow_private_webhooks = true;
    if config.encryption_key.is_none() {
        config.encryption_key = Some(key::kept(&config.data_dir).await?);
    }
    migrations::run(&url).await?;
    let service = base(config.listen);
    config.public_url.get_or_insert(service.parse()?);
    let inbox = Arc::new(Inbox::open(&config.data_dir).await?);
    let links = match &config.app_url {
        Some(app) => Links::App(app.clone()),
        None => Links::Explorer(service.parse()?),
    };
    let port = config.listen.port();
    let parts = Parts {
        transport: inbox.clone(),
        links,
        extra: inbox::router(inbox),
        origins: vec![
            service.clone(),
            format!("http://localhost:{port}"),
            format!("http://127.0.0.1:{port}"),
        ],
    };
    let app = App::new(&config, None).await?;
    seed::seed(&app).await?;
    let running = app.open(&config, parts).await?;
    println!("{}", welcome(&service, running.ops_address, &url));
    told_to_stop().await?;
    running.close().await;
    tokio::task::spawn_blocking(move || cluster.stop()).await??;
    Ok(ExitCode::SUCCESS)
}

/// The service's address, as a browser on this machine reaches it.
fn base(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}

fn welcome(service: &str, ops: SocketAddr, database: &str) -> String {
    format!(
        "
  locum is up.

    GraphQL and GraphiQL   {service}/graphql
    mails it sent          {service}/dev/mail
    health, metrics        http://{ops}/readyz  http://{ops}/metrics
    the log, as it grows   DATABASE_URL='{database}' locum events tail --firm harbour

  Demo firms: harbour and summit. In each, with the passphrase {passphrase}:
    ana, ben  advisers      ali  assistant      sam  setup admin      bo  back-office user

  Three things to try, in GraphiQL under \"Ready-made operations\":
    1. SignIn as ana, then AddBackOfficeUser with an address of your choice.
    2. SignOut, open the mail that arrives, follow its link, register, and sign in as that person.
    3. StartImpersonation, then Clients: you see ana's clients, and ana's Events show that you did.

  Ctrl-C stops it. The data stays.
",
        passphrase = seed::PASSPHRASE,
    )
}
