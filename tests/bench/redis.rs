//! Figures of the shared store, on a redis-server of our own on loopback.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use numguard::core::index::Published;
use numguard::core::listing::{Listing, Subject, UnixTime};
use numguard::core::number;
use numguard::store::{Change, Redis, RedisOptions, RedisTls, Store};
use numguard::sync::{Sync, SyncOptions};

use crate::listings::{self, Random};
use crate::table::Table;

/// A redis-server that ends with us.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { child: Self::spawn(port), port }
    }

    fn spawn(port: u16) -> Child {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("needs redis-server: apt-get install redis-server");
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }

    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn used_memory(&self) -> f64 {
        let info = self.cli(&["INFO", "memory"]);
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
        line.trim().parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().unwrap();
    }

    /// As after `kill -9` and a start without data.
    pub(crate) fn restart_empty(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = Self::spawn(self.port);
    }

    pub(crate) fn open(&self) -> Arc<dyn Store> {
        open(self.port)
    }
}

pub(crate) fn open(port: u16) -> Arc<dyn Store> {
    Arc::new(Redis::open(RedisOptions {
        address: format!("redis://127.0.0.1:{port}").parse().unwrap(),
        prefix: "numguard".to_owned(),
        username: None,
        password: None,
        sentinel_username: None,
        sentinel_password: None,
        tls: RedisTls::default(),
        timeout: Duration::from_secs(1),
        wait_replicas: 0,
        log_entries: 4_096,
    }))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

pub(crate) fn sync_options(folder: &tempfile::TempDir) -> SyncOptions {
    let hour = Duration::from_secs(3_600);
    SyncOptions {
        snapshot: folder.path().join("index.snapshot"),
        max_shrink: 0.2,
        save_every: hour,
        reconcile_every: hour,
        clock: || UnixTime(1_780_000_000),
    }
}

/// The texts of `count` numbers as a list would have them, in the order of a list.
fn texts(count: usize) -> Vec<String> {
    let mut random = Random(7);
    let mut texts: Vec<String> =
        listings::numbers(count, &mut random).iter().map(|number| format!("+{number}")).collect();
    for at in (1..texts.len()).rev() {
        texts.swap(at, random.below(at as u64 + 1) as usize);
    }
    texts
}

/// What the list says of each.
fn seen(count: usize) -> Vec<Listing> {
    let mut random = Random(11);
    (0..count).map(|_| listings::listing(&mut random)).collect()
}

/// Parses, validates and stores; answers how many were stored.
async fn load(store: &Arc<dyn Store>, texts: &[String], seen: Vec<Listing>) -> u64 {
    let mut changes = Vec::with_capacity(texts.len());
    for (text, seen) in texts.iter().zip(seen) {
        if let Ok(parsed) = number::parse(text, None) {
            changes.push(Change::Merge(Subject::Number(parsed.number), seen));
        }
    }
    store.apply(changes).await.unwrap().added
}

fn pipe_sadd(server: &Server, texts: &[String]) -> Duration {
    let mut commands = Vec::new();
    for text in texts {
        write!(commands, "*3\r\n$4\r\nSADD\r\n$3\r\nset\r\n${}\r\n{text}\r\n", text.len()).unwrap();
    }
    let began = Instant::now();
    let mut cli = Command::new("redis-cli")
        .args(["-p", &server.port.to_string(), "--pipe"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    cli.stdin.take().unwrap().write_all(&commands).unwrap();
    cli.wait().unwrap();
    began.elapsed()
}

/// Bytes per listing, and rows per second against `redis-cli --pipe` with SADD.
pub(crate) fn load_and_memory(table: &mut Table) {
    let texts = texts(1_000_000);
    let (mut ratios, mut rates, mut sadds) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = 0.0;
    for _ in 0..3 {
        let server = Server::start();
        let sadd = pipe_sadd(&server, &texts).as_secs_f64();
        server.cli(&["FLUSHALL"]);
        let before = server.used_memory();
        let (stored, took) = runtime().block_on(async {
            let store = server.open();
            store.stats().await.unwrap();
            let seen = seen(texts.len());
            let began = Instant::now();
            let stored = load(&store, &texts, seen).await;
            (stored as f64, began.elapsed().as_secs_f64())
        });
        bytes = (server.used_memory() - before) / stored;
        ratios.push(sadd / took);
        rates.push(stored / took);
        sadds.push(texts.len() as f64 / sadd);
    }
    for list in [&mut ratios, &mut rates, &mut sadds] {
        list.sort_by(f64::total_cmp);
    }
    table.row("Redis bytes per listing, evidence and log included, 1e6", format!("{bytes:.1}"), "40");
    table.row(
        "Redis mass load, rows/s against redis-cli --pipe SADD",
        format!("{:.0} / {:.0} = {:.2}", rates[1], sadds[1], ratios[1]),
        "1.0",
    );
}

/// Cold start with 1e7 listings: from Redis alone, and from the snapshot.
pub(crate) fn cold_start(table: &mut Table) {
    let server = Server::start();
    runtime().block_on(async {
        let store = server.open();
        for (at, some) in texts(10_000_000).chunks(2_000_000).enumerate() {
            let stored = load(&store, some, seen(some.len())).await;
            eprintln!("  loaded part {at}: {stored}");
        }
        let folder = tempfile::tempdir().unwrap();
        let start = || async {
            let published = Arc::new(Published::default());
            let began = Instant::now();
            let sync =
                Sync::start(server.open(), Arc::clone(&published), sync_options(&folder)).await.unwrap();
            (began.elapsed().as_secs_f64(), published.load().stats().numbers, sync)
        };
        let (from_redis, numbers, (sync, _)) = start().await;
        let (stop, stopped) = tokio::sync::watch::channel(true);
        sync.run(stopped).await;
        drop(stop);
        let (from_snapshot, again, (_, loaded)) = start().await;
        assert_eq!((numbers, loaded), (again, numguard::sync::Loaded::Snapshot));
        let per = server.used_memory() / numbers as f64;
        table.row(format!("cold start from Redis, {numbers} listings, s"), format!("{from_redis:.2}"), "8");
        table.row(
            "cold start from the snapshot, store asked for changes, s",
            format!("{from_snapshot:.3}"),
            "0.25",
        );
        table.row("Redis bytes per listing, 1e7", format!("{per:.1}"), "40");
    });
}
