//! A client's WebSocket, by hand: a message is a frame, and there are ten thousand of these in one thread.

use crate::client::{connect_from, end_of_head};
use anyhow::{bail, ensure};
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const UPGRADE: &[u8] =
    b"GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: bG9jdW0gaXMgbWVhc3VyZQ==\r\n\
    sec-websocket-protocol: graphql-transport-ws\r\n\r\n";

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A socket that is open.
pub struct Socket {
    stream: TcpStream,
    /// What was read and is not taken yet.
    buffer: Vec<u8>,
}

/// What the service says.
pub enum Said {
    Text(String),
    /// It closes, with this code.
    Farewell(u16),
}

impl Socket {
    /// Opens one from this address.
    pub async fn open(from: IpAddr, to: SocketAddr) -> anyhow::Result<Self> {
        let mut socket = Self { stream: connect_from(from, to).await?, buffer: Vec::with_capacity(1 << 10) };
        socket.stream.set_nodelay(true)?;
        socket.stream.write_all(UPGRADE).await?;
        let head = loop {
            socket.read().await?;
            if let Some(head) = end_of_head(&socket.buffer) {
                break head;
            }
        };
        let answer = socket.buffer.drain(..head).collect::<Vec<_>>();
        ensure!(answer.starts_with(b"HTTP/1.1 101 "), "no WebSocket: {}", String::from_utf8_lossy(&answer));
        Ok(socket)
    }

    /// What is said next. Pings are answered meanwhile.
    pub async fn next(&mut self) -> anyhow::Result<Said> {
        loop {
            let Some((kind, payload)) = self.take() else {
                self.read().await?;
                continue;
            };
            match kind {
                TEXT => return Ok(Said::Text(String::from_utf8(payload)?)),
                PING => self.send(PONG, &payload).await?,
                CLOSE => {
                    // The service waits for it.
                    self.send(CLOSE, payload.get(..2).unwrap_or_default()).await?;
                    return Ok(match payload.as_slice() {
                        [high, low, ..] => Said::Farewell(u16::from_be_bytes([*high, *low])),
                        _ => Said::Farewell(1005),
                    });
                }
                _ => bail!("a frame of an unexpected kind: {kind}"),
            }
        }
    }

    /// Says something.
    pub async fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.send(TEXT, text.as_bytes()).await
    }

    /// Takes a frame that is there as a whole: its kind and its payload.
    fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let [kind, length, ..] = *self.buffer.as_slice() else { return None };
        let (head, length) = match length {
            126 => (4, usize::from(u16::from_be_bytes(self.buffer.get(2..4)?.try_into().ok()?))),
            127 => (10, usize::try_from(u64::from_be_bytes(self.buffer.get(2..10)?.try_into().ok()?)).ok()?),
            length => (2, usize::from(length)),
        };
        let payload = self.buffer.get(head..head + length)?.to_vec();
        self.buffer.drain(..head + length);
        Some((kind & 0x0f, payload))
    }

    /// A client has to mask what it sends; a mask of zeros leaves it as it is.
    async fn send(&mut self, kind: u8, payload: &[u8]) -> anyhow::Result<()> {
        let mut frame = vec![0x80 | kind];
        match u8::try_from(payload.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(payload.len())?.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        Ok(self.stream.write_all(&frame).await?)
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => bail!("the connection ended without a farewell"),
            _ => Ok(()),
        }
    }
}
