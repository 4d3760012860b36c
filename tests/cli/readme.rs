//! The Rust example of the README does what it says. `readme/example.rs` holds its code, and is held to be the
//! README's.

use std::net::TcpListener;
use std::path::PathBuf;

use numguard::rpc::pb::Verdict;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use crate::served::{Served, file};

use example::Numguard;

const EXAMPLE: &str = include_str!("readme/example.rs");

#[allow(unreachable_pub)]
mod example {
    use numguard::rpc::pb as numguard_v1;
    include!("readme/example.rs");
}

/// A debug binary on a busy machine misses 20 ms now and then; the example is asked again, as ever new
/// registrations would.
const TRIES: usize = 500;

/// A certificate for 127.0.0.1, and a configuration that serves it.
fn certified(folder: &TempDir) -> (String, PathBuf) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = file(folder, "tls.crt", cert.pem().as_bytes());
    let key = file(folder, "tls.key", signing_key.serialize_pem().as_bytes());
    let settings = format!("[access]\ntls_certificate = {certificate:?}\ntls_key = {key:?}\n");
    (cert.pem(), file(folder, "numguard.toml", settings.as_bytes()))
}

#[test]
fn the_readme_shows_this_example() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("\n```rust\n").expect("the README has an example in Rust");
    let (shown, _) = rest.split_once("```").unwrap();
    assert_eq!(shown, EXAMPLE, "copy the one over the other");
}

#[tokio::test]
async fn it_tells_the_verdict_and_lets_pass_what_is_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, settings) = certified(&folder);
    let served = Served::start(folder.path(), &["--no-starter-data", "--config", settings.to_str().unwrap()]);
    let example =
        |url: &str| Numguard::new(url.to_owned(), authority.as_bytes(), "no key is asked for").unwrap();
    let client = example(&served.url);
    let mut told = Verdict::Allow;
    for _ in 0..TRIES {
        told = client.verdict("no number", "GB").await;
        if told != Verdict::Allow {
            break;
        }
    }
    assert!(told == Verdict::Block);

    served.kill();
    assert!(client.verdict("no number", "GB").await == Verdict::Allow, "nobody listens");

    // Only the deadline ends a call to somebody who never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = example(&format!("https://{}", silent.local_addr().unwrap()));
    assert!(client.verdict("no number", "GB").await == Verdict::Allow, "nobody answers");
}
