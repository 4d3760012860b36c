//! A run's turn: the leases on its feed and its hosts, renewed while it works.
//!
//! One run at a time is at a feed or a host, in this process and in all that share the store. Every
//! write of a run is fenced by the lease on its feed. Must not know what the run does.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use crate::feed::Definition;
use crate::store::{LEASE, Lease, NoteStore};

use super::CollectError;
use super::metrics::Leases;

/// Names that runs of this process are at: a lease does not tell two of one holder apart.
pub(super) type InUse = Arc<Mutex<HashSet<String>>>;

/// The right to run a feed.
pub(super) struct Turn {
    store: Arc<dyn NoteStore>,
    holder: String,
    /// The feed's first.
    leases: Vec<Lease>,
    feed: Lease,
    _claim: Claim,
    _counted: Leases,
}

/// Names that are free again once it is dropped.
struct Claim {
    names: Vec<String>,
    in_use: InUse,
}

impl Turn {
    /// Takes the leases on a feed and, for fetching, on its hosts.
    pub(super) async fn take(
        store: Arc<dyn NoteStore>,
        holder: &str,
        in_use: &InUse,
        definition: &Definition,
        fetching: bool,
    ) -> Result<Self, CollectError> {
        let feed = format!("feed:{}", definition.name);
        let mut names = vec![feed.clone()];
        if fetching {
            names.extend(hosts(definition).into_iter().map(|host| format!("host:{host}")));
        }
        let claim = Claim::new(&names, in_use).map_err(CollectError::Held)?;
        let mut leases: Vec<Lease> = Vec::new();
        for name in &names {
            match store.lease(name, holder).await? {
                Some(lease) => leases.push(lease),
                None => {
                    give_back(store.as_ref(), &leases).await;
                    return Err(CollectError::Held(name.clone()));
                }
            }
        }
        let Some(first) = leases.first().cloned() else { return Err(CollectError::Held(feed)) };
        let holder = holder.to_owned();
        let counted = Leases::held(leases.len());
        Ok(Self { store, holder, leases, feed: first, _claim: claim, _counted: counted })
    }

    /// What fences the run's writes.
    pub(super) fn lease(&self) -> &Lease {
        &self.feed
    }

    /// Does `work` while it renews the leases; gives up when one is lost.
    pub(super) async fn during<T>(
        self,
        work: impl Future<Output = Result<T, CollectError>> + Send,
    ) -> Result<T, CollectError> {
        let done = tokio::select! {
            done = work => done,
            Err(lost) = self.renew() => Err(lost),
        };
        give_back(self.store.as_ref(), &self.leases).await;
        done
    }

    async fn renew(&self) -> Result<Infallible, CollectError> {
        loop {
            tokio::time::sleep(LEASE / 4).await;
            for lease in &self.leases {
                // A store that does not answer now may do so the next time; the fence stands anyway.
                match self.store.lease(&lease.name, &self.holder).await {
                    Ok(Some(renewed)) if renewed.token == lease.token => {}
                    Ok(_) => return Err(CollectError::Held(lease.name.clone())),
                    Err(error) => tracing::warn!(lease = lease.name, "cannot renew a lease: {error}"),
                }
            }
        }
    }
}

impl Claim {
    fn new(names: &[String], in_use: &InUse) -> Result<Self, String> {
        let mut taken = in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.iter().find(|name| taken.contains(*name)) {
            return Err(name.clone());
        }
        taken.extend(names.iter().cloned());
        Ok(Self { names: names.to_vec(), in_use: Arc::clone(in_use) })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut taken = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|name| !self.names.contains(name));
    }
}

/// The hosts that a feed's pages are on, each once.
pub(super) fn hosts(definition: &Definition) -> Vec<String> {
    let mut hosts: Vec<String> =
        definition.urls.iter().filter_map(|url| url.host_str().map(str::to_owned)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

async fn give_back(store: &dyn NoteStore, leases: &[Lease]) {
    for lease in leases {
        // It ends by itself if this fails.
        if let Err(error) = store.give_back(lease).await {
            tracing::debug!(lease = lease.name, "cannot give a lease back: {error}");
        }
    }
}
