//! The service as a process: `locum serve` for the load, `locum dev` for how long a start takes.

use crate::Settings;
use crate::client::{Connection, get};
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a start or an end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service; it is killed if it is dropped without [`House::stop`].
pub struct House {
    process: Child,
    pub address: SocketAddr,
    ops: SocketAddr,
}

/// The limits are for people; without this they would be what is measured.
const LIMITS: [(&str, &str); 8] = [
    ("COMPLEXITY", "1000000"),
    ("COST_BUCKET", "2000000000"),
    ("COST_RESTORE_RATE", "2000000000"),
    ("SIGN_INS_PER_MINUTE", "1000000000"),
    ("PUBLIC_ACTIONS_PER_HOUR", "1000000000"),
    ("MAILS_PER_ACTOR_PER_HOUR", "1000000000"),
    ("MAILS_PER_ADDRESS_PER_DAY", "1000000000"),
    ("MAILS_PER_FIRM_PER_DAY", "1000000000"),
];

impl House {
    /// Starts `locum serve` and waits until it is ready. `change` adds settings.
    pub async fn serve(
        settings: &Settings,
        mail: SocketAddr,
        change: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(&settings.locum);
        command.arg("serve").env("DATABASE_URL", &settings.database);
        for (name, value) in LIMITS {
            command.env(format!("LOCUM_LIMITS__{name}"), value);
        }
        command.env("LOCUM_APP_URL", "https://app.example").env("LOCUM_PUBLIC_URL", "https://api.example");
        command.env("LOCUM_MAIL_FROM", "Locum <locum@locum.example>").env("LOCUM_SMTP_TLS", "none");
        command.env("LOCUM_SMTP_HOST", "127.0.0.1").env("LOCUM_SMTP_PORT", mail.port().to_string());
        // Nothing that is measured is sealed, but `serve` starts with a key only.
        command.env("LOCUM_ENCRYPTION_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        command.envs(change.iter().copied());
        Self::start(settings, command).await
    }

    /// Starts `locum dev` on this folder's data and waits until it is ready; answers how long that took.
    pub async fn dev(settings: &Settings, data: &str) -> anyhow::Result<(Self, Duration)> {
        let mut command = Command::new(&settings.locum);
        command.arg("dev").arg("--data-dir").arg(settings.folder.join(data)).stdout(Stdio::null());
        let started = Instant::now();
        let house = Self::start(settings, command).await?;
        Ok((house, started.elapsed()))
    }

    /// Of the environment only `PATH` is passed on, and the folder has no `locum.toml`: every run has the same settings.
    async fn start(settings: &Settings, mut command: Command) -> anyhow::Result<Self> {
        let (address, ops) = (free_address()?, free_address()?);
        command.env("LOCUM_LISTEN", address.to_string()).env("LOCUM_OPS_LISTEN", ops.to_string());
        command.env("LOCUM_LOG", "warn").current_dir(&settings.folder).stdin(Stdio::null());
        let process = only_with_path(&mut command).spawn().context("starting locum")?;
        let mut house = Self { process, address, ops };
        house.until_ready().await?;
        Ok(house)
    }

    async fn until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready().await {
            if let Some(status) = self.process.try_wait()? {
                bail!("locum ended: {status}");
            }
            anyhow::ensure!(Instant::now() < deadline, "locum was not ready in time");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.ops).await else { return false };
        matches!(connection.ask(&get("/readyz")).await, Ok(answer) if answer.check("").is_ok())
    }

    /// How much memory it holds, in KiB; unknown where there is no `/proc`.
    pub fn resident_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// How long it has kept processors busy; unknown where there is no `/proc`.
    pub fn processor_time(&self) -> Option<Duration> {
        processor_time(&self.process.id().to_string())
    }

    /// Ends it as an operator would.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let deadline = Instant::now() + PATIENCE;
        while self.process.try_wait()?.is_none() {
            anyhow::ensure!(Instant::now() < deadline, "locum did not end in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Errors mean that it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How long a process has kept processors busy.
pub fn processor_time(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in brackets, may have spaces in it; behind it the times are the 12th and 13th, in hundredths of seconds.
    let (_, behind) = stat.rsplit_once(") ")?;
    let times = behind.split(' ').skip(11).take(2).map(str::parse::<u64>);
    Some(Duration::from_millis(times.sum::<Result<u64, _>>().ok()? * 10))
}

/// What the command sets itself stays.
fn only_with_path(command: &mut Command) -> &mut Command {
    let own: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in std::env::vars_os() {
        if name != "PATH" && !own.contains(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// An address that nobody listened on a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
