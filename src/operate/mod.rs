//! What people and clients change, and the record of it.
//!
//! Every change by an operator takes the same path, whether it comes by gRPC or from the command line on the store
//! itself:
//!
//! ```text
//! who + request id + what     the caller (gRPC service, command line) reads its message
//!   -> once                   called by the caller: a request id that was done before gets its first answer;
//!                             nothing is done again
//!   -> turn                   changes of listings run side by side; an undo runs alone; orders and keys take no turn
//!   -> record, intent         on disk before the store is changed; what cannot be recorded is refused
//!   -> apply                  the store, the collector, the keys
//!   -> record, answer         how it ended
//!   -> seen                   the answer waits until checks see the change
//! ```
//!
//! `pipeline` has what all steps share; `once`, `record` and `seen` are steps of that path. `listings`, `undo`, `keys`,
//! `feeds` and `outcomes` hold the rules of each kind of change. `import` and `allocation_files` take in what arrives
//! in parts, `pages` reads listings page by page, `asked` limits texts. Must not know its callers: no gRPC, no
//! generated message, no command line.

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
