//! The gRPC client of the verbs: connects, and turns statuses into one line.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio_stream::Stream;
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::rpc::pb::admin_service_client::AdminServiceClient;
use crate::rpc::pb::check_service_client::CheckServiceClient;
use crate::rpc::pb::feed_service_client::FeedServiceClient;
use crate::rpc::pb::key_service_client::KeyServiceClient;
use crate::rpc::pb::outcome_service_client::OutcomeServiceClient;
use crate::rpc::pb::owner_service_client::OwnerServiceClient;
use crate::rpc::pb::{self, ImportListingsRequest};

use super::asked::AskedFlags;
use super::channel::{self, Connection, Wire};

/// Largest answer that is taken: a batch of 10,000 with evidence.
const LARGEST_ANSWER: usize = 64 << 20;

/// How long a run of a feed may take, and what else writes as much; its pace is slow on purpose.
const LONGEST_RUN: Duration = Duration::from_secs(3_600);

/// A connected client.
#[derive(Clone)]
pub(crate) struct Client {
    wire: Wire,
    timeout: Duration,
}

pub(crate) fn failed(status: Status) -> anyhow::Error {
    let hint = match status.code() {
        tonic::Code::Unimplemented if status.message().is_empty() => {
            " (is it numguard, and of this version?)"
        }
        _ => "",
    };
    if let Some(cause) = std::error::Error::source(&status) {
        if cause.is::<tonic::TimeoutExpired>() {
            return anyhow!("the service did not answer in time: --timeout SECONDS waits longer");
        }
        return channel::broken_off(cause).unwrap_or_else(|| {
            let said = status.message();
            anyhow!(
                "the service did not answer to the end: is it still running, is this its URL, and does it take our \
                 certificate (--cert FILE)? ({said})"
            )
        });
    }
    anyhow!("the service answered {:?}: {}{hint}", status.code(), status.message())
}

impl Client {
    pub(crate) async fn connect(server: &Connection) -> Result<Self> {
        Ok(Self { wire: server.connect().await?, timeout: Duration::from_secs(server.timeout) })
    }

    fn checks(&self) -> CheckServiceClient<Wire> {
        CheckServiceClient::new(self.wire.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    fn admin(&self) -> AdminServiceClient<Wire> {
        AdminServiceClient::new(self.wire.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    fn feeds(&self) -> FeedServiceClient<Wire> {
        FeedServiceClient::new(self.wire.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    fn keys(&self) -> KeyServiceClient<Wire> {
        KeyServiceClient::new(self.wire.clone())
    }

    fn outcome_service(&self) -> OutcomeServiceClient<Wire> {
        OutcomeServiceClient::new(self.wire.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// A request that takes as long as it takes, within reason.
    fn long<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout.max(LONGEST_RUN));
        request
    }

    /// A request that is given up after `--timeout`.
    fn timed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    pub(crate) async fn check(
        &self,
        requests: Vec<pb::CheckNumberRequest>,
    ) -> Result<Vec<pb::CheckNumberResponse>> {
        let asked = requests.len();
        let answer =
            self.checks().batch_check_numbers(self.timed(pb::BatchCheckNumbersRequest { requests })).await;
        let responses = answer.map_err(failed)?.into_inner().responses;
        if responses.len() != asked {
            bail!("the service answered {} of {asked} numbers", responses.len());
        }
        Ok(responses)
    }

    pub(crate) async fn explain(&self, request: pb::CheckNumberRequest) -> Result<pb::ExplainNumberResponse> {
        let request = pb::ExplainNumberRequest { request: Some(request) };
        Ok(self.checks().explain_number(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn put(
        &self,
        subject: String,
        decision: pb::Decision,
        request_id: String,
    ) -> Result<pb::PutListingResponse> {
        let request = pb::PutListingRequest { subject, decision: Some(decision), request_id };
        Ok(self.admin().put_listing(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    /// The listing, or `None` if the subject is not listed.
    pub(crate) async fn get(&self, subject: String) -> Result<Option<pb::Listing>> {
        match self.admin().get_listing(self.timed(pb::GetListingRequest { subject })).await {
            Ok(answer) => Ok(answer.into_inner().listing),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(status) => Err(failed(status)),
        }
    }

    pub(crate) async fn list(&self, request: pb::ListListingsRequest) -> Result<pb::ListListingsResponse> {
        Ok(self.admin().list_listings(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    /// Deletes listings, or the decisions on them only; answers how many.
    pub(crate) async fn delete(
        &self,
        subjects: Vec<String>,
        decisions_only: bool,
        asked: &AskedFlags,
    ) -> Result<u32> {
        let (author, request_id) = asked.by();
        let request = pb::DeleteListingsRequest { subjects, decisions_only, author, request_id };
        let answer = self.admin().delete_listings(self.timed(request)).await;
        Ok(answer.map_err(failed)?.into_inner().deleted)
    }

    pub(crate) async fn undo(&self, request: pb::UndoChangeRequest) -> Result<pb::UndoChangeResponse> {
        Ok(self.admin().undo_change(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn import(
        &self,
        parts: impl Stream<Item = ImportListingsRequest> + Send + 'static,
    ) -> Result<pb::ImportListingsResponse> {
        Ok(self.admin().import_listings(parts).await.map_err(failed)?.into_inner())
    }

    /// Hands over the listings of an export, part by part.
    pub(crate) async fn export(
        &self,
        filter: pb::ListingFilter,
        mut each: impl FnMut(Vec<pb::Listing>) -> Result<()>,
    ) -> Result<()> {
        let request = pb::ExportListingsRequest { filter: Some(filter) };
        let mut parts = self.admin().export_listings(request).await.map_err(failed)?.into_inner();
        while let Some(part) = parts.message().await.map_err(failed)? {
            each(part.listings)?;
        }
        Ok(())
    }

    pub(crate) async fn stats(&self) -> Result<pb::GetStatsResponse> {
        Ok(self.admin().get_stats(self.timed(pb::GetStatsRequest {})).await.map_err(failed)?.into_inner())
    }

    /// Accepts that listings were lost; answers the load that the server holds back.
    pub(crate) async fn accept_shrink(&self, asked: &AskedFlags) -> Result<Option<pb::HeldLoad>> {
        let (author, request_id) = asked.by();
        let request = self.timed(pb::AcceptShrinkRequest { author, request_id });
        let answer = self.admin().accept_shrink(request).await;
        Ok(answer.map_err(failed)?.into_inner().held)
    }

    pub(crate) async fn policies(&self) -> Result<Vec<pb::PolicyInfo>> {
        let answer = self.admin().get_policies(self.timed(pb::GetPoliciesRequest {})).await;
        Ok(answer.map_err(failed)?.into_inner().policies)
    }

    pub(crate) async fn feed_status(&self) -> Result<pb::ListFeedsResponse> {
        let answer = self.feeds().list_feeds(self.timed(pb::ListFeedsRequest {})).await;
        Ok(answer.map_err(failed)?.into_inner())
    }

    pub(crate) async fn run_feed(
        &self,
        feed: String,
        dry_run: bool,
        asked: &AskedFlags,
    ) -> Result<pb::RunFeedResponse> {
        let (author, request_id) = asked.by_unless(dry_run);
        let request = pb::RunFeedRequest { feed, dry_run, author, request_id };
        Ok(self.feeds().run_feed(self.long(request)).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn pause_feed(&self, feed: String, asked: &AskedFlags) -> Result<()> {
        let (author, request_id) = asked.by();
        let request = self.timed(pb::PauseFeedRequest { feed, author, request_id });
        self.feeds().pause_feed(request).await.map(|_| ()).map_err(failed)
    }

    pub(crate) async fn resume_feed(&self, feed: String, asked: &AskedFlags) -> Result<()> {
        let (author, request_id) = asked.by();
        let request = self.timed(pb::ResumeFeedRequest { feed, author, request_id });
        self.feeds().resume_feed(request).await.map(|_| ()).map_err(failed)
    }

    pub(crate) async fn quarantine(&self) -> Result<Vec<pb::QuarantinedRun>> {
        let answer = self.feeds().list_quarantine(self.timed(pb::ListQuarantineRequest {})).await;
        Ok(answer.map_err(failed)?.into_inner().runs)
    }

    pub(crate) async fn release_run(
        &self,
        feed: String,
        run: u64,
        asked: &AskedFlags,
    ) -> Result<pb::ReleaseRunResponse> {
        let (author, request_id) = asked.by();
        let request = self.long(pb::ReleaseRunRequest { feed, run, author, request_id });
        Ok(self.feeds().release_run(request).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn reject_run(&self, feed: String, run: u64, asked: &AskedFlags) -> Result<()> {
        let (author, request_id) = asked.by();
        let request = self.timed(pb::RejectRunRequest { feed, run, author, request_id });
        self.feeds().reject_run(request).await.map(|_| ()).map_err(failed)
    }

    /// Takes back what a feed said after a run; answers how many subjects changed.
    pub(crate) async fn rollback_feed(&self, feed: String, to_run: u64, asked: &AskedFlags) -> Result<u64> {
        let (author, request_id) = asked.by();
        let request = self.long(pb::RollbackFeedRequest { feed, to_run, author, request_id });
        Ok(self.feeds().rollback_feed(request).await.map_err(failed)?.into_inner().subjects)
    }

    pub(crate) async fn ask_listing(&self, request: pb::AskListingRequest) -> Result<pb::AskListingResponse> {
        let mut owners = OwnerServiceClient::new(self.wire.clone());
        Ok(owners.ask_listing(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn overlap(&self) -> Result<pb::GetOverlapResponse> {
        let request = self.long(pb::GetOverlapRequest {});
        Ok(self.feeds().get_overlap(request).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn create_key(&self, request: pb::CreateKeyRequest) -> Result<pb::CreateKeyResponse> {
        Ok(self.keys().create_key(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn list_keys(&self, request: pb::ListKeysRequest) -> Result<Vec<pb::Key>> {
        Ok(self.keys().list_keys(self.timed(request)).await.map_err(failed)?.into_inner().keys)
    }

    pub(crate) async fn rotate_key(&self, request: pb::RotateKeyRequest) -> Result<pb::RotateKeyResponse> {
        Ok(self.keys().rotate_key(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn revoke_key(&self, request: pb::RevokeKeyRequest) -> Result<pb::RevokeKeyResponse> {
        Ok(self.keys().revoke_key(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    /// Sends a regulator's file, part by part.
    pub(crate) async fn import_allocation(
        &self,
        parts: Vec<pb::ImportAllocationRequest>,
    ) -> Result<pb::ImportAllocationResponse> {
        let request = self.long(tokio_stream::iter(parts));
        Ok(self.feeds().import_allocation(request).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn allocations(&self) -> Result<Vec<pb::Allocation>> {
        let answer = self.feeds().list_allocations(self.timed(pb::ListAllocationsRequest {})).await;
        Ok(answer.map_err(failed)?.into_inner().allocations)
    }

    pub(crate) async fn delete_allocation(&self, feed: String, asked: &AskedFlags) -> Result<()> {
        let (author, request_id) = asked.by();
        let request = self.timed(pb::DeleteAllocationRequest { feed, author, request_id });
        self.feeds().delete_allocation(request).await.map(|_| ()).map_err(failed)
    }

    pub(crate) async fn outcomes(
        &self,
        request: pb::ListOutcomesRequest,
    ) -> Result<pb::ListOutcomesResponse> {
        Ok(self.outcome_service().list_outcomes(self.timed(request)).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn undo_outcomes(
        &self,
        request: pb::UndoOutcomesRequest,
    ) -> Result<pb::UndoOutcomesResponse> {
        Ok(self.outcome_service().undo_outcomes(self.long(request)).await.map_err(failed)?.into_inner())
    }

    pub(crate) async fn reviews(&self) -> Result<Vec<pb::Review>> {
        let answer = self.outcome_service().list_reviews(self.timed(pb::ListReviewsRequest {})).await;
        Ok(answer.map_err(failed)?.into_inner().reviews)
    }

    /// Closes a review; answers the revision from which on an allow listing counts.
    pub(crate) async fn decide_review(&self, request: pb::DecideReviewRequest) -> Result<u64> {
        let answer = self.outcome_service().decide_review(self.timed(request)).await;
        Ok(answer.map_err(failed)?.into_inner().revision)
    }

    /// Whether the service says SERVING.
    pub(crate) async fn serving(&self, service: String) -> Result<bool> {
        let request = HealthCheckRequest { service };
        let answer = HealthClient::new(self.wire.clone()).check(self.timed(request)).await.map_err(failed)?;
        let status = ServingStatus::try_from(answer.into_inner().status).context("unknown health status")?;
        Ok(status == ServingStatus::Serving)
    }
}
