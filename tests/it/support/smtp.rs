//! A mail server for tests: a real one, as far as a sender can tell. It keeps what it gets, and fails when told to.

use mail_parser::MessageParser;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The server; it ends when dropped.
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    mails: Vec<ReceivedMail>,
    troubles: VecDeque<Trouble>,
    connections: usize,
}

/// What the sink does to a mail instead of taking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Answers the recipient with this code: 451 for "later", 550 for "never".
    Refuse(u16),
    /// Takes the whole mail in, and never says a word again.
    Hang,
    /// Takes the whole mail in and keeps it, but hangs up before it says so.
    Cut,
}

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    pub envelope_from: String,
    pub rcpt: Vec<String>,
    /// All of it, as it came.
    pub raw: String,
    pub message_id: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl ReceivedMail {
    /// The first address in the text that has this in it.
    pub fn link(&self, part: &str) -> Option<&str> {
        self.text.split_whitespace().find(|word| word.starts_with("http") && word.contains(part))
    }

    /// The token of the link to this page of the app.
    pub fn token(&self, page: &str) -> String {
        let link = self.link(page).unwrap_or_else(|| panic!("no link to {page}: {}", self.text));
        link.split_once("#token=").unwrap().1.to_owned()
    }

    /// How many headers of this name it has.
    pub fn headers(&self, name: &str) -> usize {
        let head = self.raw.split("\r\n\r\n").next().unwrap_or_default();
        head.lines()
            .filter(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())))
            .count()
    }
}

impl Sink {
    /// Begins to listen, on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::<Mutex<State>>::default();
        let serving = tokio::spawn(serve(listener, state.clone()));
        Self { address, state, serving }
    }

    /// The mails that were taken, oldest first.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        lock(&self.state).mails.clone()
    }

    /// Forgets the mails, and answers them.
    pub fn take(&self) -> Vec<ReceivedMail> {
        std::mem::take(&mut lock(&self.state).mails)
    }

    /// Takes out the oldest mail to an address whose subject has this in it; waits for it, fifteen seconds at most.
    pub async fn next(&self, to: &str, subject: &str) -> ReceivedMail {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let is_it = |mail: &ReceivedMail| mail.rcpt == [to] && mail.subject.contains(subject);
            let found = {
                let mut state = lock(&self.state);
                state.mails.iter().position(is_it).map(|at| state.mails.remove(at))
            };
            match found {
                Some(mail) => return mail,
                None if Instant::now() > deadline => {
                    panic!("no mail to {to} about {subject:?} among {:#?}", self.mails())
                }
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// What happens to the next `mails` mails.
    pub fn trouble(&self, trouble: Trouble, mails: usize) {
        lock(&self.state).troubles.extend(std::iter::repeat_n(trouble, mails));
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut conversations = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        lock(&state).connections += 1;
        conversations.spawn(converse(stream, state.clone()));
    }
}

async fn converse(stream: TcpStream, state: Arc<Mutex<State>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 sink ready").await?;
    let (mut from, mut rcpt, mut trouble) = (String::new(), Vec::new(), None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_owned();
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" => say(&mut stream, "250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8").await?,
            "MAIL" => {
                (from, rcpt) = (addressed(&command), Vec::new());
                trouble = lock(&state).troubles.pop_front();
                say(&mut stream, "250 ok").await?;
            }
            "RCPT" => match trouble {
                Some(Trouble::Refuse(code)) => {
                    say(&mut stream, &format!("{code} not {} now", addressed(&command))).await?;
                }
                _ => {
                    rcpt.push(addressed(&command));
                    say(&mut stream, "250 ok").await?;
                }
            },
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let mail = parse(&from, &rcpt, read_body(&mut stream).await?);
                match trouble.take() {
                    Some(Trouble::Hang) => std::future::pending().await,
                    Some(Trouble::Cut) => {
                        lock(&state).mails.push(mail);
                        return Ok(());
                    }
                    _ => lock(&state).mails.push(mail),
                }
                say(&mut stream, "250 taken").await?;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 ok").await?,
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> io::Result<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await
}

/// What stands between `<` and `>`.
fn addressed(command: &str) -> String {
    let inner = command.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}

/// Reads up to the line with the one dot, and takes the others' added dots away.
async fn read_body(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(body);
        }
        body.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

fn parse(from: &str, rcpt: &[String], raw: Vec<u8>) -> ReceivedMail {
    let mail = MessageParser::default().parse(&raw).expect("a mail that can be read");
    ReceivedMail {
        envelope_from: from.to_owned(),
        rcpt: rcpt.to_vec(),
        message_id: mail.message_id().unwrap_or_default().to_owned(),
        subject: mail.subject().unwrap_or_default().to_owned(),
        text: mail.body_text(0).unwrap_or_default().into_owned(),
        html: mail.body_html(0).unwrap_or_default().into_owned(),
        raw: String::from_utf8_lossy(&raw).into_owned(),
    }
}
