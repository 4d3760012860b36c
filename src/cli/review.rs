//! `numguard review`: numbers of which clients say that the verdict was wrong.

use anyhow::Result;
use prost_types::Timestamp;
use serde_json::json;

use crate::core::listing::UnixTime;
use crate::rpc::pb;

use super::connection::asked::AskedArg;
use super::connection::{Client, ServerArg};
use super::exit::Exit;
use super::listing;
use super::output::{self, Output, OutputArg, print_json, print_table, say, table, visible};

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
    #[arg(long, value_name = "WHEN", value_parser = listing::expiry)]
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
    let mut rows = table(&["NUMBER", "SINCE", "CLIENTS", "CHECKS", "VERDICT NOW", "REASONS"]);
    for (review, answer) in reviews.iter().zip(&answers) {
        let of = |text: fn(&pb::KeptOutcome) -> String| {
            let mut texts: Vec<String> =
                review.reports.iter().map(text).filter(|text| !text.is_empty()).collect();
            texts.dedup();
            texts
        };
        let clients = of(|report| visible(&report.client));
        let checks = of(|report| {
            report.outcome.as_ref().map(|outcome| visible(&outcome.check_id)).unwrap_or_default()
        });
        let since = output::time(review.reports.first().and_then(|report| report.reported_at.as_ref()));
        let verdict = answer.verdict().as_str_name().trim_start_matches("VERDICT_");
        let reasons: Vec<&str> = answer.reasons.iter().map(|reason| reason.code.as_str()).collect();
        match args.output.output {
            Output::Json => print_json(&json!({
                "number": review.number, "since": since, "clients": clients, "checks": checks,
                "verdict": verdict, "reasons": reasons,
            }))?,
            Output::Table => {
                rows.add_row([
                    review.number.clone(),
                    since,
                    clients.join(" "),
                    checks.join(" "),
                    verdict.to_owned(),
                    reasons.join(" "),
                ]);
            }
        }
    }
    if args.output.output == Output::Table {
        print_table(&rows)?;
    }
    Ok(Exit::Ok)
}

async fn decide(args: DecidedArgs, allow: bool, expires: Option<UnixTime>) -> Result<Exit> {
    let number = listing::subject(&args.number, None)?;
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
