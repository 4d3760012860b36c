//! Listings: what is known about a number or a range, and how two reports of it become one.
//!
//! Pure. [`Listing::merge`] is commutative, associative and idempotent, so that reports may arrive
//! in any order, twice, and from several replicas. Must not know how listings are indexed, stored
//! or judged; the clock is passed in.

pub mod codec;
mod confirmation;
mod decision;
mod digest;
mod feed_name;
mod merge;
mod reason;
mod reported;
mod sighting;
mod subject;
mod time;

pub use confirmation::Confirmation;
pub use decision::{Action, Decision};
pub use digest::digest;
pub use feed_name::{FeedName, FeedNameError};
pub use merge::Listing;
pub use reason::ReasonCode;
pub use reported::Report;
pub use sighting::{Sighting, SightingState};
pub use subject::{Subject, SubjectError};
pub use time::{Day, UnixTime};
