//! What `GetStats` tells: the store's counts, and a walk over the index for feeds and countries.

use crate::index::Index;
use crate::number::plan;
use crate::store::StoreStats;

use super::pb;

/// Country codes that are told.
const MOST_COUNTRIES: usize = 20;

/// Builds the answer; walks the whole index, so it runs where it may block.
pub(super) fn stats(
    kind: &str,
    store: StoreStats,
    index: &Index,
    policy_version: &str,
) -> pb::GetStatsResponse {
    let (held, census) = (index.stats(), index.census());
    let mut feeds: Vec<_> = census.feeds.into_iter().collect();
    feeds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut countries: Vec<_> = census.countries.into_iter().collect();
    countries.sort_by_key(|&(code, numbers)| (std::cmp::Reverse(numbers), code));
    pb::GetStatsResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: Some(pb::StoreStats {
            kind: kind.to_owned(),
            numbers: store.numbers,
            ranges: store.ranges,
            decisions: census.decisions,
            outcomes: store.outcomes,
            cursor: store.position.cursor,
        }),
        index: Some(pb::IndexStats {
            numbers: held.numbers,
            ranges: held.ranges,
            bytes: held.bytes,
            revision: index.revision(),
            cursor: index.position().cursor,
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
    }
}
