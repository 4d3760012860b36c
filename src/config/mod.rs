//! Configuration: the only reader of environment and configuration files.
//!
//! Layers: [`DEFAULT`], a file, the environment, flags. Unknown settings are refused by name and
//! file. Fills each room's options; only `app` and `cli` import this one.

mod access;
mod audit;
mod bursts;
mod collect;
mod decisions;
mod environment;
mod feeds;
mod layers;
mod metrics;
mod outcomes;
mod owner;
mod policy;
mod shared_store;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::clock::now;
use crate::core::burst::Windows;
use crate::core::policy::{Policies, PolicyError};
use crate::feed::DefinitionError;
use crate::operate::outcomes::OutcomeOptions;
use crate::rpc::wire::ConnectionOptions;
use crate::store::{EmbeddedOptions, RedisOptions};
use crate::sync::SyncOptions;
use crate::telemetry::{LogError, LogOptions, TraceOptions};

pub use access::{AccessConfig, AccessFlags, api_key};
pub use audit::AuditConfig;
pub use bursts::BurstsConfig;
pub use collect::{CollectConfig, CollectorParts};
pub use decisions::{DecisionsConfig, NumbersConfig};
pub use feeds::{feed, feeds};
pub use metrics::{MetricsConfig, MetricsFlags};
pub use outcomes::OutcomesConfig;
pub use owner::OwnerConfig;
pub use policy::{PolicyFile, policies, policy_reading};
pub use shared_store::{RedisConfig, Secret};

use layers::{Layers, Source};

/// The default configuration's text: every setting, commented.
pub const DEFAULT: &str = include_str!("default.toml");

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the gRPC service.
    pub listen: SocketAddr,
    /// Folder of the embedded store and the saved index.
    pub data_dir: PathBuf,
    /// Memory for the embedded store's pages.
    pub cache_megabytes: usize,
    /// Whether an empty store gets the starter list.
    pub starter_data: bool,
    /// Policy file; empty for the built-in one.
    pub policy: PathBuf,
    /// Seconds for calls in flight after SIGTERM.
    pub drain_seconds: u64,
    /// Whether operators may change things through this process.
    pub takes_changes: bool,
    /// Whether the number library compiles the patterns of all regions at start.
    pub warm_up: bool,
    /// Who may call, and how connections are kept.
    pub access: AccessConfig,
    /// The shared store.
    pub redis: RedisConfig,
    /// How the index follows the store.
    pub sync: SyncConfig,
    /// Running feeds.
    pub collect: CollectConfig,
    /// The metrics port.
    pub metrics: MetricsConfig,
    /// What clients may change by outcomes.
    pub outcomes: OutcomesConfig,
    /// Counting of sign-ups.
    pub bursts: BurstsConfig,
    /// Telling owners of numbers.
    pub owner: OwnerConfig,
    /// The audit record.
    pub audit: AuditConfig,
    /// The decision log.
    pub decisions: DecisionsConfig,
    /// Logs.
    pub log: LogOptions,
    /// Traces.
    pub traces: TraceOptions,
}

/// How the index follows the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncConfig {
    /// Share of the listings that a full load may lose before it is held back.
    pub max_shrink: f64,
    /// How often the index is saved.
    pub save_seconds: u64,
    /// How often index and store are compared.
    pub reconcile_seconds: u64,
}

/// `[redis]` settings given as flags.
#[derive(Debug, Clone, Serialize)]
pub struct RedisFlags {
    /// `--redis`.
    pub url: String,
}

/// Settings given as flags; absent ones leave the lower layers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flags {
    /// `--listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// `--data-dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// `--no-starter-data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starter_data: Option<bool>,
    /// `--policy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PathBuf>,
    /// `--redis`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisFlags>,
    /// `--insecure-public`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessFlags>,
    /// `--metrics-listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsFlags>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting is unknown, missing or of the wrong kind.
    #[error("configuration: {0}")]
    Setting(String),
    /// A file cannot be read.
    #[error("cannot read {path}: {error}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file is of another encoding.
    #[error("{path}:{line}: is not UTF-8 from here on: save the file as UTF-8 text")]
    NotUtf8 {
        /// Which.
        path: String,
        /// The first line with bytes that UTF-8 does not have.
        line: usize,
    },
    /// The policy file is refused.
    #[error("{path}: {error}")]
    Policy {
        /// Which.
        path: String,
        /// Why.
        error: PolicyError,
    },
    /// A feed definition is refused.
    #[error(transparent)]
    Feed(#[from] DefinitionError),
}

impl Config {
    /// Reads all layers.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        let defaults = layers::parse(&Source::Defaults, DEFAULT).map_err(ConfigError::Setting)?;
        let variables = environment::settings(std::env::vars_os(), &defaults);
        layers.add(Source::Defaults, defaults);
        if let Some(path) = file {
            let source = Source::File(path.display().to_string());
            let settings = layers::parse(&source, &read(path)?).map_err(ConfigError::Setting)?;
            layers.add(source, settings);
        }
        layers.add(Source::Environment, variables);
        let flags = Table::try_from(flags).map_err(|error| ConfigError::Setting(error.to_string()))?;
        layers.add(Source::Flags, flags);
        layers.read().map_err(ConfigError::Setting).and_then(Self::checked)
    }

    fn checked(self) -> Result<Self, ConfigError> {
        let bounds = [
            ("data_dir", !self.data_dir.as_os_str().is_empty(), "expected a folder"),
            ("cache_megabytes", (1..=65_536).contains(&self.cache_megabytes), "expected 1 to 65536"),
            ("sync.max_shrink", (0.0..=1.0).contains(&self.sync.max_shrink), "expected 0 to 1"),
            ("sync.save_seconds", self.sync.save_seconds > 0, "expected 1 or more"),
            ("sync.reconcile_seconds", self.sync.reconcile_seconds > 0, "expected 1 or more"),
            ("bursts.window_minutes", (1..=60).contains(&self.bursts.window_minutes), "expected 1 to 60"),
            ("drain_seconds", self.drain_seconds <= 3_600, "expected at most 3600"),
        ];
        if let Some((setting, _, expected)) = bounds.into_iter().find(|(_, good, _)| !good) {
            return Err(ConfigError::Setting(format!("{setting}: {expected}")));
        }
        self.redis()?;
        self.metrics.address()?;
        self.access.check(self.listen)?;
        self.collect.check()?;
        self.decisions.check()?;
        self.outcomes.check()?;
        let wrong = |error: LogError| ConfigError::Setting(error.to_string());
        self.log.check().map_err(wrong)?;
        self.traces.check().map_err(wrong)?;
        Ok(self)
    }

    /// The policies of the file that the settings name.
    pub fn policies(&self) -> Result<Policies, ConfigError> {
        if self.policy.as_os_str().is_empty() { Ok(Policies::default()) } else { policies(&self.policy) }
    }

    /// Options of the Redis store, or nothing if the embedded one is wanted.
    pub fn redis(&self) -> Result<Option<RedisOptions>, ConfigError> {
        self.redis.options()
    }

    /// The store, in words, without secrets.
    pub fn store(&self) -> String {
        match self.redis() {
            Ok(Some(options)) => format!("Redis at {}", options.address),
            _ => format!("{} (embedded store)", self.data_dir.display()),
        }
    }

    /// Options of sync.
    pub fn sync(&self) -> SyncOptions {
        SyncOptions {
            snapshot: self.data_dir.join("index.snapshot"),
            max_shrink: self.sync.max_shrink,
            save_every: Duration::from_secs(self.sync.save_seconds),
            reconcile_every: Duration::from_secs(self.sync.reconcile_seconds),
            clock: now,
        }
    }

    /// What the collector is made of.
    pub fn collector(&self) -> Result<CollectorParts, ConfigError> {
        self.collect.parts()
    }

    /// Options of outcomes.
    pub fn outcomes(&self) -> OutcomeOptions {
        self.outcomes.options()
    }

    /// The windows in which sign-ups are counted, if they are.
    pub fn windows(&self) -> Option<Windows> {
        self.bursts.windows()
    }

    /// Options of the embedded store.
    pub fn embedded(&self) -> EmbeddedOptions {
        EmbeddedOptions { data_dir: self.data_dir.clone(), cache_bytes: self.cache_megabytes << 20 }
    }

    /// How connections are kept and ended.
    pub fn connections(&self) -> ConnectionOptions {
        self.access.connections(self.drain_seconds)
    }

    /// The settings as a TOML text that reads back the same.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| ConfigError::File { path: name(), error })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        ConfigError::NotUtf8 { path: name(), line }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let path = folder.path().join("numguard.toml");
        std::fs::write(&path, text).map_err(|e| e.to_string())?;
        Config::load(Some(&path), &Flags::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn layers_and_round_trip() {
        let default = load("").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(default.listen.to_string(), "127.0.0.1:50051");
        assert_eq!(load(&default.to_toml()), Ok(default.clone()));
        let flags =
            Flags { listen: "127.0.0.1:1".parse().ok(), starter_data: Some(false), ..Flags::default() };
        let changed = Config::load(None, &flags).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((changed.listen.port(), changed.starter_data, changed.warm_up), (1, false, false));
    }

    #[test]
    fn wrong_settings_are_named() {
        for (text, named) in [
            ("lisen = \"x\"", "lisen"),
            ("listen = \"x\"", "listen"),
            ("listen = 5", "listen"),
            ("[log]\ncolour = true", "colour"),
            ("[log]\nformat = \"xml\"", "xml"),
            ("listen = ", "line 1"),
            ("data_dir = \"\"", "data_dir: expected a folder"),
            ("cache_megabytes = 9999999999", "cache_megabytes: expected"),
            ("[log]\nlevel = \"a=b=c\"", "log.level"),
            ("[log]\nlevel = \"loud\"", "log.level"),
            ("[traces]\nshare = 2.0", "traces.share: expected"),
            ("[sync]\nmax_shrink = 2.0", "sync.max_shrink: expected"),
            ("[metrics]\nlisten = \"9464\"", "metrics.listen: \"9464\": expected"),
            ("[outcomes]\nkeep = 0", "outcomes.keep: expected 1 to"),
            ("[outcomes.trust]\nacme = \"full\"", "full"),
            ("[bursts]\nwindow_minutes = 61", "bursts.window_minutes: expected 1 to 60"),
            ("[collect]\nenabled = true", "collect.contact_url: expected"),
            ("[collect]\ncontact_url = \"me\"", "collect: fetching: the contact"),
            ("[access]\ntls_key = \"k\"", "access.tls_certificate and access.tls_key: expected both"),
            ("[access]\ntls_client_authority = \"k\"", "access.tls_client_authority: expected"),
            ("listen = \"0.0.0.0:1\"", "listen: others can reach 0.0.0.0:1: expected access.tls_certificate"),
            ("listen = \"[::]:1\"\n[access]\nkeys = true", "listen: others can reach [::]:1"),
            ("[access]\nburst = 0", "access.burst: expected"),
            ("[access]\nmost_connections = 0", "access.most_connections: expected"),
            ("[redis]\nurl = \"redis://u:p@x\"", "redis.url: the address holds"),
            ("[redis]\nurl = \"redis://x\"\nprefix = \"{}\"", "redis.prefix: expected"),
        ] {
            let error = load(text).err().unwrap_or_default();
            assert!(error.contains(named) && !error.contains('\n'), "{error:?} does not name {named:?}");
        }
        let missing = Config::load(Some(Path::new("/no/such/file")), &Flags::default());
        assert!(missing.is_err_and(|error| error.to_string().contains("cannot read /no/such/file")));
    }
}
