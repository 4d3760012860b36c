//! Peers that misbehave, over and over on new connections.

use std::io::{Result, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use numguard::rpc::pb;
use prost::Message;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Does an attack until dropped.
pub(crate) struct Attack(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Attack {
    /// Sends `bytes` on new connections, one each 5 ms: the second core is the measuring client's as well.
    pub(crate) fn begin(address: &str, bytes: Vec<u8>) -> Self {
        let (address, over) = (address.to_owned(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&over);
        let attacker = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                // Whatever the server thinks of it.
                let _ = send(&address, &bytes);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self(over, Some(attacker))
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let _ = self.1.take().map(std::thread::JoinHandle::join);
    }
}

fn send(address: &str, bytes: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(bytes)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A thousand calls, each reset at once.
pub(crate) fn resets() -> Vec<u8> {
    let pair = |id| [frame(1, 0x4, id, &[0x83, 0x86, 0x84]), frame(3, 0, id, &8u32.to_be_bytes())].concat();
    PREFACE.iter().copied().chain((1..2_000u32).step_by(2).flat_map(pair)).collect()
}

/// Headers of one call that never end: 200 KB of them.
pub(crate) fn continuations() -> Vec<u8> {
    let literal = [&[0x00, 0x01, b'x', 0x7f, 0xe9, 0x06][..], &[b'y'; 1_000]].concat();
    let frames = (0..200).flat_map(|_| frame(9, 0, 1, &literal));
    [PREFACE, &frame(1, 0, 1, &[0x83, 0x86, 0x84])].concat().into_iter().chain(frames).collect()
}

/// A header that is in no table.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let (short, long) = (u8::try_from(name.len()).unwrap(), u8::try_from(value.len()).unwrap());
    assert!(short < 127 && long < 127, "its length is one byte");
    [&[0, short][..], name.as_bytes(), &[long], value.as_bytes()].concat()
}

/// A connection that asks for `calls` batches and shuts its window for the answers.
pub(crate) fn ask_and_not_read(address: &str, key: &str, calls: u32, numbers: usize) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(&PREFACE[..24])?;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    stream.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]))?;
    let request = pb::CheckNumberRequest { number: "+447400123456".to_owned(), ..Default::default() };
    let message = pb::BatchCheckNumbersRequest { requests: vec![request; numbers] }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0][..], &length, &message].concat();
    // :method POST, :scheme http, then :path.
    let mut headers = vec![0x83, 0x86];
    headers.extend(literal(":path", "/numguard.v1.CheckService/BatchCheckNumbers"));
    headers.extend(literal("content-type", "application/grpc"));
    headers.extend(literal("te", "trailers"));
    headers.extend(literal("authorization", &format!("Bearer {key}")));
    for call in 0..calls {
        let id = 2 * call + 1;
        stream.write_all(&frame(1, 0x4, id, &headers))?;
        let parts: Vec<&[u8]> = body.chunks(16_000).collect();
        for (at, part) in parts.iter().enumerate() {
            stream.write_all(&frame(0, u8::from(at + 1 == parts.len()), id, part))?;
        }
    }
    Ok(stream)
}
