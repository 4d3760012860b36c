//! No answer takes more time or memory than it may, however it is built.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};
use numguard::collect::web::{FetchError, Fetched, Fetcher};

use crate::site::{Reply, Site, answer, at_once, body, end_after, page};

const CAP: usize = 256 << 10;

fn capped(site: &Site) -> Fetcher {
    let mut options = site.options();
    options.max_page_bytes = CAP;
    Fetcher::new(options).unwrap()
}

/// The head of an endless gzip stream, and a piece of it: a MiB of zeros in about a KiB.
fn gzip_bomb() -> (Vec<u8>, Vec<u8>) {
    let mut piece = Vec::with_capacity(1 << 20);
    Compress::new(Compression::best(), false)
        .compress_vec(&vec![0; 1 << 20], &mut piece, FlushCompress::Full)
        .unwrap();
    assert!(piece.len() < 1_100, "{}", piece.len());
    (vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff], piece)
}

fn packed(encoding: &str, body: &[u8]) -> Reply {
    answer("200 OK", &format!("content-encoding: {encoding}\r\n"), body)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn brotli(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 2, lgwin: 18, ..Default::default() };
    brotli::BrotliCompress(&mut &*text, &mut out, &params).unwrap();
    out
}

/// What the client's own thread holds at most while it gets the page.
fn memory_of(site: &Site, url: &str) -> (Result<Fetched, FetchError>, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fetcher = capped(site);
    // The first request also makes the tables that stay.
    runtime.block_on(fetcher.get(at_once("http://a.example/small"))).unwrap();
    let mut fetched = None;
    let counted = allocation_counter::measure(|| fetched = Some(runtime.block_on(fetcher.get(at_once(url)))));
    (fetched.unwrap(), counted.bytes_max)
}

#[test]
fn an_endless_bomb_of_a_thousand_to_one_stops_early_in_bounded_memory() {
    let (start, piece) = gzip_bomb();
    let head = [b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n".to_vec(), start].concat();
    let site = Site::open(move |asked| match asked.path.as_str() {
        "/small" => page("x"),
        _ => Reply::Forever(head.clone(), piece.repeat(64), Duration::ZERO),
    });
    let (fetched, memory) = memory_of(&site, "http://a.example/bomb");
    assert_eq!(fetched, Err(FetchError::TooLarge { url: "http://a.example/bomb".to_owned(), limit: CAP }),);
    assert!(memory < 4 * CAP as u64, "{memory} bytes at most");
    // Sockets' buffers take some MiB, which would be GiB of page.
    assert!(site.sent() < 64 << 20, "{} bytes were sent", site.sent());
}

#[test]
fn a_brotli_bomb_stops_in_bounded_memory() {
    let bomb = brotli(&vec![0; 8 << 20]);
    assert!(bomb.len() < 8 << 10, "a thousand to one: {}", bomb.len());
    let site = Site::open(move |asked| match asked.path.as_str() {
        "/small" => page("x"),
        _ => packed("br", &bomb),
    });
    let (fetched, memory) = memory_of(&site, "http://a.example/bomb");
    assert!(matches!(fetched, Err(FetchError::TooLarge { .. })), "{fetched:?}");
    // Besides the page: the window that the stream asks for, here 256 KiB, 16 MiB at most.
    assert!(memory < 4 << 20, "{memory} bytes at most");
}

#[tokio::test]
async fn the_cap_counts_unpacked_bytes_and_a_page_of_just_that_size_comes() {
    type Pack = fn(&[u8]) -> Reply;
    let ways: [(&str, Pack); 3] = [
        ("plain", |text| page(text)),
        ("gzip", |text| packed("gzip", &gzip(text))),
        ("brotli", |text| packed("br", &brotli(text))),
    ];
    for (name, pack) in ways {
        let site = Site::open(move |asked| {
            let length: usize = asked.path[1..].parse().unwrap();
            pack(&vec![b'x'; length])
        });
        let fetcher = capped(&site);
        let got = body(&fetcher, &format!("http://a.example/{CAP}")).await.unwrap();
        assert!(got.len() == CAP && got.bytes().all(|byte| byte == b'x'), "{name}");
        let said = body(&fetcher, &format!("http://a.example/{}", CAP + 1)).await.unwrap_err();
        assert!(said.contains("more than 262144 bytes"), "{name}: {said}");
    }
}

#[tokio::test]
async fn an_endless_plain_page_stops() {
    let site = Site::open(|_| {
        Reply::Forever(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 64 << 10], Duration::ZERO)
    });
    assert!(body(&capped(&site), "http://a.example/").await.unwrap_err().contains("more than"));
    assert!(site.sent() < 64 << 20, "{}", site.sent());
}

#[tokio::test]
async fn a_length_that_lies_gains_nothing() {
    let site = Site::open(|asked| {
        let ok = "HTTP/1.1 200 OK\r\ncontent-length";
        match asked.path.as_str() {
            "/huge" => Reply::Bytes(format!("{ok}: 99999999999\r\n\r\nx").into_bytes()),
            "/long" => Reply::Last(format!("{ok}: 10\r\n\r\nshort").into_bytes()),
            "/odd" => Reply::Last(format!("{ok}: -1\r\n\r\nx").into_bytes()),
            "/two" => Reply::Last(format!("{ok}: 1\r\ncontent-length: 2\r\n\r\nxx").into_bytes()),
            // More than it says: what follows poses as the answer to the next request.
            "/short" => Reply::Bytes(format!("{ok}: 4\r\n\r\ntrue{ok}: 5\r\n\r\nfalse").into_bytes()),
            _ => page("next"),
        }
    });
    let fetcher = capped(&site);
    assert!(body(&fetcher, "http://a.example/huge").await.unwrap_err().contains("more than 262144"));
    for path in ["long", "odd", "two"] {
        let fetched = fetcher.get(at_once(&format!("http://a.example/{path}"))).await;
        assert!(matches!(fetched, Err(FetchError::Answer { .. })), "{path}: {fetched:?}");
    }
    assert_eq!(body(&fetcher, "http://a.example/short").await.unwrap(), "true");
    assert_eq!(body(&fetcher, "http://a.example/next").await.unwrap(), "next");
}

#[tokio::test]
async fn a_page_that_trickles_ends_and_one_that_is_silent_sooner() {
    let trickle = |head: &str| Reply::Forever(head.into(), b"x".to_vec(), Duration::from_millis(5));
    let site = Arc::new(Site::open(move |asked| match asked.path.as_str() {
        "/page" => trickle("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"),
        "/head" => trickle("HTTP/1.1 200 OK\r\nx-"),
        "/silent" => Reply::Late(Duration::from_secs(3_600), Vec::new()),
        _ => page("x"),
    }));
    for (path, read_timeout, why) in [
        ("page", 999, "not done after 60000 ms"),
        ("head", 999, "not done after 60000 ms"),
        ("silent", 15, "silent for too long"),
    ] {
        let mut options = site.options();
        options.read_timeout = Duration::from_secs(read_timeout);
        let fetcher = Fetcher::new(options).unwrap();
        let (asking, url) = (fetcher.clone(), format!("http://a.example/{path}"));
        let (seen, asked) = (Arc::clone(&site), format!("/{path}"));
        let begun = move || seen.pages().contains(&asked);
        let limit = Duration::from_secs(read_timeout.min(60));
        let fetched = end_after(async move { asking.get(at_once(&url)).await }, begun, limit).await;
        let said = fetched.unwrap_err().to_string();
        assert!(said.contains(why), "{path}: {said}");
        assert_eq!(
            body(&fetcher, "http://a.example/next").await.unwrap(),
            "x",
            "the host's turn is free again"
        );
    }
}

#[tokio::test]
async fn what_comes_with_a_refusal_or_redirect_is_not_read() {
    let endless = |head: &str| Reply::Forever(head.into(), vec![b'x'; 64 << 10], Duration::ZERO);
    let site = Site::open(move |asked| match asked.path.as_str() {
        "/no" => endless("HTTP/1.1 403 Forbidden\r\n\r\n"),
        "/moved" => endless("HTTP/1.1 302 Found\r\nlocation: /there\r\n\r\n"),
        _ => page("x"),
    });
    let fetcher = capped(&site);
    assert!(body(&fetcher, "http://a.example/no").await.unwrap_err().contains("Some(403)"));
    assert_eq!(body(&fetcher, "http://a.example/moved").await.unwrap(), "x");
    assert!(site.sent() < 64 << 20, "{}", site.sent());
}

#[tokio::test]
async fn headers_are_capped_in_number_and_size() {
    let site = Site::open(|asked| match asked.path.as_str() {
        "/some" => answer("200 OK", &"x-a: 1\r\n".repeat(90), "x"),
        "/many" => answer("200 OK", &"x-a: 1\r\n".repeat(200), "x"),
        "/large" => answer("200 OK", &format!("x-a: {}\r\n", "1".repeat(70_000)), "x"),
        _ => Reply::Forever(b"HTTP/1.1 200 OK\r\nx-a: ".to_vec(), vec![b'1'; 64 << 10], Duration::ZERO),
    });
    let fetcher = capped(&site);
    assert_eq!(body(&fetcher, "http://a.example/some").await.unwrap(), "x");
    for path in ["many", "large", "endless"] {
        let fetched = fetcher.get(at_once(&format!("http://a.example/{path}"))).await;
        assert!(matches!(fetched, Err(FetchError::Answer { .. })), "{path}: {fetched:?}");
    }
    assert!(site.sent() < 64 << 20, "{}", site.sent());
}

#[tokio::test]
async fn encodings_that_we_cannot_undo_are_no_pages() {
    let site = Site::open(|asked| {
        let twice = gzip(&gzip(b"x"));
        match asked.path.as_str() {
            "/zstd" => packed("zstd", b"x"),
            "/twice" => packed("gzip, gzip", &twice),
            "/broken" => packed("gzip", b"not gzip"),
            "/cut" => packed("gzip", &gzip(&[b'x'; 5_000])[..30]),
            _ => packed("identity", b"x"),
        }
    });
    let fetcher = capped(&site);
    for path in ["zstd", "twice", "broken", "cut"] {
        let fetched = fetcher.get(at_once(&format!("http://a.example/{path}"))).await;
        assert!(matches!(fetched, Err(FetchError::Answer { .. })), "{path}: {fetched:?}");
    }
    assert_eq!(body(&fetcher, "http://a.example/plain").await.unwrap(), "x");
}
