//! Where values come from, the later over the earlier: default, file, environment, flag.

use super::environment::{self, Environment};
use super::{Limits, SECRETS, SmtpTls};
use anyhow::{Context, bail};
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The keys of flags, to be laid over everything else.
pub type Flags = Dict;

/// All values, each with its source. Says what cannot even be read.
pub fn laid_over_each_other(
    file: Option<&Path>,
    environment: &Environment,
    flags: Flags,
) -> anyhow::Result<Figment> {
    let mut figment = Figment::from(Named("default", defaults()));
    if let Some(file) = configured_file(file, environment)? {
        figment = figment.merge(Toml::file_exact(file));
    }
    for key in SECRETS {
        figment = with_secret(figment, key, environment)?;
    }
    let (defaults, mut wrong) = (defaults(), Vec::new());
    for setting in environment.settings(&SECRETS) {
        let default = match environment::at(&defaults, &setting.key) {
            // The one number that is not set by default.
            _ if setting.key == "smtp_port" => Value::from(0),
            Some(default) => default.clone(),
            None => Value::from(""),
        };
        match environment::typed(setting.text, &default) {
            Ok(value) => {
                figment = figment.merge(Named(setting.name, environment::nested(&setting.key, value)))
            }
            Err(why) => wrong.push(format!("  {}: {why}", setting.name)),
        }
    }
    if !wrong.is_empty() {
        bail!("the configuration cannot be taken:\n{}", wrong.join("\n"));
    }
    Ok(figment.merge(Named("flag", flags)))
}

/// The file that is named, which must be there; or `locum.toml`, if it is there.
fn configured_file(file: Option<&Path>, environment: &Environment) -> anyhow::Result<Option<PathBuf>> {
    let named = file.map(Path::to_path_buf).or_else(|| environment.get("LOCUM_CONFIG").map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| PathBuf::from("locum.toml"));
    match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => bail!("the configuration file {} is a folder", path.display()),
        Ok(_) => Ok(Some(path)),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(error).with_context(|| format!("the configuration file {} cannot be read", path.display()))
        }
    }
}

/// A secret is taken as it stands: a password may look like a number or a list.
fn with_secret(mut figment: Figment, key: &str, environment: &Environment) -> anyhow::Result<Figment> {
    for [plain, in_file] in Environment::names_of_secret(key) {
        let (name, secret) = match (environment.get(&plain), environment.get(&in_file)) {
            (Some(_), Some(_)) => bail!("both {plain} and {in_file} are set; unset one of them"),
            (Some(secret), None) => (plain, secret.to_owned()),
            (None, Some(path)) => (format!("{in_file} ({path})"), secret_file(&in_file, path)?),
            (None, None) => continue,
        };
        figment = figment.merge(Named(&name, Dict::from([(key.to_owned(), secret.into())])));
    }
    Ok(figment)
}

fn secret_file(name: &str, path: &str) -> anyhow::Result<String> {
    let secret = std::fs::read_to_string(path)
        .with_context(|| format!("{name} names {path}, which cannot be read"))?;
    let secret = secret.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!secret.is_empty(), "{name} names {path}, which is empty");
    Ok(secret.to_owned())
}

/// The value of each setting if nobody sets it, those included that have none: so every key is here.
pub fn defaults() -> Dict {
    #[derive(Serialize)]
    struct Defaults {
        data_dir: &'static str,
        listen: &'static str,
        ops_listen: &'static str,
        database_url: Option<()>,
        database_pool: usize,
        nats_url: Option<()>,
        app_url: Option<()>,
        public_url: Option<()>,
        allowed_origins: [&'static str; 0],
        trusted_proxies: [&'static str; 0],
        explorer: bool,
        open_registration: bool,
        smtp_host: Option<()>,
        smtp_port: Option<()>,
        smtp_tls: SmtpTls,
        smtp_username: Option<()>,
        smtp_password: Option<()>,
        mail_from: Option<()>,
        encryption_key: Option<()>,
        allow_private_webhooks: bool,
        log: &'static str,
        statement_header: bool,
        limits: Limits,
    }
    let defaults = Defaults {
        data_dir: ".locum",
        listen: "127.0.0.1:8080",
        ops_listen: "127.0.0.1:9090",
        database_url: None,
        database_pool: 8,
        nats_url: None,
        app_url: None,
        public_url: None,
        allowed_origins: [],
        trusted_proxies: [],
        explorer: false,
        open_registration: true,
        smtp_host: None,
        smtp_port: None,
        smtp_tls: SmtpTls::Starttls,
        smtp_username: None,
        smtp_password: None,
        mail_from: None,
        encryption_key: None,
        allow_private_webhooks: false,
        log: "info",
        statement_header: false,
        limits: Limits::default(),
    };
    Serialized::defaults(defaults)
        .data()
        .ok()
        .and_then(|mut data| data.remove(&Profile::Default))
        .unwrap_or_default()
}

/// Each setting with its value and where that came from; secrets are not shown.
pub fn explained(figment: &Figment) -> Vec<(String, String, String)> {
    let explain = |(key, value): (String, Value)| {
        let shown = match &value {
            Value::Empty(..) => "(not set)".to_owned(),
            _ if SECRETS.contains(&key.as_str()) => "(secret)".to_owned(),
            value => serde_json::to_string(value).unwrap_or_default(),
        };
        let source = source(figment, &key);
        (key, shown, source)
    };
    flattened(&figment.extract::<Dict>().unwrap_or_default()).into_iter().map(explain).collect()
}

/// Where the value of a key came from.
pub fn source(figment: &Figment, key: &str) -> String {
    figment.find_metadata(key).map_or("default".to_owned(), described)
}

/// A source in words: a file's path, a variable's name, `flag` or `default`.
pub fn described(metadata: &Metadata) -> String {
    match &metadata.source {
        // As it was named: figment would show it from the present folder, whichever that is.
        Some(Source::File(path)) => path.display().to_string(),
        Some(other) => other.to_string(),
        None => metadata.name.to_string(),
    }
}

/// Keys with dots, and their values.
pub fn flattened(data: &Dict) -> Vec<(String, Value)> {
    let flatten = |(key, value): (&String, &Value)| match value.as_dict() {
        Some(table) => {
            flattened(table).into_iter().map(|(inner, value)| (format!("{key}.{inner}"), value)).collect()
        }
        None => vec![(key.clone(), value.clone())],
    };
    data.iter().flat_map(flatten).collect()
}

/// Values with the name of their source.
struct Named<'a>(&'a str, Dict);

impl Provider for Named<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.to_owned())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.1.clone())]))
    }
}
