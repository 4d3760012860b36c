//! The politeness engine against a web server on loopback that keeps its own access log.
//!
//! No test looks at how long something took: they look at the server's log, at its order and gaps.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod addresses;
mod caps;
mod courtesy;
mod pace;
mod redirects;
mod refusals;
mod robots;
mod rules;
mod site;
