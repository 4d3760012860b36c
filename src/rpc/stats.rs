//! What `GetStats` tells: the store's counts, and a walk over the index for feeds and countries.

use crate::clock::now;
use crate::core::index::Index;
use crate::core::number::plan;
use crate::store::{StoreError, StoreStats};
use crate::sync::{Held, IndexAge};

use super::messages::listings;
use super::pb;
use super::wire::metrics;

/// Country codes that are told.
const MOST_COUNTRIES: usize = 20;

/// Builds the answer; walks the whole index, so it runs where it may block.
pub(super) fn stats(
    kind: &str,
    stored: Result<StoreStats, StoreError>,
    index: &Index,
    (age, held_back): (IndexAge, Option<Held>),
    policy_version: &str,
) -> pb::GetStatsResponse {
    let (held, census) = (index.stats(), index.census());
    let mut feeds: Vec<_> = census.feeds.into_iter().collect();
    feeds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut countries: Vec<_> = census.countries.into_iter().collect();
    countries.sort_by_key(|&(code, numbers)| (std::cmp::Reverse(numbers), code));
    let store_error = stored.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let store = stored.unwrap_or_default();
    pb::GetStatsResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: Some(pb::StoreStats {
            kind: kind.to_owned(),
            numbers: store.numbers,
            ranges: store.ranges,
            decisions: census.decisions,
            outcomes: store.outcomes,
            cursor: store.position.changes(),
        }),
        index: Some(pb::IndexStats {
            numbers: held.numbers,
            ranges: held.ranges,
            bytes: held.bytes,
            revision: index.revision(),
            cursor: index.position().changes(),
        }),
        feeds: feeds
            .into_iter()
            .map(|(feed, listings)| pb::FeedStats { feed: feed.to_string(), listings })
            .collect(),
        countries: countries
            .into_iter()
            .take(MOST_COUNTRIES)
            .map(|(code, numbers)| pb::CountryStats { country_code: code.into(), numbers })
            .collect(),
        policy_version: policy_version.to_owned(),
        metadata_version: plan::metadata_version().to_owned(),
        freshness: Some(listings::freshness(age)),
        held: held_back.map(held_load),
        store_error,
        checks: Some(metrics::checks()),
        now: Some(listings::timestamp(now())),
    }
}

/// The message of a load that is held back.
pub(super) fn held_load(held: Held) -> pb::HeldLoad {
    pb::HeldLoad {
        index_listings: held.had,
        store_listings: held.has,
        since: Some(listings::timestamp(held.since)),
    }
}
