//! The configuration: flag > environment > file > default. One documented struct; unknown keys are errors.
//!
//! The environment's names are the fields' in capitals behind `LOCUM_` (`LOCUM_LISTEN`; two underscores go into a
//! table: `LOCUM_LIMITS__COST_BUCKET`); empty ones count as not set. `DATABASE_URL` is understood too. Lists are written
//! with commas, or as in JSON. Each secret can also come from a file, whose path is in the same name with `_FILE` behind
//! it. The file is TOML, named by `LOCUM_CONFIG`, otherwise `locum.toml` in the working directory if there is one.
//!
//! [`sources`] lays the values over each other, [`environment`] reads the environment, [`check`] says in words what is
//! wrong: unknown keys, wrong types, values that cannot work.

mod check;
mod environment;
mod sources;
#[cfg(test)]
mod tests;

pub use sources::{Flags, explained};

use crate::defaults::Patience;
use anyhow::Context;
use environment::Environment;
use figment::Figment;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use url::Url;

/// All that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where `locum dev` keeps its database and what else it needs.
    pub data_dir: PathBuf,
    /// Where the service listens.
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are.
    pub ops_listen: SocketAddr,
    /// The database, PostgreSQL 15 or newer: a `postgres://` URL. A secret.
    pub database_url: Option<SecretString>,
    /// Most connections to the database.
    pub database_pool: usize,
    /// A NATS server that carries wake-ups between the nodes; without one PostgreSQL does. A secret: it may have a password.
    pub nats_url: Option<SecretString>,
    /// The browser app that links in mails point to; without one they open the explorer.
    pub app_url: Option<Url>,
    /// The service's own address, as people reach it.
    pub public_url: Option<Url>,
    /// Origins, besides the service's own and the app's, whose pages may use the session cookie.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether GraphiQL and introspection are served.
    pub explorer: bool,
    /// Whether anybody may register a firm.
    pub open_registration: bool,
    /// The mail server.
    pub smtp_host: Option<String>,
    /// Its port; by default the usual one of `smtp_tls`.
    pub smtp_port: Option<u16>,
    /// How the connection to it is secured.
    pub smtp_tls: SmtpTls,
    /// The user there, if it wants one.
    pub smtp_username: Option<String>,
    /// The password there. A secret.
    pub smtp_password: Option<SecretString>,
    /// Who mails are from, such as `Locum <locum@example.com>`.
    pub mail_from: Option<String>,
    /// What secrets are sealed with that the service has to use again, as 32 bytes in base64. A secret.
    pub encryption_key: Option<SecretString>,
    /// Whether webhooks may go to private addresses and without TLS: for development only.
    pub allow_private_webhooks: bool,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub log: String,
    /// Whether answers say how many SQL statements they took, in `x-locum-statements`.
    pub statement_header: bool,
    /// The limits.
    pub limits: Limits,
    /// How long those who are connected are waited for: no setting.
    #[serde(skip)]
    pub patience: Patience,
}

/// How the connection to the mail server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// TLS from the first byte (port 465).
    Tls,
    /// STARTTLS, required (port 587).
    Starttls,
    /// None (port 25): for a server on the same machine.
    None,
}

/// The limits, each with the code that its refusal carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest request body in bytes; 413.
    pub body_bytes: usize,
    /// Largest document in bytes; `GRAPHQL_PARSE_FAILED`.
    pub document_bytes: usize,
    /// Most tokens in a document; `GRAPHQL_PARSE_FAILED`.
    pub document_tokens: usize,
    /// Deepest nesting of fields; `COST_EXCEEDED`.
    pub depth: usize,
    /// Most aliases in a document; `COST_EXCEEDED`.
    pub aliases: usize,
    /// Most root fields of an operation; `COST_EXCEEDED`.
    pub root_fields: usize,
    /// Most mutations in an operation; `COST_EXCEEDED`.
    pub mutations: usize,
    /// Most directives on a field; `COST_EXCEEDED`.
    pub directives: usize,
    /// Most points an operation may cost; `COST_EXCEEDED`.
    pub complexity: usize,
    /// Most errors in an answer.
    pub errors: usize,
    /// Points that a session can spend at once; `COST_EXCEEDED`.
    pub cost_bucket: u32,
    /// Points that come back each second.
    pub cost_restore_rate: u32,
    /// Most operations that run over one WebSocket; it is closed with 4429.
    pub socket_operations: usize,
    /// Longest execution in seconds; `UNAVAILABLE`.
    pub execution_seconds: u64,
    /// Sign-ins a minute per network (an IPv4 address, the /64 of an IPv6 one) and per account; `RATE_LIMITED`.
    pub sign_ins_per_minute: i32,
    /// Registrations, resets and opened links an hour per network; `RATE_LIMITED`.
    pub public_actions_per_hour: i32,
    /// Mails an hour that one person causes; `RATE_LIMITED`.
    pub mails_per_actor_per_hour: i32,
    /// Mails a day to one address; further ones are suppressed.
    pub mails_per_address_per_day: i64,
    /// Mails a day that one firm causes; further ones are suppressed.
    pub mails_per_firm_per_day: i64,
    /// Passwords that wait to be hashed; `UNAVAILABLE`.
    pub password_queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            document_bytes: 32 << 10,
            document_tokens: 4_000,
            depth: 15,
            aliases: 30,
            root_fields: 20,
            mutations: 5,
            directives: 50,
            complexity: 5_000,
            errors: 20,
            cost_bucket: 10_000,
            cost_restore_rate: 200,
            socket_operations: 32,
            execution_seconds: 10,
            sign_ins_per_minute: 5,
            public_actions_per_hour: 60,
            mails_per_actor_per_hour: 20,
            mails_per_address_per_day: 3,
            mails_per_firm_per_day: 2_000,
            password_queue: 64,
        }
    }
}

/// Keys whose values are never shown, and can come from a file.
const SECRETS: [&str; 4] = ["database_url", "encryption_key", "nats_url", "smtp_password"];

/// Reads it all. `flags` are the values given on the command line, by key.
///
/// # Errors
/// A text of several lines that names each thing that is wrong, and where it stands.
pub fn load(file: Option<&Path>, flags: Flags) -> anyhow::Result<(Config, Figment)> {
    load_from(file, &Environment::of_the_process()?, flags)
}

fn load_from(
    file: Option<&Path>,
    environment: &Environment,
    flags: Flags,
) -> anyhow::Result<(Config, Figment)> {
    let figment = sources::laid_over_each_other(file, environment, flags)?;
    let config = check::extract(&figment)?;
    Ok((config, figment))
}

/// What `locum serve` cannot do without, in words; empty if nothing is missing.
pub fn missing_for_serve(config: &Config) -> Vec<String> {
    let mut missing = Vec::new();
    let mut need = |there: bool, what: &str| {
        if !there {
            missing.push(what.to_owned());
        }
    };
    need(config.database_url.is_some(), "DATABASE_URL: the database, as postgres://user:password@host/name");
    need(
        config.app_url.is_some() || config.explorer,
        "LOCUM_APP_URL: the browser app that links in mails point to",
    );
    need(config.public_url.is_some(), "LOCUM_PUBLIC_URL: the address under which people reach this service");
    need(
        config.smtp_host.is_some(),
        "LOCUM_SMTP_HOST: the mail server (and LOCUM_SMTP_USERNAME, LOCUM_SMTP_PASSWORD if it wants them)",
    );
    need(config.mail_from.is_some(), "LOCUM_MAIL_FROM: who mails are from, as Locum <locum@example.com>");
    need(
        config.encryption_key.is_some(),
        "LOCUM_ENCRYPTION_KEY: what webhook secrets are sealed with, as `openssl rand -base64 32` makes one",
    );
    missing
}

impl Config {
    /// The database's URL; an error that says how to give one.
    pub fn database_url(&self) -> anyhow::Result<&str> {
        let url = self
            .database_url
            .as_ref()
            .context("DATABASE_URL is not set: the database, as postgres://user:password@host/name")?;
        Ok(url.expose_secret())
    }
}
