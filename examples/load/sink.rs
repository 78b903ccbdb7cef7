//! A mail server that takes every mail and forgets it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The server; it ends with the program.
pub struct Sink {
    pub address: SocketAddr,
    taken: Arc<AtomicUsize>,
}

impl Sink {
    /// Begins to listen, on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sink = Self { address: listener.local_addr()?, taken: Arc::default() };
        let taken = sink.taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, taken.clone()));
            }
        });
        Ok(sink)
    }

    /// How many mails it took.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

async fn converse(stream: TcpStream, taken: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 sink").await?;
    let mut line = Vec::new();
    while read_line(&mut stream, &mut line).await? {
        match line.get(..4).map(<[u8]>::to_ascii_uppercase).as_deref() {
            Some(b"EHLO") => say(&mut stream, "250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8").await?,
            Some(b"DATA") => {
                say(&mut stream, "354 go on").await?;
                while read_line(&mut stream, &mut line).await? && line != b".\r\n" {}
                taken.fetch_add(1, Ordering::Relaxed);
                say(&mut stream, "250 taken").await?;
            }
            Some(b"QUIT") => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 ok").await?,
        }
    }
    Ok(())
}

/// Whether there was a further line.
async fn read_line(stream: &mut BufReader<TcpStream>, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    Ok(stream.read_until(b'\n', line).await? > 0)
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> std::io::Result<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await
}
