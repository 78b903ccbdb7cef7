//! The environment: those of its variables that concern us.

use figment::value::{Dict, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Understood without the prefix too, as many platforms set it.
const WITHOUT_PREFIX: &str = "DATABASE_URL";
const PREFIX: &str = "LOCUM_";

/// Our variables, by name; empty ones count as not set.
#[derive(Debug)]
pub struct Environment(BTreeMap<String, String>);

/// A setting from the environment.
#[derive(Debug, PartialEq)]
pub struct Setting<'e> {
    /// The variable.
    pub name: &'e str,
    /// The key, with dots.
    pub key: String,
    pub text: &'e str,
}

impl Environment {
    /// That of this process.
    pub fn of_the_process() -> anyhow::Result<Self> {
        Self::of(std::env::vars_os())
    }

    /// Out of names and values.
    pub fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> anyhow::Result<Self> {
        let mut ours = BTreeMap::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            if !(name.starts_with(PREFIX) || name.starts_with(WITHOUT_PREFIX))
                || is_of_kubernetes(&name)
                || value.is_empty()
            {
                continue;
            }
            let value = value
                .into_string()
                .map_err(|_| anyhow::anyhow!("the environment variable {name} is not UTF-8"))?;
            ours.insert(name, value);
        }
        Ok(Self(ours))
    }

    /// A variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The variable that holds a secret, and the one that names a file which does. Later ones go over earlier ones.
    pub fn names_of_secret(key: &str) -> Vec<[String; 2]> {
        let name = key.to_uppercase();
        let prefixes = if name == WITHOUT_PREFIX { &["", PREFIX][..] } else { &[PREFIX][..] };
        prefixes.iter().map(|prefix| [format!("{prefix}{name}"), format!("{prefix}{name}_FILE")]).collect()
    }

    /// All others that begin with our prefix, known or not.
    pub fn settings(&self, secrets: &[&str]) -> impl Iterator<Item = Setting<'_>> {
        let mut taken: Vec<String> =
            secrets.iter().flat_map(|key| Self::names_of_secret(key)).flatten().collect();
        taken.push("LOCUM_CONFIG".to_owned());
        let others = self.0.iter().filter(move |(name, _)| !taken.contains(name));
        others.filter_map(|(name, text)| {
            let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
            Some(Setting { name, key, text })
        })
    }
}

/// What Kubernetes puts into each container if a service is called `locum`: these are not settings.
fn is_of_kubernetes(name: &str) -> bool {
    let Some(name) = name.strip_prefix(PREFIX) else { return false };
    name == "PORT" || name.starts_with("PORT_") || name == "SERVICE_HOST" || name.starts_with("SERVICE_PORT")
}

/// A text of the environment as a value of the same type as the default. What does not fit stays text, and is refused
/// with all else that has the wrong type.
pub fn typed(text: &str, default: &Value) -> Result<Value, String> {
    match default {
        Value::Bool(..) => Ok(match text {
            "1" => true.into(),
            "0" => false.into(),
            _ => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        }),
        Value::Num(..) => Ok(text.parse::<i64>().map_or_else(|_| text.into(), Value::from)),
        Value::Array(..) if text.trim_start().starts_with('[') => {
            let list = serde_json::from_str::<Vec<String>>(text);
            list.map(Value::from)
                .map_err(|_| "this is not a list; write it as [\"a\",\"b\"] or as a,b".to_owned())
        }
        Value::Array(..) => Ok(text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>().into()),
        _ => Ok(text.into()),
    }
}

/// The value at a key with dots.
pub fn at<'d>(data: &'d Dict, key: &str) -> Option<&'d Value> {
    match key.split_once('.') {
        Some((table, rest)) => at(data.get(table)?.as_dict()?, rest),
        None => data.get(key),
    }
}

/// A value under a key with dots.
pub fn nested(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        Some((table, rest)) => Dict::from([(table.to_owned(), nested(rest, value).into())]),
        None => Dict::from([(key.to_owned(), value)]),
    }
}
