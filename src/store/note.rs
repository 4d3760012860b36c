//! Notes: what numguard keeps beside the listings, such as the state of a feed; and leases, so that
//! one process at a time works on a thing.

use std::time::Duration;

/// A named text with a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Increases with every write; 0 is no note.
    pub revision: u64,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Leave to work on a thing until the lease ends. A holder that was slow and has lost the lease
/// cannot write any more: the store compares the token with each fenced write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is worked on.
    pub name: String,
    /// Increases with every new holder.
    pub token: u64,
}

/// How long a lease holds after it was taken or renewed.
pub const LEASE: Duration = Duration::from_secs(15);
