//! `numguard import`: lists into the store, all of it in one step or nothing.
//!
//! Files are read and their numbers parsed here, so that a bad line is told by file and line; the
//! service stores nothing before the finish.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

use crate::clock::now;
use crate::core::listing::FeedName;
use crate::core::number::Region;
use crate::feed::{self, BadLine, Reading, Row};
use crate::rpc::messages::listing;
use crate::rpc::pb;

use super::super::connection::asked::AskedArg;
use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::{grouped, say, tell};
use super::super::region;

/// Listings per message.
const BATCH: usize = 2_000;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Lists, or - for stdin. CSV needs a header with a column named e164 or number; last_seen (or
    /// seen_on), first_seen and count are read if there. JSON is one object, number to date.
    #[arg(required = true, value_name = "FILE|-")]
    files: Vec<String>,
    /// Feed that the numbers are from [default: the file's name without a date]
    #[arg(long, value_name = "NAME")]
    feed: Option<FeedName>,
    /// Region of numbers in national form, such as GB
    #[arg(long, value_name = "REGION", value_parser = region)]
    default_region: Option<Region>,
    /// Store nothing if a single line is bad
    #[arg(long)]
    strict: bool,
    /// Read and check everything, store nothing
    #[arg(long)]
    dry_run: bool,
    /// Bad lines to print; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    show_bad: u64,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

/// What was read of all files.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    good: u64,
    bad: u64,
}

impl Tally {
    /// How the import ended: bad lines among good ones are told and left out.
    fn verdict(self, strict: bool) -> Result<Exit> {
        match self.bad {
            0 if self.good == 0 => bail!("no rows: nothing was stored (is it the right file?)"),
            0 => {}
            bad if strict => bail!("{} bad lines: --strict stores nothing", grouped(bad)),
            bad if self.good == 0 => bail!("all {} lines are bad: nothing was stored", grouped(bad)),
            bad => {
                tell!("{} bad lines were left out; --strict refuses the whole import instead", grouped(bad))
            }
        }
        Ok(Exit::Ok)
    }
}

type Part = pb::ImportListingsRequest;

pub(crate) async fn run(args: Args) -> Result<Exit> {
    if args.dry_run {
        let strict = args.strict;
        let tally = tokio::task::spawn_blocking(move || read_all(&args, &mut |_| Ok(()))).await??;
        say(format_args!(
            "dry run: {} good rows, {} bad lines; nothing was stored",
            grouped(tally.good),
            grouped(tally.bad)
        ))?;
        return tally.verdict(strict);
    }
    let client = Client::connect(&args.server).await?;
    let (sender, receiver) = channel(8);
    let reader = tokio::task::spawn_blocking(move || send_all(&args, &sender));
    let (stored, read) = tokio::join!(client.import(parts(receiver)), reader);
    // What was wrong with the files matters more than that the service got no finish.
    let tally = read??;
    let stored = stored?;
    say(format_args!(
        "imported {} rows: {} different subjects, {} new; checks see them since revision {}",
        grouped(stored.received),
        grouped(stored.subjects),
        grouped(stored.added),
        stored.revision
    ))?;
    tally.verdict(false)
}

fn parts(receiver: Receiver<Part>) -> ReceiverStream<Part> {
    ReceiverStream::new(receiver)
}

/// Reads all files into the channel and ends it with a finish, unless something is wrong.
fn send_all(args: &Args, sender: &Sender<Part>) -> Result<Tally> {
    let send = |part: pb::import_listings_request::Part| {
        // The service ended the call; its answer tells why.
        sender.blocking_send(Part { part: Some(part) }).ok().context("the service stopped the import")
    };
    let mut batch = Vec::with_capacity(BATCH);
    let tally = read_all(args, &mut |row: Row| {
        batch.push(listing(row.subject, &row.listing));
        if batch.len() == BATCH {
            let listings = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            return send(pb::import_listings_request::Part::Batch(pb::ImportBatch { listings }));
        }
        Ok(())
    });
    let tally = match tally {
        // Let the service's own answer speak.
        Err(_) if sender.is_closed() => return Ok(Tally::default()),
        tally => tally?,
    };
    if args.strict || tally.good == 0 {
        tally.verdict(args.strict)?;
    }
    // A closed channel shows in the service's answer.
    let _ = send(pb::import_listings_request::Part::Batch(pb::ImportBatch { listings: batch }));
    let _ = send(pb::import_listings_request::Part::Finish(pb::ImportFinish {
        listings: tally.good,
        author: args.asked.author.clone(),
        request_id: args.asked.request_id(0, 1),
    }));
    Ok(tally)
}

fn read_all(args: &Args, each: &mut dyn FnMut(Row) -> Result<()>) -> Result<Tally> {
    let mut tally = Tally::default();
    for name in &args.files {
        let reading = Reading {
            feed: match &args.feed {
                Some(feed) => feed.clone(),
                None => feed_name(name)?,
            },
            default_region: args.default_region,
            now: now(),
        };
        let progress = progress(name);
        let input = open(name, &progress)?;
        let mut failed = None;
        let read = feed::read(input, &reading, &mut |row| match row {
            Ok(row) => {
                tally.good += 1;
                if failed.is_none() {
                    failed = each(row).err();
                }
            }
            Err(BadLine { line, reason }) => {
                tally.bad += 1;
                if tally.bad <= args.show_bad {
                    progress.suspend(|| tell!("{name}:{line}: {reason}"));
                }
            }
        });
        progress.finish_and_clear();
        if let Some(error) = failed {
            return Err(error);
        }
        read.with_context(|| format!("{name}: nothing was stored"))?;
    }
    if tally.bad > args.show_bad {
        tell!(
            "and {} more bad lines; --show-bad {} prints all",
            grouped(tally.bad - args.show_bad),
            tally.bad
        );
    }
    Ok(tally)
}

fn open(name: &str, progress: &ProgressBar) -> Result<Box<dyn BufRead>> {
    let input: Box<dyn Read> = if name == "-" {
        Box::new(stdin())
    } else {
        let file = File::open(name).with_context(|| format!("cannot open {name}"))?;
        if file.metadata()?.is_dir() {
            bail!("{name} is a folder: name the files in it");
        }
        Box::new(file)
    };
    Ok(Box::new(BufReader::with_capacity(1 << 16, progress.wrap_read(input))))
}

/// A bar on stderr by bytes; indicatif shows it on a terminal only.
fn progress(name: &str) -> ProgressBar {
    let bytes = std::fs::metadata(name).map_or(0, |data| data.len());
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}");
    ProgressBar::new(bytes)
        .with_message(name.to_owned())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// `lists/Castle_Daily-2026-06-01.csv.gz` -> `castle_daily`. Without the date: else the same list
/// of two days would count as two feeds, which confirm each other.
fn feed_name(file: &str) -> Result<FeedName> {
    let name =
        Path::new(file).file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let undated = stem.trim_end_matches(|c: char| c.is_ascii_digit() || "-_".contains(c));
    if file == "-" {
        return "stdin".parse().context("feed name");
    }
    undated.parse().with_context(|| format!("{file} gives no feed name; name one with --feed"))
}
