//! Notes: what numguard keeps next to the listings, such as the state of a feed; and leases, so that
//! one process at a time works on a thing.
//!
//! Must not know what a note says.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

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

/// A store of notes, leases and boards.
#[async_trait]
pub trait NoteStore: Send + Sync + 'static {
    /// Takes or renews the lease on `name` for `holder`; nothing if another has it.
    async fn lease(&self, name: &str, holder: &str) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back.
    async fn give_back(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Notes whose names begin with `prefix`, in order of name.
    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Note)>, StoreError>;

    /// Writes a note, or deletes it, if it still has the revision (0: if there is none) and the
    /// lease, if given, is in force. Answers whether it did.
    async fn put_note(
        &self,
        name: &str,
        revision: u64,
        bytes: Option<Vec<u8>>,
        lease: Option<&Lease>,
    ) -> Result<bool, StoreError>;

    /// Leaves on a board what `seat` has to say, in place of what it said there before, and answers
    /// what others said. All of it goes `keep` after the last of them. A store of one process has no
    /// others.
    async fn exchange(
        &self,
        board: &str,
        seat: &str,
        said: Vec<u8>,
        keep: Duration,
    ) -> Result<Vec<Vec<u8>>, StoreError>;
}
