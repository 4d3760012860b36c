//! The `[redis]` settings: where the shared store is, and who we are to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::store::{Password, RedisOptions, RedisTls};

use super::{ConfigError, read};

/// Settings of the Redis store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// Address; empty for the embedded store.
    pub url: String,
    /// What all keys begin with.
    pub prefix: String,
    /// ACL user.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// File with its password.
    pub password_file: PathBuf,
    /// ACL user at the sentinels.
    pub sentinel_username: String,
    /// Its password.
    pub sentinel_password: Secret,
    /// File with its password.
    pub sentinel_password_file: PathBuf,
    /// PEM file of who signs the servers' certificates.
    pub tls_authority: PathBuf,
    /// PEM file of our own certificate.
    pub tls_certificate: PathBuf,
    /// PEM file of its key.
    pub tls_key: PathBuf,
    /// Longest time for one command.
    pub timeout_ms: u64,
    /// Replicas that must have an operator's decision; -1 for the default of the kind of address.
    pub wait_replicas: i32,
    /// Change-log entries per shard.
    pub log_entries: u64,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for whoever has to send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(if self.0.is_empty() { "\"\"" } else { "***" })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(if self.0.is_empty() { "" } else { "***" })
    }
}

impl RedisConfig {
    /// Options of the Redis store, or nothing if there is none.
    pub fn options(&self) -> Result<Option<RedisOptions>, ConfigError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let wrong =
            |setting: &str, expected: String| ConfigError::Setting(format!("redis.{setting}: {expected}"));
        let address = self.url.parse().map_err(|error| wrong("url", format!("{error}")))?;
        let is_prefix = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if self.prefix.is_empty() || self.prefix.len() > 64 || !self.prefix.chars().all(is_prefix) {
            return Err(wrong("prefix", "expected 1 to 64 letters, digits or -_.:".to_owned()));
        }
        if !(10..=60_000).contains(&self.timeout_ms) {
            return Err(wrong("timeout_ms", "expected 10 to 60000".to_owned()));
        }
        if !(16..=1_000_000).contains(&self.log_entries) {
            return Err(wrong("log_entries", "expected 16 to 1000000".to_owned()));
        }
        let sentinel = self.url.contains("-sentinel://");
        let wait_replicas = match self.wait_replicas {
            -1 => u32::from(sentinel),
            count => {
                u32::try_from(count).map_err(|_| wrong("wait_replicas", "expected -1 or more".to_owned()))?
            }
        };
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Some(RedisOptions {
            address,
            prefix: self.prefix.clone(),
            username: given(&self.username),
            password: password(&self.password, &self.password_file)?,
            sentinel_username: given(&self.sentinel_username),
            sentinel_password: password(&self.sentinel_password, &self.sentinel_password_file)?,
            tls: self.tls()?,
            timeout: Duration::from_millis(self.timeout_ms),
            wait_replicas,
            log_entries: self.log_entries,
        }))
    }

    fn tls(&self) -> Result<RedisTls, ConfigError> {
        let file = |path: &Path| {
            if path.as_os_str().is_empty() {
                Ok(None)
            } else {
                read(path).map(|text| Some(text.into_bytes()))
            }
        };
        let certificate = match (file(&self.tls_certificate)?, file(&self.tls_key)?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                let reason = "redis.tls_certificate and redis.tls_key: expected both or neither";
                return Err(ConfigError::Setting(reason.to_owned()));
            }
        };
        Ok(RedisTls { authority: file(&self.tls_authority)?, certificate })
    }
}

/// The password itself, or what the file holds, without the end of its line.
fn password(text: &Secret, file: &Path) -> Result<Option<Password>, ConfigError> {
    if !text.0.is_empty() {
        return Ok(Some(Password::new(text.0.clone())));
    }
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    Ok(Some(Password::new(read(file)?.trim_end_matches(['\r', '\n']))))
}
