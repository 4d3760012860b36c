//! Polite fetching: the only room that asks websites for pages.
//!
//! | file | what it is for |
//! |---|---|
//! | `options`, `request`, `error` | what a caller sets, asks for and gets |
//! | `fetcher` | one page: robots, turn, redirects, in this order |
//! | `lane` | the pace of a host, its one request in flight, its Retry-After |
//! | `robots/` | robots.txt: fetched, kept for a day, obeyed |
//! | `exchange`, `client`, `retry_after` | one request, within all its caps |
//! | `redirect`, `address`, `resolver` | where a request may go at all |
//! | `collector` | feeds as operators see and steer them |
//! | `shown` | URLs as errors show them: without digits of numbers |
//!
//! Must not know what a page means nor when it is due, must not read the wall clock (it is an
//! argument), and must not work around a refusal.

mod address;
mod client;
mod collector;
mod error;
mod exchange;
mod fetcher;
mod lane;
mod options;
mod redirect;
mod request;
mod resolver;
mod retry_after;
mod robots;
mod shown;

pub use collector::{
    CollectError, Collector, FeedState, FeedStatus, QuarantinedRun, RollbackReport, RunOutcome, RunReport,
    RunSummary,
};
pub use error::FetchError;
pub use fetcher::Fetcher;
pub use options::{FetchOptions, WallClock};
pub use request::{Fetched, Page, PageRequest, RefusedBy, Validators};
pub use robots::RobotsRules;
