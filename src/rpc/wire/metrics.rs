//! What the gRPC face tells Prometheus. Methods come from the compiled protos, so that the labels are
//! a closed set; what a caller asks for beyond them is `other`.

use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use prost_types::FileDescriptorSet;
use tonic::Code;

use crate::core::listing::ReasonCode;
use crate::core::policy::{Judgement, Verdict};
use crate::metric::{
    Counter, Counters, Gauge, Histogram, Histograms, counter, counters, gauge, histogram, histograms,
};
use crate::store::OutcomeKind;

use super::super::pb;
use super::sheds;

/// Seconds. A check takes some 10 µs, and a sign-up form waits 20 ms for an answer.
const SECONDS: [f64; 16] =
    [1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.5, 10.0];
const NUMBERS: [f64; 8] = [1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0];

static CALLS: LazyLock<Counters> = LazyLock::new(|| {
    counters(
        "numguard_grpc_calls_total",
        "gRPC calls that have ended, by status code.",
        &["service", "method", "code"],
    )
});
static SECONDS_OF_CALLS: LazyLock<Histograms> = LazyLock::new(|| {
    let help = "Seconds from a call's headers to its answer, of calls that are no streams.";
    histograms("numguard_grpc_call_duration_seconds", help, &SECONDS, &["service", "method"])
});
pub(crate) static IN_FLIGHT: LazyLock<Gauge> = LazyLock::new(|| {
    gauge("numguard_grpc_calls_in_flight", "gRPC calls that are being answered, streams included.")
});
static CONNECTIONS: LazyLock<Gauge> =
    LazyLock::new(|| gauge("numguard_grpc_connections", "gRPC connections that are open."));
/// Connections that were not taken.
pub(crate) static REFUSED: LazyLock<Counter> = LazyLock::new(|| {
    counter(
        "numguard_grpc_connections_refused_total",
        "gRPC connections that were closed at once or not accepted.",
    )
});
pub(crate) static BATCH: LazyLock<Histogram> =
    LazyLock::new(|| histogram("numguard_batch_numbers", "Numbers of a batch of checks.", &NUMBERS));
static VERDICTS: LazyLock<[Counter; 3]> = LazyLock::new(|| {
    let checks = counters(
        "numguard_checks_total",
        "Checked numbers by verdict; explanations are not counted.",
        &["verdict"],
    );
    [Verdict::Allow, Verdict::Challenge, Verdict::Block]
        .map(|verdict| checks.with_label_values(&[verdict.as_str()]))
});
static REASONS: LazyLock<Vec<[Counter; 2]>> = LazyLock::new(|| {
    let help = "Facts found about checked numbers; one in shadow has no say in the verdict.";
    let reasons = counters("numguard_check_reasons_total", help, &["reason", "shadow"]);
    let of = |code: ReasonCode| {
        ["false", "true"].map(|shadow| reasons.with_label_values(&[code.as_str(), shadow]))
    };
    ReasonCode::ALL.into_iter().map(of).collect()
});
static OUTCOMES: LazyLock<Counters> = LazyLock::new(|| {
    counters("numguard_outcomes_total", "Outcomes that platforms reported, by kind.", &["kind"])
});
pub(crate) static IMPORTED: LazyLock<Counter> =
    LazyLock::new(|| counter("numguard_imported_rows_total", "Rows of imports that were stored."));

/// All methods that are served.
static METHODS: LazyLock<Vec<Method>> = LazyLock::new(|| {
    let mut methods = Vec::new();
    for descriptors in [pb::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET] {
        let files: FileDescriptorSet = prost::Message::decode(descriptors).unwrap_or_default();
        for file in files.file {
            for service in &file.service {
                let service_name = format!("{}.{}", file.package(), service.name());
                methods.extend(service.method.iter().map(|method| {
                    let streams = method.client_streaming() || method.server_streaming();
                    Method::new(&service_name, method.name(), streams)
                }));
            }
        }
    }
    // The busiest is found first.
    methods.sort_by_key(|method| (!method.path.ends_with("/CheckNumber"), !method.path.contains("Check")));
    methods.push(Method::new("other", "other", true));
    methods
});

/// The counts of one method.
pub(crate) struct Method {
    path: String,
    service: String,
    name: String,
    /// Whether requests or answers are streams: their time says nothing.
    pub(crate) streams: bool,
    ok: Counter,
    seconds: Option<Histogram>,
    failed: [OnceLock<Counter>; 17],
}

impl Method {
    fn new(service: &str, name: &str, streams: bool) -> Self {
        let seconds = (!streams).then(|| SECONDS_OF_CALLS.with_label_values(&[service, name]));
        Self {
            path: format!("/{service}/{name}"),
            service: service.to_owned(),
            name: name.to_owned(),
            streams,
            ok: CALLS.with_label_values(&[service, name, code_name(Code::Ok)]),
            seconds,
            failed: Default::default(),
        }
    }

    /// The method at this path, or the one for all others.
    pub(crate) fn at(path: &str) -> &'static Self {
        let methods = &*METHODS;
        methods.iter().find(|method| method.path == path).unwrap_or(&methods[methods.len() - 1])
    }

    /// `/service/method`, or `/other/other`: what logs and traces may tell, whatever was asked for.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Counts a call that has ended.
    pub(crate) fn ended(&self, code: Code, took: Duration) {
        if let Some(seconds) = &self.seconds {
            seconds.observe(took.as_secs_f64());
        }
        if code == Code::Ok {
            return self.ok.inc();
        }
        let made = || CALLS.with_label_values(&[&self.service, &self.name, code_name(code)]);
        match self.failed.get(code as usize) {
            Some(counter) => counter.get_or_init(made).inc(),
            None => made().inc(),
        }
    }
}

/// Counts a check: one addition, and one for each fact.
pub(crate) fn checked(judgement: &Judgement<'_>) {
    VERDICTS[judgement.verdict as usize].inc();
    for fact in &judgement.facts {
        if let Some(counters) = REASONS.get(fact.code as usize) {
            counters[usize::from(fact.shadow)].inc();
        }
    }
}

/// Checks since the start.
pub(crate) fn checks() -> pb::CheckStats {
    let [allowed, challenged, blocked] = [0, 1, 2].map(|at| VERDICTS[at].get());
    pb::CheckStats { allowed, challenged, blocked }
}

/// Counts a stored outcome.
pub(crate) fn reported(kind: OutcomeKind) {
    OUTCOMES.with_label_values(&[outcome_name(kind)]).inc();
}

fn outcome_name(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Verified => "VERIFIED",
        OutcomeKind::AbuseConfirmed => "ABUSE_CONFIRMED",
        OutcomeKind::FalsePositive => "FALSE_POSITIVE",
    }
}

/// The name of a status code in gRPC's documentation.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// An open connection, until it is dropped.
pub(crate) struct Connected;

impl Connected {
    pub(crate) fn begin() -> Self {
        CONNECTIONS.inc();
        Self
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        CONNECTIONS.dec();
    }
}

/// Makes all of them, so that each is told from the start.
pub fn begin() {
    LazyLock::force(&METHODS);
    LazyLock::force(&IN_FLIGHT);
    LazyLock::force(&CONNECTIONS);
    LazyLock::force(&REFUSED);
    sheds::begin();
    LazyLock::force(&BATCH);
    LazyLock::force(&VERDICTS);
    LazyLock::force(&REASONS);
    LazyLock::force(&IMPORTED);
    for kind in [OutcomeKind::Verified, OutcomeKind::AbuseConfirmed, OutcomeKind::FalsePositive] {
        OUTCOMES.with_label_values(&[outcome_name(kind)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_served_methods_and_nothing_that_a_caller_sent() {
        assert_eq!(Method::at("/numguard.v1.CheckService/CheckNumber").name, "CheckNumber");
        assert_eq!(Method::at("/grpc.health.v1.Health/Check").service, "grpc.health.v1.Health");
        assert!(Method::at("/numguard.v1.CheckService/StreamCheckNumbers").streams);
        for path in ["/+447400123456/x", "", "/numguard.v1.CheckService/checknumber"] {
            assert_eq!(Method::at(path).name, "other");
        }
    }

    #[test]
    fn every_code_and_verdict_has_its_place() {
        for (at, code) in ReasonCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at, "{} stands elsewhere in ALL than in the enum", code.as_str());
        }
        assert_eq!(
            [Verdict::Allow as usize, Verdict::Challenge as usize, Verdict::Block as usize],
            [0, 1, 2]
        );
    }
}
