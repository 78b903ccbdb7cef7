//! The worker: claims endpoints, sends what is due to them, and notes what became of it. See [`super`] for the story.

use super::schedule::{self, FAILING};
use super::sender::{Message, Reply, Sender};
use super::store::{self, Attempt, Endpoint, Retry, Standing};
use crate::error::{Error, Result};
use crate::events::envelope::Logged;
use crate::events::event::PauseReason;
use crate::events::{Author, Event, Log, Subject};
use crate::id::{self, NodeType};
use crate::sealed::Seal;
use crate::signing::{self, Signed, SigningSecret};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Endpoints that a node serves at once; each needs a connection to the database for moments only.
pub const AT_ONCE: usize = 256;
/// Rounds of one claim; then whoever waited longest has its turn.
const ROUNDS: usize = 4;
/// Longest wait for a wake-up: an event of another node, or a next attempt, is this late at most.
const PAUSE: Duration = Duration::from_secs(2);
/// Shortest pause between two looks.
const REST: Duration = Duration::from_millis(20);
/// How long calls that are under way may take once the program is to stop.
const GRACE: Duration = Duration::from_secs(16);

/// Pushes events to endpoints.
#[derive(Clone)]
pub struct Webhooks {
    log: Log,
    seal: Arc<Seal>,
    sender: Arc<Sender>,
    attempts: Arc<AtomicUsize>,
}

impl Webhooks {
    /// Over this sender, with the secrets under this seal.
    pub fn new(log: Log, seal: Arc<Seal>, sender: Sender) -> Self {
        Self { log, seal, sender: Arc::new(sender), attempts: Arc::default() }
    }

    /// Sends what is due, until `stop`; then ends what is under way, for a while.
    pub async fn run(self, stop: CancellationToken) {
        let mut serving = JoinSet::new();
        let mut wakeups = self.log.hub.subscribe();
        while !stop.is_cancelled() {
            if let Err(error) = self.take_up(&mut serving, &stop).await {
                tracing::warn!(?error, "webhooks could not be looked for");
            }
            let next = async {
                wakeups.wait(PAUSE).await;
                // Many commits in a row are looked at once.
                tokio::time::sleep(REST).await;
            };
            tokio::select! {
                () = next => {}
                Some(_) = serving.join_next() => {}
                () = stop.cancelled() => {}
            }
        }
        let finished = async { while serving.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::warn!("webhooks were still under way when the program stopped; they go out anew");
        }
    }

    /// Claims as many endpoints as there is room for, and serves each in a task of its own: none waits for another.
    async fn take_up(&self, serving: &mut JoinSet<()>, stop: &CancellationToken) -> Result<()> {
        while serving.try_join_next().is_some() {}
        let room = i64::try_from(AT_ONCE.saturating_sub(serving.len())).unwrap_or_default();
        if room == 0 {
            return Ok(());
        }
        for endpoint in self.claim(room).await? {
            let (worker, stop) = (self.clone(), stop.clone());
            serving.spawn(async move { worker.serve(endpoint, &stop).await });
        }
        Ok(())
    }

    /// Handles everything that is due now; answers how many attempts that were, well or ill.
    pub async fn sweep(&self) -> Result<usize> {
        let (before, stop) = (self.attempts.load(Ordering::Relaxed), CancellationToken::new());
        loop {
            let endpoints = self.claim(i64::try_from(AT_ONCE).unwrap_or(i64::MAX)).await?;
            if endpoints.is_empty() {
                return Ok(self.attempts.load(Ordering::Relaxed) - before);
            }
            join_all(endpoints.into_iter().map(|endpoint| self.serve(endpoint, &stop))).await;
        }
    }

    async fn claim(&self, at_most: i64) -> Result<Vec<Endpoint>> {
        self.log.transact(Author::System, async |tx| store::claim(tx, at_most).await).await
    }

    /// Serves one endpoint for a few rounds, and lets go of it.
    async fn serve(&self, mut endpoint: Endpoint, stop: &CancellationToken) {
        let served = async {
            for _ in 0..ROUNDS {
                if stop.is_cancelled() || !self.round(&mut endpoint, stop).await? {
                    break;
                }
            }
            self.log.transact(Author::System, async |tx| store::release(tx, &endpoint).await).await
        };
        if let Err(error) = served.await {
            tracing::warn!(webhook = %endpoint.id, ?error, "a webhook waits until its claim lapses");
        }
    }

    /// Sends a batch of first attempts, one after the other, and a few further ones beside. `false` if there is nothing
    /// left to do here for now.
    async fn round(&self, endpoint: &mut Endpoint, stop: &CancellationToken) -> Result<bool> {
        let secrets = self.secrets(endpoint)?;
        let (head, events, retries) = {
            let mut reader = self.log.reader().await?;
            let (head, events) = store::next(&mut reader, endpoint).await?;
            (head, events, store::retries(&mut reader, endpoint, self.log.clock.now()).await?)
        };
        if events.is_empty() && retries.is_empty() {
            if head > endpoint.position {
                let pass =
                    self.log.transact(Author::System, async |tx| store::pass_over(tx, endpoint, head).await);
                pass.await?;
            }
            return Ok(false);
        }
        let again = endpoint.clone();
        let again = retries.iter().map(|retry| self.try_again(&again, &secrets, retry));
        let (firsts, again) = tokio::join!(self.firsts(endpoint, &secrets, &events, stop), join_all(again));
        let again: Vec<bool> = again.into_iter().collect::<Result<_>>()?;
        Ok(firsts? && again.into_iter().all(|go_on| go_on))
    }

    /// `false` as soon as the endpoint is not to be served on.
    async fn firsts(
        &self,
        endpoint: &mut Endpoint,
        secrets: &[SigningSecret],
        events: &[Logged],
        stop: &CancellationToken,
    ) -> Result<bool> {
        for event in events {
            if stop.is_cancelled() {
                return Ok(false);
            }
            let reply = self.send(endpoint, secrets, event).await;
            let attempt = self.attempt(event, 1, reply);
            let id = id::new(attempt.now);
            let standing = self
                .noted(endpoint, &attempt, async |tx| {
                    store::note_first(tx, endpoint, id, event, &attempt).await
                })
                .await?;
            endpoint.position = event.position;
            if !goes_on(endpoint, standing) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn try_again(&self, endpoint: &Endpoint, secrets: &[SigningSecret], retry: &Retry) -> Result<bool> {
        let reply = self.send(endpoint, secrets, &retry.event).await;
        let attempt = self.attempt(&retry.event, retry.attempts + 1, reply);
        let standing = self
            .noted(endpoint, &attempt, async |tx| store::note_retry(tx, endpoint, retry, &attempt).await)
            .await?;
        Ok(goes_on(endpoint, standing))
    }

    /// Sends an event; nothing of the database is held meanwhile.
    async fn send(&self, endpoint: &Endpoint, secrets: &[SigningSecret], event: &Logged) -> Reply {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let (id, timestamp, body) = (event.global_id(), self.log.clock.now().timestamp(), event.to_json());
        let message = Signed { id: &id, timestamp, body: body.as_bytes() };
        let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(message)).collect();
        let url = endpoint.url.clone();
        self.sender.send(Message { url, id, timestamp, signatures: signatures.join(" "), body }).await
    }

    /// What is to be noted about an answer.
    fn attempt(&self, event: &Logged, number: i32, reply: Reply) -> Attempt {
        let (now, delivered) = (self.log.clock.now(), reply.is_success());
        let outcome = if delivered { "delivered" } else { "failed" };
        metrics::counter!("locum_webhooks_total", "outcome" => outcome).increment(1);
        let header = reply.retry_after.as_deref().filter(|_| !delivered);
        let quiet_until = header.and_then(|header| schedule::quiet_until(header, now));
        let next = schedule::pause(event.id, number).filter(|_| !delivered).map(|pause| now + pause);
        let next = next.map(|next| quiet_until.map_or(next, |until| next.max(until)));
        let status = reply.status.map(i32::from);
        Attempt { now, number, delivered, next, quiet_until, status, answer: reply.answer }
    }

    /// Notes an attempt; pauses the endpoint, in the same transaction, if that was one too many.
    async fn noted(
        &self,
        endpoint: &Endpoint,
        attempt: &Attempt,
        note: impl AsyncFnOnce(&mut diesel_async::AsyncPgConnection) -> Result<Option<Standing>>,
    ) -> Result<Option<Standing>> {
        tracing::debug!(webhook = %endpoint.id, attempt = attempt.number, status = attempt.status, "a webhook was called");
        let noted = self.log.transact(Author::System, async |tx| {
            let standing = note(tx.sql()).await?;
            let reason =
                standing.filter(|_| !attempt.delivered).and_then(|standing| too_much(attempt, standing));
            if let Some(reason) = reason
                && store::pause(tx, endpoint, reason).await?
            {
                let webhook = Subject(NodeType::Webhook, endpoint.id);
                tx.record(endpoint.firm, Event::WebhookPaused { webhook, reason });
                return Ok(None);
            }
            Ok(standing)
        });
        noted.await
    }

    /// The secrets that messages are signed with now, the newest first.
    fn secrets(&self, endpoint: &Endpoint) -> Result<Vec<SigningSecret>> {
        let of = signing::sealed_for(endpoint.firm, endpoint.id);
        let now = self.log.clock.now();
        let old = endpoint
            .old_secret
            .as_ref()
            .filter(|_| endpoint.old_secret_until.is_some_and(|until| until > now));
        let sealed = std::iter::once(&endpoint.secret).chain(old);
        let open =
            |sealed: &Vec<u8>| self.seal.open(of, sealed).map(SigningSecret::of).map_err(Error::internal);
        sealed.map(open).collect()
    }
}

/// Why an endpoint is paused after a failed attempt, if it is.
fn too_much(attempt: &Attempt, standing: Standing) -> Option<PauseReason> {
    if attempt.status == Some(410) {
        return Some(PauseReason::Gone);
    }
    standing.failing_since.filter(|since| attempt.now - *since >= FAILING).map(|_| PauseReason::Failing)
}

/// Whether the endpoint is still ours, and as we know it, and wants more now.
fn goes_on(endpoint: &Endpoint, standing: Option<Standing>) -> bool {
    standing
        .is_some_and(|standing| standing.active && standing.version == endpoint.version && !standing.quiet)
}
