//! Wiring: opens the store, fills it on first start, starts sync and the server, drains.
//!
//! Must not hold rules of its own; it only connects rooms.

mod first_start;
mod shutdown;
mod watching;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::audit::Audit;
use crate::collect::Collector;
use crate::config::Config;
use crate::index::{IndexStats, Published};
use crate::number::{plan, warm_up};
use crate::policy::Policy;
use crate::rpc::{AdminRpc, CheckRpc, FeedRpc, Server, now};
use crate::store::{Embedded, Redis, Store};
use crate::sync::{Loaded, Sync};

use watching::Watching;

pub use shutdown::signal;

/// A service that is ready to serve.
pub struct App {
    listener: TcpListener,
    server: Server,
    sync: Sync,
    /// If feeds are run on their schedule.
    scheduled: Option<Collector>,
    watching: Option<Watching>,
    banner: Banner,
}

/// What a start has to tell.
#[derive(Debug, Clone)]
pub struct Banner {
    /// The bound address.
    pub address: SocketAddr,
    /// The bound address of the metrics port, if there is one.
    pub metrics: Option<SocketAddr>,
    /// Numbers of the starter list that were stored, if the store was empty.
    pub starter: Option<u64>,
    /// Which store, in words.
    pub store: String,
    /// What the index holds.
    pub index: IndexStats,
    /// Where the index came from.
    pub loaded: Loaded,
    /// How long that took.
    pub took: Duration,
    /// Version of the policy in force.
    pub policy: String,
    /// Version of the numbering-plan metadata.
    pub metadata: &'static str,
}

impl App {
    /// Checks all settings, binds the address, opens the store and loads the index.
    pub async fn start(config: &Config) -> Result<Self> {
        let policy = Arc::new(config.policy()?);
        let parts = config.collector()?;
        let listener = TcpListener::bind(config.listen).await.with_context(|| {
            format!(
                "cannot listen on {}: give another address with --listen (port 0 takes a free one)",
                config.listen
            )
        })?;
        let address = listener.local_addr()?;
        let port = watching::bind(config).await?;
        let store: Arc<dyn Store> = match config.redis()? {
            Some(options) => Arc::new(Redis::open(options)),
            None => Arc::new(Embedded::open(&config.embedded())?),
        };
        let audit = Arc::new(Audit::open(&config.data_dir)?);
        let starter = if config.starter_data { first_start::fill_now_or_later(&store).await? } else { None };
        let began = Instant::now();
        let published = Arc::new(Published::default());
        let (sync, loaded) = Sync::start(Arc::clone(&store), Arc::clone(&published), config.sync()).await?;
        let banner = Banner {
            address,
            metrics: port.as_ref().map(TcpListener::local_addr).transpose()?,
            starter,
            store: config.store(),
            index: published.load().stats(),
            loaded,
            took: began.elapsed(),
            policy: policy.version.clone(),
            metadata: plan::metadata_version(),
        };
        let collector =
            Collector::new(parts.catalogue, Arc::clone(&store), parts.fetcher, parts.options, now);
        let scheduled = parts.scheduled.then(|| collector.clone());
        if config.warm_up {
            std::thread::spawn(warm_up);
        }
        let (freshness, watched) = (sync.freshness(), collector.clone());
        let server = server(config, &store, audit, &published, &policy, &sync, collector);
        let redis = store.kind() == "redis";
        let watching =
            port.map(|port| Watching::new(port, server.serving(), redis, published, freshness, watched));
        Ok(Self { listener, server, sync, scheduled, watching, banner })
    }

    /// What to tell the person who started it.
    pub fn banner(&self) -> &Banner {
        &self.banner
    }

    /// Serves until `shutdown`, drains, and saves the index.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let collecting =
            self.scheduled.map(|collector| tokio::spawn(collector.follow_schedule(stopped.clone())));
        let sync = tokio::spawn(self.sync.run(stopped));
        // Probes and scrapes are answered until the very end.
        let _watching = self.watching.map(Watching::begin);
        let served = self.server.run(self.listener, shutdown).await.context("serving ended");
        stop.send_replace(true);
        if let Some(collecting) = collecting {
            collecting.await.context("collecting ended early")?;
        }
        sync.await.context("sync ended early")?;
        served
    }
}

fn server(
    config: &Config,
    store: &Arc<dyn Store>,
    audit: Arc<Audit>,
    published: &Arc<Published>,
    policy: &Arc<Policy>,
    sync: &Sync,
    feeds: Collector,
) -> Server {
    let check = CheckRpc::new(Arc::clone(published), Arc::clone(policy), Arc::clone(store), sync.freshness());
    let admin = AdminRpc::new(
        Arc::clone(store),
        audit,
        Arc::clone(published),
        Arc::clone(policy),
        sync.progress(),
        sync.freshness(),
    );
    let feed = FeedRpc::new(feeds, Arc::clone(store), sync.progress()).scheduled(config.collect.enabled);
    Server::new(check, admin, feed, sync.freshness(), config.server())
}
