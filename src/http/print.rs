//! A case on paper: the page behind a link of `printCase`.
//!
//! The link is opened by a browser that has no session to show, so it stands for the session it was given out in, which
//! is judged anew. It works once: a request that only looks ahead (`HEAD`, a prefetch) does not use it up.

use super::Door;
use crate::domain::case::{self, Document};
use crate::domain::firm::{self, zone};
use crate::domain::sign_in::{self, Authenticated};
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::Author;
use crate::secret::Token;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use minijinja::{Environment, UndefinedBehavior, context};
use std::sync::{Arc, LazyLock};

/// Opens the browser's print dialog, at once and by the button.
const SCRIPT: &str = include_str!("print/print.js");
const STYLE: &str = include_str!("print/print.css");

/// The page reaches nothing, and runs nothing but its own script.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(crate::secret::hash(text.as_bytes())));
    format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
});

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    // The name's ending is what has values escaped.
    for (name, page) in
        [("case.html", include_str!("print/case.html")), ("gone.html", include_str!("print/gone.html"))]
    {
        if let Err(error) = pages.add_template(name, page) {
            tracing::error!(%error, name, "a page cannot be read");
        }
    }
    pages
});

/// `GET /print/{token}`.
pub async fn open(
    State(door): State<Arc<Door>>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let ahead = headers.get("sec-purpose").and_then(|value| value.to_str().ok());
    if ahead.is_some_and(|purpose| purpose.contains("prefetch")) {
        return StatusCode::NO_CONTENT.into_response();
    }
    // What is not text is nobody's link.
    let token = token.map(|Path(token)| token).unwrap_or_default();
    match document(&door, Token::presented(token)).await {
        Ok(page) => answer(StatusCode::OK, page),
        Err(Error::Refused(_)) => match page("gone.html", context! { style => STYLE }) {
            Ok(page) => answer(StatusCode::GONE, page),
            Err(error) => fault(error),
        },
        Err(error) => fault(error),
    }
}

/// `HEAD /print/{token}` says nothing, and leaves the link as it is.
pub async fn head() -> Response {
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

async fn document(door: &Door, token: Token) -> Result<String> {
    let log = &door.services.log;
    let opened = log.transact(Author::System, async |tx| {
        let link = case::use_link(tx, &token).await?;
        let session = sign_in::of_session(tx, link.session_firm_id, link.session_id).await;
        let session = session.map_err(|error| match error.code() {
            ErrorCode::Unauthenticated => Refusal::new(ErrorCode::InviteInvalid).into(),
            _ => error,
        })?;
        let document = case::open_print(tx, &session.caller, &link).await?;
        let firm = firm::find_many(tx.sql(), vec![document.case.firm_id]).await?.pop();
        let firm = firm.ok_or_else(|| Error::internal("a case without a firm"))?;
        Ok((document, session, firm))
    });
    let (document, session, firm) = opened.await?;
    render(&document, &session, &firm, log.clock.now())
}

fn render(
    document: &Document,
    session: &Authenticated,
    firm: &firm::Firm,
    now: DateTime<Utc>,
) -> Result<String> {
    let zone = zone(&firm.time_zone);
    let at = |moment: DateTime<Utc>| moment.with_timezone(&zone).format("%-d %B %Y, %H:%M").to_string();
    let Document { case, client } = document;
    let facts: Vec<_> =
        case.facts.0.iter().map(|fact| context! { name => &fact.name, value => &fact.value }).collect();
    let adviser = client.primary_adviser.as_ref().map(|adviser| &adviser.display_name);
    let acts_for = session.caller.acting().map(|_| &session.user().display_name);
    page(
        "case.html",
        context! {
            style => STYLE, script => SCRIPT, firm => &firm.name, zone => zone.name(),
            title => &case.title, state => case.state.as_str(), version => case.version, facts,
            client => &client.row.name, reference => &client.row.reference, adviser,
            updated => at(case.updated_at), printed => at(now), by => &session.actor.display_name, acts_for,
        },
    )
}

fn page(name: &str, values: minijinja::Value) -> Result<String> {
    PAGES
        .get_template(name)
        .and_then(|page| page.render(values))
        .map_err(|error| Error::internal(error.to_string()))
}

fn answer(status: StatusCode, page: String) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, &POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, Html(page)).into_response()
}

fn fault(error: Error) -> Response {
    if let Error::Internal(cause) = &error {
        tracing::error!(error = %cause, "a case could not be printed");
    }
    let status = match error.code() {
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.code().message()).into_response()
}
