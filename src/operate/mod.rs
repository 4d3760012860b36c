//! What people and clients change, and the record of it.
//!
//! Every change by an operator goes one way, whether it comes by gRPC or from the command line on the store
//! itself:
//!
//! ```text
//! who + request id + what     a face reads its message (rpc, cli)
//!   -> once                   a request with this id that was done is answered, and not done again
//!   -> turn                   changes go side by side, an undo alone
//!   -> record, intent         on disk before the store is asked; what cannot be recorded is refused
//!   -> apply                  the store, the collector, the keys
//!   -> record, answer         how it ended
//!   -> seen                   the answer waits until checks see the change
//! ```
//!
//! `once` and `record` are steps of that way; `listings`, `undo`, `keys`, `feeds` and `outcomes` hold the rules
//! of each kind of change. Must not know a face: no gRPC, no generated message, no command line.

mod allocation_files;
mod asked;
pub mod audit;
mod error;
mod feeds;
pub mod import;
pub mod keys;
mod listings;
pub mod once;
pub mod outcomes;
pub mod pages;
mod pipeline;
mod record;
mod seen;
mod undo;

pub use allocation_files::{ArrivedFiles, ArrivingFiles};
pub use asked::{LONGEST_AUTHOR, LONGEST_REASON, asked, at_most};
pub use error::OperateError;
pub(crate) use error::REUSED;
pub use feeds::Feeds;
pub use listings::{Deleted, Imported, Listings, to_come};
pub use pipeline::{Pipeline, Turns};
pub use seen::Seen;
pub use undo::{UndoneChange, UndoneListing};
