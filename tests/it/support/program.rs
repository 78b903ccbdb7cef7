//! Programs that run beside a story: `locum` itself, and what else is really used.

use super::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// `locum` with nothing set but this, in an empty folder.
pub fn locum(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_locum"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.env("PATH", env!("PATH")).stdin(Stdio::null());
    command
}

/// What its secrets are sealed with.
pub const KEY: &str = "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlISE=";

/// What `locum serve` cannot do without.
pub fn for_serve(database: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("DATABASE_URL", database),
        ("LOCUM_PUBLIC_URL", "http://localhost:8080"),
        ("LOCUM_APP_URL", "https://app.example"),
        ("LOCUM_SMTP_HOST", "127.0.0.1"),
        ("LOCUM_SMTP_PORT", "9"),
        ("LOCUM_SMTP_TLS", "none"),
        ("LOCUM_MAIL_FROM", "Locum <locum@locum.example>"),
        ("LOCUM_ENCRYPTION_KEY", KEY),
        ("LOCUM_LISTEN", "127.0.0.1:0"),
        ("LOCUM_OPS_LISTEN", "127.0.0.1:0"),
    ]
}

/// A program that runs; killed with the story.
pub struct Program {
    pub child: Child,
    /// The lines of its log.
    pub lines: Arc<Mutex<Vec<String>>>,
    said: mpsc::UnboundedReceiver<String>,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (log, stdout) =
            (BufReader::new(child.stderr.take().unwrap()), BufReader::new(child.stdout.take().unwrap()));
        let kept = lines.clone();
        std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line))
        });
        let (sender, said) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            // Whether or not anybody reads it: a program must not wait for that.
            stdout.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
        Self { child, lines, said }
    }

    /// Reads on in what it says until a line has these words.
    pub async fn line_with(&mut self, words: &str) -> String {
        let found = async {
            loop {
                let line = self.said.recv().await.unwrap_or_else(|| panic!("it ended without {words:?}"));
                if line.contains(words) {
                    return line;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(15), found).await;
        found.unwrap_or_else(|_| panic!("there was no {words:?}"))
    }

    /// The lines of the log; each of them is JSON.
    pub fn log(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    /// Where `locum serve` listens: the service and its health.
    pub async fn addresses(&self) -> [String; 2] {
        eventually("it serves", async || {
            let serves = self.log().into_iter().find(|line| line["message"] == "locum serves")?;
            Some(["address", "ops"].map(|name| format!("http://{}", serves[name].as_str().unwrap())))
        })
        .await
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub async fn exit(&mut self) -> ExitStatus {
        eventually("it ends", async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where nobody listens at this moment.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Starts a NATS server there; it can be used once this is answered.
pub async fn nats_server(address: &str) -> Program {
    let (host, port) = address.split_once(':').unwrap();
    let mut command = Command::new("nats-server");
    // Debian puts it where only root looks.
    command.env("PATH", concat!(env!("PATH"), ":/usr/sbin")).args(["--addr", host, "--port", port]);
    let server = Program::start(command);
    eventually("NATS is ready", async || {
        server.lines.lock().unwrap().iter().any(|line| line.contains("Server is ready")).then_some(())
    })
    .await;
    server
}
