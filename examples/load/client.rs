//! HTTP/1.1 over a connection that stays open: a request is ready-made bytes, an answer is its head and its body. No more
//! than that, because whatever the driver computes, the service and PostgreSQL cannot.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A connection that stays open.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
pub struct Answer<'c> {
    pub head: &'c str,
    pub body: &'c str,
}

impl Connection {
    /// Connects from an address of this machine's choice.
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        Self::of(TcpStream::connect(to).await?)
    }

    /// Connects from this address.
    pub async fn open_from(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        Self::of(connect_from(from, to).await?)
    }

    fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1 << 16) })
    }

    /// Sends a request and reads the answer to it.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (head, body) = loop {
            if let Some(head) = end_of_head(&self.buffer) {
                break self.rest(head).await?;
            }
            self.read().await?;
        };
        let text = |range: Range<usize>| std::str::from_utf8(self.buffer.get(range).unwrap_or_default());
        Ok(Answer { head: text(head)?, body: text(body)? })
    }

    /// Reads the body behind a head that is there.
    async fn rest(&mut self, head: usize) -> anyhow::Result<(Range<usize>, Range<usize>)> {
        let text = std::str::from_utf8(self.buffer.get(..head).unwrap_or_default())?;
        let length = header(text, "content-length").context("an answer without a length")?;
        let end = head + length.parse::<usize>()?;
        while self.buffer.len() < end {
            self.read().await?;
        }
        Ok((0..head, head..end))
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => bail!("the service closed the connection"),
            _ => Ok(()),
        }
    }
}

/// Connects from this address; from any if the machine has not got it, as is the case for 127.0.0.2 outside of Linux.
pub async fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    match socket.bind(SocketAddr::new(from, 0)) {
        Ok(()) => socket.connect(to).await,
        Err(_) => TcpStream::connect(to).await,
    }
}

/// Where the head of an answer ends, as soon as all of it is there.
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

impl Answer<'_> {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }

    /// Refuses any answer but one of success that has this in it. An answer with errors says so first, and one with
    /// user errors has no empty list of them.
    pub fn check(&self, expected: &str) -> anyhow::Result<()> {
        let well = self.head.starts_with("HTTP/1.1 200") && !self.body.contains("\"errors\":");
        if !well || !self.body.contains(expected) {
            bail!("{}{}", self.head.lines().next().unwrap_or_default(), self.body);
        }
        Ok(())
    }
}

/// The bytes of a GraphQL request.
pub fn graphql(token: Option<&str>, query: &str, variables: &Value) -> Vec<u8> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    format!("{head}{bearer}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// The bytes of a request for a page.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}
