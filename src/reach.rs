//! Which addresses the service may call on a customer's word: public ones, over HTTPS.
//!
//! Judged twice: when an address is saved ([`Reach::check`], [`Reach::check_names`]), and at each connection, by the
//! address that is dialled in the end ([`Reach::look_up`] is all the resolver there is, and an address that stands in the
//! URL itself never gets to a resolver). A name that is public today and private tomorrow is refused tomorrow.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// Finds the addresses of a name; tests have their own.
pub trait Names: Send + Sync + 'static {
    fn look_up<'n>(&'n self, name: &'n str) -> BoxFuture<'n, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
struct System;

impl Names for System {
    fn look_up<'n>(&'n self, name: &'n str) -> BoxFuture<'n, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) }
            .boxed()
    }
}

/// What may be called.
#[derive(Clone)]
pub struct Reach {
    allow_private: bool,
    names: Arc<dyn Names>,
}

/// Why an address is not called, in words for whoever gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    #[error("This is not an address such as https://example.com/hooks.")]
    NotAnAddress,
    #[error("Only https:// addresses can be called.")]
    Scheme,
    #[error("The address must not have a user or a password in it.")]
    Credentials,
    #[error("This port is not one that HTTP is spoken on.")]
    Port,
    #[error("This is not a public address.")]
    Private,
}

/// Ports from 1024 on where something else is spoken that HTTP could be mistaken for: those that browsers refuse, and
/// where databases, queues and clusters listen.
const OTHER_PORTS: [u16; 41] = [
    1433, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190,
    4222, 5060, 5061, 5432, 5672, 5900, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
    9042, 9200, 9300, 10080, 10250, 11211, 27017,
];
/// Longest address.
const LONGEST: usize = 2_000;
/// Longest wait for a resolver while an address is saved.
const PATIENCE: Duration = Duration::from_secs(3);

impl Reach {
    /// By the machine's resolver. With `allow_private` everything over HTTP may be called: for development.
    pub fn new(allow_private: bool) -> Self {
        Self::with(allow_private, Arc::new(System))
    }

    /// By another resolver.
    pub fn with(allow_private: bool, names: Arc<dyn Names>) -> Self {
        Self { allow_private, names }
    }

    /// Judges an address as far as it can be without asking anybody. `url` reads it as browsers do, so every way to
    /// write an IP address is one by then.
    pub fn check(&self, text: &str) -> Result<Url, Unreachable> {
        let url = Url::parse(text.trim()).map_err(|_| Unreachable::NotAnAddress)?;
        if text.len() > LONGEST || text.contains(|c: char| c.is_control()) {
            return Err(Unreachable::NotAnAddress);
        }
        match url.scheme() {
            "https" => {}
            "http" if self.allow_private => {}
            _ => return Err(Unreachable::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unreachable::Credentials);
        }
        let port = url.port_or_known_default().ok_or(Unreachable::Port)?;
        if port < 1024 && !matches!(port, 80 | 443) || OTHER_PORTS.contains(&port) {
            return Err(Unreachable::Port);
        }
        let public = match url.host().ok_or(Unreachable::NotAnAddress)? {
            Host::Ipv4(address) => is_public(address.into()),
            Host::Ipv6(address) => is_public(address.into()),
            Host::Domain(name) => is_public_name(name),
        };
        if public || self.allow_private { Ok(url) } else { Err(Unreachable::Private) }
    }

    /// Judges an address that is to be saved by what its name means at this moment too. A name that nobody knows yet
    /// may be known later.
    pub async fn check_names(&self, text: &str) -> Result<Url, Unreachable> {
        let url = self.check(text)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(url) };
        match tokio::time::timeout(PATIENCE, self.look_up(name)).await {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(Unreachable::Private),
            _ => Ok(url),
        }
    }

    /// The addresses of a name that may be dialled.
    pub async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut addresses = self.names.look_up(name).await?;
        addresses.retain(|address| self.allow_private || is_public(*address));
        Ok(addresses)
    }
}

/// Names that are this machine's or this network's by definition.
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_lowercase();
    let private = ["localhost", "local", "internal", "home.arpa", "test", "onion"];
    !name.is_empty() && !private.iter().any(|end| name == *end || name.ends_with(&format!(".{end}")))
}

/// Whether an address is on the public internet, by IANA's registries of special purposes.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        // This network, private, loopback, carriers' own, link-local (and metadata), private.
        [0 | 10 | 127, ..] | [100, 64..=127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..]
        // Protocol assignments, documentation, relays, documentation, benchmarks, documentation.
        | [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [198, 18 | 19, ..] | [203, 0, 113, _]
        // Multicast, reserved, broadcast.
        | [224..=255, ..]
    )
}

/// Only what is given out as global unicast, 2000::/3: IPv4 in any dress, NAT64, unique local, link-local, multicast
/// and all that is to come lie outside.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Protocol assignments (Teredo among them), documentation, 6to4 (an IPv4 address in it), documentation.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Unreachable::{Credentials, NotAnAddress, Port, Private, Scheme};

    #[test]
    fn abuse_28_every_way_to_write_a_private_address_is_refused() {
        let table = [
            ("https://127.0.0.1/", Private),
            ("https://127.1/", Private),
            ("https://127.255.255.254/", Private),
            ("https://[::ffff:127.0.0.1]/", Private),
            ("https://[::ffff:7f00:1]/", Private),
            ("https://[::127.0.0.1]/", Private),
            ("https://[::1]/", Private),
            ("https://[::]/", Private),
            ("https://0/", Private),
            ("https://0.0.0.0/", Private),
            ("https://0x7f.1/", Private),
            ("https://0x7f000001/", Private),
            ("https://0177.0.0.1/", Private),
            ("https://2130706433/", Private),
            ("https://１２７.０.０.１/", Private),
            ("https://127。0。0。1/", Private),
            ("https://127.0.0.1./", Private),
            ("https://%31%32%37.0.0.1/", Private),
            ("https://10.1.2.3/", Private),
            ("https://172.16.0.1/", Private),
            ("https://172.31.255.255/", Private),
            ("https://192.168.1.1/", Private),
            ("https://100.64.0.1/", Private),
            ("https://169.254.1.1/", Private),
            ("https://169.254.169.254/latest/meta-data/", Private),
            ("https://[::ffff:169.254.169.254]/", Private),
            ("https://[fd00:ec2::254]/", Private),
            ("https://[fe80::1]/", Private),
            ("https://[fc00::1]/", Private),
            ("https://[fdff::1]/", Private),
            ("https://[ff02::1]/", Private),
            ("https://[64:ff9b::7f00:1]/", Private),
            ("https://[64:ff9b:1::a00:1]/", Private),
            ("https://[2002:7f00:1::]/", Private),
            ("https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/", Private),
            ("https://[2001:db8::1]/", Private),
            ("https://192.0.2.1/", Private),
            ("https://198.18.0.1/", Private),
            ("https://224.0.0.1/", Private),
            ("https://240.0.0.1/", Private),
            ("https://255.255.255.255/", Private),
            ("https://localhost/", Private),
            ("https://LOCALHOST./", Private),
            ("https://localhost.:8443/", Private),
            ("https://api.localhost/", Private),
            ("https://metadata.google.internal/", Private),
            ("https://printer.local/", Private),
            ("https://user@example.com/", Credentials),
            ("https://user:password@example.com/", Credentials),
            ("https://:password@example.com/", Credentials),
            ("https://example.com:25/", Port),
            ("https://example.com:22/", Port),
            ("https://example.com:0/", Port),
            ("https://example.com:5432/", Port),
            ("https://example.com:6379/", Port),
            ("http://example.com/", Scheme),
            ("file:///etc/passwd", Scheme),
            ("gopher://example.com/", Scheme),
            ("ftp://example.com/", Scheme),
            ("javascript:alert(1)", Scheme),
            ("data:text/plain,x", Scheme),
            ("https://", NotAnAddress),
            ("https://example.com:99999/", NotAnAddress),
            ("https://exa mple.com/", NotAnAddress),
            ("https://256.1.1.1/", NotAnAddress),
            ("//example.com/", NotAnAddress),
            ("example.com", NotAnAddress),
            ("", NotAnAddress),
        ];
        let reach = Reach::new(false);
        for (text, expected) in table {
            assert_eq!(reach.check(text), Err(expected), "{text}");
        }
        assert!(reach.check(&format!("https://example.com/{}", "x".repeat(2_000))).is_err());
        for good in [
            "https://example.com/hooks?a=b",
            "https://example.com:8443/",
            "https://hooks.example.com.:443/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://localhost.example.com/",
            "https://172.32.0.1/",
        ] {
            assert!(reach.check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_is_allowed_for_development_is_the_address_and_nothing_else() {
        let reach = Reach::new(true);
        for good in ["http://127.0.0.1:8081/", "http://localhost:3000/x", "http://[::1]:8081/"] {
            assert!(reach.check(good).is_ok(), "{good}");
        }
        for (text, expected) in [
            ("http://127.0.0.1:25/", Port),
            ("http://a:b@127.0.0.1/", Credentials),
            ("gopher://127.0.0.1/", Scheme),
        ] {
            assert_eq!(reach.check(text), Err(expected), "{text}");
        }
    }
}
