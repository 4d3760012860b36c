//! The start, part by part: settings and addresses first, then the store, the index, the services and
//! the metrics port.
//!
//! What can be wrong with the settings is found before anything is opened. Must not begin to serve:
//! [`App::run`] does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use crate::access::{Directory, Keys, Limits, Tls};
use crate::clock::now;
use crate::collect::Collector;
use crate::config::Config;
use crate::core::burst::Windows;
use crate::core::index::Published;
use crate::core::number::{plan, warm_up};
use crate::core::policy::InForce;
use crate::feed::Catalogue;
use crate::lab::verdict_log::DecisionLog;
use crate::operate::audit::Audit;
use crate::operate::outcomes::Outcomes;
use crate::rpc::wire::Guard;
use crate::rpc::{
    AdminRpc, CheckParts, CheckRpc, FeedRpc, KeyRpc, OutcomeRpc, OwnerRpc, Rpcs, Server, ServerOptions, Turns,
};
use crate::store::{Embedded, Redis, Store};
use crate::sync::{Freshness, Loaded, Progress, Sync};
use crate::telemetry::Kinds;

use super::policies::Followed;
use super::watching::{self, Watching};
use super::{App, Banner, clock_watch, first_start};

/// Bound addresses, and what callers are greeted with.
struct Listeners {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    metrics: Option<TcpListener>,
}

/// The index, and what keeps it in step with the store.
struct Indexed {
    sync: Sync,
    published: Arc<Published>,
    loaded: Loaded,
    took: Duration,
}

/// What the services share.
struct Shared {
    store: Arc<dyn Store>,
    audit: Arc<Audit>,
    published: Arc<Published>,
    policies: InForce,
    freshness: Arc<Freshness>,
    progress: Progress,
}

/// What of the checks can be switched off.
struct Optional {
    windows: Option<Arc<Windows>>,
    decisions: Option<Arc<DecisionLog>>,
}

impl App {
    /// Checks all settings, binds the address, opens the store and loads the index.
    pub async fn start(config: &Config) -> Result<Self> {
        let policies = Followed::open(config)?;
        let parts = config.collector()?;
        let listeners = Listeners::open(config).await?;
        let store = store(config)?;
        let audit = audit(config)?;
        let starter = match config.starter_data {
            true => first_start::fill_now_or_later(store.clone(), config.sync().snapshot.exists()).await?,
            false => None,
        };
        let indexed = Indexed::load(config, &store).await?;
        let banner = banner(config, &listeners, starter, &indexed, &policies.in_force)?;
        let shared = Shared::of(store, audit, &indexed, &policies.in_force);
        let owner = owner(config, &parts.catalogue, &shared);
        let scheduled = parts.scheduled;
        let collector =
            Collector::new(parts.catalogue, Arc::clone(&shared.store), parts.fetcher, parts.options, now);
        if config.warm_up {
            std::thread::spawn(warm_up);
        }
        let optional = Optional::open(config)?;
        let guard = guard(config, &shared).await;
        let directory = guard.directory.clone();
        let rpcs = services(config, &shared, collector.clone(), &optional, owner, directory.clone());
        let options = ServerOptions {
            connections: config.connections(),
            tls: listeners.tls.clone(),
            guard,
            reflection: config.listen.ip().is_loopback(),
        };
        let server = Server::new(rpcs, Arc::clone(&shared.freshness), options);
        let redis = shared.store.kind() == "redis";
        let kinds = Kinds { redis, schedule: scheduled };
        let watching =
            listeners.metrics.map(|port| watching(port, &server, kinds, &shared, collector.clone()));
        let counting = optional.windows.filter(|_| redis).map(|windows| (windows, shared.store as _));
        Ok(Self {
            listener: listeners.listener,
            server,
            sync: indexed.sync,
            policies,
            tls: listeners.tls,
            directory,
            counting,
            scheduled: scheduled.then_some(collector),
            watching,
            decisions: optional.decisions,
            banner,
        })
    }
}

impl Listeners {
    /// Reads the certificate, and binds the addresses.
    async fn open(config: &Config) -> Result<Self> {
        let tls =
            config.access.tls()?.map(|options| Tls::open(options, now)).transpose().context("access")?;
        let listener = TcpListener::bind(config.listen).await.with_context(|| {
            format!(
                "cannot listen on {}: give another address with --listen (port 0 takes a free one)",
                config.listen
            )
        })?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, tls: tls.map(Arc::new), metrics: watching::bind(config).await? })
    }
}

/// Opens the store.
fn store(config: &Config) -> Result<Arc<dyn Store>> {
    Ok(match config.redis()? {
        Some(options) => Arc::new(Redis::open(options)),
        None => Arc::new(Embedded::open(&config.embedded())?),
    })
}

/// Opens the audit record, and warns of a clock that is behind it.
fn audit(config: &Config) -> Result<Arc<Audit>> {
    let audit = Audit::open(&config.data_dir)?.rotated_at(config.audit.rotate_bytes());
    clock_watch::at_start(now(), audit.last_at());
    Ok(Arc::new(if config.takes_changes { audit } else { audit.closed() }))
}

impl Indexed {
    /// Loads the index from its snapshot and the store.
    async fn load(config: &Config, store: &Arc<dyn Store>) -> Result<Self> {
        let began = Instant::now();
        let published = Arc::new(Published::default());
        let (sync, loaded) = Sync::start(Arc::clone(store), Arc::clone(&published), config.sync()).await?;
        Ok(Self { sync, published, loaded, took: began.elapsed() })
    }
}

impl Shared {
    fn of(store: Arc<dyn Store>, audit: Arc<Audit>, indexed: &Indexed, policies: &InForce) -> Self {
        Self {
            store,
            audit,
            published: Arc::clone(&indexed.published),
            policies: policies.clone(),
            freshness: indexed.sync.freshness(),
            progress: indexed.sync.progress(),
        }
    }
}

impl Optional {
    /// Opens the verdict log, and makes the windows in which sign-ups are counted.
    fn open(config: &Config) -> Result<Self> {
        let decisions = config.decisions.options(&config.data_dir)?.map(DecisionLog::open).transpose()?;
        Ok(Self { windows: config.windows().map(Arc::new), decisions: decisions.map(Arc::new) })
    }
}

fn banner(
    config: &Config,
    listeners: &Listeners,
    starter: Option<u64>,
    indexed: &Indexed,
    policies: &InForce,
) -> Result<Banner> {
    Ok(Banner {
        address: listeners.address,
        metrics: listeners.metrics.as_ref().map(TcpListener::local_addr).transpose()?,
        tls: listeners.tls.is_some(),
        starter,
        store: config.store(),
        index: indexed.published.load().stats(),
        loaded: indexed.loaded,
        took: indexed.took,
        policy: policies.load().usual().version.clone(),
        metadata: plan::metadata_version(),
    })
}

/// What owners of numbers are answered by; feeds with a definition are pages that anybody can read.
fn owner(config: &Config, catalogue: &Catalogue, shared: &Shared) -> OwnerRpc {
    if !config.owner.enabled {
        return OwnerRpc::off();
    }
    let public = catalogue.entries().iter().map(|entry| entry.definition.name.to_string()).collect();
    let (published, freshness) = (Arc::clone(&shared.published), Arc::clone(&shared.freshness));
    OwnerRpc::new(published, freshness, public, config.owner.calls_per_minute)
}

/// Who may call, and how much.
async fn guard(config: &Config, shared: &Shared) -> Guard {
    let limits = Arc::new(Limits::new(config.access.limits()));
    let keys = Keys::new(shared.store.clone());
    let directory = if config.access.keys {
        let open = Directory::open(keys, Arc::clone(&limits), &config.data_dir, now);
        Some(Arc::new(open.await.not_before(shared.audit.last_at())))
    } else {
        None
    };
    Guard { directory, limits, most_calls: config.access.most_calls }
}

fn services(
    config: &Config,
    shared: &Shared,
    collector: Collector,
    optional: &Optional,
    owner: OwnerRpc,
    directory: Option<Arc<Directory>>,
) -> Rpcs {
    let Shared { store, audit, published, policies, freshness, progress } = shared;
    let outcomes = Outcomes::new(store.clone(), published.clone(), policies.clone(), config.outcomes());
    let turns = Turns::default();
    Rpcs {
        check: CheckRpc::new(CheckParts {
            published: published.clone(),
            policies: policies.clone(),
            freshness: freshness.clone(),
            outcomes: outcomes.clone(),
            progress: progress.clone(),
            windows: optional.windows.clone(),
            decisions: optional.decisions.clone(),
        }),
        feed: FeedRpc::new(collector, store.clone(), audit.clone(), progress.clone())
            .scheduled(config.collect.enabled),
        outcome: OutcomeRpc::new(
            outcomes,
            store.clone(),
            audit.clone(),
            published.clone(),
            progress.clone(),
            turns.clone(),
        ),
        owner,
        key: KeyRpc::new(store.clone(), audit.clone(), directory),
        admin: AdminRpc::new(
            store.clone(),
            audit.clone(),
            published.clone(),
            policies.clone(),
            progress.clone(),
            freshness.clone(),
            turns,
        ),
    }
}

/// What the metrics port answers with.
fn watching(port: TcpListener, server: &Server, kinds: Kinds, shared: &Shared, feeds: Collector) -> Watching {
    let (published, freshness) = (Arc::clone(&shared.published), Arc::clone(&shared.freshness));
    Watching::new(port, server.serving(), kinds, published, freshness, feeds)
}
