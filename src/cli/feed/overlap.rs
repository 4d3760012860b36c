//! `numguard feed overlap`: what feeds share, what each has alone, and which is first.

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::Result;
use serde_json::json;

use crate::core::listing::FeedName;
use crate::rpc::pb;

use super::super::exit::Exit;
use super::super::output::{self, Columns, Output, grouped, print_json, say};
use super::super::query::QueryArgs;

/// Two lists of which so much is shared (9 of 10) are one.
const SAME: (u64, u64) = (9, 10);

pub(crate) async fn run(query: QueryArgs) -> Result<Exit> {
    let overlap = query.client().await?.overlap().await?;
    if query.form() == Output::Json {
        let feeds = overlap.feeds.iter();
        let feeds =
            feeds.map(|own| json!({"feed": own.feed, "listings": own.listings, "unique": own.unique}));
        let pairs = overlap.pairs.iter().map(|pair| {
            json!({
                "feed": pair.feed, "other": pair.other, "shared": pair.shared, "lead_days": pair.lead_days,
            })
        });
        print_json(&json!({"feeds": feeds.collect::<Vec<_>>(), "pairs": pairs.collect::<Vec<_>>()}))?;
        return Ok(Exit::Ok);
    }
    matrix(&overlap).print(overlap.feeds.iter().enumerate())?;
    if !overlap.pairs.is_empty() {
        say("")?;
        pairs(&overlap).print(&overlap.pairs)?;
    }
    let advice = advice(&overlap);
    if !advice.is_empty() {
        say("")?;
    }
    advice.iter().try_for_each(say)?;
    Ok(Exit::Ok)
}

/// One row per feed; the counts that it shares are in columns numbered like the rows.
fn matrix(overlap: &pb::GetOverlapResponse) -> Columns<'_, (usize, &pb::FeedShare)> {
    let shared: HashMap<(&str, &str), u64> = overlap
        .pairs
        .iter()
        .flat_map(|pair| {
            let (feed, other) = (pair.feed.as_str(), pair.other.as_str());
            [((feed, other), pair.shared), ((other, feed), pair.shared)]
        })
        .collect();
    let shared = Rc::new(shared);
    let columns = Columns::new()
        .with("#", |(at, _): &(usize, &pb::FeedShare)| at + 1)
        .with("FEED", |(_, own)| output::feed(&own.feed))
        .with("LISTINGS", |(_, own)| grouped(own.listings))
        .with("UNIQUE", |(_, own)| grouped(own.unique))
        .with("UNIQUE %", |(_, own)| percent(own.unique, own.listings));
    overlap.feeds.iter().enumerate().fold(columns, |columns, (at, other)| {
        let shared = Rc::clone(&shared);
        columns.with((at + 1).to_string(), move |(_, own)| {
            match shared.get(&(own.feed.as_str(), other.feed.as_str())) {
                _ if own.feed == other.feed => "-".to_owned(),
                Some(count) if *count > 0 => grouped(*count),
                _ => ".".to_owned(),
            }
        })
    })
}

/// Which feed is first, and how far each copies the other.
fn pairs(overlap: &pb::GetOverlapResponse) -> Columns<'_, pb::FeedPair> {
    let share = |pair: &pb::FeedPair, feed: &str| {
        let own = overlap.feeds.iter().find(|own| own.feed == feed);
        percent(pair.shared, own.map_or(0, |own| own.listings))
    };
    Columns::new()
        .with("FIRST", |pair| output::feed(in_order(pair).0))
        .with("THEN", |pair| output::feed(in_order(pair).1))
        .with("DAYS EARLIER", |pair: &pb::FeedPair| format!("{:.1}", pair.lead_days.abs()))
        .with("SHARED", |pair| grouped(pair.shared))
        .with("% OF FIRST", move |pair| share(pair, in_order(pair).0))
        .with("% OF THEN", move |pair| share(pair, in_order(pair).1))
}

/// The feed that shows numbers first, and the other.
fn in_order(pair: &pb::FeedPair) -> (&str, &str) {
    if pair.lead_days < 0.0 { (&pair.other, &pair.feed) } else { (&pair.feed, &pair.other) }
}

/// What an operator can do about feeds that add nothing, and about copies that count as two.
fn advice(overlap: &pb::GetOverlapResponse) -> Vec<String> {
    let listings: HashMap<&str, u64> =
        overlap.feeds.iter().map(|own| (own.feed.as_str(), own.listings)).collect();
    let alone = overlap.feeds.iter().filter(|own| own.unique == 0 && own.listings > 0);
    let alone: Vec<String> = alone.map(|own| output::feed(&own.feed)).collect();
    let mut advice = Vec::new();
    if !alone.is_empty() {
        let feeds = alone.join(", ");
        advice.push(format!(
            "nothing of their own: {feeds} (each alone can be paused without loss: numguard feed pause FEED)"
        ));
    }
    let family =
        |feed: &str| feed.parse::<FeedName>().map_or(feed.to_owned(), |name| name.family().to_owned());
    for pair in &overlap.pairs {
        let longer = [&pair.feed, &pair.other].map(|feed| listings.get(feed.as_str()).copied().unwrap_or(0));
        let same = pair.shared * SAME.1 >= longer[0].max(longer[1]) * SAME.0;
        if same && family(&pair.feed) != family(&pair.other) {
            let (feed, other) = (output::feed(&pair.feed), output::feed(&pair.other));
            advice.push(format!(
                "the same list: {feed} and {other}; if one copies the other, give their definitions one group, so \
                 that they do not confirm each other"
            ));
        }
    }
    advice
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { String::new() } else { format!("{:.1}", part as f64 * 100.0 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use comfy_table::Table;

    fn cells(table: &Table) -> Vec<Vec<String>> {
        let row =
            |line: String| line.split("  ").map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
        table.lines().skip(1).map(row).collect()
    }

    #[test]
    fn tables_show_both_ways_of_a_pair_and_who_is_first() {
        let share = |feed: &str, listings, unique| pb::FeedShare { feed: feed.to_owned(), listings, unique };
        let overlap = pb::GetOverlapResponse {
            feeds: vec![share("a", 4_000, 3_000), share("b", 1_500, 500), share("c", 1, 1)],
            pairs: vec![pb::FeedPair {
                feed: "a".to_owned(),
                other: "b".to_owned(),
                shared: 1_000,
                lead_days: -2.5,
            }],
        };
        assert_eq!(
            cells(&matrix(&overlap).table(overlap.feeds.iter().enumerate())),
            [
                ["1", "a", "4,000", "3,000", "75.0", "-", "1,000", "."],
                ["2", "b", "1,500", "500", "33.3", "1,000", "-", "."],
                ["3", "c", "1", "1", "100.0", ".", ".", "-"],
            ]
        );
        assert_eq!(
            cells(&pairs(&overlap).table(&overlap.pairs)),
            [["b", "a", "2.5", "1,000", "66.7", "25.0"]]
        );
        assert!(advice(&overlap).is_empty(), "{:?}", advice(&overlap));
    }

    #[test]
    fn feeds_that_add_nothing_and_copies_are_told_but_not_those_of_a_group() {
        let share = |feed: &str, unique| pb::FeedShare { feed: feed.to_owned(), listings: 10, unique };
        let pair = |feed: &str, other: &str, shared| {
            let (feed, other) = (feed.to_owned(), other.to_owned());
            pb::FeedPair { feed, other, shared, lead_days: 0.0 }
        };
        let overlap = pb::GetOverlapResponse {
            feeds: vec![share("a", 0), share("b", 1), share("c", 2), share("g__d", 0), share("g__e", 0)],
            pairs: vec![pair("a", "b", 9), pair("a", "c", 8), pair("g__d", "g__e", 10)],
        };
        let advice = advice(&overlap);
        assert_eq!(advice.len(), 2, "{advice:?}");
        assert!(
            advice[0].starts_with("nothing of their own: a, d, e (") && advice[1].contains("list: a and b;")
        );
    }
}
