//! numguard: is this phone number a real subscriber's, or one that anybody can rent or read on a public web page?
//!
//! With the feature `server` (default) this is the service and its command line. Without it the crate is a library that
//! judges numbers in the caller's process: no runtime, no network, no clock.
//!
//! ```
//! use numguard::{Checker, Context, UnixTime, Verdict};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = UnixTime(1_780_272_000);
//! let checker = Checker::starter(now)?;
//! let answer = checker.check("+1 202 555 0123", None, &Context::default(), now);
//! if answer.judgement.verdict != Verdict::Allow {
//!     println!("{} {}", answer.judgement.verdict.as_str(), answer.judgement.risk_score);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The rooms, in the order in which data flows; `tests/architecture.rs` lists which may import which, and
//! ARCHITECTURE.md is the map:
//!
//! | room | what it is for |
//! |---|---|
//! | `core` | judges a number: pure |
//! | `feed` | lists and pages of sites to rows: pure |
//! | `lab` | what a policy would have decided |
//! | `store`, `sync` | listings on disk or in Redis, and the index that is built from them |
//! | `collect` | runs of feeds; `collect/web` fetches their pages |
//! | `access`, `operate` | who may call; what people and clients change, and the record of it |
//! | `rpc` | gRPC services; `rpc/wire` has the connections and the gate |
//! | `telemetry`, `config`, `app`, `cli` | logs and metrics, settings, wiring, the command line |
//! | `metric`, `clock`, `random` | making metrics, the wall clock, randomness of the operating system |

// Without the server, what only the server uses of the core is unused, and nothing of it is public; links of docs to it
// are checked where it is.
#![cfg_attr(not(feature = "server"), allow(dead_code, unused_imports, unreachable_pub))]
#![cfg_attr(
    not(feature = "server"),
    allow(rustdoc::private_intra_doc_links, rustdoc::broken_intra_doc_links)
)]

#[cfg(not(feature = "server"))]
mod core;
#[cfg(feature = "server")]
pub mod core;

#[cfg(feature = "server")]
pub mod access;
#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod collect;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod feed;
#[cfg(feature = "server")]
pub mod lab;
#[cfg(feature = "server")]
mod log_limiter;
#[cfg(feature = "server")]
pub mod metric;
#[cfg(feature = "server")]
pub mod operate;
#[cfg(feature = "server")]
mod random;
#[cfg(feature = "server")]
pub mod rpc;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod sync;
#[cfg(feature = "server")]
pub mod telemetry;

// What an embedder needs, and every type that its fields lead to.
pub use crate::core::allocation::Allocated;
pub use crate::core::check::{Answer, Part};
pub use crate::core::checker::Checker;
pub use crate::core::index::{Provenance, SnapshotError};
pub use crate::core::listing::{Action, Confirmation, Day, Decision, FeedName, ReasonCode, UnixTime};
pub use crate::core::number::Validity;
pub use crate::core::number::{
    Holder, HolderClass, LineType, Number, ParseError, Parsed, PlanFacts, Range, Region,
};
pub use crate::core::policy::{Judgement, PolicyError, Problem, Verdict};
pub use crate::core::signal::{Context, Evidence, Fact, Facts};
pub use crate::core::starter::StarterError;
