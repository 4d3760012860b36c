//! The `[access]` settings: TLS and connections of the listener; and what the command line shows of
//! itself to a service.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::{LimitOptions, TlsOptions};
use crate::rpc::wire::ConnectionOptions;

use super::{ConfigError, Secret, read};

/// `[access]` settings given as flags.
#[derive(Debug, Clone, Serialize)]
pub struct AccessFlags {
    /// `--insecure-public`.
    pub insecure_public: bool,
}

/// Settings of the listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessConfig {
    /// PEM file of our certificate; empty: no TLS.
    pub tls_certificate: PathBuf,
    /// PEM file of its key.
    pub tls_key: PathBuf,
    /// PEM file of who signs clients' certificates; empty: none are asked for.
    pub tls_client_authority: PathBuf,
    /// Whether calls need an API key.
    pub keys: bool,
    /// Whether an address that others can reach may be served without TLS or without keys.
    pub insecure_public: bool,
    /// What each client may check in the long run; 0: no limit.
    pub numbers_per_second: u32,
    /// What it may check at once.
    pub burst: u32,
    /// Most checks of one number at a time, from all clients.
    pub most_calls: usize,
    /// Most connections at a time.
    pub most_connections: usize,
    /// After about this long a connection is asked to end.
    pub connection_age_seconds: u64,
}

impl AccessConfig {
    pub(super) fn check(&self, listen: SocketAddr) -> Result<(), ConfigError> {
        if self.burst == 0 {
            return Err(wrong("burst", "expected 1 or more"));
        }
        if self.most_calls == 0 {
            return Err(wrong("most_calls", "expected 1 or more"));
        }
        if !(1..=1_000_000).contains(&self.most_connections) {
            return Err(wrong("most_connections", "expected 1 to 1000000"));
        }
        if !(10..=604_800).contains(&self.connection_age_seconds) {
            return Err(wrong("connection_age_seconds", "expected 10 to 604800"));
        }
        let safe = self.tls()?.is_some() && self.keys;
        if listen.ip().is_loopback() || safe || self.insecure_public {
            return Ok(());
        }
        Err(ConfigError::Setting(format!(
            "listen: others can reach {listen}: expected access.tls_certificate, access.tls_key and access.keys = true \
             with it, or a loopback address, or --insecure-public where something else keeps strangers out"
        )))
    }

    /// What each client may use.
    pub fn limits(&self) -> LimitOptions {
        let burst = NonZeroU32::new(self.burst).unwrap_or(NonZeroU32::MIN);
        LimitOptions { per_second: NonZeroU32::new(self.numbers_per_second), burst }
    }

    /// The files of TLS, or nothing if there is none.
    pub fn tls(&self) -> Result<Option<TlsOptions>, ConfigError> {
        let given = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
        let client_authority = given(&self.tls_client_authority);
        match (given(&self.tls_certificate), given(&self.tls_key)) {
            (Some(certificate), Some(key)) => Ok(Some(TlsOptions { certificate, key, client_authority })),
            (None, None) if client_authority.is_none() => Ok(None),
            (None, None) => {
                Err(wrong("tls_client_authority", "expected tls_certificate and tls_key with it"))
            }
            _ => Err(wrong("tls_certificate and access.tls_key", "expected both or neither")),
        }
    }

    pub(super) fn connections(&self, drain_seconds: u64) -> ConnectionOptions {
        ConnectionOptions {
            most: self.most_connections,
            age: Duration::from_secs(self.connection_age_seconds),
            drain: Duration::from_secs(drain_seconds),
            ..ConnectionOptions::default()
        }
    }
}

/// The API key that the command line shows: what the file holds, else `NUMGUARD_API_KEY`.
pub fn api_key(file: Option<&Path>) -> Result<Option<Secret>, ConfigError> {
    let text = match file {
        Some(path) => read(path)?,
        None => std::env::var("NUMGUARD_API_KEY").unwrap_or_default(),
    };
    let key = text.trim();
    match (key.is_empty(), file) {
        (false, _) => Ok(Some(Secret::new(key))),
        (true, None) => Ok(None),
        (true, Some(path)) => {
            Err(ConfigError::Setting(format!("{}: expected an API key, and it is empty", path.display())))
        }
    }
}

fn wrong(setting: &str, expected: &str) -> ConfigError {
    ConfigError::Setting(format!("access.{setting}: {expected}"))
}
