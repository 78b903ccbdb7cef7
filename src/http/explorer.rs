//! The explorer: GraphiQL and ready-made operations, served from inside the binary.
//!
//! No request leaves the machine: the page, its script, its style and the operations are files of
//! `assets/explorer/`, and the Content-Security-Policy lets the page reach nothing but this origin.
//! The page itself is public; what its operations may see, the session decides.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "assets/explorer/"]
struct Files;

const PAGE: &str = "index.html";

/// `'self'` in `connect-src` covers the subscriptions' `ws:` and `wss:` too.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const CACHE: &str = "no-cache";

/// `GET /graphql` of a browser: the page.
pub async fn page() -> Response {
    Files::get(PAGE).map_or_else(not_found, |file| answer(PAGE, file))
}

/// `GET /graphql/explorer/{name}`: a file the page asks for; 304 if the browser has it already.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    // A name, not a path: in a debug build the files come from the disk.
    let Some(file) = Files::get(&name).filter(|_| !name.contains(['/', '\\'])) else {
        return not_found();
    };
    let etag = etag(&file);
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|value| value.to_str().ok()).unwrap_or("");
    if known.split(',').any(|tag| tag.trim() == etag) {
        let kept = [(header::ETAG, etag), (header::CACHE_CONTROL, CACHE.to_owned())];
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    answer(&name, file)
}

/// A file with the headers that all of them carry. `no-cache` is "ask again", not "keep nothing";
/// `Vary`, since the page shares its address with the API.
fn answer(name: &str, file: EmbeddedFile) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type(name, &file)),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (header::X_FRAME_OPTIONS, "DENY".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, CACHE.to_owned()),
        (header::ETAG, etag(&file)),
        (header::VARY, "accept".to_owned()),
    ];
    (headers, Body::from(file.data)).into_response()
}

/// All the files are UTF-8 text, and one of them has an extension that mime-guess does not know.
fn content_type(name: &str, file: &EmbeddedFile) -> String {
    if name.ends_with(".graphql") {
        return "text/plain; charset=utf-8".to_owned();
    }
    format!("{}; charset=utf-8", file.metadata.mimetype())
}

/// The start of the content's hash: enough to tell two builds apart.
fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex = hash.iter().take(12);
    let hex = hex.fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("\"{hex}\"")
}

fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
