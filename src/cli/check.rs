//! `numguard check`: verdicts on numbers, from arguments, files or stdin.

use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::feed;
use crate::rpc::pb;

use super::exit::Exit;
use super::output::{Output, OutputArg, print_json, print_table, table};
use super::{Client, ServerArg};

/// Numbers per call.
const BATCH: usize = 1_000;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Numbers as people type them, files with one number per line (or CSV, JSON, gzip), or - for
    /// stdin
    #[arg(required = true, value_name = "NUMBER|FILE|-")]
    inputs: Vec<String>,
    /// Region of numbers in national form, such as GB
    #[arg(long, value_name = "REGION", default_value = "")]
    default_region: String,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

/// One answer as a line of JSON: the fields of `CheckNumberResponse`, and what was asked.
#[derive(Debug, Serialize)]
struct Line<'a> {
    input: &'a str,
    number: &'a str,
    verdict: &'a str,
    risk_score: u32,
    reasons: Vec<ReasonLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_facts: Option<FactsLine<'a>>,
    revision: u64,
    degraded: bool,
    policy_version: &'a str,
    check_id: &'a str,
}

#[derive(Debug, Serialize)]
struct ReasonLine<'a> {
    code: &'a str,
    weight: f64,
    evidence: &'a str,
}

#[derive(Debug, Serialize)]
struct FactsLine<'a> {
    country_code: u32,
    region: &'a str,
    line_type: &'a str,
    validity: &'a str,
}

pub(super) async fn run(args: Args) -> Result<Exit> {
    let numbers = numbers(&args.inputs)?;
    if numbers.is_empty() {
        bail!("no numbers to check: {} holds none", args.inputs.join(" "));
    }
    let client = Client::connect(&args.server).await?;
    let mut flagged = false;
    let mut rows = table(&["NUMBER", "VERDICT", "SCORE", "REGION", "LINE TYPE", "REASONS"]);
    for batch in numbers.chunks(BATCH) {
        let request = |number: &String| pb::CheckNumberRequest {
            number: number.clone(),
            default_region: args.default_region.clone(),
            context: None,
        };
        let answers = client.check(batch.iter().map(request).collect()).await?;
        for (input, answer) in batch.iter().zip(&answers) {
            flagged |= answer.verdict() != pb::Verdict::Allow;
            match args.output.output {
                Output::Json => print_json(&line(input, answer))?,
                Output::Table => {
                    rows.add_row(row(input, answer));
                }
            }
        }
    }
    if args.output.output == Output::Table {
        print_table(&rows)?;
    }
    Ok(if flagged { Exit::Flagged } else { Exit::Ok })
}

/// The numbers of all inputs: an argument that names a file is read, anything else is a number.
fn numbers(inputs: &[String]) -> Result<Vec<String>> {
    let mut numbers = Vec::new();
    for input in inputs {
        if input == "-" {
            read(stdin().lock(), "stdin", &mut numbers)?;
        } else if Path::new(input).is_file() {
            let file = File::open(input).with_context(|| format!("cannot open {input}"))?;
            read(BufReader::new(file), input, &mut numbers)?;
        } else {
            numbers.push(input.clone());
        }
    }
    Ok(numbers)
}

fn read(input: impl std::io::BufRead, name: &str, numbers: &mut Vec<String>) -> Result<()> {
    feed::read_texts(input, &mut |text| match text {
        Ok(text) => numbers.push(text.to_owned()),
        Err(bad) => eprintln!("{name}:{}: {}", bad.line, bad.reason),
    })
    .with_context(|| name.to_owned())?;
    Ok(())
}

fn verdict(answer: &pb::CheckNumberResponse) -> &'static str {
    answer.verdict().as_str_name().trim_start_matches("VERDICT_")
}

fn line<'a>(input: &'a str, answer: &'a pb::CheckNumberResponse) -> Line<'a> {
    let reason = |reason: &'a pb::Reason| ReasonLine {
        code: &reason.code,
        weight: reason.weight,
        evidence: &reason.evidence,
    };
    let freshness = answer.freshness.unwrap_or_default();
    Line {
        input,
        number: &answer.number,
        verdict: verdict(answer),
        risk_score: answer.risk_score,
        reasons: answer.reasons.iter().map(reason).collect(),
        number_facts: answer.number_facts.as_ref().map(|facts| FactsLine {
            country_code: facts.country_code,
            region: &facts.region,
            line_type: &facts.line_type,
            validity: &facts.validity,
        }),
        revision: freshness.revision,
        degraded: freshness.degraded,
        policy_version: &answer.policy_version,
        check_id: &answer.check_id,
    }
}

fn row(input: &str, answer: &pb::CheckNumberResponse) -> Vec<String> {
    let facts = answer.number_facts.clone().unwrap_or_default();
    let reasons = answer.reasons.iter().map(|reason| format!("{}: {}", reason.code, reason.evidence));
    vec![
        if answer.number.is_empty() { input.chars().take(24).collect() } else { answer.number.clone() },
        verdict(answer).to_owned(),
        answer.risk_score.to_string(),
        facts.region,
        facts.line_type,
        reasons.collect::<Vec<_>>().join("; "),
    ]
}
