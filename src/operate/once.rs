//! Requests with an id are done once: repeated, they answer as the first time and change nothing.
//!
//! What was answered is kept in notes of the store, so that it holds across servers and restarts:
//! 256 notes, each with up to 16 requests of the last day. A failed request is forgotten. One whose server has not
//! reported for a minute may be done again. Each client has ids of its own.
//! Must not hold rules of any request: it knows bytes alone. Its own note is written as protobuf, which
//! servers of an older version read too.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;

use crate::clock::now;
use crate::core::listing::UnixTime;
use crate::log_limiter::LogLimiter;
use crate::store::Store;
use crate::store::notes::{self, NoteEdit, UpdateError};

use super::OperateError;
use super::pipeline::to_its_end;

/// Longest id, in bytes.
const LONGEST_ID: usize = 64;

/// Requests that one note holds, and how long (seconds) they are remembered.
const PER_NOTE: usize = 16;
const REMEMBERED: u32 = 86_400;

/// An unanswered request that was not reported on for so many seconds has lost its server.
const GIVEN_UP: u32 = 60;

/// How often the server of a long request, such as a run of a feed, reports that it still works on it.
const HEARD_OF: Duration = Duration::from_secs(20);

/// An answer that is larger (bytes) is not kept.
const LARGEST_ANSWER: usize = 64 << 10;

/// How often a note is written again because another server was faster.
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

/// A request with an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeatable {
    /// Whose it is: the name of the key that was shown.
    pub client: String,
    /// The id that its client gave it; empty if it gave none.
    pub id: String,
    /// Differs for any other request.
    pub digest: Digest,
}

/// The same for requests of the same kind and content alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(Vec<u8>);

impl Digest {
    /// Of a request of this `kind`. Notes outlive an update, so kinds and content must stay as they are.
    pub fn of(kind: &str, content: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(kind.as_bytes()).update(content);
        Self(hasher.finalize().as_bytes()[..16].to_vec())
    }
}

/// How an answer is remembered. A repeated request does not get what `write` leaves out.
pub struct Form<A> {
    /// As bytes.
    pub write: fn(&A) -> Vec<u8>,
    /// From these bytes, or why not.
    pub read: fn(&[u8]) -> Result<A, String>,
}

/// Does `work`, unless this client's request with this id was done. An empty id is no id.
pub async fn once<A: Send + 'static>(
    store: &Arc<dyn Store>,
    request: Repeatable,
    form: Form<A>,
    work: impl Future<Output = Result<A, OperateError>> + Send + 'static,
) -> Result<A, OperateError> {
    let Repeatable { client, id, digest } = request;
    if id.is_empty() {
        return work.await;
    }
    if id.len() > LONGEST_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        let expected = format!("expected at most {LONGEST_ID} visible ASCII characters");
        return Err(OperateError::invalid("request_id", expected));
    }
    let note = Note::of(Arc::clone(store), format!("{client} {id}"), digest.0);
    // Boxed, so that the steps around it stay small.
    let mut work = Box::pin(work);
    // A caller who goes away comes back with the same id.
    to_its_end("the request", async move {
        if let Some(answer) = note.change(|requests| begin(requests, &note.known, now())).await? {
            return (form.read)(&answer).map_err(OperateError::Unreadable);
        }
        let done = loop {
            match tokio::time::timeout(HEARD_OF, work.as_mut()).await {
                Ok(done) => break done,
                Err(_) => note.heard_of().await,
            }
        };
        let answer = done.as_ref().ok().map(form.write);
        let answer = answer.filter(|answer| answer.len() <= LARGEST_ANSWER);
        let ended = note.change(|requests| {
            end(requests, &note.known.id, answer.clone());
            Ok(())
        });
        if let Err(error) = ended.await {
            tracing::warn!(%error, "an answer is not remembered: the same request may be done again");
        }
        done
    })
    .await
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

    /// Lets other servers know that the request is still being done.
    async fn heard_of(&self) {
        let noted = self.change(|requests| {
            still_done(requests, &self.known.id, now());
            Ok(())
        });
        if let Err(error) = noted.await {
            static AWAY: LogLimiter = LogLimiter::once(Duration::from_secs(10));
            AWAY.log(|left_out| {
                tracing::error!(%error, untold = left_out, "it cannot be noted that a request is still being done");
            });
        }
    }

    /// Reads the note, changes it, and writes it unless another server has changed it meanwhile.
    async fn change<T>(
        &self,
        change: impl Fn(&mut Vec<Known>) -> Result<T, OperateError>,
    ) -> Result<T, OperateError> {
        let changed = notes::update(self.store.as_ref(), &self.name, None, ATTEMPTS, |known| {
            // What cannot be read is of no use to anybody.
            let mut remembered = Remembered::decode(known.unwrap_or_default()).unwrap_or_default();
            let done = change(&mut remembered.requests)?;
            Ok(NoteEdit::Write(remembered.encode_to_vec(), done))
        });
        changed.await.map_err(|error| match error {
            UpdateError::Conflict => OperateError::Crowded,
            UpdateError::Store(error) => error.into(),
            UpdateError::Refused(error) => error,
        })
    }
}

/// Notes that a request is begun; answers what was answered to it before.
fn begin(requests: &mut Vec<Known>, wanted: &Known, now: UnixTime) -> Result<Option<Vec<u8>>, OperateError> {
    let age = |known: &Known| now.0.saturating_sub(known.heard_of_at);
    requests.retain(|known| age(known) < REMEMBERED);
    if let Some(known) = requests.iter_mut().find(|known| known.id == wanted.id) {
        if known.digest != wanted.digest {
            return Err(OperateError::Reused);
        }
        if known.answer.is_some() {
            return Ok(known.answer.clone());
        }
        if age(known) < GIVEN_UP {
            return Err(OperateError::InWork);
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
        assert!(matches!(other, Err(OperateError::Reused)), "{other:?}");
        let doing = ask(&mut requests, 159);
        assert!(matches!(doing, Err(OperateError::InWork)), "its server may be at it: {doing:?}");
        still_done(&mut requests, "1", UnixTime(150));
        let doing = ask(&mut requests, 209);
        assert!(matches!(doing, Err(OperateError::InWork)), "it takes long: {doing:?}");
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
        let (client, id) = ("ops".to_owned(), "r-1".to_owned());
        let request = Repeatable { client, id, digest: Digest::of("pause feed", b"castle") };
        let ask = |took: u64| {
            let work = async move {
                tokio::time::sleep(Duration::from_secs(took)).await;
                Ok(took.to_le_bytes().to_vec())
            };
            let form = Form { write: Vec::clone, read: |bytes| Ok(bytes.to_vec()) };
            once(&store, request.clone(), form, work)
        };
        for took in [50, 3_600] {
            let answer = ask(took).await.unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(answer, 50u64.to_le_bytes(), "the first answer");
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
