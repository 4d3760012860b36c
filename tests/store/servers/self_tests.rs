//! The servers themselves: do they start, listen to whom they should, and end?

use std::env;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::resp::Connection;
use super::{
    APPEND_ONLY, Cluster, Flavor, Options, PATIENCE, Place, Reply, Sentinels, Server, Tls, on_every_setup,
    wait_until,
};

const SHORT: Duration = Duration::from_millis(300);

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

/// One server of each flavour that is installed.
fn one_of_each(lines: &[&str]) -> impl Iterator<Item = (Flavor, Server)> {
    Flavor::ALL.into_iter().filter_map(move |flavor| Some((flavor, Server::start(flavor, lines)?)))
}

#[test]
fn each_flavour_answers_and_tells_its_version() {
    for (flavor, server) in one_of_each(&["maxmemory 50mb"]) {
        assert_eq!(server.command(&["PING"]), text("PONG"));
        let field = if flavor == Flavor::Valkey9 { "valkey_version" } else { "redis_version" };
        let version = server.info(field);
        assert!(version.starts_with(&format!("{}.", flavor.major())), "{flavor}: {version}");
        assert_eq!(server.info("maxmemory"), "52428800", "lines are taken over");
        assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
    }
}

#[test]
fn data_survives_a_kill_only_in_an_append_only_file() {
    for (line, kept) in [("appendonly no", Reply::Nil), (APPEND_ONLY, text("value"))] {
        for (flavor, server) in one_of_each(&[line]) {
            assert_eq!(server.command(&["SET", "key", "value"]), text("OK"));
            server.kill9();
            assert!(server.try_command(&["PING"], SHORT).is_err());
            server.restart();
            assert_eq!(server.command(&["GET", "key"]), kept, "{flavor}, {line}");
        }
    }
}

#[test]
fn a_paused_server_does_not_answer_until_resumed() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    server.pause();
    let silence = server.try_command(&["PING"], SHORT).unwrap_err();
    assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock, "it neither answers nor hangs up");
    server.resume();
    assert_eq!(server.command(&["PING"]), text("PONG"));
    server.pause();
    // And is killed as it stands.
}

#[test]
fn a_user_has_only_the_rights_given() {
    let lines = ["user alice on >wonder ~numguard:* resetchannels &numguard:* +@all -@dangerous"];
    let options = Options { lines: &lines, password: Some("secret"), ..Options::default() };
    for flavor in Flavor::ALL {
        let Some(server) = Server::start_with(flavor, options) else { continue };
        assert_eq!(server.url(), format!("redis://:secret@127.0.0.1:{}", server.port()));
        assert_eq!(server.command(&["FLUSHALL"]), text("OK"), "the default user may");
        let mut alice = Connection::open(server.port(), PATIENCE).unwrap();
        let mut refused = |words: &[&str], with: &str| {
            let reply = alice.command(words).unwrap();
            assert!(matches!(&reply, Reply::Error(error) if error.starts_with(with)), "{words:?}: {reply:?}");
        };
        refused(&["PING"], "NOAUTH");
        refused(&["AUTH", "alice", "wrong"], "WRONGPASS");
        let mut alice = Connection::open(server.port(), PATIENCE).unwrap();
        assert_eq!(alice.command(&["AUTH", "alice", "wonder"]).unwrap(), text("OK"));
        assert_eq!(alice.command(&["SET", "numguard:a", "1"]).unwrap(), text("OK"));
        let mut refused = |words: &[&str]| {
            let reply = alice.command(words).unwrap();
            assert!(matches!(&reply, Reply::Error(e) if e.starts_with("NOPERM")), "{words:?}: {reply:?}");
        };
        refused(&["SET", "other:a", "1"]);
        refused(&["FLUSHALL"]);
        refused(&["PUBLISH", "other", "1"]);
        assert!(server.url_as("alice", "wonder").contains("//alice:wonder@127.0.0.1:"));
    }
}

/// The distribution's redis-cli is asked, for the client here speaks no TLS.
#[test]
fn tls_needs_the_authority_and_the_clients_certificate_if_asked() {
    for (tls, shown_needed) in [(Tls::of_server(), false), (Tls::of_both(), true)] {
        let options = Options { tls: Some(&tls), ..Options::default() };
        let Some(server) = Server::start_with(Flavor::Redis7, options) else { return };
        assert!(server.url().starts_with("rediss://127.0.0.1:"));
        assert_eq!(server.command(&["PING"]), text("PONG"), "the tests' own way in");
        let plain = Connection::open(server.port(), PATIENCE).unwrap().command(&["PING"]);
        assert!(plain.is_err(), "{plain:?}");
        let ping = |host: &str, authority: PathBuf, shown: bool| {
            let mut client = Command::new("redis-cli");
            client.args(["-h", host, "-p", &server.port().to_string(), "--tls", "--cacert"]).arg(authority);
            if shown {
                client.arg("--cert").arg(tls.client_certificate()).arg("--key").arg(tls.client_key());
            }
            let output = client.arg("PING").output().unwrap();
            String::from_utf8_lossy(&output.stdout).trim() == "PONG"
        };
        assert!(ping("127.0.0.1", tls.ca(), true));
        assert!(ping("localhost", tls.ca(), true));
        assert!(!ping("127.0.0.1", Tls::of_server().ca(), true), "another authority");
        assert_eq!(ping("127.0.0.1", tls.ca(), false), !shown_needed);
    }
}

#[test]
fn a_cluster_shares_the_slots_and_notices_a_dead_node() {
    let Some(cluster) = Cluster::start(Flavor::Redis8) else { return };
    let replies: Vec<_> = (0..3).map(|i| cluster.node(i).command(&["SET", "key", "value"])).collect();
    assert_eq!(replies.iter().filter(|reply| **reply == text("OK")).count(), 1, "{replies:?}");
    let moved = |reply: &Reply| matches!(reply, Reply::Error(error) if error.starts_with("MOVED 12539 127."));
    assert_eq!(replies.iter().filter(|reply| moved(reply)).count(), 2, "{replies:?}");
    assert_eq!(cluster.url().matches("127.0.0.1:").count(), 3);

    cluster.node(1).kill9();
    let failed = || cluster.node(0).command(&["CLUSTER", "INFO"]).text().contains("cluster_state:fail");
    wait_until("the dead node is missed", failed, || cluster.node(0).log());
    cluster.node(1).restart();
    cluster.wait_until_ok();
}

#[test]
fn a_replica_in_a_cluster_takes_over() {
    let Some(cluster) = Cluster::start_with_replicas(Flavor::Valkey9) else { return };
    assert_eq!(cluster.node(3).info("role"), "slave");
    cluster.node(0).kill9();
    let promoted = || cluster.node(3).info("role") == "master";
    wait_until("the replica is master", promoted, || cluster.node(3).log());
}

#[test]
fn sentinels_move_the_master_when_told() {
    for flavor in [Flavor::Valkey9, Flavor::Redis8] {
        let Some(sentinels) = Sentinels::start(flavor) else { continue };
        let first = sentinels.master_port();
        sentinels.failover();
        assert_ne!(sentinels.master_port(), first);
        assert!(sentinels.url().ends_with("/mymaster"));
    }
}

#[test]
fn sentinels_move_the_master_when_it_dies() {
    let Some(sentinels) = Sentinels::start(Flavor::Redis7) else { return };
    // On one connection: WAIT waits for the writes of its own.
    let mut master = Connection::open(sentinels.master_port(), PATIENCE).unwrap();
    assert_eq!(master.command(&["SET", "key", "value"]).unwrap(), text("OK"));
    assert_eq!(master.command(&["WAIT", "1", "10000"]).unwrap(), Reply::Int(1));
    let dead = sentinels.kill_master();
    sentinels.sentinel(0).kill9();
    assert_eq!(sentinels.master_port(), dead, "the other two answer, and have not noticed yet");
    sentinels.sentinel(0).restart();
    sentinels.wait_until_moved_from(dead);
    assert_ne!(sentinels.master_port(), dead);
    assert_eq!(sentinels.master().command(&["GET", "key"]), text("value"));
    sentinels.restart(dead);
    sentinels.wait_until_ready();
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn a_server_ends_when_its_test_panics() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let port = server.port();
    assert!(is_open(port));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _own = server;
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err() && !is_open(port));
}

#[test]
fn servers_die_with_the_test_process() {
    if Flavor::Redis7.program().is_none() {
        return;
    }
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", "servers::self_tests::a_process_to_be_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let told = lines.map(Result::unwrap).find_map(|line| {
        let (_, told) = line.split_once("serving: ")?;
        let (port, folder) = told.split_once(' ')?;
        Some((port.parse::<u16>().unwrap(), PathBuf::from(folder)))
    });
    let (port, folder) = told.expect("it tells its server's port");
    assert!(is_open(port) && folder.exists());
    parent.kill().unwrap();
    parent.wait().unwrap();
    let gone = || !is_open(port) && !folder.exists();
    wait_until("server and folder are gone", gone, || format!("{port} {}", folder.display()));
}

/// Started and killed by the test above.
#[test]
#[ignore = "a part of servers_die_with_the_test_process"]
#[allow(clippy::print_stdout)]
fn a_process_to_be_killed() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = server.command(&["CONFIG", "GET", "dir"]);
    println!("\nserving: {} {}", server.port(), folder.fields()["dir"]);
    std::thread::sleep(PATIENCE);
}

/// The set-ups that the battery uses, with a battery of one case.
mod on_setups {
    use super::*;

    mod cases {
        use super::*;

        pub(super) async fn a_place_can_be_reached(place: Place) {
            assert!(place.prefix.starts_with('t') && place.prefix.ends_with(':'));
            let (_, addresses) = place.url.split_once("://").unwrap();
            for address in addresses.split('/').next().unwrap().split(',') {
                let port = address.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
                let pong = Connection::open(port, PATIENCE).unwrap().command(&["PING"]).unwrap();
                assert_eq!(pong, text("PONG"));
            }
        }

        pub(super) async fn no_two_cases_share_a_prefix(place: Place) {
            let other = crate::servers::Setup::Redis7.place();
            assert!(other.is_none_or(|other| other.prefix != place.prefix));
        }
    }

    async fn itself(place: Place) -> Place {
        place
    }

    on_every_setup!(itself, cases, [a_place_can_be_reached, no_two_cases_share_a_prefix]);
}
