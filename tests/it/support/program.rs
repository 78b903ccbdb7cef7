//! A program that runs beside a story.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;

/// A program that runs; killed with the story.
pub struct Program {
    pub child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Program {
    /// Starts it; what it says is read line by line.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Reads on until a line has these words.
    pub async fn line_with(&mut self, words: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.recv().await.unwrap_or_else(|| panic!("it ended without {words:?}"));
                if line.contains(words) {
                    return line;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(15), found).await;
        found.unwrap_or_else(|_| panic!("there was no {words:?}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
