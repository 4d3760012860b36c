//! A table of counters of fixed size: key -> count per client, for two halves of a window.
//!
//! A key has two slots that it may live in; when both are taken by others of the same half, the
//! emptier one is given up. Threads that meet in one slot may lose a count: it is approximate.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::ClientTag;

/// Clients that one key tells apart; further ones are not counted.
pub(super) const CLIENTS: usize = 6;

/// Bits of the half in a slot's first word; the key has the others.
const HALF_BITS: u32 = 14;

#[derive(Default)]
struct Slot {
    /// Key and half; 0 is a slot that was never used.
    owner: AtomicU64,
    /// Client in the high 16 bits, count in the low ones. Taken in order, never given back.
    cells: [AtomicU32; CLIENTS],
}

/// Bytes of one slot.
pub(super) const SLOT: usize = size_of::<Slot>();

/// One cell: who, and how often.
pub(super) type Cell = (ClientTag, u16);

pub(super) struct Table {
    halves: [Box<[Slot]>; 2],
    mask: usize,
    seed: u64,
}

fn owner(half: u32, key: u64) -> u64 {
    key << HALF_BITS | u64::from(half) & ((1 << HALF_BITS) - 1)
}

fn cell(value: u32) -> Cell {
    (ClientTag((value >> 16) as u16), value as u16)
}

impl Slot {
    fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        self.cells.iter().map(|cell| cell.load(Relaxed)).take_while(|&value| value != 0).map(cell)
    }

    fn total(&self) -> u32 {
        self.cells().map(|(_, count)| u32::from(count)).sum()
    }

    fn add(&self, client: ClientTag) {
        let first = u32::from(client.0) << 16 | 1;
        for cell in &self.cells {
            let mut value = cell.load(Relaxed);
            if value == 0 {
                match cell.compare_exchange(0, first, Relaxed, Relaxed) {
                    Ok(_) => return,
                    Err(now) => value = now,
                }
            }
            if value >> 16 == u32::from(client.0) {
                // A count that is full stays full: one more would run into the client's bits.
                if value & 0xffff < 0xff00 {
                    cell.fetch_add(1, Relaxed);
                }
                return;
            }
        }
    }
}

impl Table {
    /// A table of `slots` slots per half, a power of two. `seed` spreads the keys, so that nobody
    /// outside knows which ones meet.
    pub(super) fn new(slots: usize, seed: u64) -> Self {
        let half = || (0..slots).map(|_| Slot::default()).collect();
        Self { halves: [half(), half()], mask: slots - 1, seed }
    }

    fn pair(&self, half: u32, key: u64) -> [&Slot; 2] {
        // The finalizer of MurmurHash3.
        let mut mixed = key ^ self.seed;
        for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
            mixed = (mixed ^ mixed >> 33).wrapping_mul(factor);
        }
        let at = (mixed ^ mixed >> 33) as usize & self.mask & !1;
        let slots = &self.halves[(half & 1) as usize];
        [&slots[at], &slots[at + 1]]
    }

    fn find(&self, half: u32, key: u64) -> Option<&Slot> {
        let owner = owner(half, key);
        self.pair(half, key).into_iter().find(|slot| slot.owner.load(Relaxed) == owner)
    }

    /// Counts one for a key and client.
    pub(super) fn add(&self, half: u32, key: u64, client: ClientTag) {
        if let Some(slot) = self.find(half, key).or_else(|| self.take(half, key)) {
            slot.add(client);
        }
    }

    /// A slot for a key that has none.
    fn take(&self, half: u32, key: u64) -> Option<&Slot> {
        let mine = owner(half, key);
        let worth = |slot: &Slot| {
            let current = (slot.owner.load(Relaxed) ^ mine) & ((1 << HALF_BITS) - 1) == 0;
            if current { 1 + slot.total() } else { 0 }
        };
        let [a, b] = self.pair(half, key);
        let slot = if worth(a) <= worth(b) { a } else { b };
        let before = slot.owner.load(Relaxed);
        slot.owner.compare_exchange(before, mine, Relaxed, Relaxed).ok()?;
        slot.cells.iter().for_each(|cell| cell.store(0, Relaxed));
        Some(slot)
    }

    /// Who asked about a key in one half, and how often.
    pub(super) fn cells(&self, half: u32, key: u64) -> impl Iterator<Item = Cell> + '_ {
        self.find(half, key).into_iter().flat_map(Slot::cells)
    }

    /// How often a client asked about a key in one half.
    pub(super) fn count(&self, half: u32, key: u64, client: ClientTag) -> u16 {
        self.cells(half, key).find(|cell| cell.0 == client).map_or(0, |cell| cell.1)
    }

    /// All that was counted in one half: key and cell. Reads the whole table.
    pub(super) fn all(&self, half: u32) -> impl Iterator<Item = (u64, Cell)> + '_ {
        let of_half = move |slot: &&Slot| {
            let owner = slot.owner.load(Relaxed);
            owner != 0 && (owner ^ u64::from(half)) & ((1 << HALF_BITS) - 1) == 0
        };
        let slots = self.halves[(half & 1) as usize].iter().filter(of_half);
        slots.flat_map(|slot| {
            let key = slot.owner.load(Relaxed) >> HALF_BITS;
            slot.cells().map(move |cell| (key, cell))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(table: &Table, half: u32, key: u64) -> Vec<u16> {
        table.cells(half, key).map(|cell| cell.1).collect()
    }

    #[test]
    fn counts_per_key_client_and_half() {
        let table = Table::new(16, 7);
        let [a, b] = ["a", "b"].map(ClientTag::of);
        for (half, key, client) in [(1, 5, a), (1, 5, a), (1, 5, b), (2, 5, a), (1, 6, b)] {
            table.add(half, key, client);
        }
        assert_eq!(counts(&table, 1, 5), [2, 1]);
        assert_eq!(counts(&table, 2, 5), [1]);
        assert_eq!((table.count(1, 6, a), table.count(1, 6, b)), (0, 1));
        assert_eq!(table.all(1).count(), 3);
        // The third half takes the place of the first.
        table.add(3, 5, b);
        assert_eq!((counts(&table, 3, 5), counts(&table, 1, 5)), (vec![1], vec![]));
    }

    #[test]
    fn a_full_table_gives_up_the_emptiest_and_a_full_count_stays() {
        let (table, client) = (Table::new(2, 7), ClientTag::of("a"));
        for key in [1, 1, 1, 2, 2, 3] {
            table.add(1, key, client);
        }
        assert_eq!(counts(&table, 1, 1), [3]);
        assert_eq!(counts(&table, 1, 2).len() + counts(&table, 1, 3).len(), 1);
        (0..70_000).for_each(|_| table.add(1, 1, client));
        assert_eq!(counts(&table, 1, 1), [0xff00]);
        let clients: Vec<_> = (0..20).map(|i| ClientTag::of(&format!("client-{i}"))).collect();
        clients.iter().for_each(|client| table.add(1, 1, *client));
        assert_eq!(counts(&table, 1, 1).len(), CLIENTS, "later ones are not counted");
    }

    #[test]
    fn threads_lose_next_to_nothing() {
        let table = Table::new(1 << 14, 7);
        std::thread::scope(|scope| {
            for client in ["a", "b", "c", "d"].map(ClientTag::of) {
                let table = &table;
                scope.spawn(move || (0..40_000).for_each(|i| table.add(1, i % 100, client)));
            }
        });
        let total: u32 = table.all(1).map(|(_, (_, count))| u32::from(count)).sum();
        assert!((159_000..=160_000).contains(&total), "{total} of 160,000");
    }
}
