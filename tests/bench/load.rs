//! The binary under load and under attack: `tests/bench/run load`. The service has the first core, the
//! client and whoever attacks the second. Each phase takes TESTED_LOAD_SECONDS (60).

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use numguard::rpc::pb;
use pb::check_service_client::CheckServiceClient;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use crate::process;
use crate::table::Table;

const BINARY: &str = env!("CARGO_BIN_EXE_numguard");
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Share of the capacity at which latencies are taken.
const LOAD: f64 = 0.5;

pub(crate) fn measure(table: &mut Table) {
    for line in process::lines("load") {
        let mut cells = line.split('|');
        let mut cell = || cells.next().unwrap_or_default().to_owned();
        table.row(cell(), cell(), cell());
    }
}

/// A served binary on the first core.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path, listen: &str, config: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join("numguard.toml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("taskset");
        command.args([
            "-c",
            "0",
            BINARY,
            "serve",
            "--listen",
            listen,
            "--no-starter-data",
            "--metrics-listen",
            "",
        ]);
        command.arg("--data-dir").arg(folder.join("data")).arg("--config").arg(&file);
        command.env("NUMGUARD_WARM_UP", "false").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("taskset is installed");
        let mut banner = String::new();
        let mut out = child.stdout.take().unwrap();
        let mut byte = [0];
        while !banner.contains("  try ") {
            assert!(out.read(&mut byte).unwrap() > 0, "serve ended early");
            banner.push(byte[0].into());
        }
        let address = banner.lines().next().unwrap().rsplit("http://").next().unwrap().to_owned();
        Self { child, address }
    }

    fn megabytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("x 0");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
    }

    /// SIGTERM, and waits for the end.
    fn end(mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clients with keys, spread over the replicas.
#[derive(Clone)]
struct Clients {
    replicas: Vec<CheckServiceClient<Channel>>,
    keys: Vec<AsciiMetadataValue>,
}

#[derive(Default)]
struct Seen {
    millis: Vec<f64>,
    refused: usize,
    lost: usize,
    retries: usize,
}

impl Seen {
    fn at(&self, share: f64) -> f64 {
        let last = self.millis.len().saturating_sub(1);
        self.millis.get(((self.millis.len() as f64 * share) as usize).min(last)).copied().unwrap_or(f64::NAN)
    }

    fn told(&self) -> String {
        format!("{:.2} / {:.2} / {:.2}", self.at(0.5), self.at(0.99), self.at(0.999))
    }
}

impl Clients {
    fn new(addresses: &[&str], keys: &[String]) -> Self {
        let connect = |address: &&str| {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            CheckServiceClient::new(endpoint.tcp_nodelay(true).connect_lazy())
        };
        let bearer = |key: &String| format!("Bearer {key}").parse().unwrap();
        Self { replicas: addresses.iter().map(connect).collect(), keys: keys.iter().map(bearer).collect() }
    }

    /// One check; UNAVAILABLE is tried again on the next replica.
    async fn ask(mut self, at: usize) -> (Result<(), Code>, usize) {
        let mut retries = 0;
        loop {
            let number = format!("+4479{:08}", at * 7_919 % 100_000_000);
            let mut request = Request::new(pb::CheckNumberRequest { number, ..Default::default() });
            let key = self.keys[at % self.keys.len()].clone();
            request.metadata_mut().insert("authorization", key);
            let replica = (at + retries) % self.replicas.len();
            match self.replicas[replica].check_number(request).await {
                Ok(_) => return (Ok(()), retries),
                Err(status) if status.code() == Code::Unavailable && retries < 50 => {
                    retries += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(status) => return (Err(status.code()), retries),
            }
        }
    }

    /// Calls per second of 16 callers that never rest.
    async fn capacity(&self, span: Duration) -> f64 {
        let done = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let callers = (0..16).map(|caller| {
            let (clients, done) = (self.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut at = caller;
                while began.elapsed() < span {
                    let (answer, _) = clients.clone().ask(at).await;
                    assert!(answer.is_ok(), "{answer:?}");
                    done.fetch_add(1, Ordering::Relaxed);
                    at += 16;
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
        done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
    }

    /// Calls begin when they are due, whether or not earlier ones have ended.
    async fn at_rate(&self, rate: f64, span: Duration) -> Seen {
        let began = tokio::time::Instant::now();
        let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
        for at in 0..(rate * span.as_secs_f64()) as usize {
            let due = began + Duration::from_secs_f64(at as f64 / rate);
            if due > tokio::time::Instant::now() {
                tokio::time::sleep_until(due).await;
            }
            let (clients, sender) = (self.clone(), sender.clone());
            tokio::spawn(async move {
                let asked = Instant::now();
                let (answer, retries) = clients.ask(at).await;
                let _ = sender.send((answer, retries, asked.elapsed().as_secs_f64() * 1e3));
            });
        }
        drop(sender);
        let mut seen = Seen::default();
        while let Some((answer, retries, millis)) = received.recv().await {
            seen.retries += retries;
            match answer {
                Ok(()) => seen.millis.push(millis),
                Err(Code::ResourceExhausted) => seen.refused += 1,
                Err(_) => seen.lost += 1,
            }
        }
        seen.millis.sort_by(f64::total_cmp);
        seen
    }
}

/// A key made in the store of `folder`, before it is served.
fn key(folder: &Path, client: &str) -> String {
    let mut command = Command::new(BINARY);
    command.args(["key", "create", "--offline", "--client", client, "--scopes", "check", "--data-dir"]);
    let made = command.arg(folder.join("data")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// Does `attack` over and over on new connections, until dropped.
struct Attack(Arc<AtomicBool>);

impl Attack {
    fn begin(address: &str, attack: fn(&mut TcpStream) -> std::io::Result<()>) -> Self {
        let (address, over) = (address.to_owned(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&over);
        std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                if let Ok(mut stream) = TcpStream::connect(&address) {
                    let _ = stream.write_all(PREFACE).and_then(|()| attack(&mut stream));
                }
                // The second core is the measuring client's as well.
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self(over)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn resets(stream: &mut TcpStream) -> std::io::Result<()> {
    let pair = |id| [frame(1, 0x4, id, &[0x83, 0x86, 0x84]), frame(3, 0, id, &8u32.to_be_bytes())].concat();
    let many: Vec<u8> = (1..2_000u32).step_by(2).flat_map(pair).collect();
    stream.write_all(&many)
}

fn continuations(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(&frame(1, 0, 1, &[0x83, 0x86, 0x84]))?;
    let literal = [&[0x00, 0x01, b'x', 0x7f, 0xe9, 0x06][..], &[b'y'; 1_000]].concat();
    (0..200).try_for_each(|_| stream.write_all(&frame(9, 0, 1, &literal)))
}

pub(crate) fn role() {
    let seconds = std::env::var("TESTED_LOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let span = Duration::from_secs(seconds);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let keys: Vec<String> = (0..10).map(|at| key(folder.path(), &format!("client-{at}"))).collect();
    let config = "[access]\nkeys = true\n";
    let served = Served::start(folder.path(), "127.0.0.1:0", config);
    runtime.block_on(async {
        let clients = Clients::new(&[&served.address], &keys);
        clients.capacity(Duration::from_secs(2)).await;
        let capacity = clients.capacity(span.min(Duration::from_secs(20))).await;
        let rate = capacity * LOAD;
        let before = clients.at_rate(rate, span).await;
        println!(
            "CheckNumber with API keys, a core each: calls/s; then at {:.0} %: p50 / p99 / p99.9, ms; RSS|{capacity:.0}; {}; {} MB|",
            LOAD * 100.0,
            before.told(),
            served.megabytes(),
        );
        let say = |what: &str, seen: &Seen| {
            println!(
                "{what}: p50 / p99 / p99.9 of accepted, ms; ratio of p99; refused, lost; RSS|{}; {:.2}; {}, {}; {} MB|ratio 2, 0 lost",
                seen.told(),
                seen.at(0.99) / before.at(0.99),
                seen.refused,
                seen.lost,
                served.megabytes(),
            );
        };
        let idle: Vec<_> = (0..1_000).map(|_| TcpStream::connect(&served.address).unwrap()).collect();
        idle.iter().for_each(|mut stream| stream.write_all(PREFACE).unwrap());
        say("1,000 idle connections", &clients.at_rate(rate, span).await);
        drop(idle);
        for (what, attack) in [
            ("rapid resets", resets as fn(&mut TcpStream) -> _),
            ("floods of CONTINUATION frames", continuations),
        ] {
            let attack = Attack::begin(&served.address, attack);
            say(what, &clients.at_rate(rate, span).await);
            drop(attack);
        }
    });
    served.end();
    limited(&runtime, folder.path(), &keys, span);
    restarted(&runtime, span);
}

/// Four of ten clients ask for much more than they may.
fn limited(runtime: &tokio::runtime::Runtime, folder: &Path, keys: &[String], span: Duration) {
    let served = Served::start(
        folder,
        "127.0.0.1:0",
        "[access]\nkeys = true\nnumbers_per_second = 1000\nburst = 1000\n",
    );
    runtime.block_on(async {
        let within = Clients::new(&[&served.address], &keys[..6]);
        let over = Clients::new(&[&served.address], &keys[6..]);
        let alone = within.at_rate(3_000.0, span).await;
        let (beside, refused) = tokio::join!(within.at_rate(3_000.0, span), over.at_rate(8_000.0, span));
        println!(
            "4 of 10 clients at twice their limit: p99 of the others, ms, without and with; refused of theirs, of the others'|{:.2}, {:.2}: {:.2}; {} of {}, {}|ratio 2",
            alone.at(0.99),
            beside.at(0.99),
            beside.at(0.99) / alone.at(0.99),
            refused.refused,
            refused.refused + refused.millis.len(),
            beside.refused + beside.lost,
        );
    });
    served.end();
}

/// Two replicas, restarted one after the other while they are asked.
fn restarted(runtime: &tokio::runtime::Runtime, span: Duration) {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut replicas: Vec<Option<Served>> =
        folders.iter().map(|folder| Some(Served::start(folder.path(), "127.0.0.1:0", ""))).collect();
    let addresses: Vec<String> = replicas.iter().flatten().map(|served| served.address.clone()).collect();
    let names: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let seen = runtime.block_on(async {
        let clients = Clients::new(&names, &["none".to_owned()]);
        clients.capacity(Duration::from_secs(2)).await;
        let asking = tokio::spawn(async move { clients.at_rate(4_000.0, span).await });
        for (at, folder) in folders.iter().enumerate() {
            tokio::time::sleep(span / 4).await;
            let (old, address, path) = (replicas[at].take(), addresses[at].clone(), folder.path().to_owned());
            let fresh = tokio::task::spawn_blocking(move || {
                old.into_iter().for_each(Served::end);
                Served::start(&path, &address, "")
            });
            replicas[at] = Some(fresh.await.unwrap());
        }
        asking.await.unwrap()
    });
    println!(
        "2 replicas restarted in turn at 4,000/s: p50 / p99 / p99.9, ms; lost of all; retries on UNAVAILABLE|{}; {} of {}; {}|0 lost",
        seen.told(),
        seen.lost + seen.refused,
        seen.millis.len() + seen.lost + seen.refused,
        seen.retries,
    );
}
