//! Fetches pages politely: one request at a time per host at its pace, robots.txt and Retry-After obeyed, caps on
//! bytes and time, public addresses only. The only room that asks websites for pages. Must not know feeds.
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

mod address;
mod client;
mod error;
mod exchange;
mod fetcher;
mod host_queue;
mod hosts;
mod options;
mod redirect;
mod request;
mod resolver;
mod retry_after;
mod robots;
mod robots_cache;
mod robots_rules;
pub(crate) mod shown;

pub use error::FetchError;
pub use fetcher::Fetcher;
pub use options::{FetchOptions, WallClock};
pub use request::{Fetched, Page, PageRequest, RefusedBy, Validators};
pub use robots_rules::RobotsRules;
