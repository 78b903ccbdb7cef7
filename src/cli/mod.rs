//! The command line: one file per command.

pub mod catalogue;
mod completions;
mod config;
mod dev;
mod doctor;
mod events;
mod import;
pub mod logging;
mod migrate;
mod postgres;
mod say;
mod schema;
mod seed;
mod serve;
mod user;
mod webhooks;

use crate::app::App;
use crate::config::{Config, Flags};
use clap::{Parser, Subcommand};
use figment::Figment;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Delegated access as a graph: who may act for whom, on which clients.
#[derive(Parser)]
#[command(name = "locum", version)]
pub struct Cli {
    /// The configuration file (TOML); by default `locum.toml`, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database, as postgres://user:password@host/name.
    #[arg(long, global = true, value_name = "URL", hide = true)]
    database_url: Option<String>,
    #[command(subcommand)]
    command: Command,
}

/// Where to listen and keep data.
#[derive(clap::Args)]
struct Place {
    /// Where the service listens [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where health and metrics are [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<SocketAddr>,
    /// Where `locum dev` keeps its data [default: .locum].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Lets webhooks go to private addresses and without TLS: for development only.
    #[arg(long)]
    allow_private_webhooks: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the service with demo data on its own database, for trying it out and for development.
    Dev(Place),
    /// Runs the service for real.
    Serve(Place),
    /// Brings the database up to date.
    Migrate(migrate::Args),
    /// Prints the GraphQL schema, or a catalogue.
    Schema(schema::Args),
    /// Manages users.
    #[command(subcommand)]
    User(user::Command),
    /// Imports people and clients from CSV files: all of it, or nothing.
    Import(import::Args),
    /// Makes a firm as large as firms get, to measure the service on.
    Seed(seed::Args),
    /// Looks at the event log.
    #[command(subcommand)]
    Events(events::Command),
    /// Helps whoever writes a receiver of webhooks.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Checks whether everything that the service needs is there.
    Doctor,
    /// Prints a completion script for a shell.
    Completions(completions::Args),
    /// Starts a private PostgreSQL, runs a command with its DATABASE_URL, and stops it again.
    Postgres(postgres::Args),
}

/// Runs the command that the command line names.
pub fn run() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let flags = flags(&cli);
    match cli.command {
        Command::Postgres(args) => return postgres::run(args),
        Command::Completions(args) => return completions::run(args),
        Command::Schema(args) => return schema::run(args),
        _ => {}
    }
    let (config, figment) = match crate::config::load(cli.config.as_deref(), flags) {
        Ok(loaded) => loaded,
        Err(error) => anyhow::bail!(error),
    };
    logging::start(&config.log)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(with_runtime(
        cli.command,
        config,
        figment,
    ))
}

async fn with_runtime(command: Command, config: Config, figment: Figment) -> anyhow::Result<ExitCode> {
    match command {
        Command::Dev(_) => dev::run(config).await,
        Command::Serve(_) => serve::run(config).await,
        Command::Migrate(args) => migrate::run(args, &config).await,
        Command::User(command) => user::run(command, &App::new(&config, None).await?).await,
        Command::Import(args) => import::run(args, &App::new(&config, None).await?.log).await,
        Command::Seed(args) => seed::run(args, &App::new(&config, None).await?).await,
        Command::Events(command) => events::run(command, &App::new(&config, None).await?.log).await,
        Command::Webhooks(command) => webhooks::run(command).await,
        Command::Config(command) => config::run(command, &config, &figment),
        Command::Doctor => doctor::run(&config).await,
        Command::Postgres(_) | Command::Completions(_) | Command::Schema(_) => Ok(ExitCode::SUCCESS),
    }
}

/// The flags that were given, by the configuration's keys.
fn flags(cli: &Cli) -> Flags {
    let mut flags = Flags::new();
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            flags.insert(key.to_owned(), value.into());
        }
    };
    set("database_url", cli.database_url.clone());
    if let Command::Dev(place) | Command::Serve(place) = &cli.command {
        set("listen", place.listen.map(|address| address.to_string()));
        set("ops_listen", place.ops_listen.map(|address| address.to_string()));
        set("data_dir", place.data_dir.as_ref().map(|folder| folder.display().to_string()));
        if place.allow_private_webhooks {
            flags.insert("allow_private_webhooks".to_owned(), true.into());
        }
    }
    flags
}
