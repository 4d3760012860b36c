//! Bursts: how often a number, and how many different numbers of its block, were asked about within
//! a short window, per client.
//!
//! Approximate and of fixed size: [`Windows`] counts with relaxed atomics and neither locks nor
//! allocates. Pure; the time is passed in. Must not judge (`policy` has the thresholds), must not
//! contribute to BLOCK, and must not let one client alone raise what another client's people meet.

mod facts;
mod others;
mod table;
mod windows;

pub use facts::facts;
pub use others::Others;
pub use windows::{BLOCKS, BYTES, Count, Counts, Windows};

/// A client as the windows know it: 16 bits of its name. Two that collide count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTag(u16);

impl ClientTag {
    /// The tag of a client's name, the same in every process.
    pub fn of(name: &str) -> Self {
        // FNV-1a, folded; 0 is a cell that nobody has taken.
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self((hash ^ hash >> 16) as u16 | 1)
    }
}
