//! Requests that do not come: what they wait for is not taken from anybody else.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use prost::Message;
use tonic::Code;

use crate::asked::{Caller, number};
use crate::connections::{PREFACE, connect, frame, headers, literal, log, read_frame};
use crate::keys::{KEYS, first_key};
use crate::served::Served;
use crate::waiting::until;

const CHECK: &str = "/numguard.v1.CheckService/CheckNumber";

/// Connections that hold calls of which only the headers are sent, and begin another for each that is answered.
struct Attack {
    answered: Arc<AtomicUsize>,
    connections: Vec<(TcpStream, JoinHandle<()>)>,
}

impl Attack {
    fn begin(served: &Served, connections: usize, calls: u32, key: Option<&str>) -> Self {
        let answered = Arc::<AtomicUsize>::default();
        let mut block = headers(CHECK);
        if let Some(key) = key {
            block.extend(literal("authorization", &format!("Bearer {key}")));
        }
        let connection = || {
            let mut stream = connect(served);
            let mut bytes = PREFACE.to_vec();
            (0..calls).for_each(|call| bytes.extend(frame(1, 0x4, 2 * call + 1, &block)));
            stream.write_all(&bytes).unwrap();
            let (mut reader, block, answered) =
                (stream.try_clone().unwrap(), block.clone(), Arc::clone(&answered));
            let thread = std::thread::spawn(move || {
                let mut next = 2 * calls + 1;
                while let Some(kind) = read_frame(&mut reader) {
                    // HEADERS: an answer.
                    if kind == 1 {
                        answered.fetch_add(1, Ordering::Relaxed);
                        if reader.write_all(&frame(1, 0x4, next, &block)).is_err() {
                            return;
                        }
                        next += 2;
                    }
                }
            });
            (stream, thread)
        };
        let connections = (0..connections).map(|_| connection()).collect();
        Self { answered, connections }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Ends the connections; panics if the service had ended one.
    fn end(self) {
        for (stream, thread) in self.connections {
            assert!(!thread.is_finished(), "the service ended a connection of the attack");
            stream.shutdown(Shutdown::Both).unwrap();
            thread.join().unwrap();
        }
    }
}

/// Serves with these settings. The log has no more than a user's has: at `trace` it would be what takes the time.
fn serve(folder: &Path, settings: &str) -> Served {
    let config = folder.join("numguard.toml");
    std::fs::write(&config, settings).unwrap();
    let flags = ["--no-starter-data", "--config", config.to_str().unwrap()];
    Served::with_environment(&folder.join("data"), &flags, &folder.join("log"), &[])
}

/// The value of a series; 0 if it is not there.
fn metric(served: &Served, series: &str) -> f64 {
    let line = served.banner.lines().find(|line| line.contains("  metrics  ")).unwrap();
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.map_or(0.0, |value| value.parse().unwrap())
}

/// Checks a hundred times a second until the attack has been through some rounds; returns all refusals.
fn check_meanwhile(served: &Served, attack: &Attack, calls: usize, caller: &Caller) -> Vec<String> {
    until("the attack is in place", || metric(served, "numguard_grpc_calls_in_flight") >= 0.9 * calls as f64);
    let (mut refusals, mut checks) = (Vec::new(), 0);
    while attack.answered() < 3 * calls || checks < 300 {
        refusals.extend(caller.check().err().map(|status| status.to_string()));
        checks += 1;
        assert!(checks < 12_000, "after two minutes {} calls are answered", attack.answered());
        std::thread::sleep(Duration::from_millis(10));
    }
    refusals
}

/// Checks whose requests follow their headers late, as over a slow network; all must be answered.
fn check_late(served: &Served, key: &str, calls: u32) {
    let mut stream = connect(served);
    let mut block = headers(CHECK);
    block.extend(literal("authorization", &format!("Bearer {key}")));
    let message = number().encode_to_vec();
    let message = [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat();
    let ids = (0..calls).map(|call| 2 * call + 1);
    stream.write_all(PREFACE).unwrap();
    ids.clone().for_each(|id| stream.write_all(&frame(1, 0x4, id, &block)).unwrap());
    // A ping is answered once the headers before it are read.
    stream.write_all(&frame(6, 0, 0, &[0; 8])).unwrap();
    while read_frame(&mut stream).expect("the connection goes on") != 6 {}
    ids.for_each(|id| stream.write_all(&frame(0, 0x1, id, &message)).unwrap());
    let mut left = calls;
    while left > 0 {
        match read_frame(&mut stream) {
            // Only answers have DATA, refusals have none.
            Some(0) => left -= 1,
            Some(1 | 4 | 6 | 8) => {}
            other => panic!("{left} of {calls} are not answered: {other:?}"),
        }
    }
}

/// The lines of the log about refused calls that name a client.
fn sheds_in_log(folder: &Path, client: &str) -> usize {
    let log = log(folder);
    let lines = log.lines().filter(|line| line.contains("calls were refused: as many"));
    lines.filter(|line| line.contains(client) && line.contains("arriving")).count()
}

#[test]
fn requests_that_one_key_does_not_send_refuse_nobody_elses_checks() {
    let folder = tempfile::tempdir().unwrap();
    let (eve, shop) = (first_key(folder.path(), "eve", "check"), first_key(folder.path(), "shop", "check"));
    let served = serve(folder.path(), KEYS);
    let attack = Attack::begin(&served, 3, 180, Some(&eve));
    let refusals = check_meanwhile(&served, &attack, 540, &Caller::at(&served.url, &shop));
    assert_eq!(refusals, [""; 0]);
    check_late(&served, &shop, 50);
    attack.end();
    let shed = |client: &str| {
        metric(&served, &format!("numguard_calls_shed_total{{client=\"{client}\",weight=\"arriving\"}}"))
    };
    assert!(shed("eve") > 0.0 && shed("shop") == 0.0, "{} and {}", shed("eve"), shed("shop"));
    assert!(sheds_in_log(folder.path(), "eve") >= 1, "the log does not name the attacker");
    assert_eq!(sheds_in_log(folder.path(), "shop"), 0);
    assert!(!log(folder.path()).contains(&eve[16..]), "the log holds a secret");
}

#[test]
fn requests_that_other_connections_do_not_send_refuse_nobodys_checks() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "");
    let attack = Attack::begin(&served, 8, 190, None);
    let refusals = check_meanwhile(&served, &attack, 1_520, &Caller::at(&served.url, ""));
    assert_eq!(refusals, [""; 0]);
    attack.end();
    assert!(metric(&served, "numguard_calls_shed_total{client=\"anonymous\",weight=\"arriving\"}") > 0.0);
    let lines = sheds_in_log(folder.path(), "anonymous");
    assert!((1..=3).contains(&lines), "{lines} lines: one a minute");
}

#[test]
fn a_request_that_does_not_come_gives_its_permit_back() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "[access]\nmost_calls = 100\n");
    let silent = Caller::at(&served.url, "");
    for _ in 0..2 {
        let codes = silent.hang_checks(150);
        let waited = codes.iter().filter(|code| **code == Code::DeadlineExceeded).count();
        let refused = codes.iter().filter(|code| **code == Code::ResourceExhausted).count();
        // On a busy machine the first are given up before the last have come.
        assert!(
            waited >= 50 && refused > 0,
            "one caller alone gets half: {waited} waited, {refused} did not"
        );
        assert_eq!(waited + refused, 150, "{codes:?}");
    }
    assert_eq!(silent.check().map_err(|e| e.to_string()), Ok(()));
}
