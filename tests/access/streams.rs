//! Streams of a key that ends: they end too, and nothing of theirs is stored.

use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use numguard::core::listing::UnixTime;
use numguard::rpc::pb;
use pb::admin_service_client::AdminServiceClient;
use pb::feed_service_client::FeedServiceClient;
use pb::import_listings_request::Part;
use prost::Message;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Response, Status};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use crate::asked::{Caller, Checks, PATIENCE, ends, number};
use crate::connections::{PREFACE, connect, frame, headers, literal, log, read_frame};
use crate::keys::{KEYS, first_key, name, serve, with};
use crate::served::{Served, file};

/// An import of which the batch is sent and the finish is not.
struct Import {
    parts: mpsc::Sender<pb::ImportListingsRequest>,
    answer: JoinHandle<Result<Response<pb::ImportListingsResponse>, Status>>,
}

impl Import {
    fn open(caller: &Caller, subject: &str) -> Self {
        let (parts, sent) = mpsc::channel(1);
        let mut client = AdminServiceClient::new(caller.channel.clone());
        let request = caller.unlimited(ReceiverStream::new(sent));
        let answer = caller.runtime.spawn(async move { client.import_listings(request).await });
        let decision = pb::Decision {
            action: pb::Action::Allow.into(),
            author: "eve".to_owned(),
            decided_at: Some(prost_types::Timestamp { seconds: 1_780_000_000, nanos: 0 }),
            ..Default::default()
        };
        let listing =
            pb::Listing { subject: subject.to_owned(), decision: Some(decision), ..Default::default() };
        let batch = Part::Batch(pb::ImportBatch { listings: vec![listing] });
        let import = Self { parts, answer };
        import.send(caller, batch);
        // A second message finds room once the first is taken.
        import.send(caller, Part::Batch(pb::ImportBatch::default()));
        import
    }

    fn send(&self, caller: &Caller, part: Part) {
        let message = pb::ImportListingsRequest { part: Some(part) };
        // An import that has ended takes none.
        let _ = caller.runtime.block_on(self.parts.send(message));
    }

    fn finish(self, caller: &Caller) -> Result<u64, Status> {
        let finish = pb::ImportFinish { listings: 1, author: "eve".to_owned(), ..Default::default() };
        self.send(caller, Part::Finish(finish));
        let answer = async { tokio::time::timeout(PATIENCE, self.answer).await.expect("an answer").unwrap() };
        caller.runtime.block_on(answer).map(|answer| answer.into_inner().received)
    }
}

fn revoke(served: &Served, admin: &str, key: &str) {
    let ended = with(served, admin, &["key", "revoke", name(key), "--yes"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn is_listed(served: &Served, admin: &str, subject: &str) -> bool {
    with(served, admin, &["listing", "get", subject]).code == Some(0)
}

#[track_caller]
fn assert_ended(status: Option<Status>, words: &str) {
    let status = status.expect("it ended well");
    assert!(status.code() == Code::Unauthenticated && status.message().contains(words), "{status}");
}

#[test]
fn streams_of_a_revoked_key_end_and_store_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, eve) = (first_key(folder.path(), "ops", "admin"), first_key(folder.path(), "eve", "admin"));
    let served = serve(folder.path(), KEYS);
    let caller = Caller::at(&served.url, &eve);
    let mut checks = Checks::open(&caller);
    let (late, idle) = (Import::open(&caller, "+447400123456"), Import::open(&caller, "+447400123457"));
    revoke(&served, &ops, &eve);
    let began = Instant::now();
    assert_ended(late.finish(&caller).err(), "was revoked at");
    assert_ended(checks.end(&caller), "was revoked at");
    println!("the stream of checks ended {:?} after the revocation was answered", began.elapsed());
    let ended = caller.runtime.block_on(async { tokio::time::timeout(PATIENCE, idle.answer).await });
    assert_ended(ended.expect("the import goes on").unwrap().err(), "was revoked at");
    println!("the import ended {:?} after the revocation was answered", began.elapsed());
    for subject in ["+447400123456", "+447400123457"] {
        assert!(!is_listed(&served, &ops, subject), "{subject} was stored");
    }
    let lines = log(folder.path()).matches("a call was refused: the API key").count();
    assert!(lines >= 1, "the log does not say that streams ended");
}

#[test]
fn exports_loads_and_reflection_of_a_revoked_key_end() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, eve) = (first_key(folder.path(), "ops", "admin"), first_key(folder.path(), "eve", "admin"));
    let served = serve(folder.path(), KEYS);
    let numbers: String = (0..20_000).map(|number| format!("+4474001{number:05}\n")).collect();
    let list = file(&folder, "list.txt", numbers.as_bytes());
    let imported = with(&served, &ops, &["import", list.to_str().unwrap(), "--feed", "list"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let caller = Caller::at(&served.url, &eve);

    // An export whose client reads no further than its window.
    let endpoint = Endpoint::from_shared(served.url.clone()).unwrap().initial_stream_window_size(65_535);
    let channel = caller.runtime.block_on(endpoint.connect()).unwrap();
    let request = caller.unlimited(pb::ExportListingsRequest::default());
    let export = async { AdminServiceClient::new(channel).export_listings(request).await };
    let mut export = caller.runtime.block_on(export).unwrap().into_inner();
    caller.runtime.block_on(export.message()).unwrap().unwrap();

    let (parts, sent) = mpsc::channel(4);
    let head =
        pb::AllocationHead { feed: "ofcom-s7".to_owned(), author: "eve".to_owned(), ..Default::default() };
    let mut feeds = FeedServiceClient::new(caller.channel.clone());
    let request = caller.unlimited(ReceiverStream::new(sent));
    let load = caller.runtime.spawn(async move { feeds.import_allocation(request).await });
    let part = |part| pb::ImportAllocationRequest { part: Some(part) };
    let send = |message| caller.runtime.block_on(parts.send(message)).unwrap();
    send(part(pb::import_allocation_request::Part::Head(head)));

    let (_questions, asked) = mpsc::channel(1);
    let request = caller.unlimited(ReceiverStream::new(asked));
    let reflection =
        async { ServerReflectionClient::new(caller.channel.clone()).server_reflection_info(request).await };
    let mut reflection = caller.runtime.block_on(reflection).unwrap().into_inner();

    revoke(&served, &ops, &eve);
    send(part(pb::import_allocation_request::Part::Finish(pb::AllocationFinish { bytes: 0 })));
    let ended = caller.runtime.block_on(async { tokio::time::timeout(PATIENCE, load).await });
    assert_ended(ended.expect("the load goes on").unwrap().err(), "was revoked at");
    assert_ended(ends(&caller, &mut reflection), "was revoked at");
    assert_ended(ends(&caller, &mut export), "was revoked at");
}

/// A call that begins before its key ends, and of which the rest is sent after that.
struct Late {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Late {
    fn begin(served: &Served, key: &str, path: &str, message: &[u8]) -> Self {
        let mut stream = connect(served);
        let mut block = headers(path);
        block.extend(literal("authorization", &format!("Bearer {key}")));
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let rest = [&[0][..], &length, message].concat();
        let (first, rest) = rest.split_at(7);
        let begun = [PREFACE, &frame(1, 0x4, 1, &block), &frame(0, 0, 1, first), &frame(6, 0, 0, &[0; 8])];
        stream.write_all(&begun.concat()).unwrap();
        // The answer to a ping follows what was read before it.
        while read_frame(&mut stream).expect("the connection goes on") != 6 {}
        Self { stream, rest: rest.to_vec() }
    }

    /// Sends the rest, and waits for the answer to end.
    fn end(mut self) {
        self.stream.write_all(&frame(0, 0x1, 1, &self.rest)).unwrap();
        self.stream.write_all(&frame(6, 0, 0, &[1; 8])).unwrap();
        while read_frame(&mut self.stream).is_some_and(|kind| kind != 1) {}
    }
}

#[test]
fn a_change_that_arrives_after_its_key_has_ended_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, eve) = (first_key(folder.path(), "ops", "admin"), first_key(folder.path(), "eve", "admin"));
    let served = serve(folder.path(), KEYS);
    let decision = pb::Decision {
        action: pb::Action::Allow.into(),
        author: "eve".to_owned(),
        reason: "mine".to_owned(),
        ..Default::default()
    };
    let put = |subject: &str| {
        let decision = Some(decision.clone());
        let request = pb::PutListingRequest { subject: subject.to_owned(), decision, ..Default::default() };
        request.encode_to_vec()
    };
    let key = pb::CreateKeyRequest {
        client: "backdoor".to_owned(),
        scopes: vec![pb::Scope::Admin.into()],
        author: "eve".to_owned(),
        ..Default::default()
    };
    let path = "/numguard.v1.AdminService/PutListing";
    Late::begin(&served, &eve, path, &put("+447400123455")).end();
    assert!(is_listed(&served, &ops, "+447400123455"), "while the key is good, such a call is answered");
    let late = [
        Late::begin(&served, &eve, path, &put("+447400123456")),
        Late::begin(&served, &eve, "/numguard.v1.KeyService/CreateKey", &key.encode_to_vec()),
    ];
    revoke(&served, &ops, &eve);
    late.into_iter().for_each(Late::end);
    assert!(!is_listed(&served, &ops, "+447400123456"));
    let keys = with(&served, &ops, &["key", "list"]);
    assert!(keys.stdout.contains("ops") && !keys.stdout.contains("backdoor"), "{keys:?}");
}

#[test]
fn a_stream_that_is_not_read_ends_with_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, eve) = (first_key(folder.path(), "ops", "admin"), first_key(folder.path(), "eve", "check"));
    let served = serve(folder.path(), KEYS);
    let mut stream = connect(&served);
    let mut block = headers("/numguard.v1.CheckService/StreamCheckNumbers");
    block.extend(literal("authorization", &format!("Bearer {eve}")));
    let number = pb::StreamCheckNumbersRequest { request: Some(number()) }.encode_to_vec();
    let length = u32::try_from(number.len()).unwrap().to_be_bytes();
    let message = [&[0][..], &length, &number].concat();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0: nothing of the answer may be sent.
    let window = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let call = [frame(1, 0x4, 1, &block), frame(0, 0, 1, &message)].concat();
    stream.write_all(&[&PREFACE[..24], &window, &call].concat()).unwrap();
    while read_frame(&mut stream).expect("the connection goes on") != 1 {}
    revoke(&served, &ops, &eve);
    let began = Instant::now();
    while read_frame(&mut stream).is_some() {}
    assert!(began.elapsed() < PATIENCE, "it ended for another reason: pings that are not answered");
}

#[test]
fn a_stream_ends_when_its_key_expires() {
    let folder = tempfile::tempdir().unwrap();
    let admin = first_key(folder.path(), "ops", "admin");
    let served = serve(folder.path(), KEYS);
    let expires = UnixTime(numguard::clock::now().0 + 15).to_string();
    let create = ["key", "create", "--client", "shop", "--scopes", "check", "--expires", &expires];
    let made = with(&served, &admin, &create);
    assert_eq!(made.code, Some(0), "{made:?}");
    let caller = Caller::at(&served.url, made.stdout.trim());
    let mut checks = Checks::open(&caller);
    assert_ended(checks.end(&caller), "expired at");
}

#[test]
fn streams_of_other_keys_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (ops, eve) = (first_key(folder.path(), "ops", "admin"), first_key(folder.path(), "eve", "check"));
    let served = serve(folder.path(), KEYS);
    let (caller, other) = (Caller::at(&served.url, &ops), Caller::at(&served.url, &eve));
    let (mut checks, mut ending) = (Checks::open(&caller), Checks::open(&other));
    let import = Import::open(&caller, "+447400123456");
    revoke(&served, &ops, &eve);
    assert_ended(ending.end(&other), "was revoked at");
    assert_eq!(checks.ask(&caller).map_err(|e| e.to_string()), Ok(()));
    assert_eq!(import.finish(&caller).map_err(|e| e.to_string()), Ok(1));
    assert!(is_listed(&served, &ops, "+447400123456"));
}
