//! `CheckService`: the hot path over gRPC.
//!
//! One guard, one clock read and one `check()` per number. Must not touch the store, but to keep
//! reported outcomes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::access::{ANONYMOUS, Client};
use crate::burst::{ClientTag, Windows};
use crate::check::{Answer, check, with_bursts};
use crate::decisions::{Decision, DecisionLog};
use crate::index::{self, Published};
use crate::listing::UnixTime;
use crate::number::Region;
use crate::outcome::{OutcomeOptions, Outcomes};
use crate::policy::{self, InForce, Policies, Policy};
use crate::signal::Context;
use crate::store::{Outcome, Store};
use crate::sync::{Freshness, Progress};

use super::convert::Wrong;
use super::gate::charge;
use super::outcome_messages;
use super::pb;
use super::status::{invalid, not_loaded, of_store};
use super::{convert, metrics, now};

/// Most numbers or outcomes of one call.
const LARGEST_BATCH: usize = 10_000;

/// Numbers of a batch that are checked before other calls get a turn.
const TURN: usize = 256;

/// Serves checks from the published index.
#[derive(Clone)]
pub struct CheckRpc {
    published: Arc<Published>,
    policies: InForce,
    outcomes: Outcomes,
    /// Tells when checks see what outcomes changed.
    progress: Option<Progress>,
    freshness: Arc<Freshness>,
    ids: Arc<CheckIds>,
    /// If sign-ups are counted.
    windows: Option<Arc<Windows>>,
    /// If decisions are logged.
    decisions: Option<Arc<DecisionLog>>,
}

/// What a call is answered by.
struct By {
    index: index::Guard,
    policies: policy::Guard,
    now: UnixTime,
}

/// Check ids: eight hexadecimal digits for this process, then a count.
struct CheckIds {
    /// The process, and a hyphen.
    process: [u8; 9],
    next: AtomicU64,
}

impl CheckIds {
    fn next(&self) -> String {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = Vec::with_capacity(25);
        id.extend_from_slice(&self.process);
        if count >> 32 != 0 {
            id.extend_from_slice(&hex((count >> 32) as u32));
        }
        id.extend_from_slice(&hex(count as u32));
        String::from_utf8(id).unwrap_or_default()
    }
}

/// Formatting by `write!` would cost as much as the check itself.
fn hex(value: u32) -> [u8; 8] {
    std::array::from_fn(|at| b"0123456789abcdef"[(value >> (28 - 4 * at)) as usize & 0xf])
}

impl CheckRpc {
    /// Serves from `published`, judging by `policies`; outcomes go to `store`.
    pub fn new(
        published: Arc<Published>,
        policies: impl Into<InForce>,
        store: Arc<dyn Store>,
        freshness: Arc<Freshness>,
    ) -> Self {
        let policies = policies.into();
        let mut process = [b'-'; 9];
        process[..8].copy_from_slice(&hex(RandomState::new().build_hasher().finish() as u32));
        let ids = Arc::new(CheckIds { process, next: AtomicU64::new(1) });
        let options = OutcomeOptions::default();
        let outcomes = Outcomes::new(store, Arc::clone(&published), policies.clone(), options);
        Self { published, policies, outcomes, progress: None, freshness, ids, windows: None, decisions: None }
    }

    /// Hands outcomes to `outcomes`, and answers once checks see what they changed.
    pub fn reporting(mut self, outcomes: Outcomes, progress: Progress) -> Self {
        (self.outcomes, self.progress) = (outcomes, Some(progress));
        self
    }

    /// Logs decisions to `log`.
    pub fn logging(mut self, log: Option<Arc<DecisionLog>>) -> Self {
        self.decisions = log;
        self
    }

    /// Counts sign-ups in `windows`.
    pub fn counting(mut self, windows: Option<Arc<Windows>>) -> Self {
        self.windows = windows;
        self
    }

    /// Who asks, if that matters.
    fn client<T>(&self, request: &Request<T>) -> Option<ClientTag> {
        self.windows.as_ref().map(|_| ClientTag::of(caller(request)))
    }

    /// What is in force now.
    fn by(&self) -> By {
        By { index: self.published.load(), policies: self.policies.load(), now: now() }
    }

    fn answer(
        &self,
        by: &By,
        request: &pb::CheckNumberRequest,
        client: Option<ClientTag>,
    ) -> Result<pb::CheckNumberResponse, Wrong> {
        let (now, (region, context, policy)) = (by.now, asked(by, request)?);
        let mut answer = check(&by.index, policy, &request.number, region, &context, now);
        if let (Some(windows), Some(client)) = (&self.windows, client) {
            answer = counted(answer, policy, windows, client, request.dry_run, now);
        }
        metrics::checked(&answer.judgement);
        let response = self.response(by, &answer, policy);
        if let Some(log) = &self.decisions {
            let (correlation_id, name) =
                request.context.as_ref().map_or(("", ""), |told| (&told.correlation_id, &told.policy));
            let decision = Decision::of(&answer, policy, &response.check_id, now);
            log.note(decision.asked(correlation_id, name, request.dry_run));
        }
        Ok(response)
    }

    fn response(&self, by: &By, answer: &Answer<'_>, policy: &Policy) -> pb::CheckNumberResponse {
        let freshness = convert::freshness(self.freshness.of(&by.index, by.now));
        convert::answer(answer, self.ids.next(), &policy.version, freshness)
    }

    /// Whether there is an index. Without one there is no verdict: what then happens to the
    /// sign-up is the caller's policy.
    fn ready(&self) -> Result<(), Status> {
        if self.freshness.is_loaded() { Ok(()) } else { Err(not_loaded()) }
    }

    fn answer_some(
        &self,
        first: usize,
        requests: &[pb::CheckNumberRequest],
        client: Option<ClientTag>,
    ) -> Result<Vec<pb::CheckNumberResponse>, Status> {
        let by = self.by();
        let answers = requests.iter().zip(first..).map(|(request, at)| {
            self.answer(&by, request, client)
                .map_err(|(field, expected)| invalid(format!("requests[{at}].{field}"), expected))
        });
        answers.collect()
    }
}

/// Who asks.
fn caller<T>(request: &Request<T>) -> &str {
    request.extensions().get::<Client>().map_or(ANONYMOUS, Client::name)
}

/// What a request gives beside the number.
fn asked<'a>(
    by: &'a By,
    request: &pb::CheckNumberRequest,
) -> Result<(Option<Region>, Context, &'a Policy), Wrong> {
    let region = region(&request.default_region)?;
    let (mut context, mut policy) = (Context::default(), by.policies.usual());
    if let Some(told) = &request.context {
        context = convert::context(told, by.now)?;
        policy = by.policies.get(&told.policy).ok_or_else(|| no_such_policy(&by.policies))?;
    }
    Ok((region, context, policy))
}

fn no_such_policy(policies: &Policies) -> Wrong {
    let names: Vec<&str> = policies.iter().map(|(name, _)| name).collect();
    ("context.policy", format!("no policy has that name: expected one of {}", names.join(", ")).into())
}

/// The answer with what the windows know of this client and number.
fn counted<'a>(
    answer: Answer<'a>,
    policy: &Policy,
    windows: &Windows,
    client: ClientTag,
    dry_run: bool,
    now: UnixTime,
) -> Answer<'a> {
    let Ok(parsed) = &answer.parsed else { return answer };
    let counts = if dry_run {
        windows.look(parsed.number, client, now)
    } else {
        windows.count(parsed.number, client, now)
    };
    with_bursts(policy, answer, &counts)
}

fn region(text: &str) -> Result<Option<Region>, Wrong> {
    match text {
        "" => Ok(None),
        // A region that does not exist is told in the answer: it concerns this number only.
        text => Region::new(text)
            .map(Some)
            .ok_or(("default_region", "expected an ISO 3166 region such as GB, or nothing".into())),
    }
}

#[tonic::async_trait]
impl pb::check_service_server::CheckService for CheckRpc {
    async fn check_number(
        &self,
        request: Request<pb::CheckNumberRequest>,
    ) -> Result<Response<pb::CheckNumberResponse>, Status> {
        self.ready()?;
        let answer = self.answer(&self.by(), request.get_ref(), self.client(&request));
        answer.map(Response::new).map_err(|(field, expected)| invalid(field, expected))
    }

    async fn explain_number(
        &self,
        request: Request<pb::ExplainNumberRequest>,
    ) -> Result<Response<pb::ExplainNumberResponse>, Status> {
        self.ready()?;
        let client = self.client(&request);
        let request = request.into_inner().request.ok_or_else(|| invalid("request", "is required"))?;
        let by = self.by();
        let (region, context, policy) = asked(&by, &request)
            .map_err(|(field, expected)| invalid(format!("request.{field}"), expected))?;
        let mut answer = check(&by.index, policy, &request.number, region, &context, by.now);
        if let (Some(windows), Some(client)) = (&self.windows, client) {
            // Who looks into a case registers nobody.
            answer = counted(answer, policy, windows, client, true, by.now);
        }
        let response = self.response(&by, &answer, policy);
        Ok(Response::new(convert::explanation(&answer, policy, response)))
    }

    async fn batch_check_numbers(
        &self,
        request: Request<pb::BatchCheckNumbersRequest>,
    ) -> Result<Response<pb::BatchCheckNumbersResponse>, Status> {
        self.ready()?;
        let client = self.client(&request);
        let caller = request.extensions().get::<Client>().cloned();
        let requests = request.into_inner().requests;
        if requests.len() > LARGEST_BATCH {
            return Err(invalid(
                "requests",
                format!("{} numbers: expected at most {LARGEST_BATCH}", requests.len()),
            ));
        }
        charge(caller.as_ref(), requests.len())?;
        metrics::BATCH.observe(requests.len() as f64);
        let mut responses = Vec::with_capacity(requests.len());
        for (turn, some) in requests.chunks(TURN).enumerate() {
            if turn > 0 {
                tokio::task::yield_now().await;
            }
            responses.extend(self.answer_some(turn * TURN, some, client)?);
        }
        Ok(Response::new(pb::BatchCheckNumbersResponse { responses }))
    }

    type StreamCheckNumbersStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamCheckNumbersResponse, Status>> + Send>>;

    async fn stream_check_numbers(
        &self,
        request: Request<Streaming<pb::StreamCheckNumbersRequest>>,
    ) -> Result<Response<Self::StreamCheckNumbersStream>, Status> {
        let service = self.clone();
        let (client, caller) = (self.client(&request), request.extensions().get::<Client>().cloned());
        // Opening it costs as much as its first number, which is free then.
        charge(caller.as_ref(), 1)?;
        let mut paid = true;
        let answers = request.into_inner().map(move |request| {
            service.ready()?;
            if !std::mem::take(&mut paid) {
                charge(caller.as_ref(), 1)?;
            }
            let request = request?.request.ok_or_else(|| invalid("request", "is required"))?;
            let answer = service.answer(&service.by(), &request, client);
            let response =
                answer.map_err(|(field, expected)| invalid(format!("request.{field}"), expected))?;
            Ok(pb::StreamCheckNumbersResponse { response: Some(response) })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn report_outcomes(
        &self,
        request: Request<pb::ReportOutcomesRequest>,
    ) -> Result<Response<pb::ReportOutcomesResponse>, Status> {
        let charged = request.extensions().get::<Client>().cloned();
        let client = caller(&request).to_owned();
        let outcomes = request.into_inner().outcomes;
        if outcomes.len() > LARGEST_BATCH {
            return Err(invalid(
                "outcomes",
                format!("{} outcomes: expected at most {LARGEST_BATCH}", outcomes.len()),
            ));
        }
        charge(charged.as_ref(), outcomes.len())?;
        let now = now();
        let outcomes = outcomes.into_iter().enumerate();
        let outcomes: Vec<Outcome> = outcomes
            .map(|(at, outcome)| outcome_messages::read(at, outcome, &client, now))
            .collect::<Result<_, _>>()?;
        let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.kind).collect();
        let reported =
            self.outcomes.report(&client, outcomes, now).await.map_err(|error| of_store(&error))?;
        kinds.into_iter().for_each(metrics::reported);
        if let (Some(progress), Some(position)) = (&self.progress, &reported.position) {
            progress.clone().reached(position).await;
        }
        let (stored, counted) = (reported.stored, reported.counted);
        Ok(Response::new(pb::ReportOutcomesResponse { stored, counted }))
    }
}
