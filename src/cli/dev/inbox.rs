//! The development inbox: catches the mails instead of sending them, and shows them at `/dev/mail`.
//!
//! Each mail is a JSON file in a folder, so that they survive a restart; the oldest beyond 500 are removed. Files are
//! written under another name first, and read anew for each request: nothing is kept in memory.

use crate::delivery::templates::escape_html;
use crate::delivery::{Message, SendError, Transport};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// How many mails are kept.
const KEPT: usize = 500;

/// The inbox.
#[derive(Debug)]
pub struct Inbox {
    folder: Arc<Path>,
}

/// What was caught.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Caught {
    /// What it is: `mail`.
    pub kind: String,
    pub id: String,
    pub at: DateTime<Utc>,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The addresses in the text, in its order.
    pub links: Vec<String>,
}

impl Inbox {
    /// The inbox in `mail` within this folder. Nobody else may read it: the links in it open accounts.
    pub async fn open(data_dir: &Path) -> io::Result<Self> {
        let inbox = Self { folder: data_dir.join("mail").into() };
        inbox.blocking(|folder| fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)).await?;
        Ok(inbox)
    }

    /// What was caught, newest first.
    pub async fn list(&self) -> io::Result<Vec<Caught>> {
        self.blocking(|folder| {
            let read = |name: OsString| serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok();
            Ok(names(folder)?.into_iter().rev().filter_map(read).collect())
        })
        .await
    }

    async fn keep(&self, caught: Caught) -> io::Result<()> {
        self.blocking(move |folder| write(folder, &caught).and_then(|()| forget(folder))).await
    }

    /// Works with the disk on a thread that may wait for it.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || work(&folder)).await.map_err(io::Error::other)?
    }
}

impl Transport for Inbox {
    fn send(&self, message: Message) -> BoxFuture<'_, Result<(), SendError>> {
        let caught = Caught {
            kind: "mail".to_owned(),
            id: message.id.to_string(),
            at: message.at,
            to: message.to.to_string(),
            subject: message.subject,
            links: message.text.split_whitespace().filter(|word| is_link(word)).map(str::to_owned).collect(),
            text: message.text,
            html: message.html,
        };
        async move {
            let kept = self.keep(caught).await;
            kept.map_err(|error| SendError::passing(&format!("the inbox could not keep it: {error}")))
        }
        .boxed()
    }
}

fn is_link(word: &str) -> bool {
    word.starts_with("http://") || word.starts_with("https://")
}

/// The names of the caught mails, oldest first.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names: Vec<_> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.retain(|name| name.to_string_lossy().ends_with(".json"));
    names.sort();
    Ok(names)
}

fn write(folder: &Path, caught: &Caught) -> io::Result<()> {
    let name = format!("{}-{}", caught.at.format("%Y%m%dT%H%M%S%6f"), caught.id);
    let unfinished = folder.join(format!("{name}.unfinished"));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    serde_json::to_writer_pretty(&mut file, caught)?;
    fs::rename(unfinished, folder.join(format!("{name}.json")))
}

fn forget(folder: &Path) -> io::Result<()> {
    let names = names(folder)?;
    let old = names.len().saturating_sub(KEPT);
    for name in names.into_iter().take(old) {
        // Another mail's sender may have been quicker.
        let _ = fs::remove_file(folder.join(name));
    }
    Ok(())
}

/// `GET /dev/mail`: a page for people; `GET /dev/mail.json`: the same for programs.
pub fn router(inbox: Arc<Inbox>) -> Router {
    Router::new().route("/dev/mail", get(page)).route("/dev/mail.json", get(json)).with_state(inbox)
}

/// No script, and nothing from anywhere else. The mails' own styles are inline, and their frames share this policy.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

async fn json(State(inbox): State<Arc<Inbox>>) -> Response {
    match inbox.list().await {
        Ok(list) => (HEADERS, Json(list)).into_response(),
        Err(error) => unreadable(&error),
    }
}

async fn page(State(inbox): State<Arc<Inbox>>) -> Response {
    match inbox.list().await {
        Ok(list) => (HEADERS, Html(render(&list))).into_response(),
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &io::Error) -> Response {
    tracing::warn!(%error, "the development inbox cannot be read");
    (StatusCode::INTERNAL_SERVER_ERROR, HEADERS, "The inbox cannot be read; the log says why.")
        .into_response()
}

fn render(list: &[Caught]) -> String {
    let mails: String = list.iter().enumerate().map(|(place, mail)| article(mail, place == 0)).collect();
    let count = match list.len() {
        0 => "No mail yet. What Locum would send appears here; reload the page to see it.".to_owned(),
        1 => "One mail. Nothing leaves this machine.".to_owned(),
        many => format!("{many} mails, newest first. Nothing leaves this machine."),
    };
    include_str!("inbox.html").replace("<!-- count -->", &count).replace("<!-- mails -->", &mails)
}

/// One mail, folded up unless it is the newest.
fn article(mail: &Caught, open: bool) -> String {
    let [id, subject, to] = [&mail.id, &mail.subject, &mail.to].map(|text| escape_html(text));
    let open = if open { " open" } else { "" };
    let at = mail.at.format("%Y-%m-%d %H:%M:%S UTC");
    let (text, html) = (linked(&mail.text), escape_html(&format!("<base target=\"_blank\">{}", mail.html)));
    format!(
        r#"<details id="mail-{id}"{open}>
<summary><strong>{subject}</strong><span>{to}</span><time datetime="{machine}">{at}</time></summary>
<div class="parts"><pre>{text}</pre>
<iframe title="As HTML: {subject}" sandbox="allow-popups allow-popups-to-escape-sandbox" loading="lazy" srcdoc="{html}"></iframe></div>
</details>
"#,
        machine = mail.at.to_rfc3339(),
    )
}

/// A link as it is shown: those to the explorer have a whole operation in them.
fn shortened(link: &str) -> String {
    match link.char_indices().nth(100) {
        Some((end, _)) => link.get(..end).unwrap_or_default().to_owned() + "…",
        None => link.to_owned(),
    }
}

/// Text as HTML, its links to be followed.
fn linked(text: &str) -> String {
    let word = |word: &str| {
        let escaped = escape_html(word);
        if !is_link(word) {
            return escaped;
        }
        let shown = escape_html(&shortened(word));
        format!(r#"<a href="{escaped}" target="_blank" rel="noreferrer">{shown}</a>"#)
    };
    // Split so that each piece keeps its white space.
    text.split_inclusive(char::is_whitespace)
        .map(|piece| {
            let bare = piece.trim_end();
            word(bare) + piece.get(bare.len()..).unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use uuid::Uuid;

    fn message(place: u128, subject: &str, text: &str) -> Message {
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(place).unwrap_or_default());
        let mailbox =
            || "Bea Lind <bea@harbour.example>".parse().unwrap_or_else(|_| unreachable!("it is an address"));
        let (subject, text, html) = (subject.to_owned(), text.to_owned(), format!("<p>{text}</p>"));
        Message { id: Uuid::from_u128(place), at, from: mailbox(), to: mailbox(), subject, text, html }
    }

    /// A new folder, which goes with its owner.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("locum-inbox-{}-{name}", std::process::id())))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// An answer's body; the policy is on every answer.
    async fn body(answer: Response) -> anyhow::Result<String> {
        assert_eq!(answer.status(), StatusCode::OK);
        let policy = answer.headers().get(header::CONTENT_SECURITY_POLICY);
        assert_eq!(policy.and_then(|policy| policy.to_str().ok()), Some(POLICY));
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await?;
        Ok(String::from_utf8(body.to_vec())?)
    }

    #[tokio::test]
    async fn what_was_caught_outlives_a_restart_newest_first_and_not_for_ever() -> anyhow::Result<()> {
        let folder = Folder::new("restart");
        let inbox = Inbox::open(&folder.0).await?;
        for place in 1..=502 {
            let text = format!("Follow\n\nhttps://app.example/register#token={place}\n");
            inbox.send(message(place, &format!("Mail {place}"), &text)).await?;
        }
        let answer = json(State(Arc::new(Inbox::open(&folder.0).await?))).await;
        let list: Vec<Caught> = serde_json::from_str(&body(answer).await?)?;
        assert_eq!(list.len(), 500);
        let subjects: Vec<_> = list.iter().map(|mail| mail.subject.as_str()).collect();
        assert_eq!((subjects.first(), subjects.last()), (Some(&"Mail 502"), Some(&"Mail 3")));
        let newest = list.first().map(|mail| (mail.kind.as_str(), mail.to.as_str(), mail.links.clone()));
        let link = "https://app.example/register#token=502".to_owned();
        assert_eq!(newest, Some(("mail", "Bea Lind <bea@harbour.example>", vec![link])));
        Ok(())
    }

    #[tokio::test]
    async fn abuse_31_what_a_mail_says_does_not_become_part_of_the_page() -> anyhow::Result<()> {
        let folder = Folder::new("page");
        let inbox = Inbox::open(&folder.0).await?;
        let text = "\"><script>x</script> https://a.example/?a=1&b=\"2 end\n";
        inbox.send(message(1, "<script>alert(1)</script> <!-- mails -->", text)).await?;
        let page = body(page(State(Arc::new(inbox))).await).await?;
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains(r#"<a href="https://a.example/?a=1&amp;b=&quot;2" "#));
        assert!(page.contains("&lt;bea@harbour.example&gt;"));
        Ok(())
    }
}
