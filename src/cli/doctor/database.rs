//! Is the database there, and is it ours?

use super::Finding;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::probe::{self, Findings};
use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::config::Host;

/// How far this machine's clock may be from the database's.
const CLOCKS_APART: TimeDelta = TimeDelta::seconds(5);

pub async fn check(config: &Config) -> Vec<Finding> {
    let url = match config.database_url() {
        Ok(url) => url,
        Err(error) => return vec![Finding::failed("database", error.to_string())],
    };
    match probe::ask(url).await {
        Ok(found) => vec![version(url, &found), migrations(&found), role(&found), clock(&found)],
        Err(error) => vec![unreachable(url, &error).await],
    }
}

/// Tells a server that is not there from one that does not let us in.
async fn unreachable(url: &str, error: &anyhow::Error) -> Finding {
    let (host, port, _) = parts(url);
    let words = match super::network::connect(&host, port).await {
        Err(why) if !host.starts_with('/') => {
            format!("{}: {why}; is it running, and are host and port in DATABASE_URL right?", place(url))
        }
        _ => format!("{}: {error:#}; check user, password, database and sslmode in DATABASE_URL", place(url)),
    };
    Finding::failed("database", words)
}

fn version(url: &str, found: &Findings) -> Finding {
    let (number, name) = &found.version;
    let words = format!("{}: PostgreSQL {name}, as {}", place(url), found.user);
    if *number < probe::OLDEST {
        return Finding::failed("database", format!("{words}; it must be 15 or newer"));
    }
    Finding::ok("database", words)
}

fn migrations(found: &Findings) -> Finding {
    match &found.migrations {
        Err(why) => {
            Finding::failed("migrations", format!("{why}; DATABASE_URL must name the owner of the database"))
        }
        Ok(ran) if !ran.pending.is_empty() => {
            Finding::failed("migrations", format!("{} to run: run `locum migrate`", ran.pending.join(", ")))
        }
        Ok(ran) if !ran.unknown.is_empty() => Finding::warning(
            "migrations",
            format!("{} ran, by a newer program: update this one", ran.unknown.join(", ")),
        ),
        Ok(ran) => Finding::ok("migrations", format!("all {} ran", ran.applied.len())),
    }
}

fn role(found: &Findings) -> Finding {
    let Err(why) = &found.works_as_app else {
        return Finding::ok("role", "the service can work as locum_app");
    };
    if found.migrations.as_ref().is_ok_and(|ran| !ran.pending.is_empty()) {
        return Finding::failed("role", format!("{why}; `locum migrate` makes it"));
    }
    Finding::failed(
        "role",
        format!("{why}; as an administrator of the database, run: grant locum_app to {:?}", found.user),
    )
}

fn clock(found: &Findings) -> Finding {
    let ahead = local_now() - found.clock.now();
    let seconds = format!("{:.1} s", ahead.abs().num_milliseconds() as f64 / 1_000.0);
    if ahead.abs() > CLOCKS_APART {
        let side = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
        let words = format!(
            "this machine is {seconds} {side} the database, which is the one that counts; set both by NTP"
        );
        return Finding::warning("clock", words);
    }
    Finding::ok("clock", format!("{seconds} from the database's"))
}

#[expect(clippy::disallowed_methods, reason = "the machine's own clock is what is examined")]
fn local_now() -> DateTime<Utc> {
    Utc::now()
}

/// Where the URL leads, without who goes there.
fn place(url: &str) -> String {
    let (host, port, database) = parts(url);
    format!("{host}:{port}/{database}")
}

/// Host, port and database of a URL; the configuration has seen to it that it is one.
fn parts(url: &str) -> (String, u16, String) {
    let parsed = url.parse::<tokio_postgres::Config>().unwrap_or_default();
    let host = match parsed.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    (
        host,
        parsed.get_ports().first().copied().unwrap_or(5432),
        parsed.get_dbname().unwrap_or_default().to_owned(),
    )
}
