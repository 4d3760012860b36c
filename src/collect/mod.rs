//! Collecting: runs of feeds that nobody can poison. `web` fetches their pages politely; only it asks websites.
//!
//! | file | what it is for |
//! |---|---|
//! | `collector`, `report` | what operators and the schedule ask, and what they get |
//! | `schedule`, `turn` | feeds that are due; the leases of a run |
//! | `run` | one run: repair, fetch, judge, store |
//! | `gather` | its pages -> numbers |
//! | `plan`, `judge` | what it would change; whether it is held back, and what a feed's word is worth |
//! | `allocate` | regulators' files: imported or fetched, judged, stored as a whole |
//! | `review`, `history` | held runs; records of runs, by which they are undone |
//! | `notes`, `packed` | what is kept between runs |
//! | `metrics` | what Prometheus sees of feeds |
//!
//! Must not read the wall clock (it is an argument), and must not work around a refusal.

mod allocate;
mod collector;
mod gather;
mod history;
mod judge;
pub mod metrics;
mod notes;
mod packed;
mod plan;
mod report;
mod review;
mod run;
mod schedule;
mod turn;
pub mod web;

pub use allocate::{AllocationReport, ImportAsked, NamedFile};
pub use collector::{Collector, CollectorOptions};
pub use report::{
    CollectError, FeedState, FeedStatus, QuarantinedRun, RollbackReport, RunOutcome, RunReport, RunSummary,
};
