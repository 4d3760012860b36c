//! `numguard review`: numbers of which clients say that the verdict was wrong.

use anyhow::Result;
use prost_types::Timestamp;
use serde_json::json;

use crate::core::listing::UnixTime;
use crate::rpc::pb;

use super::connection::asked::AskedArg;
use super::connection::{Client, ServerArg};
use super::exit::Exit;
use super::listing::subject;
use super::output::{self, Columns, OutputArg, json_line, say, visible};

/// Verbs on reviews.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List numbers that wait for a review, the oldest first, with today's verdict
    List(ListArgs),
    /// The client is right: put an allow listing on the number
    Accept(AcceptArgs),
    /// The verdict stands
    Dismiss(DismissArgs),
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
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

async fn list(args: ListArgs) -> Result<Exit> {
    let client = Client::connect(&args.server).await?;
    let reviews = client.reviews().await?;
    let request = |review: &pb::Review| pb::CheckNumberRequest {
        number: review.number.clone(),
        default_region: String::new(),
        context: None,
        dry_run: true,
    };
    let answers = client.check(reviews.iter().map(request).collect()).await?;
    let columns = Columns::new()
        .with("NUMBER", |case: &Case<'_>| case.review.number.clone())
        .with("SINCE", Case::since)
        .with("CLIENTS", |case| case.clients().join(" "))
        .with("CHECKS", |case| case.checks().join(" "))
        .with("VERDICT NOW", Case::verdict)
        .with("REASONS", |case| case.reasons().join(" "));
    let cases = reviews.iter().zip(&answers).map(|(review, answer)| Case { review, answer });
    args.output.form().list(cases, columns, |case| {
        json_line(&json!({
            "number": case.review.number, "since": case.since(), "clients": case.clients(),
            "checks": case.checks(), "verdict": case.verdict(), "reasons": case.reasons(),
        }))
    })?;
    Ok(Exit::Ok)
}

/// A review with the verdict of today.
struct Case<'a> {
    review: &'a pb::Review,
    answer: &'a pb::CheckNumberResponse,
}

impl Case<'_> {
    fn since(&self) -> String {
        output::time(self.review.reports.first().and_then(|report| report.reported_at.as_ref()))
    }

    fn clients(&self) -> Vec<String> {
        self.texts(|report| visible(&report.client))
    }

    fn checks(&self) -> Vec<String> {
        self.texts(|report| {
            report.outcome.as_ref().map(|outcome| visible(&outcome.check_id)).unwrap_or_default()
        })
    }

    /// A text of each report, without the empty ones and repetitions.
    fn texts(&self, text: fn(&pb::KeptOutcome) -> String) -> Vec<String> {
        let mut texts: Vec<String> =
            self.review.reports.iter().map(text).filter(|text| !text.is_empty()).collect();
        texts.dedup();
        texts
    }

    fn verdict(&self) -> &'static str {
        self.answer.verdict().as_str_name().trim_start_matches("VERDICT_")
    }

    fn reasons(&self) -> Vec<&str> {
        self.answer.reasons.iter().map(|reason| reason.code.as_str()).collect()
    }
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
