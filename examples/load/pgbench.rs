//! Runs pgbench.

use crate::Settings;
use crate::script::Script;
use anyhow::{bail, ensure};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Connections of a figure, for pgbench and for the driver.
pub const CONNECTIONS: usize = 32;

/// The program, and how long each figure is measured.
pub struct Pgbench {
    pub program: PathBuf,
    pub measured: Duration,
}

impl Pgbench {
    /// Runs the scripts, each transaction a random one; answers the transactions per second, of which the first fifth of the
    /// time is not counted: it has to warm up as the service has.
    pub async fn run(
        &self,
        settings: &Settings,
        session: &[String],
        scripts: &[Script],
    ) -> anyhow::Result<f64> {
        let warm_up = self.measured.as_secs().div_ceil(5);
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=1", "--progress=1"]);
        command
            .arg(format!("--client={CONNECTIONS}"))
            .arg(format!("--time={}", self.measured.as_secs() + warm_up));
        for (number, script) in scripts.iter().enumerate() {
            let file = settings.folder.join(format!("script{number}.sql"));
            std::fs::write(&file, &script.text)?;
            command.arg("--file").arg(file);
            for (name, value) in &script.values {
                command.arg(format!("--define={name}={value}"));
            }
        }
        let options: Vec<_> = session.iter().map(|setting| format!("-c {setting}")).collect();
        command.env("PGOPTIONS", options.join(" ")).arg(&settings.database);
        let done = tokio::task::spawn_blocking(move || command.output()).await??;
        let (said, progress) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        if !done.status.success() {
            bail!("pgbench failed:\n{progress}");
        }
        ensure!(
            !said.contains("failed transactions: ") || said.contains("failed transactions: 0 "),
            "{said}"
        );
        average(&progress, warm_up as f64)
    }
}

/// The average of the reports `progress: 2.0 s, 812.3 tps, …`, one a second, from a time on.
fn average(progress: &str, from: f64) -> anyhow::Result<f64> {
    let reports = progress.lines().filter_map(|line| {
        let (time, rest) = line.strip_prefix("progress: ")?.split_once(" s, ")?;
        let (rate, _) = rest.split_once(" tps")?;
        Some((time.parse::<f64>().ok()?, rate.parse::<f64>().ok()?))
    });
    // A report is about the second before it.
    let counted: Vec<f64> = reports.filter(|(time, _)| *time > from + 0.5).map(|(_, rate)| rate).collect();
    ensure!(!counted.is_empty(), "pgbench told no figures:\n{progress}");
    Ok(counted.iter().sum::<f64>() / counted.len() as f64)
}
