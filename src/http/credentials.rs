//! Who sends a request, and from where: the token or the cookie, the origin, the network address.

use super::Door;
use crate::secret::Token;
use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use std::net::IpAddr;
use time::Duration;

/// The cookie of the session. The prefix binds it to this host and to TLS.
const SESSION: &str = "__Host-locum-session";
/// The cookie of the device.
const DEVICE: &str = "__Host-locum-device";

/// What a request brings along.
pub struct Credentials {
    pub token: Option<Token>,
    pub device: Option<Token>,
    /// Whether the session's token came in a cookie: then a change needs an allowed origin.
    pub in_cookie: bool,
}

/// The token of the `Authorization` header, or else of the cookie.
pub fn read(headers: &HeaderMap) -> Credentials {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?));
    let jar = CookieJar::from_headers(headers);
    let cookie = |name| jar.get(name).map(|cookie| Token::presented(cookie.value().to_owned()));
    let device = cookie(DEVICE);
    match bearer {
        Some(token) => Credentials { token: Some(token), device, in_cookie: false },
        None => {
            let token = cookie(SESSION);
            Credentials { in_cookie: token.is_some(), token, device }
        }
    }
}

/// The token in `Bearer …`.
pub fn bearer(authorization: &str) -> Option<Token> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::presented(token.trim().to_owned()))
}

/// Whether the request comes from a page that may use the cookie. A request without an origin may not: browsers send
/// one with each POST.
pub fn has_allowed_origin(door: &Door, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    origin.is_some_and(|origin| door.origins.iter().any(|allowed| allowed == origin))
}

/// The address that the request comes from: the last one that no trusted proxy has. Each proxy adds its peer's at the
/// end, so it is read from there, and no further than something that is not an address: the rest anybody can write.
pub fn address(door: &Door, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    let trusted = |address: &IpAddr| door.proxies.contains(address);
    let peer = peer.to_canonical();
    if !trusted(&peer) {
        return peer;
    }
    let values: Vec<_> =
        headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let parts = values.iter().rev().flat_map(|value| value.rsplit(','));
    let mut chain =
        parts.map_while(|part| part.trim().parse().ok()).map(|address: IpAddr| address.to_canonical());
    chain.find(|address| !trusted(address)).unwrap_or(peer)
}

/// The cookie of a session; without a token, what takes it away.
pub fn session_cookie(token: Option<&Token>) -> String {
    cookie(SESSION, token, None)
}

/// The cookie of a device; a year.
pub fn device_cookie(token: &Token) -> String {
    cookie(DEVICE, Some(token), Some(Duration::days(365)))
}

fn cookie(name: &'static str, token: Option<&Token>, age: Option<Duration>) -> String {
    let value = token.map_or("", Token::reveal).to_owned();
    let mut cookie =
        Cookie::build((name, value)).path("/").http_only(true).secure(true).same_site(SameSite::Lax);
    if let Some(age) = if token.is_none() { Some(Duration::ZERO) } else { age } {
        cookie = cookie.max_age(age);
    }
    cookie.build().to_string()
}
