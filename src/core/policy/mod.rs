//! Policy: facts in, verdict and risk score out; the rules are data ([`DEFAULT`]).
//!
//! Pure. Must not look anything up: what is not a fact does not count.

mod doubt;
mod file;
mod in_force;
mod problem;
mod set;
mod verdict;

pub use file::{DEFAULT, NEVER, Policy, Thresholds};
pub use in_force::{Guard, InForce};
pub use problem::{PolicyError, Problem};
pub use set::{Policies, Reading, USUAL, read};
pub use verdict::{Judgement, Verdict};
