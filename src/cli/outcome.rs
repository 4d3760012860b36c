//! `numguard outcome`: what clients reported, and undoing it.

use anyhow::{Result, bail};
use prost_types::Timestamp;
use serde_json::json;

use crate::core::listing::UnixTime;
use crate::rpc::pb;

use super::confirm::YesArg;
use super::connection::asked::AskedArg;
use super::connection::{Client, ServerArg};
use super::exit::Exit;
use super::listing::subject;
use super::output::{self, Columns, grouped, json_line, plural, say, tell, visible};
use super::query::QueryArgs;

/// Verbs on outcomes.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List outcomes that clients reported, the oldest first
    List(ListArgs),
    /// Undo all that one client reported within some time
    Undo(UndoArgs),
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only what this client reported
    #[arg(long, value_name = "NAME", default_value = "")]
    client: String,
    /// Only about this number
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    #[command(flatten)]
    time: TimeArgs,
    /// Most outcomes to print, up to 10,000
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    limit: u32,
    #[command(flatten)]
    query: QueryArgs,
}

/// From when to when.
#[derive(Debug, clap::Args)]
struct TimeArgs {
    /// Reported then or later: 2026-11-01 or 2026-11-01T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<UnixTime>,
    /// Reported then or earlier
    #[arg(long, value_name = "WHEN")]
    until: Option<UnixTime>,
}

/// Arguments of `undo`.
#[derive(Debug, clap::Args)]
pub(super) struct UndoArgs {
    /// What this client reported
    #[arg(long, value_name = "NAME")]
    client: String,
    /// Only about this number
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    asked: AskedArg,
    /// Only tell what it would do
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(super) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::List(args) => list(args).await,
        Verb::Undo(args) => undo(args).await,
    }
}

fn filter(client: String, number: Option<String>, time: &TimeArgs) -> Result<pb::OutcomeFilter> {
    let timestamp = |time: UnixTime| Timestamp { seconds: time.0.into(), nanos: 0 };
    let number = number.map(|number| subject::subject(&number, None)).transpose()?.unwrap_or_default();
    let (since, until) = (time.since.map(timestamp), time.until.map(timestamp));
    Ok(pb::OutcomeFilter { client, number, since, until })
}

/// The name of a kind.
fn kind(outcome: &pb::Outcome) -> &'static str {
    outcome.kind().as_str_name().trim_start_matches("OUTCOME_KIND_")
}

async fn list(args: ListArgs) -> Result<Exit> {
    let filter = filter(args.client, args.number, &args.time)?;
    let client = args.query.client().await?;
    let answer = client.outcomes(pb::ListOutcomesRequest { filter: Some(filter), limit: args.limit }).await?;
    let outcome = |kept: &pb::KeptOutcome| kept.outcome.clone().unwrap_or_default();
    let columns = Columns::new()
        .with("REPORTED", |kept: &pb::KeptOutcome| output::time(kept.reported_at.as_ref()))
        .with("CLIENT", |kept| visible(&kept.client))
        .with("NUMBER", move |kept| outcome(kept).number)
        .with("OUTCOME", move |kept| kind(&outcome(kept)))
        .with("COUNTS", |kept| if kept.counted { "yes" } else { "no" })
        .with("CHECK", move |kept| visible(&outcome(kept).check_id))
        .with("CORRELATION", move |kept| visible(&outcome(kept).correlation_id));
    args.query.form().list(&answer.outcomes, columns, |kept| {
        let outcome = outcome(kept);
        json_line(&json!({
            "reported_at": output::time(kept.reported_at.as_ref()),
            "occurred_at": output::time(outcome.occurred_at.as_ref()),
            "client": kept.client,
            "number": outcome.number,
            "outcome": kind(&outcome),
            "counted": kept.counted,
            "check_id": outcome.check_id,
            "correlation_id": outcome.correlation_id,
        }))
    })?;
    if answer.more {
        tell!("there are more: raise --limit (now {}), or narrow it by --since", args.limit);
    }
    Ok(Exit::Ok)
}

async fn undo(args: UndoArgs) -> Result<Exit> {
    let filter = filter(args.client.clone(), args.number, &args.time)?;
    let client = Client::connect(&args.server).await?;
    let (author, request_id) = args.asked.by();
    let request = |dry_run| pb::UndoOutcomesRequest {
        filter: Some(filter.clone()),
        author: author.clone(),
        dry_run,
        request_id: if dry_run { String::new() } else { request_id.clone() },
    };
    let told = |answer: &pb::UndoOutcomesResponse| {
        let outcomes = plural(answer.outcomes, "outcome");
        format!("{outcomes} of {}, changing {}", visible(&args.client), plural(answer.numbers, "number"))
    };
    let would = client.undo_outcomes(request(true)).await?;
    if would.outcomes == 0 && !args.asked.is_repeatable() {
        bail!("{} reported nothing of that: see `numguard outcome list`", visible(&args.client));
    }
    if args.dry_run {
        say(format_args!("would undo {}", told(&would)))?;
        return Ok(Exit::Ok);
    }
    let question = format!("Undo {}?", told(&would));
    if !args.yes.confirm(&question)? {
        bail!("nothing was undone");
    }
    let undone = client.undo_outcomes(request(false)).await?;
    say(format_args!("undid {} (revision {})", told(&undone), grouped(undone.revision)))?;
    Ok(Exit::Ok)
}
