//! Peers that misbehave: each has an end, and nobody else waits for them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use numguard::rpc::pb;
use prost::Message;
use tonic::Code;

use crate::asked::{Caller, number, refusal};
use crate::keys::serve;
use crate::served::Served;
use crate::waiting::until;

/// What a client of HTTP/2 says first, and empty settings.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(crate) fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(served.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// The kind of the next frame, at the connection's end nothing.
pub(crate) fn read_frame(stream: &mut TcpStream) -> Option<u8> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    std::io::copy(&mut stream.take(length.into()), &mut std::io::sink()).ok()?;
    Some(head[3])
}

/// A header that is not in any table.
pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    let (short, long) = (u8::try_from(name.len()).unwrap(), u8::try_from(value.len()).unwrap());
    assert!(short < 127 && long < 127, "its length is one byte");
    [&[0, short][..], name.as_bytes(), &[long], value.as_bytes()].concat()
}

/// What a call begins with.
pub(crate) fn headers(path: &str) -> Vec<u8> {
    // :method POST, :scheme http, then :path.
    let mut headers = vec![0x83, 0x86];
    headers.extend(literal(":path", path));
    headers.extend(literal("content-type", "application/grpc"));
    headers.extend(literal("te", "trailers"));
    headers
}

/// Asks for batches, with windows that are shut and stay so. All requests fit into the server's first
/// window.
fn ask_and_not_read(served: &Served, calls: u32, numbers: usize) -> TcpStream {
    let mut stream = connect(served);
    stream.write_all(&PREFACE[..24]).unwrap();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    stream.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).unwrap();
    let message = pb::BatchCheckNumbersRequest { requests: vec![number(); numbers] }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0][..], &length, &message].concat();
    let headers = headers("/numguard.v1.CheckService/BatchCheckNumbers");
    for call in 0..calls {
        let id = 2 * call + 1;
        stream.write_all(&frame(1, 0x4, id, &headers)).unwrap();
        let parts: Vec<&[u8]> = body.chunks(16_000).collect();
        for (at, part) in parts.iter().enumerate() {
            stream.write_all(&frame(0, u8::from(at + 1 == parts.len()), id, part)).unwrap();
        }
    }
    stream
}

/// Reads until the peer ends the connection, which it must within a minute.
fn ended(mut stream: TcpStream) {
    let mut bytes = [0; 4_096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
            Ok(_) => {}
            Err(error) => panic!("the connection goes on: {error}"),
        }
    }
}

/// Bytes of memory that are in use by a process.
fn memory(served: &Served) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

pub(crate) fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap()
}

#[test]
fn a_thousand_idle_connections_leave_others_alone_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "");
    let before = memory(&served);
    let mut idle: Vec<TcpStream> = (0..1_000).map(|_| connect(&served)).collect();
    let mut greeted: Vec<TcpStream> = (0..100).map(|_| connect(&served)).collect();
    greeted.iter_mut().for_each(|stream| stream.write_all(PREFACE).unwrap());
    let caller = Caller::at(&served.url, "");
    (0..100).for_each(|_| assert!(caller.check().is_ok()));
    assert!(memory(&served) < before + (100 << 20), "bounded");
    // Silent ones end after the greeting's time; one byte is as silent as none.
    let mut one_byte = idle.split_off(999);
    one_byte[0].write_all(b"P").unwrap();
    ended(one_byte.remove(0));
    ended(idle.remove(0));
    assert!(caller.check().is_ok());
}

#[test]
fn connections_beyond_the_cap_are_closed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "[access]\nmost_connections = 8\n");
    let caller = Caller::at(&served.url, "");
    let mut others: Vec<TcpStream> = (0..7).map(|_| connect(&served)).collect();
    others.iter_mut().for_each(|stream| stream.write_all(PREFACE).unwrap());
    until("all are accepted", || {
        let mut more = connect(&served);
        more.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        matches!(more.read(&mut [0; 1]), Ok(0) | Err(_)) && log(folder.path()).contains("most_connections")
    });
    assert!(caller.check().is_ok(), "those that there are go on");
    others.clear();
    until("there is room again", || {
        Caller::try_at(&served.url, "").is_some_and(|caller| caller.check().is_ok())
    });
}

#[test]
fn resets_without_end_cost_a_connection_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "");
    let before = memory(&served);
    let mut attacker = connect(&served);
    attacker.write_all(PREFACE).unwrap();
    // :method POST, :scheme http, :path /, from the static table.
    let headers = [0x83, 0x86, 0x84];
    for stream in (1u32..200_000).step_by(2) {
        let both = [frame(1, 0x4, stream, &headers), frame(3, 0, stream, &8u32.to_be_bytes())].concat();
        if attacker.write_all(&both).is_err() {
            break;
        }
    }
    ended(attacker);
    assert!(Caller::at(&served.url, "").check().is_ok());
    assert!(memory(&served) < before + (50 << 20), "bounded");
}

/// Reads frames until as many calls are answered, each by its headers alone; `None` if one is reset, or at the
/// connection's end.
fn answered(stream: &mut TcpStream, calls: usize) -> Option<()> {
    let mut left = calls;
    while left > 0 {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        std::io::copy(&mut stream.take(length.into()), &mut std::io::sink()).ok()?;
        match head[3] {
            // RST_STREAM, GOAWAY
            3 | 7 => return None,
            kind => left -= usize::from(kind == 1),
        }
    }
    Some(())
}

/// An answer before the request has come is followed by a reset, and what comes then meets a stream that is
/// gone.
#[test]
fn refused_calls_are_answered_once_their_requests_are_here() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "[access]\nnumbers_per_second = 1\nburst = 1\n");
    let mut stream = connect(&served);
    stream.write_all(PREFACE).unwrap();
    let mut headers = vec![0x83, 0x86];
    headers.extend(literal(":path", "/numguard.v1.CheckService/CheckNumber"));
    headers.extend(literal("content-type", "application/grpc"));
    assert!(Caller::at(&served.url, "").check().is_ok(), "takes all that there is");
    for round in 0..5u32 {
        let ids = (0..100).map(|at| 2 * (100 * round + at) + 1);
        ids.clone().for_each(|id| stream.write_all(&frame(1, 0x4, id, &headers)).unwrap());
        // Time for an answer that does not wait for the request.
        std::thread::sleep(Duration::from_millis(30));
        ids.for_each(|id| stream.write_all(&frame(0, 0x1, id, &[0; 5])).unwrap());
        answered(&mut stream, 100).expect("answers, and the connection goes on");
    }
}

#[test]
fn headers_without_end_cost_a_connection_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "");
    let before = memory(&served);
    let mut attacker = connect(&served);
    attacker.write_all(PREFACE).unwrap();
    let mut flood = frame(1, 0, 1, &[0x83, 0x86, 0x84]);
    // CONTINUATION frames that never end the headers: a literal of 1,000 bytes each.
    let literal = [&[0x00, 0x01, b'x', 0x7f, 0xe9, 0x06][..], &[b'y'; 1_000]].concat();
    for _ in 0..20_000 {
        flood.extend(frame(9, 0, 1, &literal));
        if attacker.write_all(&flood).is_err() {
            break;
        }
        flood.clear();
    }
    ended(attacker);
    assert!(Caller::at(&served.url, "").check().is_ok());
    assert!(memory(&served) < before + (50 << 20), "bounded");
}

#[test]
fn a_megabyte_of_metadata_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "");
    let caller = Caller::at(&served.url, "");
    let refused = caller.check_with(|request| {
        request.metadata_mut().insert("x-large", "y".repeat(1 << 20).parse().unwrap());
    });
    // GOAWAY with ENHANCE_YOUR_CALM; such a call may also find its connection gone.
    let (code, message, _) = refusal(&refused.unwrap_err());
    assert!(
        matches!(code, Code::ResourceExhausted | Code::Unavailable | Code::Unknown),
        "{code:?}: {message}"
    );
    until("the log says which bound", || log(folder.path()).contains("at most 16 KB of metadata a call"));
    let small = caller.check_with(|request| {
        request.metadata_mut().insert("x-large", "y".repeat(20 << 10).parse().unwrap());
    });
    let (code, message, _) = refusal(&small.unwrap_err());
    assert!(code != Code::Ok && message.contains("431"), "{code:?}: {message}");
    for _ in 0..3 {
        let again = Caller::at(&served.url, "").check_with(|request| {
            request.metadata_mut().insert("x-large", "y".repeat(1 << 20).parse().unwrap());
        });
        assert!(again.is_err());
    }
    assert!(Caller::at(&served.url, "").check().is_ok());
    assert_eq!(log(folder.path()).matches("at most 16 KB of metadata").count(), 1, "told once a minute");
}

#[test]
fn an_answer_that_nobody_reads_does_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "");
    let before = memory(&served);
    let readers: Vec<TcpStream> = (0..8).map(|_| ask_and_not_read(&served, 3, 1_000)).collect();
    let caller = Caller::at(&served.url, "");
    (0..20).for_each(|_| assert!(caller.check().is_ok()));
    let grown = memory(&served).saturating_sub(before);
    assert!(grown < 200 << 20, "{} MB for 24 answers", grown >> 20);
    until("cut off", || log(folder.path()).contains("its answers are not read"));
    drop(readers);
}

#[test]
fn sigterm_ends_a_service_that_silent_peers_hang_on_to() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "drain_seconds = 2\n");
    let mut silent: Vec<TcpStream> = (0..3).map(|_| connect(&served)).collect();
    silent[0].write_all(PREFACE).unwrap();
    // A call that never ends: a stream of checks whose client says nothing.
    let caller = Caller::at(&served.url, "");
    let hanging = caller.hang();
    let began = Instant::now();
    assert_eq!(served.terminate(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(30), "the drain has an end");
    assert!(log(folder.path()).contains("connections were cut at the end of the drain"));
    drop(hanging);
}
