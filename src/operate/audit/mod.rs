//! The audit record: what operators did, on disk before the store is changed, so that it can be done
//! again should the store lose it.
//!
//! Files of JSON lines that are only ever added to. Each line holds the hash of the one before it, which detects
//! accidents, not forgery: who can write the file can rebuild the chain. Holds numbers in full, so the file is its
//! owner's alone. Must not read the clock, talk to a store, or decide what an operator may do.

mod append;
mod carry_on;
mod error;
mod line;
pub mod metrics;
mod order;
mod read;
mod record;
mod rotate;
mod tail;
mod truth;
mod undo;

pub use append::{Audit, FILE};
pub use error::AuditError;
pub use order::{Order, Verb};
pub use read::{Records, read, read_in_turn};
pub use record::{Act, Answer, Asked, Entry, Intent, KeyChange, KeyIntent, Record};
pub use rotate::older;
pub use truth::{Step, Truth, Wanted, truths};
pub use undo::{Back, Request, Which, back, find};
