//! CheckNumber and batches against a service that does nothing: the same messages, the same server,
//! the same allocator, and a constant answer of the same shape.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use numguard::core::index::Published;
use numguard::core::listing::UnixTime;
use numguard::core::policy::{InForce, Policies};
use numguard::operate::outcomes::{OutcomeOptions, Outcomes};
use numguard::rpc::wire::CountCalls;
use numguard::rpc::{CheckParts, CheckRpc, pb};
use numguard::store::{Embedded, EmbeddedOptions, Store};
use numguard::sync::{Sync, SyncOptions};
use pb::check_service_client::CheckServiceClient;
use pb::check_service_server::{CheckService, CheckServiceServer};
use tonic::{Request, Response, Status, Streaming};

use crate::listings;
use crate::load::served::Served;
use crate::process::{self, Server};
use crate::redis;
use crate::table::{Table, pairs};

/// Calls in flight from the one client.
const CONCURRENCY: u64 = 16;

struct Noop(pb::CheckNumberResponse);

type Answers = std::pin::Pin<
    Box<dyn tokio_stream::Stream<Item = Result<pb::StreamCheckNumbersResponse, Status>> + Send>,
>;

#[tonic::async_trait]
impl CheckService for Noop {
    async fn check_number(
        &self,
        _: Request<pb::CheckNumberRequest>,
    ) -> Result<Response<pb::CheckNumberResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn batch_check_numbers(
        &self,
        request: Request<pb::BatchCheckNumbersRequest>,
    ) -> Result<Response<pb::BatchCheckNumbersResponse>, Status> {
        let responses = vec![self.0.clone(); request.get_ref().requests.len()];
        Ok(Response::new(pb::BatchCheckNumbersResponse { responses }))
    }

    type StreamCheckNumbersStream = Answers;

    async fn stream_check_numbers(
        &self,
        _: Request<Streaming<pb::StreamCheckNumbersRequest>>,
    ) -> Result<Response<Answers>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn explain_number(
        &self,
        _: Request<pb::ExplainNumberRequest>,
    ) -> Result<Response<pb::ExplainNumberResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn report_outcomes(
        &self,
        _: Request<pb::ReportOutcomesRequest>,
    ) -> Result<Response<pb::ReportOutcomesResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// What numguard answers about an ordinary number.
fn constant() -> pb::CheckNumberResponse {
    pb::CheckNumberResponse {
        check_id: "00000000-00000001".to_owned(),
        number: "+447400123456".to_owned(),
        verdict: pb::Verdict::Allow.into(),
        risk_score: 0,
        reasons: vec![],
        number_facts: Some(pb::NumberFacts {
            country_code: 44,
            region: "GB".to_owned(),
            line_type: "MOBILE".to_owned(),
            validity: "VALID".to_owned(),
            range_holder: "Three".to_owned(),
        }),
        freshness: Some(pb::Freshness { revision: 1, staleness_seconds: 0, degraded: false }),
        policy_version: "default-2".to_owned(),
        message_key: String::new(),
    }
}

/// Serves on one thread until stdin closes; prints the port.
pub(crate) fn server(kind: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = stop.send(());
        });
        let stopped = async { drop(stopped.await) };
        let mut builder = tonic::transport::Server::builder();
        if kind == "noop" {
            println!("{port}");
            let router = builder.add_service(CheckServiceServer::new(Noop(constant())));
            return router.serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
        }
        let service = match kind.strip_prefix("redis:") {
            Some(redis) => redis_service(redis.parse().unwrap()).await,
            None => numguard_service().await,
        };
        println!("{port}");
        // Counting included, as in the binary.
        let router = builder.layer(CountCalls).add_service(CheckServiceServer::new(service));
        router.serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
    });
}

/// Checks with the default policies, trust and no log.
fn check_service(store: Arc<dyn Store>, published: Arc<Published>, sync: &Sync) -> CheckRpc {
    let policies = InForce::from(Arc::new(Policies::default()));
    let options = OutcomeOptions::default();
    CheckRpc::new(CheckParts {
        outcomes: Outcomes::new(store, Arc::clone(&published), policies.clone(), options),
        published,
        policies,
        freshness: sync.freshness(),
        progress: sync.progress(),
        windows: None,
        decisions: None,
    })
}

/// A service that follows a Redis.
async fn redis_service(port: u16) -> CheckRpc {
    let folder = tempfile::tempdir().unwrap();
    let store = redis::open(port);
    let published = Arc::new(Published::default());
    let options = redis::sync_options(&folder);
    let (sync, _) = Sync::start(Arc::clone(&store), Arc::clone(&published), options).await.unwrap();
    let service = check_service(store, published, &sync);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        let _kept = (folder, stop);
        sync.run(stopped).await;
    });
    service
}

async fn numguard_service() -> CheckRpc {
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { data_dir: folder.path().to_owned(), cache_bytes: 1 << 20 };
    let store: Arc<dyn Store> = Arc::new(Embedded::open(&options).unwrap());
    let published = Arc::new(Published::default());
    let hour = Duration::from_secs(3_600);
    let options = SyncOptions {
        snapshot: folder.path().join("s"),
        max_shrink: 1.0,
        save_every: hour,
        reconcile_every: hour,
        clock: || UnixTime(1_780_000_000),
    };
    let (sync, _) = Sync::start(Arc::clone(&store), Arc::clone(&published), options).await.unwrap();
    published.publish(listings::index(100_000));
    check_service(store, published, &sync)
}

fn requests(count: usize) -> Vec<pb::CheckNumberRequest> {
    let request = |i: usize| pb::CheckNumberRequest {
        number: format!("+4479{:08}", 11_123_456 + i * 7_919 % 80_000_000),
        ..pb::CheckNumberRequest::default()
    };
    (0..count).map(request).collect()
}

/// Makes `count` calls and prints checks per second.
pub(crate) fn client(port: &str, kind: &str, count: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rate = runtime.block_on(async {
        let client = CheckServiceClient::connect(format!("http://127.0.0.1:{port}")).await.unwrap();
        let began = Instant::now();
        let calls = (0..CONCURRENCY).map(|at| {
            let mut client = client.clone();
            let batch = pb::BatchCheckNumbersRequest { requests: requests(kind.parse().unwrap_or(1)) };
            let share = count / CONCURRENCY + u64::from(at < count % CONCURRENCY);
            tokio::spawn(async move {
                for _ in 0..share {
                    if batch.requests.len() == 1 {
                        client.check_number(batch.requests[0].clone()).await.unwrap();
                    } else {
                        client.batch_check_numbers(batch.clone()).await.unwrap();
                    }
                }
                share * batch.requests.len() as u64
            })
        });
        let mut checks = 0;
        for call in calls.collect::<Vec<_>>() {
            checks += call.await.unwrap();
        }
        checks as f64 / began.elapsed().as_secs_f64()
    });
    println!("{rate}");
}

pub(crate) fn measure(table: &mut Table) {
    let instructions = |kind: &str| {
        let counted = |count| {
            let server = Server::under_callgrind(kind);
            process::client(&server.port, "1", count);
            server.stop_and_count()
        };
        (counted(6_000) - counted(2_000)) / 4_000.0
    };
    let served = |count| {
        let folder = tempfile::tempdir().unwrap();
        let served = Served::counted(folder.path());
        let port = served.address.rsplit(':').next().unwrap();
        process::client(port, "1", count);
        served.end_and_count()
    };
    let (ours, noop) = (instructions("numguard"), instructions("noop"));
    let served = (served(6_000) - served(2_000)) / 4_000.0;
    table.row(
        "CheckNumber, instructions per call against a no-op service, both behind tonic's server",
        format!("{ours:.0} against {noop:.0}: {:.3}", ours / noop),
        "at most 1.05",
    );
    table.row(
        "the binary with its own connections and gate against the same no-op",
        format!("{served:.0} against {noop:.0}: {:.3}", served / noop),
        "at most 1.05",
    );
    for (kind, calls, must) in
        [("1", 40_000, "at least 0.90"), ("100", 3_000, "at least 0.45"), ("1000", 300, "at least 0.45")]
    {
        let ours = Server::pinned("numguard");
        let noop = Server::pinned("noop");
        let rate = |server: &Server| process::client(&server.port, kind, calls);
        rate(&ours);
        rate(&noop);
        let (fast, slow, ratio) = pairs(8, || rate(&ours), || rate(&noop));
        ours.stop();
        noop.stop();
        let name = if kind == "1" { "CheckNumber".to_owned() } else { format!("batch of {kind}") };
        table.row(
            format!("{name}, checks per second against the no-op, 8 pairs, a core each"),
            format!("{fast:.0} against {slow:.0}: {ratio:.2}"),
            must,
        );
    }
}
