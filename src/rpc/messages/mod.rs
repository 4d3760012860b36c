//! Generated messages to our types and back. No rules: what is out of form is refused with the name of its field.

pub(crate) mod allocations;
pub(crate) mod asked;
pub(crate) mod changes;
pub(crate) mod feeds;
pub(crate) mod keys;
pub(crate) mod listings;
pub(crate) mod outcomes;
pub(crate) mod policies;

pub use listings::{exported, listing, pb_decision, read_listing};
