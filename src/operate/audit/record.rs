//! What one line of the audit record says.

use crate::core::listing::{Decision, Listing, Sighting, Subject, UnixTime};

/// Who asked for a change, and by which request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The operator's own word for who it is; empty if nothing was said.
    pub author: String,
    /// Who it is by the key that was shown; empty without keys.
    pub client: String,
    /// The caller's id of the request; empty if it gave none.
    pub request_id: String,
    /// The line of this record that the request takes back; 0: none.
    pub undoes: u64,
}

use super::order::Order;

/// What an operator asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// This decision on the subject.
    Put(Decision),
    /// Forget all that is known about the subject: what feeds had seen is kept here alone.
    Delete(Vec<Sighting>),
    /// Take the decision away; what feeds saw stays.
    Withdraw,
    /// Put back what a delete had forgotten.
    Restore(Listing),
}

/// What an operator asked for, and what it was to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What it is about.
    pub subject: Subject,
    /// What was asked for.
    pub act: Act,
    /// The decision that there was before.
    pub before: Option<Decision>,
}

/// What the store answered, or how an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is stored.
    Stored,
    /// It is stored, but too few replicas have it: a failover may lose it.
    Unconfirmed,
    /// It failed, and whoever asked was told so.
    Failed,
    /// An order was carried out.
    Done,
}

/// What was done to an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// It was made.
    Create,
    /// It was made in place of another.
    Rotate,
    /// It was ended.
    Revoke,
}

/// A change of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyIntent {
    /// What was asked for.
    pub change: KeyChange,
    /// Name of the key, or of the one that is replaced; empty for one that is about to be made.
    pub key: String,
    /// Whose key.
    pub of: String,
    /// What it is good for.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Option<UnixTime>,
}

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An operator asked for this; written before the store was changed.
    Intent(Intent),
    /// An operator asked for this, which is about no listing; written before it was done.
    Order(Order),
    /// An operator asked for this change of an API key.
    Key(KeyIntent),
    /// What the store answered to an intent, or how an order ended.
    Answer {
        /// The intent's or order's `seq`.
        of: u64,
        /// What it answered.
        answer: Answer,
        /// How things are after an order, or why it failed, for people; empty after an intent.
        after: String,
    },
}

/// One line of the audit record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number of the line in its chain, from 1.
    pub seq: u64,
    /// When it was written.
    pub at: UnixTime,
    /// Who asked, as far as is known; nobody for an answer.
    pub asked: Asked,
    /// Number of this intent within its request, and how many there are; from 1.
    pub part: (u32, u32),
    /// What it says.
    pub entry: Entry,
}

impl KeyChange {
    /// All, as they are named in the record.
    pub(super) const ALL: [Self; 3] = [Self::Create, Self::Rotate, Self::Revoke];

    /// The name in the record and in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "key-create",
            Self::Rotate => "key-rotate",
            Self::Revoke => "key-revoke",
        }
    }
}

impl Answer {
    /// The name in the record and in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unconfirmed => "unconfirmed",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }
}
