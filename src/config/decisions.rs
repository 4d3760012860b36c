//! The `[decisions]` settings: the decision log.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::lab::verdict_log::{DecisionError, DecisionOptions, Key, Numbers};

use super::{ConfigError, Secret};

/// Settings of the decision log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionsConfig {
    /// Whether decisions are logged.
    pub enabled: bool,
    /// Folder; empty: the data folder.
    pub folder: PathBuf,
    /// How numbers stand in it.
    pub numbers: NumbersConfig,
    /// The secret under which numbers are hashed; empty: that of the file.
    pub key: Secret,
    /// File with it; empty: `decisions.key` in the data folder.
    pub key_file: PathBuf,
    /// Size from which on a new file begins.
    pub rotate_megabytes: u64,
    /// Older files that are kept.
    pub keep_files: usize,
}

/// `hashed` or `masked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumbersConfig {
    /// A hash under a key.
    Hashed,
    /// First and last digits.
    Masked,
}

impl DecisionsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |text: &str| Err(ConfigError::Setting(format!("decisions.{text}")));
        if !(1..=65_536).contains(&self.rotate_megabytes) {
            return wrong("rotate_megabytes: expected 1 to 65536");
        }
        if self.keep_files > 10_000 {
            return wrong("keep_files: expected at most 10000");
        }
        let secret = self.key.reveal();
        if !secret.is_empty() && secret.len() < 16 {
            return wrong("key: expected 16 characters or more");
        }
        Ok(())
    }

    /// Options of the log, or nothing if there is none; makes the key if it is missing.
    pub fn options(&self, data_dir: &Path) -> Result<Option<DecisionOptions>, DecisionError> {
        if !self.enabled {
            return Ok(None);
        }
        let given = |path: &PathBuf, instead: PathBuf| {
            if path.as_os_str().is_empty() { instead } else { path.clone() }
        };
        let numbers = match self.numbers {
            NumbersConfig::Masked => Numbers::Masked,
            NumbersConfig::Hashed if !self.key.reveal().is_empty() => {
                Numbers::Hashed(Key::of(self.key.reveal()))
            }
            NumbersConfig::Hashed => {
                Numbers::Hashed(Key::open(&given(&self.key_file, data_dir.join("decisions.key")))?)
            }
        };
        Ok(Some(DecisionOptions {
            folder: given(&self.folder, data_dir.to_owned()),
            numbers,
            rotate_bytes: self.rotate_megabytes << 20,
            keep: self.keep_files,
        }))
    }
}
