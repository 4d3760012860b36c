//! The `[collect]` settings: whether feeds are run, and who we are to their sites.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::collect::CollectorOptions;
use crate::collect::web::{FetchOptions, Fetcher};
use crate::feed::Catalogue;
use crate::random;

use super::{ConfigError, feeds};

/// Settings of the collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectConfig {
    /// Whether feeds are run on their schedule.
    pub enabled: bool,
    /// What sites see of whoever runs this.
    pub contact_url: String,
    /// HTTP proxy; empty for none.
    pub proxy: String,
    /// Folder of own definitions; empty for none.
    pub feeds_dir: PathBuf,
}

/// What a collector is made of, besides a store.
pub struct CollectorParts {
    /// The feeds in force.
    pub catalogue: Arc<Catalogue>,
    /// Nothing without a contact.
    pub fetcher: Option<Fetcher>,
    /// Options.
    pub options: CollectorOptions,
    /// Whether feeds are run on their schedule.
    pub scheduled: bool,
}

impl CollectConfig {
    /// Refuses a schedule without a contact, and a contact or proxy that is none.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.enabled && self.contact_url.is_empty() {
            return Err(ConfigError::Setting(
                "collect.contact_url: expected the URL of a page that says who runs this and how to reach them, such \
                 as https://example.com/numguard, or mailto:abuse@example.com: no site is asked without it"
                    .to_owned(),
            ));
        }
        self.fetch_options().map(drop)
    }

    pub(super) fn parts(&self) -> Result<CollectorParts, ConfigError> {
        let folder = (!self.feeds_dir.as_os_str().is_empty()).then_some(self.feeds_dir.as_path());
        let fetcher =
            self.fetch_options()?.map(|options| Fetcher::new(options).map_err(refused)).transpose()?;
        Ok(CollectorParts {
            catalogue: Arc::new(feeds(folder)?),
            fetcher,
            options: CollectorOptions::new(holder()),
            scheduled: self.enabled,
        })
    }

    fn fetch_options(&self) -> Result<Option<FetchOptions>, ConfigError> {
        if self.contact_url.is_empty() {
            return Ok(None);
        }
        let mut options = FetchOptions::new(&self.contact_url, now).map_err(refused)?;
        options.proxy = (!self.proxy.is_empty()).then(|| self.proxy.clone());
        Ok(Some(options))
    }
}

fn refused(error: impl std::fmt::Display) -> ConfigError {
    ConfigError::Setting(format!("collect: {error}"))
}

/// A name that no other process has, also not on another machine.
fn holder() -> String {
    format!("{}-{:016x}", std::process::id(), random::number())
}
