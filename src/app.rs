//! The composition root: puts the house together and runs it, for `locum dev`, `locum serve` and every test.
//!
//! Who takes part: the two listeners, the relay that sends mails, the worker that pushes events to webhooks, the bus to the
//! other nodes, whoever judges those who are connected, the maintenance that follows the database's clock and sweeps up.
//! To stop: readiness goes off, no new connection is taken, those that stay open for long are closed one after the other,
//! what runs is finished, and then the pool closes.

use crate::clock::{Clock, DatabaseClock};
use crate::config::Config;
use crate::db::{Database, migrations};
use crate::delivery::mail::Transport;
use crate::delivery::webhook::{Sender, Webhooks};
use crate::delivery::{Links, Relay};
use crate::domain::feed::Feeds;
use crate::domain::user::password::Hasher;
use crate::domain::{case, impersonation, link, session, sign_in, throttle, webhook, workgroup};
use crate::events::bus::{self, Bus};
use crate::events::{Author, Hub, Log, Tx, idempotency};
use crate::graphql::{self, Services};
use crate::http::{self, Door, ops};
use crate::reach::Reach;
use crate::sealed::Seal;
use anyhow::Context;
use axum::Router;
use axum::serve::ListenerExt;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use secrecy::ExposeSecret;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

/// What differs between development, production and tests.
pub struct Parts {
    /// How mails leave the house.
    pub transport: Arc<dyn Transport>,
    /// Where links in mails point to.
    pub links: Links,
    /// Routes beside the service's own.
    pub extra: Router,
    /// The service's own origins.
    pub origins: Vec<String>,
}

/// The ground and the services, without listeners; for the command line too.
pub struct App {
    pub log: Log,
    pub services: Services,
    follows: Option<Arc<DatabaseClock>>,
}

/// A house that is open.
pub struct Running {
    pub app: App,
    pub address: SocketAddr,
    pub ops_address: SocketAddr,
    stop: CancellationToken,
    ready: Arc<AtomicBool>,
    tasks: TaskTracker,
}

/// Longest wait for what runs when the house closes.
const CLOSING: Duration = Duration::from_secs(25);

impl App {
    /// Lays the ground: the pool, the clock (by default one that follows the database), the hashing threads.
    pub async fn new(config: &Config, clock: Option<Arc<dyn Clock>>) -> anyhow::Result<Self> {
        let database = Database::new(config.database_url()?, config.database_pool)?;
        let (clock, follows): (Arc<dyn Clock>, _) = match clock {
            Some(clock) => (clock, None),
            None => {
                let now = database.now().await.map_err(|_| {
                    anyhow::anyhow!("the database cannot be reached, or is not migrated (`locum migrate`)")
                })?;
                let clock = Arc::new(DatabaseClock::new(now));
                (clock.clone(), Some(clock))
            }
        };
        // Whatever speaks TLS without saying by which library: there is one in the house.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let limits = Arc::new(config.limits.clone());
        let hub = Hub::default();
        let log = Log { database, clock, hub, limits: limits.clone() };
        let services = Services {
            log: log.clone(),
            hasher: Hasher::start(limits.password_queue)?,
            seen: Arc::default(),
            feeds: Feeds::default(),
            limits,
            patience: config.patience,
            open_registration: config.open_registration,
            public_url: config.public_url.clone(),
            seal: config.encryption_key.as_ref().and_then(Seal::new).map(Arc::new),
            reach: Reach::new(config.allow_private_webhooks),
            running: TaskTracker::new(),
        };
        Ok(Self { log, services, follows })
    }

    /// Opens the house.
    pub async fn open(self, config: &Config, parts: Parts) -> anyhow::Result<Running> {
        let app = self;
        let face = graphql::build(app.services.clone(), config.explorer)?;
        let mut origins = parts.origins;
        origins.extend(config.allowed_origins.iter().cloned());
        origins.extend([&config.app_url, &config.public_url].into_iter().flatten().map(origin));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let door = Door {
            face,
            closing: stop.clone(),
            connections: tasks.clone(),
            services: app.services.clone(),
            explorer: config.explorer,
            origins,
            proxies: config.trusted_proxies.clone(),
            statement_header: config.statement_header,
        };
        let ready = Arc::new(AtomicBool::new(true));
        let ops = ops::Ops {
            database: app.log.database.clone(),
            metrics: recorder()?,
            ready: ready.clone(),
            newest_migration: migrations::versions()?.pop().unwrap_or_default(),
        };
        let listener = listen(config.listen, "LOCUM_LISTEN").await?;
        let ops_listener = listen(config.ops_listen, "LOCUM_OPS_LISTEN").await?;
        let (address, ops_address) = (listener.local_addr()?, ops_listener.local_addr()?);
        let (router, deaf) = (http::router(Arc::new(door)).merge(parts.extra), config.patience.send);
        tasks.spawn(serve(listener, router, deaf, stop.clone()));
        // Health can be asked until the end.
        tokio::spawn(serve(ops_listener, ops::router(ops), deaf, CancellationToken::new()));
        let from = config
            .mail_from
            .as_deref()
            .unwrap_or("Locum <locum@localhost>")
            .parse()
            .context("LOCUM_MAIL_FROM is not an address such as Locum <locum@example.com>")?;
        let relay = Relay::new(app.log.clone(), parts.transport, parts.links, from)?;
        tasks.spawn(relay.run(stop.clone()));
        if let Some(seal) = app.services.seal.clone() {
            let sender = Sender::new(app.services.reach.clone())?;
            tasks.spawn(Webhooks::new(app.log.clone(), seal, sender).run(stop.clone()));
        }
        tasks.spawn(bus::run(bus(config)?, app.log.hub.clone(), stop.clone()));
        tasks.spawn(app.log.hub.clone().sweep(app.log.database.clone(), stop.clone()));
        tasks.spawn(sign_in::judge_seats(app.log.clone(), stop.clone()));
        tasks.spawn(maintain(app.log.clone(), app.follows.clone(), stop.clone()));
        Ok(Running { app, address, ops_address, stop, ready, tasks })
    }
}

impl Running {
    /// Closes the house: finishes what runs, for 25 seconds at most.
    pub async fn close(self) {
        self.ready.store(false, Ordering::Relaxed);
        self.stop.cancel();
        self.tasks.close();
        self.app.services.running.close();
        let finished = async { tokio::join!(self.tasks.wait(), self.app.services.running.wait()) };
        if tokio::time::timeout(CLOSING, finished).await.is_err() {
            tracing::warn!("closed before everything was finished");
        }
        self.app.log.database.close();
    }
}

/// What carries wake-ups between the nodes.
fn bus(config: &Config) -> anyhow::Result<Box<dyn Bus>> {
    Ok(match &config.nats_url {
        Some(url) => Box::new(bus::Nats { url: url.expose_secret().to_owned() }),
        None => Box::new(bus::Postgres { url: config.database_url()?.to_owned() }),
    })
}

async fn listen(address: SocketAddr, name: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; {name} sets another address"))
}

/// Answers what comes, until `stop`. Whoever takes nothing for as long as `deaf` loses the connection: what was written
/// for them would be waited for to the end.
async fn serve(listener: TcpListener, router: Router, deaf: Duration, stop: CancellationToken) {
    let listener = listener.tap_io(move |stream| {
        // Answers are written whole: waiting for more only delays them.
        let _ = stream.set_nodelay(true);
        // Only Linux knows this; elsewhere it takes as long as the system's own patience.
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_user_timeout(
            &*stream,
            u32::try_from(deaf.as_millis()).unwrap_or(u32::MAX),
        );
        #[cfg(not(target_os = "linux"))]
        let _ = deaf;
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::error!(%error, "a listener failed");
    }
}

/// Looks after what nobody waits for: wishes for password resets and what is over by the clock each second, the database's
/// clock and who gets a summary every half minute, what is too old every ten minutes.
async fn maintain(log: Log, follows: Option<Arc<DatabaseClock>>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(Duration::from_secs(30));
    let mut sweep = tokio::time::interval(Duration::from_secs(600));
    let mut often = tokio::time::interval(Duration::from_secs(1));
    often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => every_half_minute(&log, follows.as_deref()).await,
            _ = sweep.tick() => sweep_up(&log).await,
            _ = often.tick() => every_second(&log).await,
        };
        if let Err(error) = done {
            tracing::warn!(?error, "maintenance failed; it is tried again");
        }
    }
}

async fn every_half_minute(log: &Log, clock: Option<&DatabaseClock>) -> crate::error::Result<()> {
    if let Some(clock) = clock {
        clock.set(log.database.now().await?);
    }
    while log.transact(Author::System, async |tx| impersonation::summarize(tx).await).await? > 0 {}
    Ok(())
}

async fn sweep_up(log: &Log) -> crate::error::Result<()> {
    let some = async |tx: &mut Tx| {
        let (keys, tries) = (idempotency::sweep(tx).await?, throttle::sweep(tx).await?);
        let (links, prints) = (link::sweep(tx).await?, case::sweep_prints(tx).await?);
        let (deliveries, workgroups) = (webhook::sweep(tx).await?, workgroup::sweep(tx).await?);
        let devices = session::sweep_devices(tx).await?;
        Ok(keys + tries + links + prints + deliveries + workgroups + devices)
    };
    while log.transact(Author::System, some).await? > 0 {}
    Ok(())
}

async fn every_second(log: &Log) -> crate::error::Result<()> {
    while log.transact(Author::System, async |tx| impersonation::end_overdue(tx).await).await? > 0 {}
    while log.transact(Author::System, async |tx| sign_in::process_reset_requests(tx).await).await? > 0 {}
    Ok(())
}

/// The process's metrics: one recorder, however many houses are open in it.
fn recorder() -> anyhow::Result<PrometheusHandle> {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let recorder = PrometheusBuilder::new().set_buckets(&buckets)?.build_recorder();
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    Ok(RECORDER.get_or_init(|| handle).clone())
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
