//! The relay: claims what is due, sends it, and marks what became of it. See [`super`] for the story.

use super::links::Links;
use super::mail::{SendError, Transport};
use super::prepare::{Prepared, prepare};
use super::store::{self, Claim, End};
use super::templates::Templates;
use crate::caller::UserKey;
use crate::error::Result;
use crate::events::{Author, Event, Log};
use crate::secret;
use chrono::TimeDelta;
use futures_util::{FutureExt, StreamExt, stream};
use lettre::message::Mailbox;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Mails that are claimed at once.
const BATCH: i64 = 16;
/// Mails that are under way at once; each needs a connection to the database for moments only.
const AT_ONCE: usize = 4;
/// Longest wait for a wake-up: a mail of another node, or a next attempt, is this late at most.
const PAUSE: Duration = Duration::from_secs(2);
/// Shortest pause between two looks.
const REST: Duration = Duration::from_millis(50);
/// How long mails that are under way may take once the program is to stop.
const GRACE: Duration = Duration::from_secs(10);
/// The pauses after an attempt failed, in seconds. There is one more attempt than pauses.
const PAUSES: [i64; 7] = [10, 60, 300, 1_800, 7_200, 21_600, 43_200];
/// Claims of one mail, at most: one that keeps bringing nodes down is not taken up for ever.
const CLAIMS: i32 = 24;

/// Sends the mails that events cause.
pub struct Relay {
    log: Log,
    mailer: Arc<dyn Transport>,
    links: Links,
    from: Mailbox,
    templates: Templates,
}

/// What became of a claimed mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Sent,
    Suppressed,
    Postponed,
    Failed,
    /// Another node has it: the claim lapsed.
    Lost,
    /// It was given back, since the program is to stop.
    Returned,
}

impl Relay {
    /// A relay over this transport. An error means a mistake in a template.
    pub fn new(log: Log, mailer: Arc<dyn Transport>, links: Links, from: Mailbox) -> anyhow::Result<Self> {
        Ok(Self { log, mailer, links, from, templates: Templates::new()? })
    }

    /// Sends what is due, until `stop`; then ends what is under way, for a while, and gives back the rest.
    pub async fn run(self, stop: CancellationToken) {
        let deadline = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = self.sweep_until(&stop) => {}
            () = deadline => tracing::warn!("mails were still under way when the program stopped; they go out anew"),
        }
    }

    async fn sweep_until(&self, stop: &CancellationToken) {
        let mut wakeups = self.log.hub.subscribe();
        while !stop.is_cancelled() {
            if let Err(error) = self.sweep_unless(stop).await {
                tracing::warn!(?error, "mails could not be looked for");
            }
            let next = async {
                wakeups.wait(PAUSE).await;
                // Many commits in a row are looked at once.
                tokio::time::sleep(REST).await;
            };
            tokio::select! {
                () = next => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Handles everything that is due now; answers how many mails that were, sent or not.
    pub async fn sweep(&self) -> Result<usize> {
        self.sweep_unless(&CancellationToken::new()).await
    }

    async fn sweep_unless(&self, stop: &CancellationToken) -> Result<usize> {
        let mut handled = 0;
        while !stop.is_cancelled() {
            let claim = self.log.transact(Author::System, async |tx| store::claim(tx, BATCH).await);
            let claims = claim.await?;
            if claims.is_empty() {
                break;
            }
            handled += claims.len();
            stream::iter(claims).for_each_concurrent(AT_ONCE, |claim| self.handle(claim, stop)).await;
        }
        Ok(handled)
    }

    /// Handles one mail. A fault of ours costs an attempt of this mail, and nothing of the others.
    async fn handle(&self, claim: Claim, stop: &CancellationToken) {
        let work = async {
            if stop.is_cancelled() { self.give_back(&claim).await } else { self.deliver(&claim).await }
        };
        let outcome = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(_) => self.failed(&claim, None, SendError::passing("a fault of Locum's own")).await,
        };
        let template = claim.template.as_str();
        match outcome {
            Ok(outcome) => {
                let counted = format!("{outcome:?}").to_lowercase();
                metrics::counter!("locum_mails_total", "template" => template, "outcome" => counted)
                    .increment(1);
                tracing::debug!(mail = %claim.id, template, attempt = claim.attempt, ?outcome, "a mail was handled");
            }
            Err(error) => {
                tracing::warn!(mail = %claim.id, template, ?error, "a mail waits until its claim lapses")
            }
        }
    }

    async fn give_back(&self, claim: &Claim) -> Result<Outcome> {
        self.log.transact(Author::System, async |tx| store::release(tx, claim).await).await?;
        Ok(Outcome::Returned)
    }

    async fn deliver(&self, claim: &Claim) -> Result<Outcome> {
        if claim.attempt > CLAIMS {
            return self.failed(claim, None, SendError::permanent("every attempt was cut off")).await;
        }
        let prepared = self.log.transact(Author::System, async |tx| prepare(tx, &self.links, claim).await);
        let ready = match prepared.await? {
            Prepared::Ready(ready) => ready,
            Prepared::Suppressed => return Ok(Outcome::Suppressed),
            Prepared::Lost => return Ok(Outcome::Lost),
        };
        // Nothing of the database is held from here on, until the mail is out.
        let sender = ready.sender;
        let handed_over = match ready.word(claim, &self.templates, &self.from) {
            Ok(message) => self.mailer.send(message).await,
            Err(error) => Err(error),
        };
        match handed_over {
            Ok(()) => self.sent(claim, sender).await,
            Err(error) => self.failed(claim, sender, error).await,
        }
    }

    async fn sent(&self, claim: &Claim, sender: Option<UserKey>) -> Result<Outcome> {
        let event = Event::EmailSent { mail: claim.id, template: claim.template, sender };
        self.end(claim, End::Sent, None, event).await
    }

    /// Lets a mail wait for its next attempt, or ends it, visibly.
    async fn failed(&self, claim: &Claim, sender: Option<UserKey>, error: SendError) -> Result<Outcome> {
        let (template, reason) = (claim.template, error.message);
        if let Some(pause) = pause(claim).filter(|_| !error.permanent) {
            tracing::info!(mail = %claim.id, attempt = claim.attempt, reason, "a mail is tried again later");
            return self.postpone(claim, pause, reason).await;
        }
        tracing::warn!(mail = %claim.id, template = template.as_str(), reason, "a mail failed");
        let event = Event::EmailFailed { mail: claim.id, template, reason: reason.clone(), sender };
        self.end(claim, End::Failed, Some(reason), event).await
    }

    /// Marks a mail, together with the event that says so.
    async fn end(&self, claim: &Claim, end: End, why: Option<String>, event: Event) -> Result<Outcome> {
        let ended = self.log.transact(Author::System, async |tx| {
            let ended = store::finish(tx, claim, end, why).await?;
            if ended {
                tx.record(claim.firm, event);
            }
            Ok(ended)
        });
        Ok(match (ended.await?, end) {
            (false, _) => Outcome::Lost,
            (true, End::Sent) => Outcome::Sent,
            (true, End::Failed) => Outcome::Failed,
            (true, End::Suppressed) => Outcome::Suppressed,
        })
    }

    async fn postpone(&self, claim: &Claim, pause: TimeDelta, why: String) -> Result<Outcome> {
        let until = self.log.clock.now() + pause;
        self.log.transact(Author::System, async |tx| store::postpone(tx, claim, until, why).await).await?;
        Ok(Outcome::Postponed)
    }
}

/// How long a mail waits after its attempt failed: up to a quarter longer than the table says, so that those that
/// failed together do not come back together. `None` after the last attempt.
fn pause(claim: &Claim) -> Option<TimeDelta> {
    let seconds = PAUSES.get(usize::try_from(claim.attempt - 1).ok()?)?;
    let draw = secret::hash(format!("{}/{}", claim.id, claim.attempt).as_bytes())
        .first()
        .copied()
        .unwrap_or_default();
    Some(TimeDelta::milliseconds(seconds * 1_000 + seconds * 250 * i64::from(draw) / 255))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::MailTemplate;

    #[test]
    fn attempts_are_further_and_further_apart_and_end() {
        let claim = |attempt| Claim {
            firm: uuid::Uuid::nil(),
            id: uuid::Uuid::nil(),
            template: MailTemplate::PasswordReset,
            attempt,
        };
        let pauses: Vec<_> = (1..=7).filter_map(|attempt| pause(&claim(attempt))).collect();
        assert_eq!(pauses.len(), 7);
        for (pause, least) in pauses.iter().zip(PAUSES) {
            assert!(
                *pause >= TimeDelta::seconds(least) && *pause <= TimeDelta::milliseconds(least * 1_250),
                "{pause}"
            );
        }
        assert_eq!(pause(&claim(8)), None);
    }
}
