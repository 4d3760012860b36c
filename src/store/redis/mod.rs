//! The Redis store: one blocklist for many processes, on a single server, Sentinel or a cluster.
//!
//! | file | what it is for |
//! |---|---|
//! | `address`, `dial`, `link` | where Redis is, how a connection is made, how it is kept |
//! | `keys`, `page`, `log` | which key holds what, and the bytes in it |
//! | `apply`, `part`, `commit`, `bulk`, `scripts` | changes: cut, one slot at once, many all or nothing |
//! | `read`, `follow` | reading listings, and following the change log |
//! | `notes`, `outcomes` | notes, leases and boards; reported outcomes |
//! | `failure`, `metrics` | the driver's errors in our words; what Prometheus sees |
//! | `survey` | what about this Redis an operator should be warned of |
//!
//! Merges are decided here in Rust and swapped in by compare-and-set. Must not be reached but
//! through [`Store`].

mod address;
mod apply;
mod bulk;
mod commit;
mod dial;
mod failure;
mod follow;
mod keys;
mod link;
mod log;
pub(super) mod metrics;
mod notes;
mod outcomes;
mod page;
mod part;
mod read;
mod scripts;
mod survey;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;
use tokio::sync::Mutex;

use crate::core::index::Position;
use crate::core::listing::{Listing, Subject, UnixTime};

use super::{
    Applied, Change, Changes, Lease, ListingCounts, ListingStore, Note, NoteStore, Outcome, OutcomeId,
    OutcomeStore, SHRINK_ACCEPTED_FOR, ShardDigest, Store, StoreError,
};

use address::Topology;
use dial::Seat;
use keys::{Keys, PageId, SHARDS};
use link::Link;

pub use address::{RedisAddress, RedisAddressError};

/// A password; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Keeps `text` to itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// Certificates for TLS, in PEM.
#[derive(Clone, Default)]
pub struct RedisTls {
    /// Who signs the servers' certificates; the system's authorities if not given.
    pub authority: Option<Vec<u8>>,
    /// Our own certificate and its key, for servers that ask for one.
    pub certificate: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RedisTls").finish_non_exhaustive()
    }
}

/// Where Redis is and how it is used.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Where it is.
    pub address: RedisAddress,
    /// What all keys begin with.
    pub prefix: String,
    /// ACL user; Redis's `default` if not given.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Password>,
    /// ACL user at the sentinels.
    pub sentinel_username: Option<String>,
    /// Its password.
    pub sentinel_password: Option<Password>,
    /// Certificates.
    pub tls: RedisTls,
    /// Longest time for one command or connection attempt.
    pub timeout: Duration,
    /// How many replicas must have an operator's decision before it is acknowledged.
    pub wait_replicas: u32,
    /// Log entries that each shard keeps; who is further behind loads everything.
    pub log_entries: u64,
}

/// The shards that one server serves, and the connections to it.
struct Route {
    shards: Vec<usize>,
    reads: Link,
    writes: Link,
    /// Waits for news; everything else would wait behind it.
    news: Arc<Link>,
    news_turn: Arc<Mutex<()>>,
}

/// The Redis-backed [`Store`].
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    options: Arc<RedisOptions>,
    keys: Keys,
    routes: Vec<Route>,
    /// Per shard, whose write it is.
    turns: [Mutex<()>; SHARDS],
}

impl Redis {
    /// A store at `options.address`. Connects in the background; must be called inside a runtime.
    pub fn open(options: RedisOptions) -> Self {
        let options = Arc::new(options);
        let keys = Keys::new(&options.prefix);
        let route = |shards: Vec<usize>, seat| {
            let link = || Link::open(Arc::clone(&options), seat);
            Route { shards, reads: link(), writes: link(), news: Arc::new(link()), news_turn: Arc::default() }
        };
        let routes = match options.address.topology {
            Topology::Cluster(_) => {
                (0..SHARDS).map(|shard| route(vec![shard], Seat::Slot(slot(&keys.meta(shard))))).collect()
            }
            _ => vec![route((0..SHARDS).collect(), Seat::Master)],
        };
        let store = Self(Arc::new(Inner { options, keys, routes, turns: Default::default() }));
        bulk::finish_what_others_left(&store);
        survey::look(&store);
        store
    }

    /// What about the settings of this Redis will hurt later, in words.
    pub async fn warnings(&self) -> Result<Vec<String>, StoreError> {
        survey::ask(self).await
    }

    fn keys(&self) -> &Keys {
        &self.0.keys
    }

    fn route(&self, shard: usize) -> &Route {
        let routes = &self.0.routes;
        &routes[if routes.len() == 1 { 0 } else { shard }]
    }

    /// Carries on although the caller may go away: what has begun must be finished.
    async fn unhurried<T>(&self, work: impl FnOnce(Self) -> T) -> Result<T::Output, StoreError>
    where
        T: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(work(self.clone()))
            .await
            .map_err(|error| StoreError::Unavailable(format!("a store task ended early: {error}")))
    }
}

/// The cluster slot of a key: CRC16 (XMODEM) of what stands in the braces, modulo 16,384.
fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or(key, |(tag, _)| tag);
    let crc = tag.bytes().fold(0u16, |crc, byte| {
        (0..8)
            .fold(crc ^ u16::from(byte) << 8, |crc, _| crc << 1 ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    });
    crc % 16_384
}

#[async_trait]
impl ListingStore for Redis {
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        self.unhurried(|store| async move { apply::apply(&store, changes, None).await }).await?
    }

    async fn apply_leased(&self, changes: Vec<Change>, lease: &Lease) -> Result<Applied, StoreError> {
        let lease = lease.clone();
        self.unhurried(|store| async move { apply::apply(&store, changes, Some(lease)).await }).await?
    }

    async fn get(&self, subjects: Vec<Subject>) -> Result<Vec<Option<Listing>>, StoreError> {
        read::get(self, &subjects).await
    }

    async fn scan(
        &self,
        after: Option<Subject>,
        limit: usize,
    ) -> Result<Vec<(Subject, Listing)>, StoreError> {
        read::scan(self, after, limit).await
    }

    async fn changes(&self, position: &Position, limit: usize) -> Result<Changes, StoreError> {
        follow::changes(self, position, limit).await
    }

    async fn changed(&self, position: &Position) -> Result<(), StoreError> {
        follow::changed(self, position).await
    }

    async fn counts(&self) -> Result<ListingCounts, StoreError> {
        read::counts(self).await
    }

    async fn digests(&self) -> Result<Vec<ShardDigest>, StoreError> {
        read::digests(self).await
    }

    fn shard_of(&self, subject: Subject) -> usize {
        PageId::of(subject).group.shard()
    }

    async fn accept_shrink(&self) -> Result<(), StoreError> {
        let key = self.keys().shrink_accepted();
        let command = cmd("SET").arg(key).arg(1).arg("EX").arg(SHRINK_ACCEPTED_FOR.as_secs()).to_owned();
        self.route(0).writes.run(&command).await
    }

    async fn shrink_accepted(&self) -> Result<bool, StoreError> {
        let command = cmd("EXISTS").arg(self.keys().shrink_accepted()).to_owned();
        self.route(0).reads.run(&command).await
    }
}

#[async_trait]
impl NoteStore for Redis {
    async fn lease(&self, name: &str, holder: &str) -> Result<Option<Lease>, StoreError> {
        notes::lease(self, name, holder).await
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), StoreError> {
        notes::give_back(self, lease).await
    }

    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Note)>, StoreError> {
        notes::notes(self, prefix).await
    }

    async fn put_note(
        &self,
        name: &str,
        revision: u64,
        bytes: Option<Vec<u8>>,
        lease: Option<&Lease>,
    ) -> Result<bool, StoreError> {
        notes::put(self, name, revision, bytes, lease).await
    }

    async fn exchange(
        &self,
        board: &str,
        seat: &str,
        said: Vec<u8>,
        keep: Duration,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        notes::exchange(self, board, seat, said, keep).await
    }
}

#[async_trait]
impl OutcomeStore for Redis {
    async fn report(&self, outcomes: Vec<Outcome>) -> Result<(), StoreError> {
        outcomes::report(self, &outcomes).await
    }

    async fn outcomes(
        &self,
        after: Option<OutcomeId>,
        limit: usize,
    ) -> Result<Vec<(OutcomeId, Outcome)>, StoreError> {
        outcomes::page(self, after, limit).await
    }

    async fn forget_outcomes(&self, ids: Vec<OutcomeId>) -> Result<(), StoreError> {
        outcomes::forget(self, &ids).await
    }

    async fn outcome_count(&self) -> Result<u64, StoreError> {
        outcomes::count(self).await
    }
}

#[async_trait]
impl Store for Redis {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn clock(&self) -> Result<Option<UnixTime>, StoreError> {
        survey::clock(self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("numguard:{foo}:meta"), slot("other:{foo}"));
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(format!("{:?}", Password::new("secret")), "***");
    }
}
