//! `numguard audit`: reads audit records on this machine; asks no service.

mod file;
mod row;

use std::collections::HashMap;

use anyhow::{Result, bail};

use crate::core::listing::UnixTime;
use crate::operate::audit::{AuditError, Entry};

use self::file::{FileArg, all, tell_cut};
use self::row::{Row, who};
use super::exit::Exit;
use super::output::{Columns, OutputArg, grouped, json_line, say, tell};

pub(super) use self::file::read;
pub(super) use self::row::{WITHDRAW, decision_json, in_words, result};

/// Verbs on audit records.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List what operators did, oldest first, with the store's answer
    List(ListArgs),
    /// Check that no line was altered, removed or moved
    Verify(FileArg),
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    file: FileArg,
    /// Only what was done since then: a date (2026-05-31) or a time (2026-05-31T12:00:00Z)
    #[arg(long, value_name = "DATE|TIME")]
    since: Option<UnixTime>,
    #[command(flatten)]
    output: OutputArg,
}

pub(super) fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::List(args) => list(&args),
        Verb::Verify(file) => verify(&file),
    }
}

fn list(args: &ListArgs) -> Result<Exit> {
    let (path, records) = args.file.open()?;
    let (records, broken) = all(&path, records)?;
    let mut answers = HashMap::new();
    for record in &records {
        if let Entry::Answer { of, answer, after } = &record.entry {
            answers.insert(*of, (*answer, after.as_str()));
        }
    }
    let since = args.since.unwrap_or_default();
    let rows = records.iter().filter(|record| record.at >= since).filter_map(|record| {
        let (answer, after) = answers.get(&record.seq).copied().unzip();
        Row::read(record, result(answer), after.unwrap_or_default())
    });
    let columns = Columns::new()
        .with("TIME", |row: &Row<'_>| row.record.at)
        .with("AUTHOR", |row| who(&row.record.asked))
        .with("ABOUT", |row| row.about.clone())
        .with("WHAT", |row| row.what.clone())
        .with("BEFORE", |row| row.before.clone())
        .with("RESULT", |row| row.result.clone());
    args.output.form().list(rows, columns, |row| json_line(&row.json))?;
    for error in &broken {
        tell!("{error}");
    }
    if !broken.is_empty() {
        bail!("the chain of {} is broken: see above", path.display());
    }
    Ok(Exit::Ok)
}

fn verify(file: &FileArg) -> Result<Exit> {
    let (path, mut records) = file.open()?;
    let (mut count, mut broken) = (0u64, 0u64);
    for record in records.by_ref() {
        match record {
            Ok(_) => count += 1,
            Err(error @ AuditError::Broken { .. }) => {
                tell!("{error}");
                broken += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    tell_cut(&path, records.cut());
    if broken > 0 {
        bail!("the chain of {} is broken in {} places", path.display(), grouped(broken));
    }
    let (seq, hash) = records.end().unwrap_or((0, "none"));
    say(format_args!("{}: {} lines, the chain is whole", path.display(), grouped(count)))?;
    // A file whose last lines are missing is whole too: only somebody who noted its end can tell.
    say(format_args!("end: line {seq}, hash {hash}"))?;
    Ok(Exit::Ok)
}
