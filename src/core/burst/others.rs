//! What other processes counted, as they tell it: at most so many rows, the fullest first.
//!
//! A row is 12 bytes: kind and key, client, count. Rows come from outside: what is too much or too
//! short is left out.

use super::ClientTag;
use super::table::Cell;

/// Bytes of one row.
const ROW: usize = 12;
/// Rows that one process tells, and is believed.
const MOST_ROWS: usize = 4_096;
/// Processes that are listened to.
const MOST_SEATS: usize = 64;
/// Bits of the key; the kind stands above them.
const KEY_BITS: u32 = 50;

/// Which table a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Hundred,
    Thousand,
    Client,
}

fn packed(kind: Kind, key: u64) -> u64 {
    (kind as u64) << KEY_BITS | key & ((1 << KEY_BITS) - 1)
}

/// The counts of other processes in both halves of the window. Immutable.
#[derive(Debug, Default)]
pub struct Others {
    /// Sorted by kind and key, then client; each pair once.
    rows: Vec<(u64, ClientTag, u16)>,
}

impl Others {
    /// From what they said, one text each.
    pub fn read(said: &[Vec<u8>]) -> Self {
        let mut rows = Vec::new();
        for text in said.iter().take(MOST_SEATS) {
            let whole = text.as_chunks::<ROW>().0.iter().take(MOST_ROWS);
            rows.extend(whole.map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| {
                let key = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                (key, ClientTag(u16::from_be_bytes([i, j])), u16::from_be_bytes([k, l]))
            }));
        }
        rows.sort_unstable();
        rows.dedup_by(|next, row| {
            let same = (row.0, row.1) == (next.0, next.1);
            if same {
                row.2 = row.2.saturating_add(next.2);
            }
            same
        });
        Self { rows }
    }

    /// Whether nobody said anything.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn cells(&self, kind: Kind, key: u64) -> impl Iterator<Item = Cell> + '_ {
        let packed = packed(kind, key);
        let from = self.rows.partition_point(|row| row.0 < packed);
        let rows = self.rows[from..].iter().take_while(move |row| row.0 == packed);
        rows.map(|row| (row.1, row.2))
    }
}

/// Rows as text. What counts only one is left out: most of it never becomes more.
pub(super) fn write(rows: impl Iterator<Item = (Kind, u64, Cell)>) -> Vec<u8> {
    let mut rows: Vec<_> = rows.filter(|(.., cell)| cell.1 > 1).collect();
    rows.sort_unstable_by_key(|(kind, key, cell)| (std::cmp::Reverse(cell.1), packed(*kind, *key), cell.0));
    rows.truncate(MOST_ROWS);
    let mut text = Vec::with_capacity(rows.len() * ROW);
    for (kind, key, (client, count)) in rows {
        text.extend(packed(kind, key).to_be_bytes());
        text.extend(client.0.to_be_bytes());
        text.extend(count.to_be_bytes());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_add_up() {
        let [a, b] = ["a", "b"].map(ClientTag::of);
        let one = write([(Kind::Number, 7, (a, 3)), (Kind::Hundred, 7, (a, 2))].into_iter());
        let two = write([(Kind::Number, 7, (a, 4)), (Kind::Number, 7, (b, 2))].into_iter());
        let others = Others::read(&[one, two]);
        let mut of_number: Vec<_> = others.cells(Kind::Number, 7).collect();
        of_number.sort_by_key(|cell| cell.1);
        assert_eq!(of_number, [(b, 2), (a, 7)]);
        assert_eq!(others.cells(Kind::Hundred, 7).collect::<Vec<_>>(), [(a, 2)]);
        assert_eq!(others.cells(Kind::Thousand, 7).count(), 0);
    }

    #[test]
    fn what_is_too_much_or_cut_is_left_out() {
        let a = ClientTag::of("a");
        let many = (0..9_999).map(|key| (Kind::Number, key, (a, if key == 5_000 { 9 } else { 2 })));
        let text = write(many.chain([(Kind::Number, 10_000, (a, 1))]));
        assert_eq!(text.len(), MOST_ROWS * ROW);
        let others = Others::read(&vec![[text.clone(), text.clone(), vec![1; 5]].concat(); 100]);
        assert_eq!(others.rows.len(), MOST_ROWS);
        assert_eq!(others.cells(Kind::Number, 5_000).collect::<Vec<_>>(), [(a, 9 * 64)], "the fullest first");
        assert!(Others::read(&[vec![1; 11]]).is_empty());
    }
}
