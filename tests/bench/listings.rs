//! Listings in the shape of a real public-inbox list.
//!
//! The open list (124,694 numbers, 2018-2026) fills 48,141 blocks of 10,000: four fifths hold one
//! number, a few hold thousands, mean 2.6. A larger list grows both ways: k times the numbers fill
//! the square root of k times the blocks. Numbers are invented, in valid GB mobile ranges and
//! others alike.

use numguard::core::index::{Builder, Index, Position};
use numguard::core::listing::{Listing, Sighting, Subject, UnixTime};
use numguard::core::number::Number;

/// A small xorshift: the same listings in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

const REAL_NUMBERS: f64 = 124_694.0;
const REAL_BLOCKS: f64 = 48_141.0;

/// `count` distinct numbers in ascending order.
pub(crate) fn numbers(count: usize, random: &mut Random) -> Vec<u64> {
    let growth = (count as f64 / REAL_NUMBERS).max(1.0).sqrt();
    let blocks = (REAL_BLOCKS * growth) as u64;
    // First 10,000-blocks of mobile ranges in the US, GB, FR, NL, FI, SE and CN.
    let heads = [
        1_202_000u64,
        1_415_000,
        44_740_000,
        44_770_000,
        3_364_400,
        3_368_000,
        319_701_000,
        358_457_300,
        4_670_100,
        861_300_000,
    ];
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let head = heads[random.below(heads.len() as u64) as usize];
        let block = head + random.below(blocks / heads.len() as u64);
        // Sizes: 81 % one number, the rest heavy-tailed up to a full tenth of the block.
        let size = match random.below(1_000) {
            0..810 => 1,
            810..990 => 2 + random.below(8),
            _ => 20 + random.below(600),
        };
        let grown = (size as f64 * growth) as u64;
        let start = random.below(9_000);
        numbers.extend((0..grown.max(1)).map(|_| block * 10_000 + (start + random.below(1_000)) % 10_000));
        if numbers.len() >= count {
            numbers.sort_unstable();
            numbers.dedup();
        }
    }
    numbers.truncate(count);
    numbers
}

pub(crate) fn listing(random: &mut Random) -> Listing {
    let last = 1_780_000_000 - random.below(86_400 * 700) as u32;
    let feeds = ["ip1sms", "castle", "receive-smss", "quackr", "sms24"];
    let mut listing = Listing::default();
    for _ in 0..1 + random.below(2) {
        listing.merge(&Listing::seen(Sighting::new(
            feeds[random.below(5) as usize].parse().unwrap(),
            UnixTime(last - random.below(86_400 * 60) as u32),
            UnixTime(last),
            1 + random.below(50) as u32,
        )));
    }
    listing
}

pub(crate) fn index(count: usize) -> Index {
    let mut random = Random(7);
    let numbers = numbers(count, &mut random);
    let mut builder = Builder::default();
    for number in numbers {
        builder.add(Subject::Number(Number::from_digits(number).unwrap()), &listing(&mut random));
    }
    builder.finish(Position::single(1, 1))
}
