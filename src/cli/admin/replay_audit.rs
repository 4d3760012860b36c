//! `numguard admin replay-audit`: does again what operators did and the store has lost.
//!
//! Idempotent: what the server has, or has newer, is left alone. Decisions go in by an import that
//! keeps when they were made; sightings are not recorded and come back by importing feeds again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::clock::now;
use crate::core::listing::{Listing, UnixTime};
use crate::operate::audit::{Record, Step, Truth, Wanted, truths};
use crate::rpc::messages::{listing, read_listing};
use crate::rpc::pb;

use super::super::audit;
use super::super::confirm::YesArg;
use super::super::connection::asked::AskedArg;
use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::{Columns, Output, OutputArg, grouped, json_line, say, tell};

/// Listings per message of an import, and subjects per delete.
const BATCH: usize = 2_000;

/// Listings that are asked for at once.
const AT_ONCE: usize = 16;

/// Arguments of `replay-audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Audit records: audit.jsonl of the data folder of every server on the store
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only what was done since then: a date (2026-05-31) or a time (2026-05-31T12:00:00Z)
    #[arg(long, value_name = "DATE|TIME")]
    since: Option<UnixTime>,
    /// Tell what is missing, change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    yes: YesArg,
    /// Go on with what can be read of a record whose chain is broken
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let files = args.files.iter().map(|file| records(file, args.force)).collect::<Result<Vec<_>>>()?;
    let mut truths: Vec<Truth> = truths(&files, args.since.unwrap_or_default()).into_values().collect();
    truths.sort_by_key(|truth| (truth.at, truth.subject));
    let client = Client::connect(&args.server).await?;
    let steps: Vec<Step> =
        stream::iter(&truths).map(|truth| step(&client, truth)).buffered(AT_ONCE).try_collect().await?;
    let of = |wanted: &Step| -> Vec<&Truth> {
        truths.iter().zip(&steps).filter(|(_, step)| *step == wanted).map(|(truth, _)| truth).collect()
    };
    let (puts, deletes, withdrawn) = (of(&Step::Put), of(&Step::Delete), of(&Step::Withdraw));
    let ended = deletes.len() + withdrawn.len();
    let counts = format!("{} puts and {} deletes", grouped(puts.len() as u64), grouped(ended as u64));
    let changes = puts.len() + ended;
    if changes > 0 && !args.dry_run {
        let question = format!("Replay {counts} on {}? (--dry-run lists them)", args.server.server);
        if !args.yes.confirm(&question)? {
            bail!("nothing was replayed");
        }
        put(&client, &puts, &args.asked).await?;
        delete(&client, &deletes, false, &args.asked).await?;
        delete(&client, &withdrawn, true, &args.asked).await?;
    }
    print(&args, &truths, &steps)?;
    let skipped = grouped((truths.len() - changes) as u64);
    let summary = match args.dry_run {
        true => format!("dry run: would replay {counts}, skip {skipped}; nothing was changed"),
        false => format!("replayed {counts}, skipped {skipped}"),
    };
    if args.output.form() == Output::Table {
        say(summary)?;
    }
    Ok(Exit::Ok)
}

/// The records of a file whose chain holds, or all that can be read.
fn records(file: &Path, force: bool) -> Result<Vec<Record>> {
    let (records, broken) = audit::read(file)?;
    for error in &broken {
        tell!("{error}");
    }
    if !broken.is_empty() && !force {
        bail!(
            "the chain of {} is broken, nothing was replayed; --force goes on without such lines",
            file.display()
        );
    }
    Ok(records)
}

async fn step(client: &Client, truth: &Truth) -> Result<Step> {
    let found = client.get(truth.subject.as_e164()).await?;
    let found = found.map(|message| read_listing(&message)).transpose();
    let found = found.context("the service sent a listing that does not read")?;
    Ok(truth.step(found.as_ref().map(|(_, listing)| listing), now()))
}

async fn put(client: &Client, puts: &[&Truth], asked: &AskedArg) -> Result<()> {
    type Part = pb::import_listings_request::Part;
    let listings = puts.iter().filter_map(|truth| match &truth.wanted {
        Wanted::Decision(decision) => Some(listing(truth.subject, &Listing::decided(decision.clone()))),
        Wanted::Nothing(_) | Wanted::Undecided(_) => None,
    });
    let listings: Vec<pb::Listing> = listings.collect();
    if listings.is_empty() {
        return Ok(());
    }
    let (author, request_id) = asked.by();
    let finish = pb::ImportFinish { listings: listings.len() as u64, author, request_id };
    let batches = listings.chunks(BATCH).map(|part| Part::Batch(pb::ImportBatch { listings: part.to_vec() }));
    let parts: Vec<_> = batches.chain([Part::Finish(finish)]).collect();
    let parts = parts.into_iter().map(|part| pb::ImportListingsRequest { part: Some(part) });
    client.import(stream::iter(parts)).await?;
    Ok(())
}

async fn delete(client: &Client, deletes: &[&Truth], decisions_only: bool, asked: &AskedArg) -> Result<()> {
    for part in deletes.chunks(BATCH) {
        let subjects = part.iter().map(|truth| truth.subject.as_e164()).collect();
        client.delete(subjects, decisions_only, asked).await?;
    }
    Ok(())
}

fn print(args: &Args, truths: &[Truth], steps: &[Step]) -> Result<()> {
    if truths.is_empty() {
        return Ok(());
    }
    let dry_run = args.dry_run;
    let columns = Columns::new()
        .with("SUBJECT", |(truth, _): &(&Truth, &Step)| truth.subject.as_e164())
        .with("TIME", |(truth, _)| truth.at)
        .with("WHAT", |(truth, _)| match &truth.wanted {
            Wanted::Decision(decision) => audit::in_words(decision),
            Wanted::Nothing(_) => "delete".to_owned(),
            Wanted::Undecided(_) => audit::WITHDRAW.to_owned(),
        })
        .with("RESULT THEN", |(truth, _)| audit::result(truth.answer))
        .with("NOW", move |(_, step)| done(step, dry_run))
        .with("WHY", |(_, step)| why(step).to_owned());
    args.output.form().list(truths.iter().zip(steps), columns, |(truth, step)| {
        let (action, decision) = match &truth.wanted {
            Wanted::Decision(decision) => ("put", Some(audit::decision_json(decision))),
            Wanted::Nothing(_) => ("delete", None),
            Wanted::Undecided(_) => ("withdraw", None),
        };
        json_line(&json!({
            "subject": truth.subject.as_e164(),
            "at": truth.at.to_string(),
            "action": action,
            "decision": decision,
            "result": audit::result(truth.answer),
            "replay": done(step, dry_run).replace(' ', "_"),
            "why": why(step),
        }))
    })
}

/// What became of a step.
fn done(step: &Step, dry_run: bool) -> &'static str {
    match step {
        Step::Skip(_) => "skipped",
        _ if dry_run => "would replay",
        _ => "replayed",
    }
}

/// Why a step is skipped, or empty.
fn why(step: &Step) -> &str {
    if let Step::Skip(why) = step { why.as_str() } else { "" }
}
