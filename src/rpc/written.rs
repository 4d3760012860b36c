//! A change by an operator as a call: who calls is read from the key that was shown.

use prost::Message;
use tonic::{Request, Response, Status};

use crate::operate::audit::Asked;
use crate::operate::once::Form;
use crate::operate::{OperateError, Pipeline};

use super::messages::asked::{self, Write};
use super::wire::caller::client_name;

/// Does the `work` of a change once, and hands it who asked.
pub(super) async fn written<Q: Write, A: Message + Default + 'static, W>(
    pipeline: &Pipeline,
    request: Request<Q>,
    work: impl FnOnce(Q, Asked) -> W,
) -> Result<Response<A>, Status>
where
    W: Future<Output = Result<A, OperateError>> + Send + 'static,
{
    written_as(pipeline, request, asked::whole(), work).await
}

/// The same, of whose answer only what `form` writes is remembered.
pub(super) async fn written_as<Q: Write, A: Send + 'static, W>(
    pipeline: &Pipeline,
    request: Request<Q>,
    form: Form<A>,
    work: impl FnOnce(Q, Asked) -> W,
) -> Result<Response<A>, Status>
where
    W: Future<Output = Result<A, OperateError>> + Send + 'static,
{
    let client = client_name(&request);
    Ok(Response::new(asked::written(pipeline, client, request.into_inner(), form, work).await?))
}
