//! Figures of a running service on Redis: how fast a write reaches four replicas, and what checks
//! notice when Redis is killed, paused or restarted empty.

use std::sync::Arc;
use std::time::{Duration, Instant};

use numguard::core::index::Published;
use numguard::core::listing::{Listing, Sighting, Subject, UnixTime};
use numguard::core::number::Number;
use numguard::rpc::pb;
use numguard::store::{Change, Store};
use numguard::sync::{Progress, Sync};
use pb::check_service_client::CheckServiceClient;
use tonic::transport::Channel;

use crate::listings::{self, Random};
use crate::process;
use crate::redis::{Server, runtime, sync_options};
use crate::table::Table;

const LISTINGS: usize = 1_000_000;

async fn fill(store: &Arc<dyn Store>, count: usize) {
    let mut random = Random(7);
    let numbers = listings::numbers(count, &mut random);
    let changes = numbers.into_iter().map(|number| {
        let number = Number::from_digits(number).unwrap();
        Change::Merge(Subject::Number(number), listings::listing(&mut random))
    });
    store.apply(changes.collect()).await.unwrap();
}

fn sighting(number: u64) -> Change {
    let time = UnixTime(1_779_000_000);
    let sighting = Sighting::new("bench".parse().unwrap(), time, time, 1);
    Change::Merge(Subject::Number(Number::from_digits(number).unwrap()), Listing::seen(sighting))
}

struct Replica {
    published: Arc<Published>,
    progress: Progress,
}

/// From the beginning of a write to its being found in the indexes of four replicas.
pub(crate) fn propagation(table: &mut Table) {
    let server = Server::start();
    let mut delays = runtime().block_on(async {
        let writer = server.open();
        fill(&writer, LISTINGS).await;
        let folder = tempfile::tempdir().unwrap();
        let mut replicas = Vec::new();
        for _ in 0..4 {
            let published = Arc::new(Published::default());
            let (sync, _) =
                Sync::start(server.open(), Arc::clone(&published), sync_options(&folder)).await.unwrap();
            replicas.push(Replica { published, progress: sync.progress() });
            let (stop, stopped) = tokio::sync::watch::channel(false);
            tokio::spawn(sync.run(stopped));
            std::mem::forget(stop);
        }
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        let writes = (0..20_000u64).map(|at| 46_701_740_000_000 / 1_000 + at * 37);
        let mut waiting = Vec::new();
        for number in writes {
            ticks.tick().await;
            let began = Instant::now();
            let writer = Arc::clone(&writer);
            let replicas: Vec<_> =
                replicas.iter().map(|r| (Arc::clone(&r.published), r.progress.clone())).collect();
            waiting.push(tokio::spawn(async move {
                let applied = writer.apply(vec![sighting(number)]).await.unwrap();
                for (published, mut progress) in replicas {
                    progress.reached(&applied.position).await;
                    let found = published
                        .load()
                        .find(Number::from_digits(number).unwrap(), UnixTime(1_780_000_000))
                        .seen
                        .is_some();
                    assert!(found, "a write was lost");
                }
                began.elapsed().as_secs_f64() * 1e3
            }));
        }
        let mut delays = Vec::new();
        for write in waiting {
            delays.push(write.await.unwrap());
        }
        delays
    });
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays[(delays.len() as f64 * share) as usize];
    table.row(
        "write to visible in 4 replicas, 1,000/s, 1e6 listings: p50 / p99 / max, ms",
        format!("{:.2} / {:.2} / {:.1}", at(0.5), at(0.99), delays[delays.len() - 1]),
        "p99 20",
    );
}

/// Checks at four fifths of capacity while Redis fails. Runs on the second core with Redis; the
/// service has the first.
pub(crate) fn faults(table: &mut Table) {
    for line in process::lines("faults") {
        let mut cells = line.split('|');
        let mut cell = || cells.next().unwrap_or_default().to_owned();
        table.row(cell(), cell(), cell());
    }
}

pub(crate) fn role_faults() {
    let mut redis = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(fill_now(&redis));
    let service = process::Server::pinned(&format!("redis:{}", redis.port));
    runtime.block_on(async {
        let url = format!("http://127.0.0.1:{}", service.port);
        let client = CheckServiceClient::connect(url).await.unwrap();
        let questions = questions();
        let mut expected = Vec::new();
        for question in &questions {
            expected.push(ask(client.clone(), question.clone()).await.0);
        }
        let checks = Arc::new(Checks { client, questions, expected });
        let capacity = checks.capacity().await;
        let rate = capacity * 0.8;
        let _ = checks.at_rate(rate, Duration::from_secs(3)).await;
        let before = checks.at_rate(rate, Duration::from_secs(6)).await;
        println!(
            "checks before the faults, {rate:.0}/s (80 % of {capacity:.0}): p50 / p99, ms|{}|",
            before.told()
        );
        redis.signal("KILL");
        say("Redis killed", &before, &checks.at_rate(rate, Duration::from_secs(6)).await);
        redis.restart_empty();
        say("Redis restarted empty", &before, &checks.at_rate(rate, Duration::from_secs(6)).await);
        redis.signal("STOP");
        say("Redis paused (SIGSTOP)", &before, &checks.at_rate(rate, Duration::from_secs(6)).await);
        redis.signal("CONT");
    });
    service.kill();
}

async fn fill_now(redis: &Server) {
    fill(&redis.open(), LISTINGS).await;
}

fn say(what: &str, before: &Latencies, during: &Latencies) {
    println!(
        "{what}: p50 / p99, ms; ratio of p99; wrong or failed of all; degraded|{}; {:.2}; {} of {}; {}|ratio 1.5, 0 wrong",
        during.told(),
        during.at(0.99) / before.at(0.99),
        during.wrong,
        during.millis.len(),
        during.degraded,
    );
}

struct Checks {
    client: CheckServiceClient<Channel>,
    questions: Vec<pb::CheckNumberRequest>,
    expected: Vec<Option<i32>>,
}

#[derive(Default)]
struct Latencies {
    millis: Vec<f64>,
    wrong: usize,
    degraded: usize,
}

impl Latencies {
    fn at(&self, share: f64) -> f64 {
        self.millis[(self.millis.len() as f64 * share) as usize]
    }

    fn told(&self) -> String {
        format!("{:.2} / {:.2}", self.at(0.5), self.at(0.99))
    }
}

/// Half of them listed.
fn questions() -> Vec<pb::CheckNumberRequest> {
    let mut random = Random(7);
    let numbers = listings::numbers(LISTINGS, &mut random);
    let ask = |number: u64| pb::CheckNumberRequest { number: format!("+{number}"), ..Default::default() };
    (0..500).flat_map(|at| [ask(numbers[at * 1_997]), ask(447_911_123_456 + at as u64 * 7_919)]).collect()
}

async fn ask(
    mut client: CheckServiceClient<Channel>,
    question: pb::CheckNumberRequest,
) -> (Option<i32>, bool) {
    match client.check_number(question).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            (Some(answer.verdict), answer.freshness.is_some_and(|freshness| freshness.degraded))
        }
        Err(status) => {
            eprintln!("  a check failed: {status}");
            (None, false)
        }
    }
}

impl Checks {
    async fn capacity(&self) -> f64 {
        let began = Instant::now();
        let askers = (0..16).map(|at| {
            let (client, questions) = (self.client.clone(), self.questions.clone());
            tokio::spawn(async move {
                for turn in 0..2_000 {
                    ask(client.clone(), questions[(at * 31 + turn) % questions.len()].clone()).await;
                }
            })
        });
        for asker in askers.collect::<Vec<_>>() {
            asker.await.unwrap();
        }
        32_000.0 / began.elapsed().as_secs_f64()
    }

    /// Calls begin when they are due, whether or not earlier ones have ended.
    async fn at_rate(self: &Arc<Self>, rate: f64, span: Duration) -> Latencies {
        let began = tokio::time::Instant::now();
        let count = (rate * span.as_secs_f64()) as usize;
        let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
        for at in 0..count {
            let due = began + Duration::from_secs_f64(at as f64 / rate);
            if due > tokio::time::Instant::now() {
                tokio::time::sleep_until(due).await;
            }
            let (checks, sender) = (Arc::clone(self), sender.clone());
            tokio::spawn(async move {
                let which = at % checks.questions.len();
                let asked = Instant::now();
                let (verdict, degraded) = ask(checks.client.clone(), checks.questions[which].clone()).await;
                let wrong = verdict.is_none() || verdict != checks.expected[which];
                let _ = sender.send((asked.elapsed().as_secs_f64() * 1e3, wrong, degraded));
            });
        }
        drop(sender);
        let mut all = Latencies::default();
        while let Some((millis, wrong, degraded)) = received.recv().await {
            all.millis.push(millis);
            all.wrong += usize::from(wrong);
            all.degraded += usize::from(degraded);
        }
        all.millis.sort_by(f64::total_cmp);
        all
    }
}
