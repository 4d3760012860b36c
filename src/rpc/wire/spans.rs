//! A span for each call: its method and status code, and the caller's span above it.
//!
//! With the feature `otlp` only. Must not hold what a caller sent: numbers are personal data.

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::metrics::Method;

/// The span of a call that begins.
pub(crate) fn begin(method: &Method, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        target: "numguard::trace",
        "call",
        otel.name = method.path(),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.grpc.status_code = Empty,
    );
    // Without a collector the span is nothing, and nobody asks whose child it is.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&Sent(headers)));
    span
}

/// Headers as the propagator reads them: `traceparent` alone. What other makers put into `tracestate`
/// is text, and nobody is called from here who would want it.
struct Sent<'a>(&'a HeaderMap);

impl Extractor for Sent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).filter(|_| key == "traceparent")?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
