//! Requests with an id are done once: repeated, they answer as the first time and change nothing.
//!
//! What was answered is kept in notes of the store, so that it holds across servers and restarts:
//! 256 notes, each with up to 16 requests of the last day. A request that fails is forgotten, and one of
//! which nothing was heard for a minute, because its server was killed, may be done again. Each client has
//! ids of its own.
//! Must not hold rules of any request: it knows bytes alone.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::core::listing::UnixTime;
use crate::operate::audit::Asked;
use crate::store::Store;

use super::status::{invalid, of_store};
use super::wire::gate::client_name;
use super::{now, pb, recorded};

/// Longest id, in bytes.
const LONGEST_ID: usize = 64;

/// Requests that one note holds, and how long (seconds) they are remembered.
const PER_NOTE: usize = 16;
const REMEMBERED: u32 = 86_400;

/// A request that was heard of so long ago (seconds) and has no answer has lost its server.
const GIVEN_UP: u32 = 60;

/// How often one that takes long, such as a run of a feed, lets itself be heard of.
const HEARD_OF: Duration = Duration::from_secs(20);

/// An answer that is larger (bytes) is not kept.
const LARGEST_ANSWER: usize = 64 << 10;

/// How often a note is written anew because another server was faster.
const ATTEMPTS: usize = 20;

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct Remembered {
    #[prost(message, repeated, tag = "1")]
    requests: Vec<Known>,
}

/// One request.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct Known {
    /// Whose it is, a space, and the id that its client gave it.
    #[prost(string, tag = "1")]
    id: String,
    /// Of its kind and content.
    #[prost(bytes = "vec", tag = "2")]
    digest: Vec<u8>,
    #[prost(uint32, tag = "3")]
    heard_of_at: u32,
    #[prost(bytes = "vec", optional, tag = "4")]
    answer: Option<Vec<u8>>,
}

/// A change by an operator: who asks, and by which request.
pub(super) trait Write: Message + Clone {
    /// The operator's own word for who it is.
    fn author(&self) -> &str;
    /// The caller's id of the request; empty if it gave none.
    fn request_id(&self) -> &str;
}

macro_rules! writes {
    ($($message:ident),* $(,)?) => {$(
        impl Write for pb::$message {
            fn author(&self) -> &str {
                &self.author
            }
            fn request_id(&self) -> &str {
                &self.request_id
            }
        }
    )*};
}

writes!(
    DeleteListingsRequest,
    UndoChangeRequest,
    AcceptShrinkRequest,
    RunFeedRequest,
    PauseFeedRequest,
    ResumeFeedRequest,
    ReleaseRunRequest,
    RejectRunRequest,
    RollbackFeedRequest,
    AllocationHead,
    DeleteAllocationRequest,
    UndoOutcomesRequest,
    DecideReviewRequest,
    CreateKeyRequest,
    RotateKeyRequest,
    RevokeKeyRequest,
);

/// A request that came as a stream: what it said of itself, and the hash of the rest.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct Streamed {
    #[prost(bytes = "vec", tag = "1")]
    told: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    rest: Vec<u8>,
}

impl Streamed {
    pub(super) fn of(told: &impl Message, rest: &blake3::Hasher) -> Self {
        Self { told: told.encode_to_vec(), rest: rest.finalize().as_bytes().to_vec() }
    }
}

/// Does the `work` of a change once; it is told who asked.
pub(super) async fn written<Q: Write, A: Message + Clone + Default + 'static, W>(
    store: &Arc<dyn Store>,
    request: Request<Q>,
    work: impl FnOnce(Q, Asked) -> W,
) -> Result<Response<A>, Status>
where
    W: Future<Output = Result<A, Status>> + Send + 'static,
{
    written_without(store, request, A::clone, work).await
}

/// The same, of whose answer only what `kept` leaves is remembered, and answered when it is repeated.
pub(super) async fn written_without<Q: Write, A: Message + Default + 'static, W>(
    store: &Arc<dyn Store>,
    request: Request<Q>,
    kept: fn(&A) -> A,
    work: impl FnOnce(Q, Asked) -> W,
) -> Result<Response<A>, Status>
where
    W: Future<Output = Result<A, Status>> + Send + 'static,
{
    let client = client_name(&request);
    let request = request.into_inner();
    let asked = recorded::asked(request.author(), request.request_id(), client)?;
    let work = work(request.clone(), asked.clone());
    once_without(store, (&asked.client, &asked.request_id), &request, kept, work).await.map(Response::new)
}

/// Does `work`, unless this client's request with this id was done. An empty id is no id.
pub(super) async fn once<Q: Message, A: Message + Clone + Default + 'static>(
    store: &Arc<dyn Store>,
    asked: (&str, &str),
    request: &Q,
    work: impl Future<Output = Result<A, Status>> + Send + 'static,
) -> Result<A, Status> {
    once_without(store, asked, request, A::clone, work).await
}

async fn once_without<Q: Message, A: Message + Default + 'static>(
    store: &Arc<dyn Store>,
    (client, id): (&str, &str),
    request: &Q,
    kept: fn(&A) -> A,
    work: impl Future<Output = Result<A, Status>> + Send + 'static,
) -> Result<A, Status> {
    if id.is_empty() {
        return work.await;
    }
    if id.len() > LONGEST_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("request_id", format!("expected at most {LONGEST_ID} visible ASCII characters")));
    }
    let note = Note::of(Arc::clone(store), format!("{client} {id}"), digest(request));
    // A task of its own: a caller who goes away comes back with the same id.
    let task = tokio::spawn(async move {
        if let Some(answer) = note.change(|requests| begin(requests, &note.known, now())).await? {
            return A::decode(answer.as_slice())
                .map_err(|error| Status::internal(format!("the first answer does not read: {error}")));
        }
        let mut work = pin!(work);
        let done = loop {
            match tokio::time::timeout(HEARD_OF, work.as_mut()).await {
                Ok(done) => break done,
                Err(_) => note.heard_of().await,
            }
        };
        let answer = done.as_ref().ok().map(|answer| kept(answer).encode_to_vec());
        let answer = answer.filter(|answer| answer.len() <= LARGEST_ANSWER);
        let ended = note.change(|requests| {
            end(requests, &note.known.id, answer.clone());
            Ok(())
        });
        if let Err(error) = ended.await {
            tracing::warn!(%error, "an answer is not remembered: the same request may be done again");
        }
        done
    });
    task.await.unwrap_or_else(|error| Err(Status::internal(format!("the request ended early: {error}"))))
}

/// The same for the same request of the same kind.
fn digest<Q: Message>(request: &Q) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(std::any::type_name::<Q>().as_bytes()).update(&request.encode_to_vec());
    hasher.finalize().as_bytes()[..16].to_vec()
}

/// Where a request is remembered.
struct Note {
    store: Arc<dyn Store>,
    name: String,
    known: Known,
}

impl Note {
    fn of(store: Arc<dyn Store>, id: String, digest: Vec<u8>) -> Self {
        let name = format!("request:{:02x}", blake3::hash(id.as_bytes()).as_bytes()[0]);
        Self { store, name, known: Known { id, digest, heard_of_at: 0, answer: None } }
    }

    /// Tells other servers that the request is still being done.
    async fn heard_of(&self) {
        let told = self.change(|requests| {
            still_done(requests, &self.known.id, now());
            Ok(())
        });
        if let Err(error) = told.await {
            tracing::debug!(%error, "it cannot be noted that a request is still being done");
        }
    }

    /// Reads the note, changes it, and writes it unless another server has changed it meanwhile.
    async fn change<T>(&self, change: impl Fn(&mut Vec<Known>) -> Result<T, Status>) -> Result<T, Status> {
        for _ in 0..ATTEMPTS {
            let notes = self.store.notes(&self.name).await.map_err(|error| of_store(&error))?;
            let found = notes.into_iter().find(|(name, _)| *name == self.name).map(|(_, note)| note);
            let (revision, bytes) = found.map_or((0, Vec::new()), |note| (note.revision, note.bytes));
            // What cannot be read is of no use to anybody.
            let mut remembered = Remembered::decode(bytes.as_slice()).unwrap_or_default();
            let done = change(&mut remembered.requests)?;
            let bytes = remembered.encode_to_vec();
            let put = self.store.put_note(&self.name, revision, Some(bytes), None).await;
            if put.map_err(|error| of_store(&error))? {
                return Ok(done);
            }
        }
        Err(Status::aborted("other requests with an id are being written all the time: try again"))
    }
}

/// Notes that a request is begun; answers what was answered to it before.
fn begin(requests: &mut Vec<Known>, wanted: &Known, now: UnixTime) -> Result<Option<Vec<u8>>, Status> {
    let age = |known: &Known| now.0.saturating_sub(known.heard_of_at);
    requests.retain(|known| age(known) < REMEMBERED);
    if let Some(known) = requests.iter_mut().find(|known| known.id == wanted.id) {
        if known.digest != wanted.digest {
            return Err(invalid("request_id", "was given to another request: give each its own"));
        }
        if known.answer.is_some() {
            return Ok(known.answer.clone());
        }
        if age(known) < GIVEN_UP {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
            let message = "the first request with this id is still being done: try again";
            return Err(Status::with_error_details(Code::Aborted, message, details));
        }
        known.heard_of_at = now.0;
        return Ok(None);
    }
    if requests.len() >= PER_NOTE {
        requests.remove(0);
    }
    requests.push(Known { heard_of_at: now.0, ..wanted.clone() });
    Ok(None)
}

/// Notes that a request is still being done.
fn still_done(requests: &mut [Known], id: &str, now: UnixTime) {
    if let Some(known) = requests.iter_mut().find(|known| known.id == id) {
        known.heard_of_at = now.0;
    }
}

/// Notes the answer; a request that has none is forgotten.
fn end(requests: &mut Vec<Known>, id: &str, answer: Option<Vec<u8>>) {
    match (requests.iter_mut().find(|known| known.id == id), answer) {
        (Some(known), Some(answer)) => known.answer = Some(answer),
        _ => requests.retain(|known| known.id != id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Embedded, EmbeddedOptions};

    fn known(id: usize) -> Known {
        Known { id: id.to_string(), digest: vec![1], heard_of_at: 0, answer: None }
    }

    #[test]
    fn a_request_is_begun_once_and_answers_as_the_first_time() {
        let mut requests = Vec::new();
        let ask = |requests: &mut Vec<Known>, at| begin(requests, &known(1), UnixTime(at));
        assert_eq!(ask(&mut requests, 100).ok(), Some(None));
        let other = begin(&mut requests, &Known { digest: vec![2], ..known(1) }, UnixTime(101));
        assert_eq!(other.map_err(|status| status.code()), Err(Code::InvalidArgument));
        let doing = ask(&mut requests, 159);
        assert_eq!(doing.map_err(|status| status.code()), Err(Code::Aborted), "its server may be at it");
        still_done(&mut requests, "1", UnixTime(150));
        let doing = ask(&mut requests, 209);
        assert_eq!(doing.map_err(|status| status.code()), Err(Code::Aborted), "it takes long");
        assert_eq!(ask(&mut requests, 210).ok(), Some(None), "its server was killed");
        end(&mut requests, "1", Some(vec![7]));
        assert_eq!(ask(&mut requests, 211).ok(), Some(Some(vec![7])));
        assert_eq!(ask(&mut requests, 210 + REMEMBERED).ok(), Some(None), "a day later it is a new one");
        end(&mut requests, "1", None);
        assert!(requests.is_empty(), "what failed is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_heard_of_and_its_answer_remembered() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let options = EmbeddedOptions { data_dir: folder.path().to_owned(), cache_bytes: 1 << 20 };
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&options).unwrap_or_else(|e| panic!("{e}")));
        let request = pb::PauseFeedRequest { feed: "castle".to_owned(), ..Default::default() };
        let ask = |took| {
            let work = async move {
                tokio::time::sleep(Duration::from_secs(took)).await;
                Ok(pb::PauseFeedResponse {})
            };
            once(&store, ("ops", "r-1"), &request, work)
        };
        for took in [50, 3_600] {
            assert!(ask(took).await.is_ok());
            let notes = store.notes("request:").await.unwrap_or_else(|e| panic!("{e}"));
            let revisions: Vec<u64> = notes.iter().map(|(_, note)| note.revision).collect();
            // Begun, twice heard of, and ended; asked again it is only looked up.
            assert_eq!(revisions, [if took == 50 { 4 } else { 5 }]);
        }
    }

    #[test]
    fn no_more_are_remembered_than_have_room() {
        let mut requests = Vec::new();
        for id in 0..100 {
            assert!(begin(&mut requests, &known(id), UnixTime(5)).is_ok());
        }
        let ids: Vec<&str> = requests.iter().map(|known| known.id.as_str()).collect();
        assert_eq!((ids.len(), ids.first(), ids.last()), (PER_NOTE, Some(&"84"), Some(&"99")));
    }
}
