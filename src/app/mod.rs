//! Wiring: opens the store, fills it on first start, starts sync and the server, drains.
//!
//! Must not hold rules of its own; it only connects rooms.

mod clock_watch;
mod first_start;
mod policies;
mod shutdown;
mod watching;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access::{Directory, Keys, Limits, Tls};
use crate::clock::now;
use crate::collect::Collector;
use crate::config::Config;
use crate::core::burst::Windows;
use crate::core::index::{IndexStats, Published};
use crate::core::number::{plan, warm_up};
use crate::feed::Catalogue;
use crate::lab::verdict_log::DecisionLog;
use crate::operate::audit::Audit;
use crate::operate::outcomes::Outcomes;
use crate::rpc::wire::Guard;
use crate::rpc::{
    AdminRpc, CheckRpc, FeedRpc, KeyRpc, OutcomeRpc, OwnerRpc, Rpcs, Server, ServerOptions, Turns,
};
use crate::store::{Embedded, NoteStore, Redis, Store};
use crate::sync::{Loaded, Sync, share_bursts};
use crate::telemetry::Kinds;

use policies::Followed;
use watching::Watching;

pub use shutdown::signal;

/// A service that is ready to serve.
pub struct App {
    listener: TcpListener,
    server: Server,
    sync: Sync,
    policies: Followed,
    /// If sign-ups are counted and others on the store are to know.
    counting: Option<(Arc<Windows>, Arc<dyn NoteStore>)>,
    tls: Option<Arc<Tls>>,
    directory: Option<Arc<Directory>>,
    /// If feeds are run on their schedule.
    scheduled: Option<Collector>,
    watching: Option<Watching>,
    /// If decisions are logged.
    decisions: Option<Arc<DecisionLog>>,
    banner: Banner,
}

/// What a start has to tell.
#[derive(Debug, Clone)]
pub struct Banner {
    /// The bound address.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
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
        let followed = Followed::open(config)?;
        let policies = followed.in_force.clone();
        let parts = config.collector()?;
        let tls =
            config.access.tls()?.map(|options| Tls::open(options, now)).transpose().context("access")?;
        let tls = tls.map(Arc::new);
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
        let audit = Audit::open(&config.data_dir)?.rotated_at(config.audit.rotate_bytes());
        clock_watch::at_start(now(), audit.last_at());
        let audit = Arc::new(if config.takes_changes { audit } else { audit.closed() });
        let starter = match config.starter_data {
            true => first_start::fill_now_or_later(store.clone(), config.sync().snapshot.exists()).await?,
            false => None,
        };
        let began = Instant::now();
        let published = Arc::new(Published::default());
        let (sync, loaded) = Sync::start(Arc::clone(&store), Arc::clone(&published), config.sync()).await?;
        let banner = Banner {
            address,
            metrics: port.as_ref().map(TcpListener::local_addr).transpose()?,
            tls: tls.is_some(),
            starter,
            store: config.store(),
            index: published.load().stats(),
            loaded,
            took: began.elapsed(),
            policy: policies.load().usual().version.clone(),
            metadata: plan::metadata_version(),
        };
        let owner = owner(config, &parts.catalogue, &published, &sync);
        let collector =
            Collector::new(parts.catalogue, Arc::clone(&store), parts.fetcher, parts.options, now);
        let scheduled = parts.scheduled.then(|| collector.clone());
        if config.warm_up {
            std::thread::spawn(warm_up);
        }
        let decisions =
            config.decisions.options(&config.data_dir)?.map(DecisionLog::open).transpose()?.map(Arc::new);
        let windows = config.windows().map(Arc::new);
        let (freshness, watched) = (sync.freshness(), collector.clone());
        let redis = store.kind() == "redis";
        let kinds = Kinds { redis, schedule: scheduled.is_some() };
        let counting =
            windows.clone().filter(|_| redis).map(|windows| (windows, store.clone() as Arc<dyn NoteStore>));
        let feed = FeedRpc::new(collector, Arc::clone(&store), Arc::clone(&audit), sync.progress())
            .scheduled(config.collect.enabled);
        let check =
            CheckRpc::new(Arc::clone(&published), policies.clone(), Arc::clone(&store), sync.freshness());
        let outcomes =
            Outcomes::new(Arc::clone(&store), Arc::clone(&published), policies.clone(), config.outcomes());
        let check = check.counting(windows).reporting(outcomes.clone(), sync.progress());
        let turns = Turns::default();
        let outcome = OutcomeRpc::new(
            outcomes,
            Arc::clone(&store),
            Arc::clone(&audit),
            Arc::clone(&published),
            sync.progress(),
            Arc::clone(&turns),
        );
        let index = Arc::clone(&published);
        let limits = Arc::new(Limits::new(config.access.limits()));
        let keys = Keys::new(store.clone());
        let directory = if config.access.keys {
            let open = Directory::open(keys, Arc::clone(&limits), &config.data_dir, now);
            Some(Arc::new(open.await.not_before(audit.last_at())))
        } else {
            None
        };
        let key = KeyRpc::new(Arc::clone(&store), Arc::clone(&audit), directory.clone());
        let admin =
            AdminRpc::new(store, audit, published, policies, sync.progress(), sync.freshness(), turns);
        let guard = Guard { directory: directory.clone(), limits, most_calls: config.access.most_calls };
        let reflection = config.listen.ip().is_loopback();
        let options =
            ServerOptions { connections: config.connections(), tls: tls.clone(), guard, reflection };
        let check = check.logging(decisions.clone());
        let rpcs = Rpcs { check, admin, feed, outcome, owner, key };
        let server = Server::new(rpcs, sync.freshness(), options);
        let watching =
            port.map(|port| Watching::new(port, server.serving(), kinds, index, freshness, watched));
        Ok(Self {
            listener,
            server,
            sync,
            policies: followed,
            tls,
            directory,
            counting,
            scheduled,
            watching,
            decisions,
            banner,
        })
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
        if let Some((windows, store)) = self.counting {
            tokio::spawn(share_bursts(windows, store, now, stopped.clone()));
        }
        if let Some(directory) = self.directory {
            tokio::spawn(directory.follow(stopped.clone()));
        }
        tokio::spawn(self.policies.follow(stopped.clone()));
        tokio::spawn(clock_watch::watch(now, stopped.clone()));
        let certificate = self.tls.map(|tls| tokio::spawn(tls.follow(stopped.clone())));
        let sync = tokio::spawn(self.sync.run(stopped));
        // Probes and scrapes are answered until the very end.
        let _watching = self.watching.map(Watching::begin);
        self.server.run(self.listener, shutdown).await;
        if let Some(decisions) = self.decisions {
            let _ = tokio::task::spawn_blocking(move || decisions.finish()).await;
        }
        stop.send_replace(true);
        if let Some(collecting) = collecting {
            collecting.await.context("collecting ended early")?;
        }
        if let Some(certificate) = certificate {
            certificate.await.context("looking after the certificate ended early")?;
        }
        sync.await.context("sync ended early")
    }
}

/// What owners of numbers are answered by; feeds with a definition are pages that anybody can read.
fn owner(config: &Config, catalogue: &Catalogue, published: &Arc<Published>, sync: &Sync) -> OwnerRpc {
    if !config.owner.enabled {
        return OwnerRpc::off();
    }
    let public = catalogue.entries().iter().map(|entry| entry.definition.name.to_string()).collect();
    OwnerRpc::new(Arc::clone(published), sync.freshness(), public, config.owner.calls_per_minute)
}
