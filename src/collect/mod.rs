//! Collecting: polite fetching, and runs of feeds that nobody can poison. The only room that asks
//! websites for pages.
//!
//! Fetching knows no feeds:
//!
//! | file | what it is for |
//! |---|---|
//! | `options`, `request`, `error` | what a caller sets, asks for and gets |
//! | `fetcher` | one page: robots, turn, redirects, in this order |
//! | `hosts`, `host_queue` | the hosts asked lately; the pace of one, its one request in flight, its Retry-After |
//! | `robots`, `robots_cache`, `robots_rules` | robots.txt: fetched, kept for a day, obeyed |
//! | `exchange`, `client`, `retry_after` | one request, within all its caps |
//! | `redirect`, `address`, `resolver` | where a request may go at all |
//! | `shown` | URLs as errors show them: without digits of numbers |
//!
//! On top of it, the collector:
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
