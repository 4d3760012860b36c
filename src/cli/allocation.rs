//! `numguard allocation`: regulators' files of ranges and their holders.
//!
//! The file is read by the service, by the definition of its feed; here it is only sent.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::rpc::pb;
use crate::rpc::pb::import_allocation_request::Part;

use super::confirm::YesArg;
use super::connection::asked::AskedArg;
use super::connection::{Client, ServerArg};
use super::exit::Exit;
use super::output::{self, Columns, grouped, json_line, say, tell, visible};
use super::query::QueryArgs;

/// Bytes per message.
const PART: usize = 1 << 20;

/// Verbs on regulators' files.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Load a file in place of the one before it: all of it or nothing
    Import(ImportArgs),
    /// List the files that checks go by
    List(QueryArgs),
    /// Take a file away
    Delete(DeleteArgs),
}

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// Whose file it is: ofcom-s7, arcep-majnum, cnac, nanpa, or a definition of your own
    feed: String,
    /// The file, unpacked; several count as one
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read and judge it, load nothing
    #[arg(long)]
    dry_run: bool,
    /// Load it although it is doubtful, such as one that has shrunk much
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

/// Arguments of `delete`.
#[derive(Debug, clap::Args)]
pub(super) struct DeleteArgs {
    /// Whose file
    feed: String,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(super) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Import(args) => import(args).await,
        Verb::List(args) => list(args).await,
        Verb::Delete(args) => delete(args).await,
    }
}

async fn delete(args: DeleteArgs) -> Result<Exit> {
    let client = Client::connect(&args.server).await?;
    let question = format!("Take away all that the file of {} says of ranges?", args.feed);
    if !args.yes.confirm(&question)? {
        bail!("nothing was changed");
    }
    client.delete_allocation(args.feed.clone(), &args.asked).await?;
    say(format_args!("{}: taken away", args.feed))?;
    Ok(Exit::Ok)
}

async fn import(args: ImportArgs) -> Result<Exit> {
    let parts = parts(&args)?;
    let done = Client::connect(&args.server).await?.import_allocation(parts).await?;
    let made = done.allocation.unwrap_or_default();
    say(format_args!(
        "{}: {} rows, {} left out: {} ranges of {} holders, {} of nobody",
        made.feed,
        grouped(done.rows),
        grouped(done.left_out),
        grouped(made.held_ranges),
        grouped(made.holders),
        grouped(made.free_ranges)
    ))?;
    for doubt in &done.doubts {
        tell!("doubtful: {}", visible(doubt));
    }
    match (done.loaded, args.dry_run) {
        (true, _) => say("loaded; checks go by it")?,
        (false, true) => say("dry run: nothing was loaded")?,
        (false, false) => {
            tell!("nothing was loaded; if the file is right, --accept loads it");
            return Ok(Exit::Failed);
        }
    }
    Ok(Exit::Ok)
}

fn parts(args: &ImportArgs) -> Result<Vec<pb::ImportAllocationRequest>> {
    let part = |part| pb::ImportAllocationRequest { part: Some(part) };
    let (author, request_id) = args.asked.by_unless(args.dry_run);
    let mut parts = vec![part(Part::Head(pb::AllocationHead {
        feed: args.feed.clone(),
        dry_run: args.dry_run,
        accept: args.accept,
        author,
        request_id,
    }))];
    let mut sent = 0;
    for path in &args.files {
        let name = path.display().to_string();
        let mut body = Vec::new();
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut body));
        read.with_context(|| format!("cannot read {name}"))?;
        if let Some(packed) = packed(&body) {
            bail!("{name}: is packed ({packed}): unpack it and give what is inside");
        }
        sent += body.len() as u64;
        parts.push(part(Part::File(name)));
        parts.extend(body.chunks(PART).map(|bytes| part(Part::Bytes(bytes.to_vec()))));
    }
    parts.push(part(Part::Finish(pb::AllocationFinish { bytes: sent })));
    Ok(parts)
}

/// How a file is packed, by its first bytes.
fn packed(bytes: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], _); 5] = [
        (b"PK\x03\x04", "zip"),
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"7z\xbc\xaf", "7z"),
    ];
    kinds.into_iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| kind)
}

async fn list(query: QueryArgs) -> Result<Exit> {
    let loaded = query.client().await?.allocations().await?;
    let columns = Columns::new()
        .with("FEED", |loaded: &pb::Allocation| visible(&loaded.feed))
        .with("LOADED", |loaded| output::time(loaded.loaded_at.as_ref()))
        .with("HELD RANGES", |loaded| grouped(loaded.held_ranges))
        .with("HOLDERS", |loaded| grouped(loaded.holders))
        .with("FREE RANGES", |loaded| grouped(loaded.free_ranges));
    query.form().list(&loaded, columns, |loaded| json_line(&Line::from(loaded)))?;
    Ok(Exit::Ok)
}

/// A loaded file as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    feed: &'a str,
    loaded_at: String,
    held_ranges: u64,
    free_ranges: u64,
    holders: u64,
}

impl<'a> From<&'a pb::Allocation> for Line<'a> {
    fn from(loaded: &'a pb::Allocation) -> Self {
        Self {
            feed: &loaded.feed,
            loaded_at: output::time(loaded.loaded_at.as_ref()),
            held_ranges: loaded.held_ranges,
            free_ranges: loaded.free_ranges,
            holders: loaded.holders,
        }
    }
}
