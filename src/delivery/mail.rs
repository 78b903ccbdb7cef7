//! A mail, and how it leaves the house: over SMTP, or into the development inbox.
//!
//! lettre's own transport is not used, only its connections: it takes no deadline for a whole delivery, and puts a
//! connection back into its pool even if a deadline cut it off in the middle, so that the next mail would read the
//! answers to the one before. Here a connection belongs to the delivery that uses it, and goes back after a success.

use crate::config::{Config, SmtpTls};
use anyhow::Context;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A mail to one person. It has no `Debug`: its words hold links that nobody else may see.
pub struct Message {
    /// The delivery's id: the Message-ID is made of it, so that a mail that goes out twice can be told by it.
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub from: Mailbox,
    pub to: Mailbox,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Message {
    /// The mail as it goes over the wire. Names and subject are encoded by lettre's typed headers: nothing in them
    /// can begin a header of its own.
    pub fn build(self) -> Result<lettre::Message, SendError> {
        let id = format!("<{}@{}>", self.id, self.from.email.domain());
        let mail = lettre::Message::builder().message_id(Some(id)).date(self.at.into());
        let mail = mail.from(self.from).to(self.to).subject(self.subject).header(AutoSubmitted);
        let built = mail.multipart(MultiPart::alternative_plain_html(self.text, self.html));
        built.map_err(|error| SendError::permanent(&error.to_string()))
    }
}

/// "A program wrote this": nobody's out-of-office reply answers it (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Takes mails out of the house.
pub trait Transport: Send + Sync + 'static {
    /// Hands a mail over; ends within 30 seconds, whatever happens. Without an error, it is the other side's now.
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), SendError>>;
}

/// Why a mail was not handed over, in words that can be logged and shown: neither address nor link is in them.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// Whether another attempt is of no use.
    pub permanent: bool,
    pub message: String,
}

impl SendError {
    /// Another attempt may succeed.
    pub fn passing(message: &str) -> Self {
        Self { permanent: false, message: discreet(message) }
    }

    /// No other attempt will.
    pub fn permanent(message: &str) -> Self {
        Self { permanent: true, message: discreet(message) }
    }

    /// A code of 500 to 599 is final, but for 53x: that we may not send at all says nothing about the mail.
    fn of_smtp(error: &lettre::transport::smtp::Error) -> Self {
        let of_login = error.status().is_some_and(|code| code.to_string().starts_with("53"));
        Self { permanent: error.is_permanent() && !of_login, message: discreet(&error.to_string()) }
    }
}

/// One short line, without what a mail server may quote of the mail: addresses and links.
fn discreet(text: &str) -> String {
    let word = |word: &str| match word {
        link if link.contains("://") || link.contains("lcl_") => "(link)".to_owned(),
        address if address.contains('@') => "(address)".to_owned(),
        plain => plain.chars().filter(|c| !c.is_control()).collect(),
    };
    let words: Vec<_> = text.split_whitespace().map(word).collect();
    words.join(" ").chars().take(300).collect()
}

/// Longest wait for a connection to the mail server.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time for all of a delivery.
const TOTAL: Duration = Duration::from_secs(30);
/// Connections that wait for the next mail, at most, and for how long.
const PARKED: usize = 4;
const PARKED_FOR: Duration = Duration::from_secs(60);

/// The mail server.
pub struct Smtp {
    host: String,
    port: u16,
    tls: SmtpTls,
    parameters: Option<TlsParameters>,
    credentials: Option<Credentials>,
    hello: ClientId,
    total: Duration,
    parked: Mutex<Vec<(Instant, AsyncSmtpConnection)>>,
}

impl Smtp {
    /// The one that the configuration names.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let host = config.smtp_host.clone().context("LOCUM_SMTP_HOST is not set: the mail server")?;
        let port = config.smtp_port.unwrap_or(match config.smtp_tls {
            SmtpTls::Tls => 465,
            SmtpTls::Starttls => 587,
            SmtpTls::None => 25,
        });
        let parameters = match config.smtp_tls {
            SmtpTls::None => None,
            SmtpTls::Tls | SmtpTls::Starttls => Some(TlsParameters::new_rustls(host.clone())?),
        };
        let password = config.smtp_password.as_ref().map(|password| password.expose_secret().to_owned());
        let credentials = config
            .smtp_username
            .clone()
            .zip(password)
            .map(|(user, password)| Credentials::new(user, password));
        let (tls, hello, parked) = (config.smtp_tls, ClientId::default(), Mutex::default());
        Ok(Self { host, port, tls, parameters, credentials, hello, total: TOTAL, parked })
    }

    /// With another limit than 30 seconds for all of a delivery.
    pub fn within(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }

    async fn hand_over(&self, message: lettre::Message) -> Result<(), lettre::transport::smtp::Error> {
        let mut connection = match self.take_parked().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.send(message.envelope(), &message.formatted()).await?;
        self.park(connection);
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let at_once = self.parameters.clone().filter(|_| self.tls == SmtpTls::Tls);
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &self.hello, at_once, None).await?;
        if let (SmtpTls::Starttls, Some(parameters)) = (self.tls, &self.parameters) {
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await?;
        }
        Ok(connection)
    }

    /// A connection that waits and still answers; those that do not are dropped.
    async fn take_parked(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (since, mut connection) = self.parked().pop()?;
            if since.elapsed() < PARKED_FOR && connection.test_connected().await {
                return Some(connection);
            }
        }
    }

    fn park(&self, connection: AsyncSmtpConnection) {
        let mut parked = self.parked();
        parked.retain(|(since, _)| since.elapsed() < PARKED_FOR);
        if parked.len() < PARKED {
            parked.push((Instant::now(), connection));
        }
    }

    fn parked(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, AsyncSmtpConnection)>> {
        self.parked.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Transport for Smtp {
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), SendError>> {
        async move {
            let message = message.build()?;
            match tokio::time::timeout(self.total, self.hand_over(message)).await {
                Ok(handed_over) => handed_over.map_err(|error| SendError::of_smtp(&error)),
                Err(_) => Err(SendError::passing("the mail server did not answer in time")),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abuse_33_what_a_server_quotes_of_a_mail_is_not_passed_on() {
        let quoted = "554 5.7.1 <bea@harbour.example>: blocked\r\n https://app.example/register#token=lcl_abc in token=lcl_abc\0";
        let error = SendError::permanent(quoted);
        assert_eq!(error.message, "554 5.7.1 (address) blocked (link) in (link)");
    }
}
