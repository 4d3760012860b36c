//! `numguard explain`: every signal about one number, and what would change the verdict.

use anyhow::{Context, Result};
use serde::Serialize;

use crate::core::policy::NEVER;
use crate::rpc::pb;

use super::super::exit::Exit;
use super::super::output::{Columns, Output, print_json, say, visible};
use super::super::query::QueryArgs;
use super::context::ContextArgs;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number, as people type it
    number: String,
    /// Region of a number in national form, such as GB
    #[arg(long, value_name = "REGION", default_value = "")]
    default_region: String,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    query: QueryArgs,
}

/// The explanation as a line of JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    number: &'a str,
    verdict: &'a str,
    risk_score: u32,
    block_score: u32,
    challenge_from: u32,
    block_from: u32,
    signals: Vec<Signal<'a>>,
    not_found: &'a [String],
    policy_version: &'a str,
}

#[derive(Debug, Serialize)]
struct Signal<'a> {
    code: &'a str,
    weight: f64,
    block_weight: f64,
    shadow: bool,
    verdict_without: &'a str,
    risk_score_without: u32,
    /// On trial only.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict_if_enforced: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    risk_score_if_enforced: Option<u32>,
    evidence: &'a str,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let client = args.query.client().await?;
    let request = args.context.request(&args.number, &args.default_region);
    let explained = client.explain(request).await?;
    let answer = explained.response.as_ref().context("the service sent no answer")?;
    let line = line(&explained, answer);
    match args.query.form() {
        Output::Json => print_json(&line)?,
        Output::Table => print(&args.number, &line)?,
    }
    Ok(Exit::Ok)
}

fn name(verdict: pb::Verdict) -> &'static str {
    verdict.as_str_name().trim_start_matches("VERDICT_")
}

fn line<'a>(explained: &'a pb::ExplainNumberResponse, answer: &'a pb::CheckNumberResponse) -> Line<'a> {
    let signal = |(part, reason): (&'a pb::ReasonPart, &'a pb::Reason)| Signal {
        code: &part.code,
        weight: reason.weight,
        block_weight: part.block_weight,
        shadow: reason.shadow,
        verdict_without: name(part.verdict_without()),
        risk_score_without: part.risk_score_without,
        verdict_if_enforced: reason.shadow.then(|| name(part.verdict_if_enforced())),
        risk_score_if_enforced: reason.shadow.then_some(part.risk_score_if_enforced),
        evidence: &reason.evidence,
    };
    Line {
        number: &answer.number,
        verdict: name(answer.verdict()),
        risk_score: answer.risk_score,
        block_score: explained.block_score,
        challenge_from: explained.challenge_from,
        block_from: explained.block_from,
        signals: explained.parts.iter().zip(&answer.reasons).map(signal).collect(),
        not_found: &explained.not_found,
        policy_version: &answer.policy_version,
    }
}

fn print(asked: &str, line: &Line<'_>) -> Result<()> {
    let number = if line.number.is_empty() { visible(asked) } else { line.number.to_owned() };
    say(format_args!("{number}  {}  (policy {})", line.verdict, line.policy_version))?;
    say(format_args!("  score        {:>3}   CHALLENGE from {}", line.risk_score, line.challenge_from))?;
    let block = match u8::try_from(line.block_from) {
        Ok(NEVER) => "no score blocks".to_owned(),
        _ => format!("BLOCK from {}", line.block_from),
    };
    say(format_args!("  may block    {:>3}   {block}", line.block_score))?;
    say("")?;
    if !line.signals.is_empty() {
        Columns::new()
            .with("SIGNAL", |signal: &Signal<'_>| {
                format!("{}{}", signal.code, if signal.shadow { " (on trial)" } else { "" })
            })
            .with("WEIGHT", |signal| format!("{:.2}", signal.weight))
            .with("MAY BLOCK", |signal| format!("{:.2}", signal.block_weight))
            .with("WITHOUT IT", |signal| format!("{} {}", signal.verdict_without, signal.risk_score_without))
            .with("EVIDENCE", |signal| visible(signal.evidence))
            .print(&line.signals)?;
    }
    say(format_args!("nothing found for {}", line.not_found.join(", ")))?;
    for signal in &line.signals {
        if let (Some(verdict), Some(score)) = (signal.verdict_if_enforced, signal.risk_score_if_enforced) {
            say(format_args!("{} is on trial: with a say it would be {verdict} {score}", signal.code))?;
        }
    }
    let decisive = line.signals.iter().filter(|signal| signal.verdict_without != line.verdict);
    let decisive: Vec<String> =
        decisive.map(|signal| format!("{} without {}", signal.verdict_without, signal.code)).collect();
    match (decisive.is_empty(), line.signals.is_empty()) {
        (false, _) => say(format_args!("it would be {}", decisive.join(", "))),
        (true, false) => say("no single signal decides: without any one of them it is the same"),
        (true, true) => Ok(()),
    }
}
