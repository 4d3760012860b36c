//! Numbers that people proved to hold, as clients report: what may lower an inferred range.
//!
//! Kept apart from listed numbers, in 64 shards that changes copy one by one. Rows of a 1,000-block
//! lie together; 16 bytes each. Must not weigh: the policy has the limits.

use std::sync::Arc;

use crate::core::listing::{Day, Listing, Report};
use crate::core::number::Number;

/// Numbers that are looked at together.
const BLOCK: u64 = 1_000;
const SHARDS: usize = 64;

/// One number, verified by one client. Sorted by block, client, day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    block: u64,
    client: u32,
    day: u16,
    low: u16,
    vouched: bool,
}

/// How much of it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedLimits {
    /// What was verified before counts nothing.
    pub since: Day,
    /// Most numbers of one client and day.
    pub per_day: u32,
    /// Most numbers of one client of normal trust.
    pub per_client: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verified {
    shards: Arc<[Arc<[Row]>]>,
}

impl Default for Verified {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Arc::default()).collect() }
    }
}

fn shard(block: u64) -> usize {
    (block % SHARDS as u64) as usize
}

/// The rows of one block.
fn of_block(shard: &[Row], block: u64) -> &[Row] {
    let rows = &shard[shard.partition_point(|row| row.block < block)..];
    &rows[..rows.partition_point(|row| row.block == block)]
}

/// The rows of a listing of `number`.
pub(super) fn rows(number: Number, listing: &Listing) -> impl Iterator<Item = Row> + '_ {
    listing.sightings().iter().filter_map(move |sighting| {
        let (client, vouched) = match sighting.feed.report()? {
            (client, Report::Verified) => (client, false),
            (client, Report::Vouched) => (client, true),
            (_, Report::Abuse) => return None,
        };
        Some(Row {
            block: number.key() / BLOCK,
            client: client_tag(client),
            day: sighting.last_seen.day().0,
            low: (number.key() % BLOCK) as u16,
            vouched,
        })
    })
}

/// 32 bits of a client's name: FNV-1a.
fn client_tag(client: &str) -> u32 {
    client.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Verified {
    /// A table of these rows.
    pub(super) fn of(rows: Vec<Row>) -> Self {
        if rows.is_empty() {
            return Self::default();
        }
        let mut shards: Vec<Vec<Row>> = vec![Vec::new(); SHARDS];
        rows.into_iter().for_each(|row| shards[shard(row.block)].push(row));
        shards.iter_mut().for_each(|rows| rows.sort_unstable());
        Self { shards: shards.into_iter().map(Arc::from).collect() }
    }

    /// A copy in which these numbers have these rows and no others.
    pub(super) fn with(&self, changed: &[(Number, Vec<Row>)]) -> Self {
        let mut shards: Vec<Arc<[Row]>> = self.shards.to_vec();
        for (number, rows) in changed {
            let shard = &mut shards[shard(number.key() / BLOCK)];
            let known = of_block(shard, number.key() / BLOCK).iter().any(|row| row.number() == number.key());
            if rows.is_empty() && !known {
                continue;
            }
            let kept = shard.iter().filter(|row| row.number() != number.key());
            let mut rows: Vec<Row> = kept.chain(rows).copied().collect();
            rows.sort_unstable();
            *shard = rows.into();
        }
        Self { shards: shards.into() }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// The numbers, each once.
    pub(super) fn numbers(&self) -> Vec<Number> {
        let mut numbers: Vec<u64> = self.rows().map(Row::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| Number::from_digits(number).ok()).collect()
    }

    /// How many verified numbers of the 1,000-block around `number` count. Of the clients of normal
    /// trust, the one with most is left out: it may be the attacker.
    pub(super) fn count(&self, number: Number, limits: &VerifiedLimits) -> u32 {
        let block = number.key() / BLOCK;
        let (mut vouched, mut normal, mut most) = (0, 0, 0);
        for of_client in of_block(&self.shards[shard(block)], block).chunk_by(|a, b| a.client == b.client) {
            let (mut own, mut own_vouched) = (0, 0);
            for of_day in of_client.chunk_by(|a, b| a.day == b.day) {
                if of_day[0].day >= limits.since.0 {
                    let good = of_day.iter().filter(|row| row.vouched).count() as u32;
                    own_vouched += good.min(limits.per_day);
                    own += (of_day.len() as u32 - good).min(limits.per_day);
                }
            }
            let own = own.min(limits.per_client);
            (vouched, normal, most) = (vouched + own_vouched, normal + own, own.max(most));
        }
        vouched + normal - most
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows().count() * size_of::<Row>()
    }
}

impl Row {
    pub(super) fn number(&self) -> u64 {
        self.block * BLOCK + u64::from(self.low)
    }

    /// For a file: the number, then client, day and trust.
    pub(super) fn packed(&self) -> [u64; 2] {
        let rest = u64::from(self.client) << 32 | u64::from(self.day) << 1 | u64::from(self.vouched);
        [self.number(), rest]
    }

    pub(super) fn unpacked([number, rest]: [u64; 2]) -> Self {
        Self {
            block: number / BLOCK,
            client: (rest >> 32) as u32,
            day: (rest >> 1) as u16,
            low: (number % BLOCK) as u16,
            vouched: rest & 1 == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::listing::{FeedName, Sighting, UnixTime};

    const LIMITS: VerifiedLimits = VerifiedLimits { since: Day(100), per_day: 2, per_client: 3 };

    fn number(low: u64) -> Number {
        Number::from_digits(447_400_123_000 + low).unwrap_or_else(|e| panic!("{e}"))
    }

    fn row(client: &str, report: Report, low: u64, day: u32) -> Vec<Row> {
        let (feed, at) = (FeedName::of_client(client, report), UnixTime(day * 86_400));
        let listing = Listing::seen(Sighting::new(feed, at, at, 1));
        rows(number(low), &listing).collect()
    }

    fn counted(rows: &[(&str, Report, u64, u32)]) -> u32 {
        let rows = rows.iter().flat_map(|&(client, report, low, day)| row(client, report, low, day));
        Verified::of(rows.collect()).count(number(500), &LIMITS)
    }

    #[test]
    fn one_client_of_normal_trust_never_counts_and_none_counts_without_end() {
        use Report::{Abuse, Verified, Vouched};
        let by = |client, report, days: u32| {
            (0..days * 5).map(move |i| (client, report, u64::from(i), 200 + i / 5))
        };
        assert_eq!(counted(&[]), 0);
        assert_eq!(counted(&by("a", Verified, 60).collect::<Vec<_>>()), 0, "however much it reports");
        let two: Vec<_> = by("a", Verified, 9).chain(by("b", Verified, 1)).collect();
        assert_eq!(counted(&two), 2, "the lesser of two: two a day");
        let three: Vec<_> = by("c", Verified, 9).chain(two).collect();
        assert_eq!(counted(&three), 3 + 2, "three of one client");
        assert_eq!(counted(&by("a", Vouched, 9).collect::<Vec<_>>()), 18, "two a day");
        assert_eq!(counted(&by("a", Abuse, 9).collect::<Vec<_>>()), 0);
        assert_eq!(counted(&[("a", Vouched, 1, 99)]), 0, "long ago");
        assert_eq!(counted(&[("a", Vouched, 1_000, 200)]), 0, "another block");
    }

    #[test]
    fn changes_put_rows_in_place_and_files_keep_them() {
        let mut verified = Verified::of(row("a", Report::Vouched, 1, 200));
        verified = verified.with(&[
            (number(2), row("b", Report::Verified, 2, 200)),
            (number(1), row("a", Report::Vouched, 1, 210)),
            (number(7), Vec::new()),
        ]);
        assert_eq!(verified.numbers(), [number(1), number(2)]);
        let copy = verified.rows().map(|row| Row::unpacked(row.packed())).collect();
        assert_eq!(Verified::of(copy), verified);
        verified = verified.with(&[(number(1), Vec::new()), (number(2), Vec::new())]);
        assert_eq!(verified, Verified::default());
    }
}
