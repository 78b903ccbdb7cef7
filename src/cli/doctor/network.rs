//! Is the mail server there, and are our own addresses free?

use super::Finding;
use crate::config::{Config, SmtpTls};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Only whether someone is there: a mail is not sent.
pub async fn check_mail(config: &Config) -> Finding {
    let Some(host) = &config.smtp_host else {
        return Finding::failed(
            "mail",
            "LOCUM_SMTP_HOST is not set: the mail server (`locum dev` does without)",
        );
    };
    let port = config.smtp_port.unwrap_or(match config.smtp_tls {
        SmtpTls::Tls => 465,
        SmtpTls::Starttls => 587,
        SmtpTls::None => 25,
    });
    match connect(host, port).await {
        Ok(_) => Finding::ok("mail", format!("{host}:{port} takes connections")),
        Err(why) => Finding::failed(
            "mail",
            format!("{host}:{port}: {why}; check LOCUM_SMTP_HOST, LOCUM_SMTP_PORT and the firewall"),
        ),
    }
}

/// Connects, or says why not.
pub async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(connected) => connected.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Whether the service could listen, or does so already.
pub async fn check_listen(config: &Config) -> [Finding; 2] {
    [
        check_address("listen", config.listen, "LOCUM_LISTEN", config.ops_listen).await,
        check_address("ops_listen", config.ops_listen, "LOCUM_OPS_LISTEN", config.ops_listen).await,
    ]
}

async fn check_address(check: &'static str, address: SocketAddr, setting: &str, ops: SocketAddr) -> Finding {
    let error = match TcpListener::bind(address).await {
        Ok(_) => return Finding::ok(check, format!("{address} is free")),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse if lives(ops).await => {
            Finding::ok(check, format!("{address} is taken; the service seems to run"))
        }
        ErrorKind::AddrInUse => Finding::failed(
            check,
            format!("{address} is taken by another program; stop that, or set {setting}"),
        ),
        ErrorKind::PermissionDenied => Finding::failed(
            check,
            format!("{address}: {error}; ports below 1024 need a right of their own, or set {setting}"),
        ),
        _ => {
            Finding::failed(check, format!("{address}: {error}; set {setting} to an address of this machine"))
        }
    }
}

/// Whether a service answers there that it lives.
async fn lives(ops: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(ops).await?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    tokio::time::timeout(PATIENCE, ask)
        .await
        .is_ok_and(|answer| answer.is_ok_and(|answer| &answer == b"HTTP/1.1 200"))
}
