//! Two replicas with API keys on one Redis: a key ends on both, and what Redis loses comes back.

use std::fs;
use std::path::Path;

use crate::asked::{Caller, Checks};
use crate::served::{Ran, Served, command};
use crate::servers::{Flavor, Server, wait_until};

fn serve(folder: &Path, redis: &str) -> Served {
    fs::create_dir_all(folder).unwrap();
    let config = folder.join("numguard.toml");
    fs::write(&config, "[access]\nkeys = true\n").unwrap();
    let flags = ["--no-starter-data", "--redis", redis, "--config", config.to_str().unwrap()];
    Served::logging_with(&folder.join("data"), &flags, &folder.join("log"))
}

fn with(served: &Served, key: &str, arguments: &[&str]) -> Ran {
    let mut command = command(arguments);
    command.env("NUMGUARD_SERVER", &served.url).env("NUMGUARD_API_KEY", key);
    command.output().unwrap().into()
}

/// The text of a key that a command made.
#[track_caller]
fn made(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout.trim().to_owned()
}

fn name(key: &str) -> &str {
    &key[..15]
}

#[test]
fn a_key_ends_on_every_replica_and_comes_back_to_a_redis_that_lost_it() {
    let Some(redis) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let offline = folder.path().join("offline");
    let (url, offline) = (redis.url(), offline.to_str().unwrap());
    let first = ["key", "create", "--offline", "--redis", &url, "--data-dir", offline, "--client", "ops"];
    let admin = made(command(&[&first[..], &["--scopes", "admin"]].concat()).output().unwrap().into());
    let [a, b] = ["a", "b"].map(|replica| serve(&folder.path().join(replica), &url));
    let log = |replica: &str| fs::read_to_string(folder.path().join(replica).join("log")).unwrap();
    let check = |served: &Served, key: &str| with(served, key, &["check", "+447400123456"]);
    let is_let_in = |served: &Served, key: &str| check(served, key).code == Some(0);
    let told = |served: &Served, key: &str, words: &str| check(served, key).stderr.contains(words);
    let create = ["key", "create", "--client", "shop", "--scopes", "check"];

    let shop = made(with(&a, &admin, &create));
    assert!(is_let_in(&a, &shop), "at once where it was made");
    wait_until("the other knows it", || is_let_in(&b, &shop), || log("b"));

    // Rotated through one, without a time in which both count: on both the new one counts alone.
    let fresh = made(with(&b, &admin, &["key", "rotate", name(&shop), "--overlap", "0"]));
    wait_until("the new one counts", || is_let_in(&a, &fresh), || log("a"));
    wait_until("the old one does not", || told(&a, &shop, "expired at"), || log("a"));

    // Revoked through one.
    let last = made(with(&a, &admin, &create));
    wait_until("the last one counts", || is_let_in(&b, &last), || log("b"));
    assert_eq!(with(&a, &admin, &["key", "revoke", name(&fresh), "--yes"]).code, Some(0));
    assert!(told(&a, &fresh, "was revoked at"), "at once where it was asked for");
    wait_until("it ends on the other", || told(&b, &fresh, "was revoked at"), || log("b"));

    // Redis has lost all and takes nothing: they count as they did.
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    redis.command(&["FLUSHALL"]);
    wait_until("it is told", || log("a").contains("or put back into it"), || log("a"));
    assert!(is_let_in(&a, &last) && !is_let_in(&a, &fresh));
    assert_eq!(log("a").matches("or put back into it").count(), 1, "once");
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    wait_until("they are back", || (log("a") + &log("b")).contains("had lost keys"), || log("a"));

    // Redis comes back empty: whoever could call still can, and nobody else.
    redis.restart();
    wait_until("they are put back", || (log("a") + &log("b")).contains("had lost keys"), || log("a"));
    let listed = || with(&a, &admin, &["key", "list", "--client", "shop"]).stdout;
    wait_until("they are listed", || listed().contains(name(&last)), || log("a"));
    for served in [&a, &b] {
        assert!(is_let_in(served, &last) && !is_let_in(served, &fresh) && !is_let_in(served, &shop));
    }
    // They count for a replica that never knew them.
    let c = serve(&folder.path().join("c"), &url);
    wait_until("a new replica knows it", || is_let_in(&c, &last), || log("c"));
    assert!(!is_let_in(&c, &fresh) && !is_let_in(&c, &shop));
}

#[test]
fn a_stream_ends_on_every_replica_when_its_key_is_revoked_on_one() {
    let Some(redis) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let offline = folder.path().join("offline");
    let (url, offline) = (redis.url(), offline.to_str().unwrap());
    let first = |client: &str, scopes: &str| {
        let create = ["key", "create", "--offline", "--redis", &url, "--data-dir", offline];
        let whose = ["--client", client, "--scopes", scopes];
        made(command(&[&create[..], &whose].concat()).output().unwrap().into())
    };
    let (admin, shop) = (first("ops", "admin"), first("shop", "check"));
    let [a, b] = ["a", "b"].map(|replica| serve(&folder.path().join(replica), &url));
    let caller = Caller::at(&b.url, &shop);
    let mut checks = Checks::open(&caller);
    assert_eq!(with(&a, &admin, &["key", "revoke", name(&shop), "--yes"]).code, Some(0));
    let began = std::time::Instant::now();
    let status = checks.end(&caller).expect("it ended well");
    eprintln!("it ended {:?} after the revocation was answered on the other replica", began.elapsed());
    assert!(
        status.code() == tonic::Code::Unauthenticated && status.message().contains("was revoked at"),
        "{status}"
    );
}
