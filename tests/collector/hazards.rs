//! Hostile pages on a whole collector, with a good feed beside: each ends within its time and memory,
//! its feed says so, and nobody else is kept waiting.

use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use numguard::collect::web::{FetchOptions, Fetcher};
use numguard::collect::{Collector, CollectorOptions, FeedState, RunOutcome};
use tokio::sync::watch;

use crate::site::{Asked, Reply, answer};
use crate::world::{World, clock, definition, gb, list, status};

/// As long as a page may take here; a minute by default.
const TOTAL: Duration = Duration::from_secs(6);

/// A definition of an HTML list; every site has its own host.
fn html(name: &str) -> (String, String) {
    let (file, text) = definition(name, "");
    let (head, _) = text.split_once("[[json]]").unwrap();
    (file, format!("{head}[[html]]\nrows = \"div.n\"\nnumber = {{ select = \"b\" }}\n"))
}

fn bomb() -> (Vec<u8>, Vec<u8>) {
    let mut piece = Vec::with_capacity(1 << 20);
    let zeros = vec![0; 1 << 20];
    Compress::new(Compression::best(), false).compress_vec(&zeros, &mut piece, FlushCompress::Full).unwrap();
    assert!(piece.len() * 900 < zeros.len(), "about a thousand to one: {}", piece.len());
    let mut head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: text/html\r\n\r\n".to_vec();
    head.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    (head, piece)
}

fn hostile(asked: &Asked) -> Reply {
    match asked.host.split(':').next().unwrap() {
        "nested.example" => {
            let mut page = "<ul><li><div class=\"n\">".repeat(24_000);
            page.truncate(512 << 10);
            answer("200 OK", "content-type: text/html\r\n", page)
        }
        "bomb.example" => {
            let (head, piece) = bomb();
            Reply::Forever(head, piece, Duration::ZERO)
        }
        "trickle.example" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 99999\r\n\r\n";
            Reply::Forever(head.into(), b"<".to_vec(), Duration::from_secs(1))
        }
        "good.example" => answer("200 OK", "", list((0..50).map(gb))),
        // Shipped definitions are not what this is about.
        _ => answer("404 Not Found", "", ""),
    }
}

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_pages_end_in_time_and_memory_and_others_run_beside_them() {
    let own = [
        html("nested.example"),
        html("bomb.example"),
        html("trickle.example"),
        definition("good.example", ""),
    ];
    let world = World::served(&own, hostile);
    let mut options = FetchOptions::new("https://contact.example/numguard", clock).unwrap();
    options.allow_loopback = true;
    options.resolve_all_to = Some(world.site.address);
    options.total_timeout = TOTAL;
    let mut collecting = CollectorOptions::new("a");
    collecting.tick = Duration::from_millis(100);
    let fetcher = Fetcher::new(options).unwrap();
    let (catalogue, store) = (world.catalogue.clone(), world.store.clone());
    let collector = Collector::new(catalogue, store, Some(fetcher), collecting, clock);
    for feed in collector.status().await.unwrap() {
        if !feed.name.ends_with(".example") {
            collector.pause(&feed.name, "test").await.unwrap();
        }
    }
    let before = peak();
    let (stop, stopped) = watch::channel(false);
    let schedule = tokio::spawn(collector.clone().follow_schedule(stopped));
    let began = Instant::now();
    let mut good_at = None;
    let names = ["nested.example", "bomb.example", "trickle.example", "good.example"];
    loop {
        let feeds = collector.status().await.unwrap();
        let ran = |name: &&str| feeds.iter().any(|feed| feed.name == *name && feed.last_run.is_some());
        if good_at.is_none() && ran(&"good.example") {
            good_at = Some(names.iter().copied().filter(|name| ran(name)).count());
        }
        if names.iter().all(ran) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{feeds:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send(true).unwrap();
    schedule.await.unwrap();
    assert!(good_at.unwrap() < names.len(), "the good one did not wait for the slow one");

    for (name, outcome, why) in [
        ("nested.example", RunOutcome::LayoutChanged, "nested too deep"),
        ("bomb.example", RunOutcome::Failed, "more than 8388608 bytes"),
        ("trickle.example", RunOutcome::Failed, "not done after 6000 ms"),
    ] {
        let feed = status(&collector, name).await;
        let run = feed.last_run.unwrap();
        assert_eq!((feed.state, run.outcome), (FeedState::Failing, outcome), "{name}: {}", run.note);
        assert!(run.note.contains(why), "{name}: {}", run.note);
    }
    assert_eq!(world.all().await.len(), 50);
    // The bomb stops at its cap of 8 MiB, and nesting at 4: alone, this takes 17 MiB. Other tests of this
    // process have their own.
    let grown = peak().saturating_sub(before) >> 20;
    eprintln!("hostile pages: {grown} MiB at most, {:?}", began.elapsed());
    assert!(grown < 256, "{grown} MiB");
    assert!(world.site.sent() < 64 << 20, "{} bytes were sent", world.site.sent());
}
