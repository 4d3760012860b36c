//! Outcomes: what clients report becomes sightings, verified numbers and reviews; and undone.
//!
//! An undo computes a client's sightings and verifications from the outcomes that are still kept, by the fold that
//! made them, so it leaves no trace. Must not decide about a number: a client's word is a sighting of a feed of its
//! own, and an allow listing is an operator's.

mod counted;
mod orders;
mod report;
mod review;
mod undo;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::index::{Position, Published};
use crate::core::policy::InForce;
use crate::store::Store;

pub use orders::{OpenReview, OutcomeOrders, UndoneOutcomes, check_reason, limit};
pub use review::{Review, ReviewReport};
pub use undo::Which;

/// How far a client's word goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientTrust {
    /// Its outcomes are kept, and change nothing by themselves.
    Low,
    /// Never enough alone: it takes two clients, or a feed, to confirm abuse or to lower a range.
    Normal,
    /// Enough alone: abuse reported again an hour later is confirmed, verified numbers count.
    High,
}

/// What clients may change, and how long that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeOptions {
    /// Trust of clients that are not named.
    pub default_trust: ClientTrust,
    /// Trust by client.
    pub trust: BTreeMap<String, ClientTrust>,
    /// Most outcomes of one client and day that change anything.
    pub per_day: u32,
    /// Outcomes that are kept, over all clients; the oldest go first.
    pub keep: u64,
    /// Days for which they are kept.
    pub keep_days: u32,
}

impl Default for OutcomeOptions {
    fn default() -> Self {
        Self {
            default_trust: ClientTrust::Normal,
            trust: BTreeMap::new(),
            per_day: 1_000,
            keep: 100_000,
            keep_days: 400,
        }
    }
}

impl OutcomeOptions {
    fn trust_of(&self, client: &str) -> ClientTrust {
        self.trust.get(client).copied().unwrap_or(self.default_trust)
    }
}

/// Takes in outcomes, shows them, undoes them. Clones are the same one.
#[derive(Clone)]
pub struct Outcomes {
    store: Arc<dyn Store>,
    published: Arc<Published>,
    policies: InForce,
    options: Arc<OutcomeOptions>,
}

/// What a report did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reported {
    /// Outcomes that are kept.
    pub stored: u32,
    /// Of these, how many change anything.
    pub counted: u32,
    /// The place in the log from which on all of it is included; nothing if nothing changed.
    pub position: Option<Position>,
}

/// What an undo did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undone {
    /// Outcomes that are forgotten.
    pub outcomes: u64,
    /// Numbers of which the client now says something else, or nothing.
    pub numbers: u64,
    /// The place in the log from which on all of it is included; nothing if nothing changed.
    pub position: Option<Position>,
}

impl Outcomes {
    /// Outcomes on `store`. `published` and the usual policy tell where verified numbers could matter.
    pub fn new(
        store: Arc<dyn Store>,
        published: Arc<Published>,
        policies: impl Into<InForce>,
        options: OutcomeOptions,
    ) -> Self {
        Self { store, published, policies: policies.into(), options: Arc::new(options) }
    }
}
