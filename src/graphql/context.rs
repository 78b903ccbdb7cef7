//! What a resolver has at hand: the services of the house, who asks, and the way into a transaction.

use crate::caller::Caller;
use crate::config::Limits;
use crate::db::{Connection, counting};
use crate::defaults::Patience;
use crate::domain::client;
use crate::domain::feed::Feeds;
use crate::domain::impersonation::{Read, Seen};
use crate::domain::sign_in::{self, Authenticated};
use crate::domain::throttle::Network;
use crate::domain::user::password::Hasher;
use crate::error::{Error, ErrorCode, Refusal, Result};
use crate::events::idempotency::{self, Key};
use crate::events::{Author, Log, Subject, Tx};
use crate::reach::Reach;
use crate::sealed::Seal;
use crate::secret::Token;
use async_graphql::Context;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use url::Url;
use uuid::Uuid;

/// The services that resolvers call; one for each process.
#[derive(Clone)]
pub struct Services {
    pub log: Log,
    pub hasher: Hasher,
    pub seen: Arc<Seen>,
    /// The logs that are followed on this node.
    pub feeds: Feeds,
    pub limits: Arc<Limits>,
    pub patience: Patience,
    /// Whether anybody may register a firm.
    pub open_registration: bool,
    /// The service's own address, as people reach it, if it is known.
    pub public_url: Option<Url>,
    /// What secrets are sealed with that are used again, if there is a key for them.
    pub seal: Option<Arc<Seal>>,
    /// Which addresses may be called.
    pub reach: Reach,
    /// Changes that are under way; shutting down waits for them.
    pub running: TaskTracker,
}

impl Services {
    /// What secrets are sealed with; `UNAVAILABLE` if whoever runs the service gave no key.
    pub fn seal(&self) -> Result<Arc<Seal>> {
        let words = "This service has no key to keep secrets with (LOCUM_ENCRYPTION_KEY).";
        self.seal.clone().ok_or_else(|| Error::stop_saying(ErrorCode::Unavailable, words))
    }
}

/// One request: who asks, from where, and what its answer carries beside the data.
pub struct RequestContext {
    pub authenticated: Option<Authenticated>,
    pub network: Network,
    /// The device's token, from its cookie.
    pub device: Option<Token>,
    /// Whether the session came in a cookie.
    pub session_in_cookie: bool,
    pub idempotency_key: Option<String>,
    pub body_hash: Vec<u8>,
    /// Whether the answer may set a cookie: the request's origin is allowed.
    pub cookies_allowed: bool,
    pub outcome: Mutex<Outcome>,
}

/// What an answer carries beside the data.
#[derive(Default)]
pub struct Outcome {
    /// The session's new cookie: `Some(None)` takes it away.
    pub session_cookie: Option<Option<Token>>,
    pub device_cookie: Option<Token>,
    /// Whom the session acts for from now on, if that changed.
    pub acting: Option<Option<serde_json::Value>>,
    pub cost: Option<super::cost::Cost>,
    /// What the answer shows, for the principal to see while impersonating.
    pub reads: Vec<Read>,
}

impl RequestContext {
    /// Changes what the answer carries.
    pub fn outcome<T>(&self, change: impl FnOnce(&mut Outcome) -> T) -> T {
        change(&mut self.outcome.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The same, on async-graphql's context.
pub trait Locum {
    fn services(&self) -> &Services;
    fn request(&self) -> &RequestContext;

    /// Who asks; `UNAUTHENTICATED` without a session.
    fn authenticated(&self) -> Result<&Authenticated> {
        self.request().authenticated.as_ref().ok_or_else(|| Error::stop(ErrorCode::Unauthenticated))
    }

    /// The same, in short.
    fn caller(&self) -> Result<&Caller> {
        Ok(&self.authenticated()?.caller)
    }

    /// Has the principal see that this was read, if it is in their name; written before the answer goes out.
    fn note_read(&self, operation: &'static str, object: Option<Subject>) {
        self.request().outcome(|outcome| outcome.reads.push(Read { operation, object }));
    }

    /// The response name of the field that is resolved.
    fn field_name(&self) -> String;

    /// Runs a command in a transaction and a task of its own. With an idempotency key, a repetition answers the first
    /// success; the same change in somebody else's name is another change.
    fn mutate<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: for<'t> FnOnce(&'t mut Tx, &'t Caller) -> BoxFuture<'t, Result<T>> + Send + 'static,
        Self: Sync,
    {
        self.mutate_within(of_impersonation, |_| None, false, work)
    }

    /// The same for a change that may only be tried: then everything is taken back, and the answer says what would be.
    fn mutate_or_try<T, F>(&self, dry_run: bool, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: for<'t> FnOnce(&'t mut Tx, &'t Caller) -> BoxFuture<'t, Result<T>> + Send + 'static,
        Self: Sync,
    {
        self.mutate_within(of_impersonation, |_| None, dry_run, work)
    }

    /// The same for a change of a client, or of what belongs to one: a repetition answers only as long as the caller still
    /// reaches the client.
    fn mutate_of_client<T, F>(
        &self,
        client: fn(&T) -> Option<Uuid>,
        work: F,
    ) -> impl Future<Output = Result<T>> + Send
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: for<'t> FnOnce(&'t mut Tx, &'t Caller) -> BoxFuture<'t, Result<T>> + Send + 'static,
        Self: Sync,
    {
        self.mutate_within(of_impersonation, client, false, work)
    }

    /// The same for a change of the session itself, which may change who is acted for: in another session it is another
    /// change.
    fn mutate_session<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: for<'t> FnOnce(&'t mut Tx, &'t Caller) -> BoxFuture<'t, Result<T>> + Send + 'static,
        Self: Sync,
    {
        self.mutate_within(|caller| Some(caller.session), |_| None, false, work)
    }

    /// The same; the record of an idempotency key is within what `scope` says, and holds while the `client` is reached. What
    /// is only tried leaves no record.
    fn mutate_within<T, F>(
        &self,
        scope: fn(&Caller) -> Option<Uuid>,
        client: fn(&T) -> Option<Uuid>,
        dry_run: bool,
        work: F,
    ) -> impl Future<Output = Result<T>> + Send
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: for<'t> FnOnce(&'t mut Tx, &'t Caller) -> BoxFuture<'t, Result<T>> + Send + 'static,
        Self: Sync,
    {
        async move {
            let caller = self.caller()?.clone();
            let key = self.request().idempotency_key.clone().filter(|_| !dry_run).map(|key| Key {
                user: caller.actor,
                key,
                field: scope(&caller)
                    .map_or(self.field_name(), |scope| format!("{scope}/{}", self.field_name())),
                body_hash: self.request().body_hash.clone(),
            });
            let (log, field) = (self.services().log.clone(), self.field_name());
            self.detached(async move {
                let mut tx = log.begin(Author::from(&caller)).await?;
                match once(&mut tx, &caller, key, client, work).await {
                    Ok(value) if dry_run => tx.give_up().await.map(|()| value),
                    Ok(value) => tx.commit().await.map(|()| value),
                    Err(error) => {
                        tx.roll_back().await;
                        if matches!(error.code(), ErrorCode::Forbidden | ErrorCode::NotWhileImpersonating) {
                            sign_in::note_denial(&log, &caller, error.code(), field).await;
                        }
                        Err(error)
                    }
                }
            })
            .await
        }
    }

    /// Runs work in a task of its own, to its end, whether or not anybody waits for it.
    fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send
    where
        Self: Sync,
    {
        async move {
            let counted = counting::into(counting::current(), work).in_current_span();
            self.services().running.spawn(counted).await.map_err(Error::internal)?
        }
    }

    /// Runs a query's statements, on a connection by which nothing can be changed.
    fn read<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection, &'c Caller) -> BoxFuture<'c, Result<T>> + Send,
        Self: Sync,
    {
        async move {
            let caller = self.caller()?;
            work(&mut self.services().log.reader().await?, caller).await
        }
    }
}

/// A change in somebody's name is one of that impersonation.
fn of_impersonation(caller: &Caller) -> Option<Uuid> {
    caller.acting().map(|acting| acting.impersonation)
}

async fn once<T, F>(
    tx: &mut Tx,
    caller: &Caller,
    key: Option<Key>,
    of_client: fn(&T) -> Option<Uuid>,
    work: F,
) -> Result<T>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    F: for<'t> FnOnce(&'t mut Tx, &'t Caller) -> BoxFuture<'t, Result<T>> + Send + 'static,
{
    let Some(key) = key else { return work(tx, caller).await };
    if let Some(first) = idempotency::recall::<T>(tx, &key).await? {
        if let Some(client) = of_client(&first)
            && client::find(tx.sql(), caller, client).await?.is_none()
        {
            return Err(Refusal::new(ErrorCode::NotFound).into());
        }
        return Ok(first);
    }
    let value = work(tx, caller).await?;
    idempotency::remember(tx, key, &value).await?;
    Ok(value)
}

impl Locum for Context<'_> {
    fn services(&self) -> &Services {
        self.data_unchecked::<Services>()
    }

    fn request(&self) -> &RequestContext {
        self.data_unchecked::<Arc<RequestContext>>()
    }

    fn field_name(&self) -> String {
        self.item.node.response_key().node.to_string()
    }
}

impl RequestContext {
    /// Whose bucket the request is paid from.
    pub fn payer(&self) -> String {
        match &self.authenticated {
            Some(authenticated) => authenticated.session.id.to_string(),
            None => self.network.to_string(),
        }
    }
}
