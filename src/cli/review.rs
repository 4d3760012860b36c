//! `numguard review`: numbers of which clients say that the verdict was wrong.

use anyhow::Result;
use prost_types::Timestamp;
use serde::Serialize;

use crate::core::listing::UnixTime;
use crate::rpc::pb;

use super::connection::asked::AskedArg;
use super::connection::{Client, ServerArg};
use super::exit::Exit;
use super::listing::subject;
use super::output::{self, Columns, json_line, say, visible};
use super::query::QueryArgs;

/// Verbs on reviews.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List numbers that wait for a review, the oldest first, with today's verdict
    List(QueryArgs),
    /// The client is right: put an allow listing on the number
    Accept(AcceptArgs),
    /// The verdict stands
    Dismiss(DismissArgs),
}

/// Arguments of `accept`.
#[derive(Debug, clap::Args)]
pub(super) struct AcceptArgs {
    #[command(flatten)]
    decided: DecidedArgs,
    /// Until when the allow listing counts: a date, or days or hours such as 30d; for good if absent
    #[arg(long, value_name = "WHEN", value_parser = subject::expiry)]
    expires: Option<UnixTime>,
}

/// Arguments of `dismiss`.
#[derive(Debug, clap::Args)]
pub(super) struct DismissArgs {
    #[command(flatten)]
    decided: DecidedArgs,
}

/// What, why and who.
#[derive(Debug, clap::Args)]
struct DecidedArgs {
    /// A number that waits for a review
    number: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(super) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::List(args) => list(args).await,
        Verb::Accept(AcceptArgs { decided, expires }) => decide(decided, true, expires).await,
        Verb::Dismiss(DismissArgs { decided }) => decide(decided, false, None).await,
    }
}

async fn list(query: QueryArgs) -> Result<Exit> {
    let client = query.client().await?;
    let reviews = client.reviews().await?;
    let request = |review: &pb::Review| pb::CheckNumberRequest {
        number: review.number.clone(),
        default_region: String::new(),
        context: None,
        dry_run: true,
    };
    let answers = client.check(reviews.iter().map(request).collect()).await?;
    let columns = Columns::new()
        .with("NUMBER", |line: &Line<'_>| line.number.to_owned())
        .with("SINCE", |line| line.since.clone())
        .with("CLIENTS", |line| line.clients.join(" "))
        .with("CHECKS", |line| line.checks.join(" "))
        .with("VERDICT NOW", |line| line.verdict)
        .with("REASONS", |line| line.reasons.join(" "));
    let lines = reviews.iter().zip(&answers).map(|(review, answer)| Line {
        checks: texts(review, |report| {
            report.outcome.as_ref().map(|outcome| visible(&outcome.check_id)).unwrap_or_default()
        }),
        clients: texts(review, |report| visible(&report.client)),
        number: &review.number,
        reasons: answer.reasons.iter().map(|reason| reason.code.as_str()).collect(),
        since: output::time(review.reports.first().and_then(|report| report.reported_at.as_ref())),
        verdict: answer.verdict().as_str_name().trim_start_matches("VERDICT_"),
    });
    query.form().list(lines, columns, json_line)?;
    Ok(Exit::Ok)
}

/// A review with the verdict of today.
#[derive(Serialize)]
struct Line<'a> {
    checks: Vec<String>,
    clients: Vec<String>,
    number: &'a str,
    reasons: Vec<&'a str>,
    since: String,
    verdict: &'static str,
}

/// A text of each report, without the empty ones and repetitions.
fn texts(review: &pb::Review, text: fn(&pb::KeptOutcome) -> String) -> Vec<String> {
    let mut texts: Vec<String> = review.reports.iter().map(text).filter(|text| !text.is_empty()).collect();
    texts.dedup();
    texts
}

async fn decide(args: DecidedArgs, allow: bool, expires: Option<UnixTime>) -> Result<Exit> {
    let number = subject::subject(&args.number, None)?;
    let client = Client::connect(&args.server).await?;
    let (author, request_id) = args.asked.by();
    let request = pb::DecideReviewRequest {
        number: number.clone(),
        allow,
        reason: args.reason,
        author,
        expires_at: expires.map(|end| Timestamp { seconds: end.0.into(), nanos: 0 }),
        request_id,
    };
    let revision = client.decide_review(request).await?;
    if allow {
        say(format_args!("{number}: allowed, review closed (revision {revision})"))?;
    } else {
        say(format_args!("{number}: review closed, the verdict stands"))?;
    }
    Ok(Exit::Ok)
}
