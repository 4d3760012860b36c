//! The binary under load and under attack: `tests/bench/run load`. The service has the first core, the
//! clients and whoever attacks the second. Each phase takes TESTED_LOAD_SECONDS (60).

mod attacks;
mod clients;
pub(crate) mod served;

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use attacks::{Attack, PREFACE, ask_and_not_read, continuations, resets};
use clients::{Clients, Seen};
use served::Served;

use crate::process;
use crate::table::Table;

const BINARY: &str = env!("CARGO_BIN_EXE_numguard");

/// Share of the capacity at which latencies are taken.
const LOAD: f64 = 0.25;

/// Connections of slow readers, and the numbers that each asks about and never hears of.
const SLOW: (usize, u32, usize) = (20, 5, 700);

pub(crate) fn measure(table: &mut Table) {
    for line in process::lines("load") {
        let mut cells = line.split('|');
        let mut cell = || cells.next().unwrap_or_default().to_owned();
        table.row(cell(), cell(), cell());
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

pub(crate) fn role() {
    let seconds = std::env::var("TESTED_LOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let span = Duration::from_secs(seconds);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<String> = (0..10).map(|at| key(folder.path(), &format!("client-{at}"))).collect();
    let only = std::env::var("TESTED_LOAD_PHASE").unwrap_or_default();
    if matches!(only.as_str(), "" | "attacked") {
        attacked(&runtime, folder.path(), &keys, span);
    }
    if matches!(only.as_str(), "" | "limited") {
        limited(&runtime, folder.path(), &keys, span);
    }
    if matches!(only.as_str(), "" | "restarted") {
        restarted(&runtime, span);
    }
}

/// The same rate undisturbed, and beside peers that misbehave.
fn attacked(runtime: &tokio::runtime::Runtime, folder: &Path, keys: &[String], span: Duration) {
    let served = Served::start(folder, "127.0.0.1:0", "[access]\nkeys = true\n");
    let address = served.address.as_str();
    runtime.block_on(async {
        let clients = Clients::new(&[address], keys);
        clients.capacity(Duration::from_secs(2)).await;
        let capacity = clients.capacity(span.min(Duration::from_secs(20))).await;
        let rate = (capacity * LOAD / 1e3).round() * 1e3;
        let before = clients.at_rate(rate, span).await;
        println!(
            "CheckNumber with API keys, a core each: 16 callers that never rest; {rate:.0}/s: p50 / p99 / p99.9, ms; memory now / at most|{capacity:.0}/s; {}; {:?} MB|",
            before.told(),
            served.megabytes(),
        );
        let say = |what: &str, seen: &Seen| {
            println!(
                "the same beside {what}: p50 / p99 / p99.9 of accepted, ms; p99 against undisturbed; refused and lost; memory|{}; {:.2}; {} of {}; {:?} MB|2; 0",
                seen.told(),
                seen.at(0.99) / before.at(0.99),
                seen.refused + seen.lost(),
                seen.all(),
                served.megabytes(),
            );
        };
        let idle: Vec<_> = (0..1_000).map(|_| TcpStream::connect(address).unwrap()).collect();
        idle.iter().for_each(|mut stream| stream.write_all(PREFACE).unwrap());
        say("1,000 idle connections", &clients.at_rate(rate, span).await);
        drop(idle);
        let (connections, calls, numbers) = SLOW;
        let slow: Vec<_> =
            (0..connections).map(|_| ask_and_not_read(address, &keys[9], calls, numbers).unwrap()).collect();
        say(&format!("{connections} slow readers of {calls} answers of {numbers}"), &clients.at_rate(rate, span).await);
        drop(slow);
        for (what, bytes) in
            [("200 rapid resets of 1,000 calls a second", resets()), ("200 floods of CONTINUATION a second", continuations())]
        {
            let attack = Attack::begin(address, bytes);
            say(what, &clients.at_rate(rate, span).await);
            drop(attack);
        }
        say("nobody, at the end", &clients.at_rate(rate, span).await);
    });
    served.end();
}

/// Four of ten clients ask for twice what they may.
fn limited(runtime: &tokio::runtime::Runtime, folder: &Path, keys: &[String], span: Duration) {
    let limits = "[access]\nkeys = true\nnumbers_per_second = 500\nburst = 500\n";
    let served = Served::start(folder, "127.0.0.1:0", limits);
    let within = 450.0;
    runtime.block_on(async {
        let [first, rest] = [&keys[..6], &keys[6..]].map(|keys| Clients::new(&[&served.address], keys));
        // The same connections and loops of the client in both.
        let (before, _) = tokio::join!(first.at_rate(within * 6.0, span), rest.at_rate(within * 4.0, span));
        let (beside, over) =
            tokio::join!(first.at_rate(within * 6.0, span), rest.at_rate(1_000.0 * 4.0, span));
        println!(
            "10 clients at 450/s each, then 4 of them at twice their limit of 500/s: p99 of accepted of the others, before / then, ms; of the 4; refused of the 4, of the others; memory|{:.2} / {:.2}: {:.2}; {:.2}; {} of {}, {}; {:?} MB|2; 0 of the others",
            before.at(0.99),
            beside.at(0.99),
            beside.at(0.99) / before.at(0.99),
            over.at(0.99),
            over.refused,
            over.all(),
            beside.refused + beside.lost(),
            served.megabytes(),
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
    let (before, seen) = runtime.block_on(async {
        let clients = Clients::new(&names, &["none".to_owned()]);
        clients.capacity(Duration::from_secs(2)).await;
        let before = clients.at_rate(4_000.0, span).await;
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
        (before, asking.await.unwrap())
    });
    println!(
        "2 replicas at 4,000/s, restarted in turn: p50 / p99 / p99.9, ms; p99 against undisturbed; lost of all; tried again on UNAVAILABLE|{}; {:.2}; {} of {}; {}|2; 0 lost",
        seen.told(),
        seen.at(0.99) / before.at(0.99),
        seen.lost() + seen.refused,
        seen.all(),
        seen.retries,
    );
}
