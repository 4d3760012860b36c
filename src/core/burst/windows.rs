//! The windows: every check of a sign-up counts here, and is told what was counted around it.
//!
//! A window is two halves; a count covers the running half and the one before it, so between half of
//! the window and all of it.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::core::listing::UnixTime;
use crate::core::number::Number;

use super::ClientTag;
use super::others::{self, Kind, Others};
use super::table::{CLIENTS, Cell, SLOT, Table};

/// Slots per half, for numbers, blocks of 100, blocks of 1,000, and clients.
const SLOTS: [usize; 4] = [1 << 16, 1 << 15, 1 << 14, 1 << 8];

/// Memory of all windows of a process, in bytes; what others tell adds at most 6 MB.
pub const BYTES: usize = 2 * SLOT * (SLOTS[0] + SLOTS[1] + SLOTS[2] + SLOTS[3]);

/// Sizes of the blocks in which different numbers are counted.
pub const BLOCKS: [u64; 2] = [100, 1_000];

/// Consecutive numbers are looked for on each side, so many at most.
const LONGEST_RUN: u64 = 12;

/// From so many different numbers of its 100 on, a run is looked for.
const RUN_WORTH: u32 = 3;

/// Other clients that a count tells apart.
const OTHERS: usize = 2 * CLIENTS;

/// A count within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// By the client that asks.
    pub own: u32,
    /// By other clients, one each.
    others: [u16; OTHERS],
}

impl Count {
    /// The client's own count and what other clients add, each of them at most `of_another`.
    pub fn with_others(&self, of_another: u32) -> u32 {
        let others = self.others.iter().take_while(|&&count| count > 0);
        self.own + others.map(|&count| u32::from(count).min(of_another)).sum::<u32>()
    }

    fn of(cells: impl Iterator<Item = Cell>, client: ClientTag) -> Self {
        let mut found = [(ClientTag(0), 0u16); OTHERS];
        let mut own = 0;
        for (who, count) in cells {
            if who == client {
                own += u32::from(count);
            } else if let Some(place) = found.iter_mut().find(|place| place.0 == who || place.1 == 0) {
                *place = (who, place.1.saturating_add(count));
            }
        }
        Self { own, others: found.map(|place| place.1) }
    }
}

/// What the windows hold about one number and client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Checks of the number itself.
    pub number: Count,
    /// Different numbers of its block of 100, and of 1,000, itself among them once it is counted.
    pub blocks: [Count; 2],
    /// Consecutive numbers that this client asked about, this one among them.
    pub run: u32,
    /// All checks of the client.
    pub client: u32,
    /// Length of the window in minutes.
    pub minutes: u32,
}

/// Counters of one process. Shared by all its checks; neither locks nor allocates while counting.
pub struct Windows {
    half_seconds: u32,
    numbers: Table,
    hundreds: Table,
    thousands: Table,
    clients: Table,
    others: ArcSwap<Others>,
    /// What was replaced last: kept until the next time, so that no check frees it.
    retired: Mutex<Option<Arc<Others>>>,
}

impl Windows {
    /// Empty windows of `minutes` minutes. `seed` is any number that nobody outside knows.
    pub fn new(minutes: u32, seed: u64) -> Self {
        let [numbers, hundreds, thousands, clients] = SLOTS.map(|slots| Table::new(slots, seed));
        let half_seconds = minutes.max(1) * 30;
        let (others, retired) = (ArcSwap::default(), Mutex::default());
        Self { half_seconds, numbers, hundreds, thousands, clients, others, retired }
    }

    /// Which half of a window a time lies in.
    pub fn half(&self, now: UnixTime) -> u32 {
        now.0 / self.half_seconds
    }

    /// Seconds after which what was told of a half is of no more use.
    pub fn keep_seconds(&self) -> u32 {
        3 * self.half_seconds
    }

    /// Counts a sign-up, and tells what there is with it.
    pub fn count(&self, number: Number, client: ClientTag, now: UnixTime) -> Counts {
        let (half, key) = (self.half(now), number.key());
        self.clients.add(half, client.0.into(), client);
        let others = self.others.load();
        let before = Count::of(self.cells(&others, &self.numbers, Kind::Number, half, key), client).own;
        self.numbers.add(half, key, client);
        if before == 0 {
            self.hundreds.add(half, key / BLOCKS[0], client);
            self.thousands.add(half, key / BLOCKS[1], client);
        }
        self.read(&others, number, client, half)
    }

    /// Tells what there is and counts nothing.
    pub fn look(&self, number: Number, client: ClientTag, now: UnixTime) -> Counts {
        self.read(&self.others.load(), number, client, self.half(now))
    }

    fn read(&self, others: &Others, number: Number, client: ClientTag, half: u32) -> Counts {
        let key = number.key();
        let count = |table, kind, key| Count::of(self.cells(others, table, kind, half, key), client);
        let blocks = [
            count(&self.hundreds, Kind::Hundred, key / BLOCKS[0]),
            count(&self.thousands, Kind::Thousand, key / BLOCKS[1]),
        ];
        Counts {
            number: count(&self.numbers, Kind::Number, key),
            blocks,
            run: if blocks[0].own >= RUN_WORTH { self.run(key, client, half) } else { 0 },
            client: count(&self.clients, Kind::Client, client.0.into()).own,
            minutes: self.half_seconds / 30,
        }
    }

    fn cells<'a>(
        &'a self,
        others: &'a Others,
        table: &'a Table,
        kind: Kind,
        half: u32,
        key: u64,
    ) -> impl Iterator<Item = Cell> + 'a {
        let told = (!others.is_empty()).then(|| others.cells(kind, key)).into_iter().flatten();
        table.cells(half, key).chain(table.cells(half.wrapping_sub(1), key)).chain(told)
    }

    /// How many consecutive numbers around `key` the client asked this process about.
    fn run(&self, key: u64, client: ClientTag, half: u32) -> u32 {
        let asked = |key: u64| {
            [half, half.wrapping_sub(1)].into_iter().any(|half| self.numbers.count(half, key, client) > 0)
        };
        let below = (1..=LONGEST_RUN).take_while(|step| asked(key.saturating_sub(*step))).count();
        let above = (1..=LONGEST_RUN).take_while(|step| asked(key + step)).count();
        (below + above) as u32 + u32::from(asked(key))
    }

    /// What this process has to tell others about one half.
    pub fn told(&self, half: u32) -> Vec<u8> {
        let tables = [
            (Kind::Number, &self.numbers),
            (Kind::Hundred, &self.hundreds),
            (Kind::Thousand, &self.thousands),
            (Kind::Client, &self.clients),
        ];
        others::write(
            tables
                .into_iter()
                .flat_map(|(kind, table)| table.all(half).map(move |(key, cell)| (kind, key, cell))),
        )
    }

    /// Takes in what others told, in place of what they told before.
    pub fn hear(&self, others: Others) {
        let old = self.others.swap(Arc::new(others));
        *self.retired.lock().unwrap_or_else(PoisonError::into_inner) = Some(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_780_000_200);

    fn number(low: u64) -> Number {
        Number::from_digits(447_400_123_000 + low).unwrap_or_else(|e| panic!("{e}"))
    }

    fn windows() -> Windows {
        Windows::new(10, 42)
    }

    #[test]
    fn different_numbers_of_a_block_count_once_each() {
        let (windows, acme) = (windows(), ClientTag::of("acme"));
        for low in [1, 3, 5, 5, 5, 7, 250, 251] {
            windows.count(number(low), acme, NOW);
        }
        let counts = windows.look(number(5), acme, NOW);
        assert_eq!(counts.number.own, 3);
        assert_eq!(counts.blocks.map(|count| count.own), [4, 6]);
        assert_eq!((counts.run, counts.client, counts.minutes), (1, 8, 10));
        let stranger = windows.look(number(5), ClientTag::of("other"), NOW);
        assert_eq!((stranger.number.own, stranger.run, stranger.client), (0, 0, 0));
        assert_eq!(stranger.blocks[1].with_others(4), 4, "no more than so many of another's");
        assert_eq!(windows.look(number(5), acme, NOW), counts, "a look counts nothing");
    }

    #[test]
    fn consecutive_numbers_are_a_run_in_any_order() {
        let (windows, acme) = (windows(), ClientTag::of("acme"));
        let runs: Vec<u32> =
            [12, 14, 13, 40, 11, 15].map(|low| windows.count(number(low), acme, NOW).run).into();
        assert_eq!(runs, [0, 0, 3, 1, 4, 5]);
    }

    #[test]
    fn what_was_counted_is_gone_after_the_window_and_not_before_half_of_it() {
        let (windows, acme) = (windows(), ClientTag::of("acme"));
        for start in (0..600).step_by(37) {
            let begin = UnixTime(NOW.0 + 3_600 * start + start);
            windows.count(number(1), acme, begin);
            let later = |seconds: u32| windows.look(number(1), acme, UnixTime(begin.0 + seconds));
            assert_eq!(later(300).blocks.map(|count| count.own), [1, 1]);
            assert_eq!(later(600), Counts { minutes: 10, ..Counts::default() });
        }
    }

    #[test]
    fn what_others_counted_adds_up_and_one_client_of_many_processes_is_one_client() {
        let (here, there, acme) = (windows(), windows(), ClientTag::of("acme"));
        for low in 1..=5 {
            here.count(number(low), acme, NOW);
            there.count(number(low + 10), acme, NOW);
        }
        here.hear(Others::read(&[there.told(here.half(NOW)), there.told(here.half(NOW) - 1)]));
        let counts = here.look(number(1), acme, NOW);
        assert_eq!(counts.blocks.map(|count| count.own), [10, 10]);
        assert_eq!(counts.client, 10);
        let stranger = here.look(number(99), ClientTag::of("other"), NOW);
        assert_eq!(stranger.blocks[0].with_others(4), 4);
        here.hear(Others::default());
        assert_eq!(here.look(number(1), acme, NOW).blocks[0].own, 5);
    }

    #[test]
    fn memory_is_what_is_said() {
        assert_eq!(BYTES, 7_356_416);
    }
}
