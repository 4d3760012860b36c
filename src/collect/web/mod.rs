//! Fetches pages politely: one request at a time per host at its pace, robots.txt and Retry-After obeyed, caps on
//! bytes and time, public addresses only. Must not know feeds.

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
