//! Streams of a key that ends: they end too, and nothing of theirs is stored.

use std::time::Instant;

use numguard::listing::UnixTime;
use numguard::rpc::pb;
use pb::admin_service_client::AdminServiceClient;
use pb::feed_service_client::FeedServiceClient;
use pb::import_listings_request::Part;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Response, Status};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use crate::asked::{Caller, Checks, PATIENCE, ends};
use crate::connections::log;
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

#[test]
fn a_stream_ends_when_its_key_expires() {
    let folder = tempfile::tempdir().unwrap();
    let admin = first_key(folder.path(), "ops", "admin");
    let served = serve(folder.path(), KEYS);
    let expires = UnixTime(numguard::rpc::now().0 + 15).to_string();
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
