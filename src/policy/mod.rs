//! Policy: facts in, verdict and risk score out; the rules are data ([`DEFAULT`]).
//!
//! Pure. Must not look anything up: what is not a fact does not count.

mod file;
mod verdict;

pub use file::{DEFAULT, Policy, PolicyError, Thresholds};
pub use verdict::{Judgement, Verdict};
