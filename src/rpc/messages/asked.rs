//! Operators' requests as `operate::once` takes them: who asks, by which id, and a digest of the content.
//! No rules.

use prost::Message;

use crate::operate::audit::Asked;
use crate::operate::once::{Digest, Form, Repeatable, once};
use crate::operate::{OperateError, Pipeline, asked};

use super::super::pb;

/// The kind of requests that come as streams. It is part of digests that the store keeps, so it stays.
const STREAMED: &str = "numguard::rpc::once::Streamed";

/// A change by an operator: who asks, and by which request.
pub(crate) trait Write: Message + Clone {
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
struct Streamed {
    #[prost(bytes = "vec", tag = "1")]
    told: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    rest: Vec<u8>,
}

/// The digest of a request that came as one message.
pub(crate) fn digest<Q: Message>(request: &Q) -> Digest {
    Digest::of(std::any::type_name::<Q>(), &request.encode_to_vec())
}

/// The same of one that came as a stream.
pub(crate) fn streamed(head: &impl Message, rest: &blake3::Hasher) -> Digest {
    let streamed = Streamed { told: head.encode_to_vec(), rest: rest.finalize().as_bytes().to_vec() };
    Digest::of(STREAMED, &streamed.encode_to_vec())
}

/// An answer that is remembered as it is.
pub(crate) fn whole<A: Message + Default>() -> Form<A> {
    Form { write: A::encode_to_vec, read }
}

/// Reads what was remembered of an answer.
pub(crate) fn read<A: Message + Default>(bytes: &[u8]) -> Result<A, String> {
    A::decode(bytes).map_err(|error| error.to_string())
}

/// Does the `work` of a change once for `client`, and hands it who asked.
pub(crate) async fn written<Q: Write, A: Send + 'static, W>(
    pipeline: &Pipeline,
    client: String,
    request: Q,
    form: Form<A>,
    work: impl FnOnce(Q, Asked) -> W,
) -> Result<A, OperateError>
where
    W: Future<Output = Result<A, OperateError>> + Send + 'static,
{
    let asked = asked(request.author(), request.request_id(), client)?;
    let (client, id) = (asked.client.clone(), asked.request_id.clone());
    let repeatable = Repeatable { client, id, digest: digest(&request) };
    once(pipeline.store(), repeatable, form, work(request, asked)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_stay_as_they_are_because_the_store_keeps_them_for_a_day() {
        let request = pb::PauseFeedRequest { feed: "castle".to_owned(), ..Default::default() };
        let kind = "numguard::rpc::pb::PauseFeedRequest";
        assert_eq!(digest(&request), Digest::of(kind, &request.encode_to_vec()));
        let mut rest = blake3::Hasher::new();
        rest.update(b"rows");
        let finish = pb::ImportFinish { listings: 1, ..Default::default() };
        let mut content = vec![10, 2];
        content.extend(finish.encode_to_vec());
        content.extend([18, 32]);
        content.extend(rest.finalize().as_bytes());
        assert_eq!(streamed(&finish, &rest), Digest::of("numguard::rpc::once::Streamed", &content));
    }
}
