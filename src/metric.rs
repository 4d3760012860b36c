//! Making metrics: counters, gauges and histograms of one process, in one registry.
//!
//! Rooms name theirs in a `metrics.rs` of their own and hold the handles; counting is one atomic
//! addition. Label values are closed sets: never a number, an address, or what a caller sent.

use std::sync::LazyLock;

use prometheus::core::Collector;
use prometheus::{HistogramOpts, Opts, Registry};

pub use prometheus::{
    Histogram, HistogramVec as Histograms, IntCounter as Counter, IntCounterVec as Counters,
    IntGauge as Gauge, IntGaugeVec as Gauges,
};

/// All metrics of this process.
pub static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// A count of events, `..._total`.
pub fn counter(name: &str, help: &str) -> Counter {
    registered(Counter::new(name, help))
}

/// As [`counter`], one per value of the labels.
pub fn counters(name: &str, help: &str, labels: &[&str]) -> Counters {
    registered(Counters::new(Opts::new(name, help), labels))
}

/// A state that goes up and down.
pub fn gauge(name: &str, help: &str) -> Gauge {
    registered(Gauge::new(name, help))
}

/// As [`gauge`], one per value of the labels.
pub fn gauges(name: &str, help: &str, labels: &[&str]) -> Gauges {
    registered(Gauges::new(Opts::new(name, help), labels))
}

/// A distribution over `buckets`, given by their upper bounds.
pub fn histogram(name: &str, help: &str, buckets: &[f64]) -> Histogram {
    registered(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
}

/// As [`histogram`], one per value of the labels.
pub fn histograms(name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> Histograms {
    registered(Histograms::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
}

/// Names and labels are literals of this crate, and every one is made at start: a wrong or doubled
/// one is a bug that no start survives.
fn registered<M: Collector + Clone + 'static>(made: prometheus::Result<M>) -> M {
    let metric = made.unwrap_or_else(|error| panic!("a metric cannot be made: {error}"));
    if let Err(error) = REGISTRY.register(Box::new(metric.clone())) {
        panic!("a metric cannot be registered: {error}");
    }
    metric
}
