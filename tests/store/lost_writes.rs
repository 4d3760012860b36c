//! A Redis that loses what it has acknowledged, and the served binary's audit record.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::servers::{Flavor, Server};

fn numguard(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numguard"));
    command
        .args(arguments)
        .env("USER", "tester")
        .env("NUMGUARD_WARM_UP", "false")
        .env("NUMGUARD_METRICS__LISTEN", "")
        .stdin(Stdio::null());
    command
}

/// A served numguard; killed when dropped.
struct Served(Child, String);

impl Served {
    fn start(folder: &Path, redis: u16, wait_replicas: &str) -> Self {
        let redis = format!("redis://127.0.0.1:{redis}");
        let folder = folder.to_str().unwrap();
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--no-starter-data", "--data-dir", folder];
        let mut command = numguard(&[&arguments[..], &["--redis", &redis]].concat());
        command.env("NUMGUARD_REDIS__WAIT_REPLICAS", wait_replicas);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        let url = first.trim().rsplit(' ').next().unwrap().to_owned();
        Self(child, url)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        numguard(arguments).env("NUMGUARD_SERVER", &self.1).output().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_redis_lost_is_replayed_also_what_no_replica_confirmed() {
    let Some(redis) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("audit.jsonl").display().to_string();
    let served = Served::start(folder.path(), redis.port(), "0");
    assert!(served.run(&["listing", "put", "+447400123456"]).status.success());
    drop(served);
    // Nobody confirms: there is no replica.
    let served = Served::start(folder.path(), redis.port(), "1");
    let put = served.run(&["listing", "put", "+447400123457"]);
    assert_eq!(put.status.code(), Some(1));
    assert!(text(&put.stderr).contains("only 0 of 1 replicas"), "{put:?}");
    let delete = served.run(&["listing", "delete", "+447400123456"]);
    assert_eq!(delete.status.code(), Some(1), "{delete:?}");
    let listed = text(&numguard(&["audit", "list", &record]).output().unwrap().stdout);
    let results: Vec<&str> = listed.lines().skip(1).map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(results, ["stored", "unconfirmed", "unconfirmed"], "{listed}");
    drop(served);

    redis.command(&["FLUSHALL"]);
    let served = Served::start(folder.path(), redis.port(), "0");
    for summary in ["replayed 1 puts and 0 deletes, skipped 1", "replayed 0 puts and 0 deletes, skipped 2"] {
        let replayed = served.run(&["admin", "replay-audit", "--yes", &record]);
        assert!(text(&replayed.stdout).contains(summary), "{replayed:?}");
    }
    let stored = text(&served.run(&["listing", "list"]).stdout);
    assert!(stored.contains("+447400123457") && !stored.contains("+447400123456"), "{stored}");
}
