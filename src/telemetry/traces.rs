//! Traces: a span for each gRPC call, sent to an OpenTelemetry collector. With the feature `otlp` only.
//!
//! Holds method and status code of a call, never what it is about.

use std::sync::OnceLock;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::{LogError, TraceOptions};

/// What is traced; other spans, such as those of libraries, are not sent.
const TARGET: &str = "numguard::trace";

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Sends spans as `options` say; nothing if there is no collector. Must be called inside a runtime.
pub(super) fn layer<S>(options: &TraceOptions) -> Result<Option<impl Layer<S>>, LogError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if options.endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(&options.endpoint).build();
    let exporter = exporter.map_err(|error| LogError(format!("traces.endpoint: {error}")))?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(options.share))))
        .with_resource(Resource::builder().with_service_name("numguard").build())
        .build();
    let tracer = provider.tracer("numguard");
    let _ = PROVIDER.set(provider);
    let sent = Targets::new().with_target(TARGET, tracing::Level::INFO);
    Ok(Some(tracing_opentelemetry::layer().with_tracer(tracer).with_filter(sent)))
}

/// Sends what has not been sent yet.
pub(super) fn end() {
    if let Some(Err(error)) = PROVIDER.get().map(SdkTracerProvider::shutdown) {
        tracing::warn!(%error, "the last traces may be lost");
    }
}
