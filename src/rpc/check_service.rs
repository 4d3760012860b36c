//! `CheckService`: the hot path over gRPC.
//!
//! A call, or a part of a batch, takes the index, the policies and the time once. Each number goes through
//! `check_parsed`, and through `with_bursts` if sign-ups are counted. Must not touch the store, but to keep reported
//! outcomes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status, Streaming};

use crate::access::{ANONYMOUS, Client};
use crate::clock::now;
use crate::core::burst::{ClientTag, Windows};
use crate::core::check::{Answer, check_parsed, with_bursts};
use crate::core::index::{self, Published};
use crate::core::listing::UnixTime;
use crate::core::number::{self, Cold, Region};
use crate::core::policy::{self, InForce, Policies, Policy};
use crate::core::signal::Context;
use crate::lab::verdict_log::{Decision, DecisionLog};
use crate::operate::outcomes::Outcomes;
use crate::random;
use crate::store::Outcome;
use crate::sync::{Freshness, Progress};

use super::messages::listings;
use super::messages::outcomes;
use super::numbers::{Unanswered, once_warm, warm};
use super::pb;
use super::status::{Wrong, invalid, not_loaded, of_store};
use super::wire::caller::charge;
use super::wire::metrics;

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
    /// Says when checks see what outcomes changed.
    progress: Progress,
    freshness: Arc<Freshness>,
    ids: Arc<CheckIds>,
    /// If sign-ups are counted.
    windows: Option<Arc<Windows>>,
    /// If decisions are logged.
    decisions: Option<Arc<DecisionLog>>,
}

/// What checks are served with.
pub struct CheckParts {
    /// The index to judge from.
    pub published: Arc<Published>,
    /// The policies to judge by.
    pub policies: InForce,
    /// Whether the index follows the store.
    pub freshness: Arc<Freshness>,
    /// Takes in what clients report.
    pub outcomes: Outcomes,
    /// Says when checks see what outcomes changed.
    pub progress: Progress,
    /// Counts sign-ups; nothing: they are not counted.
    pub windows: Option<Arc<Windows>>,
    /// Where decisions are logged; nothing: they are not.
    pub decisions: Option<Arc<DecisionLog>>,
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
    /// Serves checks with `parts`.
    pub fn new(parts: CheckParts) -> Self {
        let CheckParts { published, policies, freshness, outcomes, progress, windows, decisions } = parts;
        let mut process = [b'-'; 9];
        process[..8].copy_from_slice(&hex(random::number() as u32));
        let ids = Arc::new(CheckIds { process, next: AtomicU64::new(1) });
        Self { published, policies, outcomes, progress, freshness, ids, windows, decisions }
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
    ) -> Result<pb::CheckNumberResponse, Unanswered> {
        let (now, (region, context, policy)) = (by.now, asked(by, request)?);
        let parsed = number::parse_if_warm(&request.number, region)?;
        let mut answer = check_parsed(&by.index, policy, parsed, &context, now);
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
        let freshness = listings::freshness(self.freshness.of(&by.index, by.now));
        listings::answer(answer, self.ids.next(), &policy.version, freshness)
    }

    /// Whether there is an index. Without one there is no verdict: what then happens to the
    /// sign-up is the caller's policy.
    fn ready(&self) -> Result<(), Status> {
        if self.freshness.is_loaded() { Ok(()) } else { Err(not_loaded()) }
    }

    /// Answers the next ones of a batch, up to one for which the number library lacks something.
    fn answer_some(
        &self,
        requests: &[pb::CheckNumberRequest],
        client: Option<ClientTag>,
        responses: &mut Vec<pb::CheckNumberResponse>,
    ) -> Result<Option<Cold>, Status> {
        let by = self.by();
        for request in requests.iter().skip(responses.len()).take(TURN) {
            match self.answer(&by, request, client) {
                Ok(response) => responses.push(response),
                Err(Unanswered::Cold(cold)) => return Ok(Some(cold)),
                Err(Unanswered::Wrong((field, expected))) => {
                    return Err(invalid(format!("requests[{}].{field}", responses.len()), expected));
                }
            }
        }
        Ok(None)
    }

    async fn answer_streamed(
        &self,
        request: Result<pb::CheckNumberRequest, Status>,
        client: Option<ClientTag>,
    ) -> Result<pb::StreamCheckNumbersResponse, Status> {
        let request = request?;
        let answer = once_warm(|| self.answer(&self.by(), &request, client)).await;
        let response = answer.map_err(|(field, expected)| invalid(format!("request.{field}"), expected))?;
        Ok(pb::StreamCheckNumbersResponse { response: Some(response) })
    }

    /// What is known about a number and how it was judged.
    fn explain(
        &self,
        request: &pb::CheckNumberRequest,
        client: Option<ClientTag>,
    ) -> Result<pb::ExplainNumberResponse, Unanswered> {
        let by = self.by();
        let (region, context, policy) = asked(&by, request)?;
        let parsed = number::parse_if_warm(&request.number, region)?;
        let mut answer = check_parsed(&by.index, policy, parsed, &context, by.now);
        if let (Some(windows), Some(client)) = (&self.windows, client) {
            // Who looks into a case registers nobody.
            answer = counted(answer, policy, windows, client, true, by.now);
        }
        let response = self.response(&by, &answer, policy);
        Ok(listings::explanation(&answer, policy, response))
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
        context = listings::context(told, by.now)?;
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
        let client = self.client(&request);
        let answer = once_warm(|| self.answer(&self.by(), request.get_ref(), client)).await;
        answer.map(Response::new).map_err(|(field, expected)| invalid(field, expected))
    }

    async fn explain_number(
        &self,
        request: Request<pb::ExplainNumberRequest>,
    ) -> Result<Response<pb::ExplainNumberResponse>, Status> {
        self.ready()?;
        let client = self.client(&request);
        let request = request.into_inner().request.ok_or_else(|| invalid("request", "is required"))?;
        let explained = once_warm(|| self.explain(&request, client)).await;
        explained
            .map(Response::new)
            .map_err(|(field, expected)| invalid(format!("request.{field}"), expected))
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
        while responses.len() < requests.len() {
            if !responses.is_empty() {
                tokio::task::yield_now().await;
            }
            if let Some(cold) = self.answer_some(&requests, client, &mut responses)? {
                Box::pin(warm(cold)).await;
            }
        }
        Ok(Response::new(pb::BatchCheckNumbersResponse { responses }))
    }

    type StreamCheckNumbersStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamCheckNumbersResponse, Status>> + Send>>;

    async fn stream_check_numbers(
        &self,
        request: Request<Streaming<pb::StreamCheckNumbersRequest>>,
    ) -> Result<Response<Self::StreamCheckNumbersStream>, Status> {
        let (service, asked) = (self.clone(), self.clone());
        let (client, caller) = (self.client(&request), request.extensions().get::<Client>().cloned());
        // Opening it costs as much as its first number, which is free then.
        charge(caller.as_ref(), 1)?;
        let mut paid = true;
        let requests = request.into_inner().map(move |request| {
            asked.ready()?;
            if !std::mem::take(&mut paid) {
                charge(caller.as_ref(), 1)?;
            }
            request?.request.ok_or_else(|| invalid("request", "is required"))
        });
        let answers = stream::unfold(Box::new((service, requests)), move |mut state| async move {
            let request = state.1.next().await?;
            let answer = state.0.answer_streamed(request, client).await;
            Some((answer, state))
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
            .map(|(at, outcome)| outcomes::read(at, outcome, &client, now))
            .collect::<Result<_, _>>()?;
        let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.kind).collect();
        let reported =
            self.outcomes.report(&client, outcomes, now).await.map_err(|error| of_store(&error))?;
        kinds.into_iter().for_each(metrics::reported);
        if let Some(position) = &reported.position {
            self.progress.clone().reached(position).await;
        }
        let (stored, counted) = (reported.stored, reported.counted);
        Ok(Response::new(pb::ReportOutcomesResponse { stored, counted }))
    }
}
