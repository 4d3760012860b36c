//! The metrics of all rooms, in Prometheus's text format.

use std::sync::{Arc, LazyLock};

use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, TextEncoder};

use crate::core::number::plan;
use crate::lab::verdict_log;
use crate::metric::{Gauges, REGISTRY, gauges};
use crate::operate::audit;
use crate::{access, collect, rpc, store, sync};

/// What the text is.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

static BUILD: LazyLock<Gauges> = LazyLock::new(|| {
    let labels = &["version", "numbering_plan"];
    gauges("numguard_build_info", "1, with the version of numguard and of its numbering plan.", labels)
});

/// What of numguard is in use.
#[derive(Debug, Clone, Copy)]
pub struct Kinds {
    /// The store on Redis.
    pub redis: bool,
    /// Runs of feeds on their schedule.
    pub schedule: bool,
}

/// Makes every room's metrics, so that each is told from the start, and the process's own.
pub(super) fn begin(kinds: Kinds) {
    access::metrics::begin();
    audit::metrics::begin();
    collect::metrics::begin(kinds.schedule);
    verdict_log::metrics::begin();
    rpc::wire::metrics::begin();
    store::metrics::begin(kinds.redis);
    sync::metrics::begin();
    super::panics::begin();
    BUILD.with_label_values(&[env!("CARGO_PKG_VERSION"), plan::metadata_version()]).set(1);
    // An error means that it is there already.
    let _ = REGISTRY.register(Box::new(ProcessCollector::for_self()));
}

/// Reads states that nobody counts, just before they are told.
pub type ReadStates = Arc<dyn Fn() + Send + Sync>;

/// All metrics as they stand now.
pub(super) fn text() -> Result<Vec<u8>, prometheus::Error> {
    let mut text = Vec::with_capacity(1 << 16);
    TextEncoder::new().encode(&REGISTRY.gather(), &mut text)?;
    Ok(text)
}
