//! `numguard stats`: what is in the store and in the index.

use anyhow::Result;
use serde_json::json;

use crate::rpc::pb;

use super::super::admin;
use super::super::exit::Exit;
use super::super::output::{self, Columns, Output, grouped, print_json, say};
use super::super::query::QueryArgs;

pub(crate) async fn run(query: QueryArgs) -> Result<Exit> {
    let stats = query.client().await?.stats().await?;
    match query.form() {
        Output::Json => print_json(&as_json(&stats))?,
        Output::Table => print_tables(&stats)?,
    }
    Ok(Exit::Ok)
}

fn as_json(stats: &pb::GetStatsResponse) -> serde_json::Value {
    let store = stats.store.clone().unwrap_or_default();
    let index = stats.index.unwrap_or_default();
    let age = stats.freshness.unwrap_or_default();
    let feeds = stats.feeds.iter();
    let feeds = feeds.map(|f| json!({"feed": f.feed, "listings": f.listings}));
    let countries = stats.countries.iter();
    let countries = countries.map(|c| json!({"country_code": c.country_code, "numbers": c.numbers}));
    json!({
        "version": stats.version,
        "store": {
            "kind": store.kind, "numbers": store.numbers, "ranges": store.ranges,
            "decisions": store.decisions, "outcomes": store.outcomes, "cursor": store.cursor,
        },
        "index": {
            "numbers": index.numbers, "ranges": index.ranges, "bytes": index.bytes,
            "revision": index.revision, "cursor": index.cursor,
        },
        "feeds": feeds.collect::<Vec<_>>(),
        "countries": countries.collect::<Vec<_>>(),
        "policy_version": stats.policy_version,
        "metadata_version": stats.metadata_version,
        "freshness": {
            "revision": age.revision, "staleness_seconds": age.staleness_seconds, "degraded": age.degraded,
        },
        "held": stats.held.as_ref().map(|held| json!({
            "index_listings": held.index_listings, "store_listings": held.store_listings,
            "since": output::time(held.since.as_ref()),
        })),
        "store_error": stats.store_error,
    })
}

fn print_tables(stats: &pb::GetStatsResponse) -> Result<()> {
    let store = stats.store.clone().unwrap_or_default();
    let index = stats.index.unwrap_or_default();
    let kind = format!("store ({})", store.kind);
    if stats.store_error.is_empty() {
        say(format_args!(
            "{kind:<16}  {} numbers, {} ranges, {} decisions, {} outcomes; change {}",
            grouped(store.numbers),
            grouped(store.ranges),
            grouped(store.decisions),
            grouped(store.outcomes),
            grouped(store.cursor)
        ))?;
    } else {
        say(format_args!("{kind:<16}  OUT OF REACH: {}", output::visible(&stats.store_error)))?;
    }
    let per_number = if index.numbers > 0 { index.bytes as f64 / index.numbers as f64 } else { 0.0 };
    say(format_args!(
        "index             {} numbers, {} ranges, {:.1} MB ({per_number:.1} bytes per number); revision {}, change {}",
        grouped(index.numbers),
        grouped(index.ranges),
        index.bytes as f64 / 1e6,
        grouped(index.revision),
        grouped(index.cursor)
    ))?;
    print_freshness(stats)?;
    say(format_args!(
        "policy            {}; numbering plan {}; numguard {}",
        stats.policy_version, stats.metadata_version, stats.version
    ))?;
    if !stats.feeds.is_empty() {
        say("")?;
        Columns::new()
            .with("FEED", |feed: &pb::FeedStats| output::feed(&feed.feed))
            .with("LISTINGS", |feed| grouped(feed.listings))
            .print(&stats.feeds)?;
        say("")?;
        Columns::new()
            .with("COUNTRY CODE", |country: &pb::CountryStats| format!("+{}", country.country_code))
            .with("NUMBERS", |country| grouped(country.numbers))
            .print(&stats.countries)?;
    }
    Ok(())
}

/// Whether the index follows the store, and what to do if a load is held back.
fn print_freshness(stats: &pb::GetStatsResponse) -> Result<()> {
    let age = stats.freshness.unwrap_or_default();
    let seconds = grouped(age.staleness_seconds.into());
    match (age.degraded, &stats.held) {
        (false, _) => say("freshness         the index follows the store"),
        (true, None) => say(format_args!(
            "freshness         DEGRADED for {seconds} s: the store cannot be followed; checks go on with what is known"
        )),
        (true, Some(held)) => {
            say(format_args!(
                "freshness         DEGRADED for {seconds} s: a load is held back, because too much is missing"
            ))?;
            say(format_args!("                  {}", admin::held_load(Some(held))))?;
            say(
                "                  if writes were lost: `numguard admin replay-audit`, then import the feeds again",
            )?;
            say("                  if it is meant: `numguard admin accept-shrink`")
        }
    }
}
