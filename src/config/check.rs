//! What is wrong with a configuration, in words.

use super::sources::{defaults, described, flattened, source};
use super::{Config, SECRETS};
use crate::sealed::Seal;
use figment::Figment;
use figment::error::{Actual, Kind};
use figment::value::{Dict, Value};
use secrecy::ExposeSecret;
use std::collections::BTreeSet;
use url::Url;

/// The configuration, if every key is known and every value is of its type and can work.
pub fn extract(figment: &Figment) -> anyhow::Result<Config> {
    let unknown = unknown(figment)?;
    if !unknown.is_empty() {
        return Err(refused(unknown));
    }
    let config: Config = figment.extract().map_err(|error| refused(readable(figment, error)))?;
    let nonsense: Vec<_> =
        nonsense(&config).into_iter().map(|(key, why)| format!("{}: {why}", placed(figment, key))).collect();
    if nonsense.is_empty() { Ok(config) } else { Err(refused(nonsense)) }
}

fn refused(lines: Vec<String>) -> anyhow::Error {
    let lines: Vec<_> = lines.iter().map(|line| format!("  {line}")).collect();
    anyhow::anyhow!("the configuration cannot be taken:\n{}", lines.join("\n"))
}

/// A key and where it is set, such as `listen (LOCUM_LISTEN)`.
fn placed(figment: &Figment, key: &str) -> String {
    format!("{key} ({})", source(figment, key))
}

/// Keys that nobody knows: most likely misspelt, and not set where they should be.
fn unknown(figment: &Figment) -> anyhow::Result<Vec<String>> {
    let data = match figment.extract::<Dict>() {
        Ok(data) => data,
        Err(error) => return Err(refused(readable(figment, error))),
    };
    let known: BTreeSet<String> = flattened(&defaults()).into_iter().map(|(key, _)| key).collect();
    // A table where a value should be, or a value where a table should be, is of the wrong type, not unknown.
    let related = |key: &str| {
        known.iter().any(|name| {
            name == key || name.starts_with(&format!("{key}.")) || key.starts_with(&format!("{name}."))
        })
    };
    let keys = flattened(&data).into_iter().map(|(key, _)| key).filter(|key| !related(key));
    let all = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut lines: Vec<_> =
        keys.map(|key| format!("{}: there is no such setting", placed(figment, &key))).collect();
    if !lines.is_empty() {
        lines.push(format!("there are: {all}"));
    }
    Ok(lines)
}

fn readable(figment: &Figment, error: figment::Error) -> Vec<String> {
    let words = |error: figment::Error| {
        let key = error.path.join(".");
        let why = match SECRETS.contains(&key.as_str()) {
            true => "this is not text; put it between quotation marks".to_owned(),
            false => why(&error.kind),
        };
        match (&error.metadata, key.is_empty()) {
            (Some(metadata), true) => format!("{}: {why}", described(metadata)),
            (Some(metadata), false) => format!("{key} ({}): {why}", described(metadata)),
            (None, true) => why,
            (None, false) => format!("{}: {why}", placed(figment, &key)),
        }
    };
    error.into_iter().map(words).collect()
}

fn why(kind: &Kind) -> String {
    let plain = |actual: &Actual| match actual {
        Actual::Str(text) => format!("{text:?}"),
        Actual::Unsigned(number) => number.to_string(),
        Actual::Signed(number) => number.to_string(),
        Actual::Bool(value) => value.to_string(),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    };
    match kind {
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            let expected = match expected.as_str() {
                "u16" | "u32" | "u64" | "usize" | "i32" | "i64" => {
                    "a number that is neither negative nor too large"
                }
                "a boolean" => "true or false",
                "a sequence" => "a list",
                other => other,
            };
            format!("{} is not {expected}", plain(actual))
        }
        Kind::UnknownVariant(actual, expected) => format!("{actual:?} is not one of {}", expected.join(", ")),
        // A parser shows the lines concerned behind a `|`. One of them may hold a secret.
        other => other.to_string().lines().filter(|line| !line.contains('|')).collect::<Vec<_>>().join("; "),
    }
}

/// Values of the right type that cannot work, each with its key.
fn nonsense(config: &Config) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut claim = |key: &'static str, holds: bool, why: &str| {
        if !holds {
            found.push((key, why.to_owned()));
        }
    };
    claim("database_pool", config.database_pool > 0, "at least 1");
    claim("smtp_port", config.smtp_port != Some(0), "at least 1");
    claim(
        "ops_listen",
        config.listen.port() == 0 || config.listen != config.ops_listen,
        "is the same as listen",
    );
    claim(
        "smtp_username",
        config.smtp_username.is_some() || config.smtp_password.is_none(),
        "smtp_password is set without it",
    );
    claim(
        "smtp_password",
        config.smtp_username.is_none() || config.smtp_password.is_some(),
        "smtp_username is set without it",
    );
    let web = |url: &Option<Url>| url.as_ref().is_none_or(is_web);
    claim("app_url", web(&config.app_url), "an address begins with https:// or http://");
    claim("public_url", web(&config.public_url), "an address begins with https:// or http://");
    let origins = config.allowed_origins.iter().all(|origin| is_origin(origin));
    claim(
        "allowed_origins",
        origins,
        "an origin is scheme, host and port, such as https://app.example.com: no path, no slash at the end",
    );
    let from = config.mail_from.as_ref().is_none_or(|from| from.parse::<lettre::message::Mailbox>().is_ok());
    claim("mail_from", from, "write it as Locum <locum@example.com>");
    let key = config.encryption_key.as_ref().is_none_or(|key| Seal::new(key).is_some());
    claim("encryption_key", key, "32 bytes in base64, as `openssl rand -base64 32` makes them");
    let database = config
        .database_url
        .as_ref()
        .is_none_or(|url| url.expose_secret().parse::<tokio_postgres::Config>().is_ok());
    claim(
        "database_url",
        database,
        "write it as postgres://user:password@host/name, with %-codes for special characters",
    );
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log) {
        found.push(("log", format!("{error}; write it as info or locum=debug,info")));
    }
    found.extend(limits(config));
    found
}

/// No limit is zero: that would refuse everything.
fn limits(config: &Config) -> Option<(&'static str, String)> {
    let limits = Value::serialize(&config.limits).ok()?;
    let too_small =
        |value: &Value| value.to_i128().is_some_and(|value| value < 1) || value.to_u128() == Some(0);
    let names: Vec<_> =
        limits.as_dict()?.iter().filter(|(_, value)| too_small(value)).map(|(key, _)| key.as_str()).collect();
    if names.is_empty() { None } else { Some(("limits", format!("at least 1: {}", names.join(", ")))) }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_web(&url) && url.origin().ascii_serialization() == text)
}
