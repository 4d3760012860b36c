//! `numguard serve`: the service, in the foreground.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;

use crate::app::{self, App, Banner};
use crate::config::{AccessFlags, Config, Flags, MetricsFlags, RedisFlags};
use crate::sync::Loaded;
use crate::telemetry;

use super::super::exit::Exit;
use super::super::output::{grouped, say};

/// Flags of `serve`; the rest of the settings stand in the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the store; made if it is missing [default: numguard-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address of the gRPC service; port 0 takes a free one [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address of /metrics, /livez and /readyz; empty for none [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    /// Shared store: redis://host:port, rediss://, redis-sentinel://host:port,.../name or
    /// redis-cluster://host:port,... [default: the embedded store in the data folder]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Leave an empty store empty
    #[arg(long)]
    no_starter_data: bool,
    /// Policy file instead of the built-in policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Serve an address that others can reach without TLS or without keys
    #[arg(long)]
    insecure_public: bool,
    /// Configuration file; `numguard config show` prints all settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let flags = Flags {
        listen: args.listen,
        data_dir: args.data_dir,
        starter_data: args.no_starter_data.then_some(false),
        policy: args.policy,
        access: args.insecure_public.then_some(AccessFlags { insecure_public: true }),
        redis: args.redis.map(|url| RedisFlags { url }),
        metrics: args.metrics_listen.map(|listen| MetricsFlags { listen }),
    };
    let config = Config::load(args.config.as_deref(), &flags)?;
    telemetry::start(&config.log, &config.traces)?;
    let shutdown = app::signal();
    let app = App::start(&config).await?;
    // Nobody may be reading; the service runs all the same.
    let _ = print(app.banner());
    let served = app.run(shutdown).await;
    telemetry::end();
    served.map(|()| Exit::Ok)
}

fn print(banner: &Banner) -> Result<()> {
    let from = match banner.loaded {
        Loaded::Snapshot => "loaded from the saved index",
        Loaded::Store => "loaded from the store",
        Loaded::SnapshotOnly => "loaded from the saved index alone; the store cannot be followed now",
        Loaded::Nothing => "",
    };
    let url = format!("{}://{}", if banner.tls { "https" } else { "http" }, banner.address);
    say(format_args!("numguard {} listening on {url}", env!("CARGO_PKG_VERSION")))?;
    say(format_args!("  data     {}", banner.store))?;
    if let Some(starter) = banner.starter {
        say(format_args!(
            "  first start: stored the starter list, {} numbers (--no-starter-data leaves it out)",
            grouped(starter)
        ))?;
    }
    if banner.loaded == Loaded::Nothing {
        say("  index    none yet: NOT SERVING until the store answers")?;
    } else {
        say(format_args!(
            "  index    {} numbers, {} ranges, {:.1} MB, {from} in {} ms",
            grouped(banner.index.numbers),
            grouped(banner.index.ranges),
            banner.index.bytes as f64 / 1e6,
            banner.took.as_millis()
        ))?;
    }
    say(format_args!("  policy   {}; numbering plan {}", banner.policy, banner.metadata))?;
    if let Some(metrics) = banner.metrics {
        say(format_args!("  metrics  http://{metrics}/metrics, /livez, /readyz"))?;
    }
    say(format_args!("  try      numguard check --server {url} +447400123456"))
}
