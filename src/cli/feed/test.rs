//! `numguard feed test`: the inner loop of whoever writes a definition, on saved pages.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, stdin};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use url::Url;

use crate::core::number::parse;
use crate::feed::{
    Definition, Dropped, HolderRow, Holders, Page, PageRow, ReadOptions, Shape, Verdict, When, read_holders,
};

use super::super::exit::Exit;
use super::super::output::{Columns, Output, OutputArg, grouped, json_line, print_json, say, tell, visible};
use super::definitions::FeedsArg;

/// The most bytes of a saved page.
const LARGEST_PAGE: u64 = 256 << 20;

/// Arguments of `feed test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the feed, or a definition's file (*.toml)
    feed: String,
    /// Saved pages, or - for stdin
    #[arg(long, required = true, num_args = 1.., value_name = "FILE|-")]
    page: Vec<String>,
    /// Address that the pages are from, for their links [default: the feed's first]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// Read digits that a site writes in another script to keep readers out
    #[arg(long)]
    obfuscated: bool,
    /// Rows of each kind to print; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    show: usize,
    #[command(flatten)]
    feeds: FeedsArg,
    #[command(flatten)]
    output: OutputArg,
}

/// A page as a line of JSON.
#[derive(Debug, Serialize)]
struct PageLine<'a> {
    page: &'a str,
    verdict: &'a str,
    because: &'a str,
    numbers: Vec<NumberLine>,
    left_out: Vec<LeftOutLine<'a>>,
    next: Vec<&'a str>,
    wrong_labels: u32,
}

#[derive(Debug, Serialize)]
struct NumberLine {
    row: u32,
    number: String,
    region: String,
    line_type: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<String>,
}

#[derive(Debug, Serialize)]
struct LeftOutLine<'a> {
    row: u32,
    reason: &'static str,
    sample: &'a str,
}

/// A range as a line of JSON.
#[derive(Debug, Serialize)]
struct HolderLine<'a> {
    range: String,
    status: String,
    holder: &'a str,
}

pub(crate) fn run(args: &Args) -> Result<Exit> {
    let definition = args.feeds.definition(&args.feed)?;
    let mut good = true;
    let mut numbers = 0;
    for name in &args.page {
        let body = body(name)?;
        if let Shape::Holders(shape) = definition.shape() {
            let holders = read_holders(shape, &body).with_context(|| name.clone())?;
            good &= !holders.rows.is_empty();
            print_holders(args, name, &holders)?;
            continue;
        }
        let url = args.url.as_ref().or(definition.urls.first()).context("the feed has no address")?;
        let options = ReadOptions { obfuscated: args.obfuscated };
        let page = definition.read(url, &body, options).with_context(|| name.clone())?;
        good &= page.verdict == Verdict::Fine;
        numbers += page.rows.len() as u64;
        match args.output.form() {
            Output::Json => print_json(&line(name, &page))?,
            Output::Table => print_page(args, name, &page)?,
        }
    }
    tell_band(&definition, numbers);
    Ok(if good { Exit::Ok } else { Exit::Failed })
}

/// One page is less than a run, so a band that does not hold is worth a word and no failure.
fn tell_band(definition: &Definition, numbers: u64) {
    let band = definition.band;
    if !matches!(definition.shape(), Shape::Holders(_)) && !band.holds(numbers) {
        let (min, max) = (grouped(band.min), grouped(band.max));
        tell!("{}: a whole run is expected to bring {min} to {max} numbers", definition.name);
    }
}

fn body(name: &str) -> Result<Vec<u8>> {
    let input: Box<dyn Read> = if name == "-" {
        Box::new(stdin())
    } else {
        let file = File::open(name).with_context(|| format!("cannot open {name}"))?;
        if file.metadata()?.is_dir() {
            bail!("{name} is a folder: name the pages in it");
        }
        Box::new(file)
    };
    let mut body = Vec::new();
    input.take(LARGEST_PAGE + 1).read_to_end(&mut body).with_context(|| format!("cannot read {name}"))?;
    if body.len() as u64 > LARGEST_PAGE {
        bail!("{name} is larger than {LARGEST_PAGE} bytes");
    }
    Ok(body)
}

fn because(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Fine | Verdict::Empty => String::new(),
        Verdict::Blocked(why) | Verdict::LayoutChanged(why) => visible(why),
    }
}

fn line<'a>(name: &'a str, page: &'a Page) -> PageLine<'a> {
    PageLine {
        page: name,
        verdict: page.verdict.as_str(),
        because: match &page.verdict {
            Verdict::Blocked(why) | Verdict::LayoutChanged(why) => why,
            Verdict::Fine | Verdict::Empty => "",
        },
        numbers: page.rows.iter().map(number_line).collect(),
        left_out: page
            .dropped
            .iter()
            .map(|row| LeftOutLine { row: row.ordinal, reason: row.reason.as_str(), sample: &row.sample })
            .collect(),
        next: page.next.iter().map(Url::as_str).collect(),
        wrong_labels: page.wrong_labels,
    }
}

fn number_line(row: &PageRow) -> NumberLine {
    let number = row.number.as_e164();
    let facts = parse(&number, None).map(|parsed| parsed.facts);
    NumberLine {
        row: row.ordinal,
        region: facts.map(|facts| facts.region.as_str().to_owned()).unwrap_or_default(),
        line_type: facts.map_or("", |facts| facts.line_type.as_str()),
        number,
        state: row.state.as_str(),
        active: row.active.map(when),
        added: row.added.map(when),
    }
}

fn when(when: When) -> String {
    match when {
        When::At(time) => time.to_string(),
        When::Ago(seconds) => format!("{seconds} s before"),
    }
}

fn print_page(args: &Args, name: &str, page: &Page) -> Result<()> {
    if !page.rows.is_empty() {
        Columns::new()
            .with("ROW", |line: &NumberLine| line.row)
            .with("NUMBER", |line| line.number.clone())
            .with("REGION", |line| line.region.clone())
            .with("LINE TYPE", |line| line.line_type)
            .with("STATE", |line| line.state)
            .with("ACTIVE", |line| line.active.clone().unwrap_or_default())
            .with("ADDED", |line| line.added.clone().unwrap_or_default())
            .print(page.rows.iter().take(args.show).map(number_line))?;
        say("")?;
    }
    if !page.dropped.is_empty() {
        Columns::new()
            .with("ROW", |row: &Dropped| row.ordinal)
            .with("LEFT OUT", |row| row.reason.as_str())
            .with("BECAUSE", |row| row.reason.text())
            .with("STANDS THERE", |row| visible(&row.sample))
            .print(page.dropped.iter().take(args.show))?;
        say("")?;
    }
    for next in &page.next {
        say(format_args!("next: {next}"))?;
    }
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &page.dropped {
        *reasons.entry(row.reason.as_str()).or_default() += 1;
    }
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let told = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let because = because(&page.verdict);
    let colon = if because.is_empty() { "" } else { ": " };
    say(format_args!(
        "{name}: {}{colon}{because}; {} numbers, {} rows left out{told}, {} wrong regions on the page",
        page.verdict.as_str(),
        grouped(page.rows.len() as u64),
        grouped(page.dropped.len() as u64),
        page.wrong_labels
    ))
}

fn print_holders(args: &Args, name: &str, holders: &Holders) -> Result<()> {
    let status = |row: &HolderRow| format!("{:?}", row.status).to_lowercase();
    let columns = Columns::new()
        .with("RANGE", |row: &HolderRow| row.range.as_e164())
        .with("STATUS", status)
        .with("HOLDER", |row| visible(&row.holder));
    let form = args.output.form();
    // Programs get all rows.
    let most = if form == Output::Json { usize::MAX } else { args.show };
    form.list(holders.rows.iter().take(most), columns, |row| {
        json_line(&HolderLine { range: row.range.as_e164(), status: status(row), holder: &row.holder })
    })?;
    if form == Output::Json {
        return Ok(());
    }
    say("")?;
    say(format_args!(
        "{name}: {} ranges, {} rows left out (short codes and the like)",
        grouped(holders.rows.len() as u64),
        grouped(holders.left_out.len() as u64)
    ))
}
