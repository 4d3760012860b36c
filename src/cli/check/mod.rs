//! `numguard check`: verdicts on numbers, from arguments, files or stdin.

pub(crate) mod context;
pub(crate) mod explain;

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::core::listing::ReasonCode;
use crate::feed::{self, ExportedSighting};
use crate::rpc::messages::exported;
use crate::rpc::pb;

use self::context::ContextArgs;
use super::connection::Client;
use super::exit::Exit;
use super::output::{self, Columns, Output, json_line, say, tell, visible};
use super::query::QueryArgs;

/// Numbers per call.
const BATCH: usize = 1_000;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Numbers as people type them, files with one number per line (or CSV, JSON, gzip), or - for
    /// stdin
    #[arg(required = true, value_name = "NUMBER|FILE|-")]
    inputs: Vec<String>,
    /// Region of numbers in national form, such as GB
    #[arg(long, value_name = "REGION", default_value = "")]
    default_region: String,
    /// Tell what each feed said about listed numbers: first and last seen, how often. Asks the store,
    /// which takes a call for each
    #[arg(long)]
    sightings: bool,
    /// Count each as a sign-up, as a platform's own checks are; burst signals look at no others
    #[arg(long)]
    sign_up: bool,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    query: QueryArgs,
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
    /// With `--sightings` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    sightings: Option<Vec<ExportedSighting>>,
}

#[derive(Debug, Serialize)]
struct ReasonLine<'a> {
    code: &'a str,
    weight: f64,
    shadow: bool,
    evidence: &'a str,
}

#[derive(Debug, Serialize)]
struct FactsLine<'a> {
    country_code: u32,
    region: &'a str,
    line_type: &'a str,
    validity: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    range_holder: &'a str,
}

/// A number, the answer, and with `--sightings` its listing.
struct Checked<'a> {
    input: &'a str,
    answer: pb::CheckNumberResponse,
    listing: Option<pb::Listing>,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let Inputs { numbers, bad } = Inputs::read(&args.inputs, args.default_region.is_empty())?;
    if numbers.is_empty() && bad == 0 {
        bail!("no numbers to check: {} holds none", args.inputs.join(" "));
    }
    let client = args.query.client().await?;
    let mut flagged = false;
    let mut seen: Vec<pb::Listing> = Vec::new();
    let form = args.query.form();
    let mut rows = form.rows(columns(), |checked: &Checked<'_>| json_line(&line(checked, args.sightings)?));
    for batch in numbers.chunks(BATCH) {
        let request = |number: &String| pb::CheckNumberRequest {
            dry_run: !args.sign_up,
            ..args.context.request(number, &args.default_region)
        };
        let answers = client.check(batch.iter().map(request).collect()).await?;
        for (input, answer) in batch.iter().zip(answers) {
            flagged |= answer.verdict() != pb::Verdict::Allow;
            let listing = if args.sightings { listing(&client, &answer).await? } else { None };
            let checked = Checked { input, answer, listing };
            rows.add(&checked)?;
            if form == Output::Table {
                seen.extend(checked.listing);
            }
        }
    }
    rows.end()?;
    for listing in &seen {
        say(&listing.subject)?;
        for sighting in &listing.sightings {
            say(format_args!("  seen by   {}", output::sighting(sighting)))?;
        }
    }
    Ok(match (flagged, bad) {
        (true, _) => Exit::Flagged,
        (false, 0) => Exit::Ok,
        // Exit code 0 says that every number is allowed, and some were never asked about.
        (false, _) => Exit::Failed,
    })
}

/// The listing of a number that feeds saw, as the store has it. Verdicts rest on the index alone.
async fn listing(client: &Client, answer: &pb::CheckNumberResponse) -> Result<Option<pb::Listing>> {
    let seen = ReasonCode::PublicInbox.as_str();
    if !answer.reasons.iter().any(|reason| reason.code == seen) {
        return Ok(None);
    }
    client.get(answer.number.clone()).await
}

fn sightings(listing: Option<&pb::Listing>) -> Result<Vec<ExportedSighting>> {
    let Some(listing) = listing else { return Ok(Vec::new()) };
    Ok(exported(listing).context("the service sent a listing that does not read")?.sightings)
}

/// What there is to check.
#[derive(Default)]
struct Inputs {
    numbers: Vec<String>,
    /// Lines that could not even be read as text.
    bad: u64,
}

impl Inputs {
    /// The numbers of all inputs: an argument that names a file is read, anything else is a number.
    fn read(inputs: &[String], international: bool) -> Result<Self> {
        let mut all = Self::default();
        for input in inputs {
            let path = Path::new(input);
            if input == "-" {
                all.read_list(stdin().lock(), "stdin", international)?;
            } else if path.is_dir() {
                bail!("{input} is a folder: name the files in it");
            } else if path.exists() || looks_like_a_file(input) {
                let file = File::open(input).with_context(|| format!("cannot open {input}"))?;
                all.read_list(BufReader::new(file), input, international)?;
            } else {
                all.numbers.push(input.clone());
            }
        }
        Ok(all)
    }

    fn read_list(&mut self, input: impl BufRead, name: &str, international: bool) -> Result<()> {
        feed::read_texts(input, international, &mut |text| match text {
            Ok(text) => self.numbers.push(text.to_owned()),
            Err(bad) => {
                self.bad += 1;
                tell!("{name}:{}: {}", bad.line, bad.reason);
            }
        })
        .with_context(|| name.to_owned())?;
        Ok(())
    }
}

/// A number has no letter after its last dot and no slash behind a letter.
fn looks_like_a_file(input: &str) -> bool {
    let extension = input.rsplit_once('.').map_or("", |(_, extension)| extension);
    let letters = |text: &str| text.chars().any(|c| c.is_ascii_alphabetic());
    letters(extension) || (input.contains('/') && letters(input))
}

fn verdict(answer: &pb::CheckNumberResponse) -> &'static str {
    answer.verdict().as_str_name().trim_start_matches("VERDICT_")
}

fn line<'a>(checked: &'a Checked<'_>, with_sightings: bool) -> Result<Line<'a>> {
    let Checked { input, answer, listing } = checked;
    let reason = |reason: &'a pb::Reason| ReasonLine {
        code: &reason.code,
        weight: reason.weight,
        shadow: reason.shadow,
        evidence: &reason.evidence,
    };
    let freshness = answer.freshness.unwrap_or_default();
    Ok(Line {
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
            range_holder: &facts.range_holder,
        }),
        revision: freshness.revision,
        degraded: freshness.degraded,
        policy_version: &answer.policy_version,
        check_id: &answer.check_id,
        sightings: with_sightings.then(|| sightings(listing.as_ref())).transpose()?,
    })
}

fn columns<'a>() -> Columns<'a, Checked<'a>> {
    let facts = |checked: &Checked<'_>| checked.answer.number_facts.clone().unwrap_or_default();
    Columns::new()
        .with("NUMBER", |checked: &Checked<'_>| match checked.answer.number.as_str() {
            "" => visible(checked.input).chars().take(24).collect(),
            number => number.to_owned(),
        })
        .with("VERDICT", |checked| verdict(&checked.answer))
        .with("SCORE", |checked| checked.answer.risk_score)
        .with("REGION", move |checked| facts(checked).region)
        .with("LINE TYPE", move |checked| facts(checked).line_type)
        .with("REASONS", |checked| reasons(&checked.answer))
}

fn reasons(answer: &pb::CheckNumberResponse) -> String {
    let reasons = answer.reasons.iter().map(|reason| {
        let trial = if reason.shadow { " (on trial)" } else { "" };
        format!("{}{trial}: {}", reason.code, visible(&reason.evidence))
    });
    reasons.collect::<Vec<_>>().join("; ")
}
