//! `locum serve`: the service for real.

use crate::app::{App, Parts};
use crate::config::{Config, missing_for_serve};
use crate::db::migrations;
use crate::delivery::Links;
use crate::delivery::mail::Smtp;
use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Runs until a signal; refuses to start with a list of what is missing.
pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let missing = missing_for_serve(&config);
    anyhow::ensure!(missing.is_empty(), "this is missing:\n  {}", missing.join("\n  "));
    let pending = migrations::pending(config.database_url()?).await?;
    anyhow::ensure!(pending.is_empty(), "the database is not up to date; run `locum migrate`");
    let links = match (&config.app_url, &config.public_url) {
        (Some(app), _) => Links::App(app.clone()),
        (None, Some(service)) => Links::Explorer(service.clone()),
        (None, None) => anyhow::bail!("LOCUM_APP_URL or LOCUM_PUBLIC_URL is missing"),
    };
    let transport = Arc::new(Smtp::new(&config)?);
    allow_open_files();
    let running = App::new(&config, None)
        .await?
        .open(&config, Parts { transport, links, extra: Router::new(), origins: Vec::new() })
        .await?;
    tracing::info!(address = %running.address, ops = %running.ops_address, "locum serves");
    told_to_stop().await?;
    tracing::info!("closing: what runs is finished first");
    running.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Takes as many open files as the system allows, for each connection is one. What is given to start with is often 1,024,
/// out of regard for programs that cannot deal with more.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, ?limit, "no more open files are allowed than these");
    }
}

/// Waits for SIGTERM or SIGINT. A second one ends the program at once.
pub async fn told_to_stop() -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(())
}
