//! `numguard replay`: which logged decisions would flip under another policy file. No service is asked.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use crate::config::policies;
use crate::lab::verdict_log::{Flip, Line, Replay};

use super::super::exit::Exit;
use super::super::output::{Columns, Output, OutputArg, grouped, print_json, say, tell};

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Decision logs: decisions.jsonl and the older files beside it
    #[arg(required = true, value_name = "DECISIONS")]
    files: Vec<PathBuf>,
    /// The policy file to try
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Examples per kind of flip
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    examples: usize,
    #[command(flatten)]
    output: OutputArg,
}

pub(crate) fn run(args: &Args) -> Result<Exit> {
    let policies = policies(&args.policy)?;
    let (mut replay, mut bad) = (Replay::default(), 0u64);
    for path in &args.files {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        for (at, text) in BufReader::new(file).lines().enumerate() {
            let text = text.with_context(|| path.display().to_string())?;
            let judged = Line::read(&text).and_then(|line| replay.add(&line, &policies, args.examples));
            if let Err(error) = judged {
                bad += 1;
                tell!("{}:{}: {error}", path.display(), at + 1);
            }
        }
    }
    match args.output.form() {
        Output::Json => print_json(&in_json(&replay, bad))?,
        Output::Table => print(&replay, &policies.usual().version)?,
    }
    if replay.renamed > 0 {
        let count = grouped(replay.renamed);
        tell!(
            "{count} decisions were made by policies that the new file does not have; its usual one judged them"
        );
    }
    Ok(if bad == 0 { Exit::Ok } else { Exit::Failed })
}

/// Reasons by how many flips they stand behind, most first.
fn reasons(flip: &Flip) -> Vec<(&'static str, u64)> {
    let mut reasons: Vec<_> = flip.reasons.iter().map(|(code, count)| (*code, *count)).collect();
    reasons.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    reasons
}

fn print(replay: &Replay, version: &str) -> Result<()> {
    let flips: u64 = replay.flips.values().map(|flip| flip.count).sum();
    let share = 100.0 * flips as f64 / replay.decisions.max(1) as f64;
    let (of, flipped) = (grouped(replay.decisions), grouped(flips));
    say(format_args!("{flipped} of {of} decisions would flip under {version} ({share:.2} %)"))?;
    if flips == 0 {
        return Ok(());
    }
    type Flipped<'a> = (&'a (String, &'static str), &'a Flip);
    Columns::new()
        .with("FROM", |(verdicts, _): &Flipped<'_>| verdicts.0.clone())
        .with("TO", |(verdicts, _)| verdicts.1)
        .with("DECISIONS", |(_, flip)| grouped(flip.count))
        .with("REASONS", |(_, flip)| {
            let most = reasons(flip).into_iter().take(3);
            most.map(|(code, count)| format!("{code} {}", grouped(count))).collect::<Vec<_>>().join(", ")
        })
        .with("EXAMPLES", |(_, flip)| {
            let examples = flip.examples.iter().map(|example| {
                format!("{} ({} -> {})", example.check_id, example.scores.0, example.scores.1)
            });
            examples.collect::<Vec<_>>().join(", ")
        })
        .print(&replay.flips)
}

fn in_json(replay: &Replay, bad: u64) -> serde_json::Value {
    let flip = |((from, to), flip): (&(String, &str), &Flip)| {
        let reasons = reasons(flip).into_iter().map(|(code, count)| json!({"code": code, "count": count}));
        let examples = flip.examples.iter().map(|example| {
            json!({
                "check_id": example.check_id,
                "correlation_id": example.correlation_id,
                "at": example.at,
                "risk_score_from": example.scores.0,
                "risk_score_to": example.scores.1,
            })
        });
        json!({
            "from": from,
            "to": to,
            "count": flip.count,
            "reasons": reasons.collect::<Vec<_>>(),
            "examples": examples.collect::<Vec<_>>(),
        })
    };
    json!({
        "decisions": replay.decisions,
        "bad_lines": bad,
        "of_unknown_policies": replay.renamed,
        "flips": replay.flips.iter().map(flip).collect::<Vec<_>>(),
    })
}
