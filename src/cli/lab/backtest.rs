//! `numguard backtest`: how well a policy would have done, on files, without a service.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::now;
use crate::config::policies;
use crate::core::allocation::Allocations;
use crate::core::listing::{Day, FeedName, Subject, UnixTime};
use crate::core::number::{LineType, Number, parse};
use crate::feed::{self, Catalogue, Definition, Reading, Shape, read_holders};
use crate::lab::backtest::{
    self, Bin, History, Inputs, LegitimateTally, RegionTally, Report, Sightings, interval,
};

use super::super::exit::Exit;
use super::super::output::{Columns, Output, OutputArg, print_json, say, tell};

/// Regions that the table shows.
const MOST_REGIONS: usize = 15;

/// Arguments of `backtest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Sightings of one feed: CSV with seen_on and e164, plain or gzip; may be given again
    #[arg(long, required = true, num_args = 1.., value_name = "NAME=FILE", value_parser = named_file)]
    sightings: Vec<(FeedName, PathBuf)>,
    /// Abused numbers: CSV with seen_on and e164; each is judged on the first day it appears
    #[arg(long, value_name = "FILE")]
    positives: PathBuf,
    /// Real subscribers' numbers: CSV with e164 and line_type; judged on the last day
    #[arg(long, value_name = "FILE")]
    legitimate: PathBuf,
    /// First day on which positives are judged
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Day,
    /// Last day [default: the last day with positives]
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<Day>,
    /// A regulator's file, read by the definition of this feed; may be given again. It is as it is today,
    /// so that the past knows what it could not
    #[arg(long, num_args = 1.., value_name = "FEED=FILE", value_parser = named_file)]
    allocation: Vec<(FeedName, PathBuf)>,
    /// Policy file instead of the built-in policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Named policy of the file
    #[arg(long, value_name = "NAME", default_value = "")]
    policy_name: String,
    /// Write a picture of recall, false positives and calibration
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArg,
}

fn named_file(text: &str) -> Result<(FeedName, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("expected NAME=FILE, for example ip1sms=list.csv.gz")?;
    Ok((name.parse().map_err(|error| format!("{error}"))?, file.into()))
}

fn day(text: &str) -> Result<Day, String> {
    text.parse::<UnixTime>().map(UnixTime::day).map_err(|error| error.to_string())
}

pub(crate) fn run(args: Args) -> Result<Exit> {
    let began = Instant::now();
    let policies = args.policy.as_deref().map(policies).transpose()?.unwrap_or_default();
    let policy = policies.get(&args.policy_name);
    let policy =
        policy.with_context(|| format!("--policy-name {}: the file has no such policy", args.policy_name))?;
    let mut history = History::default();
    for (feed, path) in &args.sightings {
        history.add(feed, sightings(path, feed)?);
    }
    let positives = first_days(&sightings(&args.positives, &args.sightings[0].0)?);
    let last = positives.values().max().copied();
    let to = args.to.or(last).context("there are no positives")?;
    if to < args.from {
        bail!("--to {to} is before --from {}", args.from);
    }
    let legitimate = legitimate(&args.legitimate)?;
    let bar = ProgressBar::new(u64::from(args.from.days_until(to)) + 1);
    bar.set_style(
        ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} days")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let allocations = Arc::new(allocations(&args.allocation)?);
    let inputs = Inputs { history, positives, legitimate, window: (args.from, to), allocations };
    let mut report = backtest::run(inputs, policy, &mut |day| {
        bar.set_message(day.to_string());
        bar.inc(1);
    });
    bar.finish_and_clear();
    report.seconds = (began.elapsed().as_secs_f64() * 100.0).round() / 100.0;
    if let Some(path) = &args.plot {
        std::fs::write(path, backtest::svg(&report))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    match args.output.form() {
        Output::Json => print_json(&report)?,
        Output::Table => print(&report, &policy.version)?,
    }
    Ok(Exit::Ok)
}

fn allocations(files: &[(FeedName, PathBuf)]) -> Result<Allocations> {
    let catalogue = Catalogue::new(&[])?;
    let mut all = Allocations::default();
    for (feed, path) in files {
        let definition = catalogue.get(feed.as_str()).map(|entry| &entry.definition);
        let Some(Shape::Holders(shape)) = definition.map(Definition::shape) else {
            bail!("{feed} is no file of ranges and holders");
        };
        let mut body = Vec::new();
        open(path)?.read_to_end(&mut body).with_context(|| format!("cannot read {}", path.display()))?;
        let read = read_holders(shape, &body).with_context(|| path.display().to_string())?;
        all = all.with(shape.allocation(feed.clone(), now(), &read.rows));
    }
    Ok(all)
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

fn sightings(path: &Path, feed: &FeedName) -> Result<Sightings> {
    let reading = Reading { feed: feed.clone(), default_region: None, now: now() };
    let (mut rows, mut bad) = (Vec::new(), 0u64);
    feed::read(open(path)?, &reading, &mut |row| match row {
        Ok(row) => {
            if let (Subject::Number(number), Some((_, last))) = (row.subject, row.listing.seen_between()) {
                rows.push((last.day(), number));
            }
        }
        Err(_) => bad += 1,
    })
    .with_context(|| path.display().to_string())?;
    if bad > 0 {
        tell!("{}: {bad} bad lines were left out", path.display());
    }
    Ok(rows)
}

fn first_days(rows: &Sightings) -> BTreeMap<Number, Day> {
    let mut first = BTreeMap::new();
    for &(day, number) in rows {
        let known = first.entry(number).or_insert(day);
        *known = day.min(*known);
    }
    first
}

/// Numbers with the line type of their file; where it has none, the plan's.
fn legitimate(path: &Path) -> Result<Vec<(Number, LineType)>> {
    let mut rows = csv::Reader::from_reader(open(path)?);
    let headers = rows.headers().with_context(|| path.display().to_string())?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim() == name);
    let e164 = column("e164").with_context(|| format!("{}: no column is named e164", path.display()))?;
    let line_type = column("line_type");
    let mut numbers = Vec::new();
    for row in rows.records() {
        let row = row.with_context(|| path.display().to_string())?;
        let Ok(parsed) = parse(row.get(e164).unwrap_or_default(), None) else { continue };
        let given = line_type.and_then(|at| row.get(at));
        let given = LineType::ALL.into_iter().find(|line_type| Some(line_type.as_str()) == given);
        numbers.push((parsed.number, given.unwrap_or(parsed.facts.line_type)));
    }
    Ok(numbers)
}

/// `123 of 456  27.0 % (23.1-31.2)`.
fn share(hits: u64, count: u64) -> String {
    let (low, high) = interval(hits, count);
    let percent = |share: f64| format!("{:.*}", if share < 0.01 { 2 } else { 1 }, share * 100.0);
    let middle = if count == 0 { 0.0 } else { hits as f64 / count as f64 };
    format!("{hits} of {count}, {} % ({}-{})", percent(middle), percent(low), percent(high))
}

/// How many numbers of each kind were challenged or blocked.
fn figures(report: &Report) -> Result<()> {
    let (positives, legitimate) = (&report.positives, &report.legitimate);
    let row = |name: &str, challenged, blocked, count| {
        [name.to_owned(), share(challenged, count), share(blocked, count)]
    };
    let of = |name, tally: &LegitimateTally| row(name, tally.challenge_or_block, tally.block, tally.count);
    let listed = share(positives.listed_exact, positives.count);
    Columns::new()
        .with("", |[name, _, _]: &[String; 3]| name.clone())
        .with("CHALLENGED OR BLOCKED (95 %)", |[_, challenged, _]| challenged.clone())
        .with("BLOCKED (95 %)", |[_, _, blocked]| blocked.clone())
        .print([
            row("positives", positives.challenge_or_block, positives.block, positives.count),
            ["  listed themselves".to_owned(), listed, String::new()],
            of("legitimate", &legitimate.all),
            of("  mobile", &legitimate.mobile),
        ])
}

fn print(report: &Report, policy: &str) -> Result<()> {
    figures(report)?;
    say("")?;
    let mut regions: Vec<_> = report.by_region.iter().collect();
    regions.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.positives), name.as_str()));
    let percent =
        |hits: u64, tally: &RegionTally| format!("{:.1} %", 100.0 * hits as f64 / tally.positives as f64);
    Columns::new()
        .with("REGION", |(name, _): &(&String, &RegionTally)| (*name).clone())
        .with("POSITIVES", |(_, tally)| tally.positives)
        .with("CHALLENGED OR BLOCKED", move |(_, tally)| percent(tally.challenge_or_block, tally))
        .with("BLOCKED", move |(_, tally)| percent(tally.block, tally))
        .with("NUMBER SPACE CHALLENGED", |(name, _)| {
            let space = report.number_space.get(*name).copied().unwrap_or_default();
            format!("{:.4} %", space * 100.0)
        })
        .print(regions.into_iter().take(MOST_REGIONS))?;
    say("")?;
    Columns::new()
        .with("PREDICTED", |bin: &Bin| format!("{:.3}", bin.predicted))
        .with("OBSERVED", |bin| format!("{:.3}", bin.observed))
        .with("NUMBERS", |bin| bin.count)
        .print(&report.calibration)?;
    say(format_args!(
        "mean calibration gap {:.3}; policy {policy}; {:.1} s",
        report.calibration_gap(),
        report.seconds
    ))
}
