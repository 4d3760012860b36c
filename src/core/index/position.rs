//! The place in a store's change log up to which an index is complete.
//!
//! Must not know how a store keeps its log.

/// A place in one shard's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The last change that is included; 0 before the first.
    pub cursor: u64,
    /// Tells this change from another with the same cursor, written after a failover that lost
    /// this one.
    pub stamp: u64,
}

/// The place in a store's change log, over all its shards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Which log: a store that was created anew has another epoch.
    pub epoch: u64,
    /// One mark per shard.
    pub marks: Vec<Mark>,
}

impl Position {
    /// A place in a log of one shard.
    pub fn single(epoch: u64, cursor: u64) -> Self {
        Self { epoch, marks: vec![Mark { cursor, stamp: 0 }] }
    }

    /// How many changes the log has seen, over all shards.
    pub fn changes(&self) -> u64 {
        self.marks.iter().map(|mark| mark.cursor).sum()
    }

    /// Whether nothing was ever written.
    pub fn is_start(&self) -> bool {
        self.changes() == 0
    }

    /// Whether an index at this position has all that one at `other` has, as far as cursors tell.
    /// Places of another epoch cannot be compared: whatever is known now came after them.
    pub fn includes(&self, other: &Self) -> bool {
        self.epoch != other.epoch
            || self.marks.len() != other.marks.len()
            || self.marks.iter().zip(&other.marks).all(|(mine, other)| mine.cursor >= other.cursor)
    }
}
