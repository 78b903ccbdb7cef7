//! `locum doctor`: tries whether everything that the service needs is there, and says what to do where it is not.

mod database;
mod network;

use super::say;
use crate::config::Config;
use std::process::ExitCode;

/// How a check went.
#[derive(Clone, Copy, PartialEq)]
enum Health {
    Ok,
    /// The service runs, but should not stay like that.
    Warning,
    /// The service does not run like that.
    Failed,
}

/// A check, how it went, and what was found; if that is not well, with what to do.
struct Finding {
    check: &'static str,
    health: Health,
    words: String,
}

impl Finding {
    fn ok(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, health: Health::Ok, words: words.into() }
    }

    fn warning(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, health: Health::Warning, words: words.into() }
    }

    fn failed(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, health: Health::Failed, words: words.into() }
    }
}

/// Tries everything, prints a line for each, and answers failure if one of them failed.
pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let (mut findings, mail, listen) =
        tokio::join!(database::check(config), network::check_mail(config), network::check_listen(config));
    findings.push(mail);
    findings.extend(listen);
    let words = |health| match health {
        Health::Ok => "ok",
        Health::Warning => "warning",
        Health::Failed => "failed",
    };
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| [words(finding.health).to_owned(), finding.check.to_owned(), finding.words.clone()])
        .collect();
    say::table(&rows);
    let failed = findings.iter().any(|finding| finding.health == Health::Failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
