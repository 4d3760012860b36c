//! `numguard audit`: reads audit records on this machine; asks no service.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::config::{Config, Flags};
use crate::core::listing::{Decision, UnixTime};
use crate::operate::audit::{
    self, Act, Answer, Asked, AuditError, Entry, Intent, KeyIntent, Order, Record, Records,
};
use crate::rpc::messages::pb_decision;

use super::exit::Exit;
use super::output::{self, Columns, OutputArg, grouped, json_line, say, tell};

/// A withdrawal, in words.
pub(super) const WITHDRAW: &str = "take the decision away";

/// Verbs on audit records.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List what operators did, oldest first, with the store's answer
    List(ListArgs),
    /// Check that no line was altered, removed or moved
    Verify(FileArg),
}

/// Which file.
#[derive(Debug, clap::Args)]
pub(super) struct FileArg {
    /// Audit record, with the older files that stand beside it; or several files of one, oldest first
    /// [default: audit.jsonl in the data folder]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of the store [default: numguard-data]
    #[arg(long, value_name = "DIR", conflicts_with = "files")]
    data_dir: Option<PathBuf>,
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

impl FileArg {
    /// The record that is named, or the data folder's; the latter may have others beside it.
    fn open(&self) -> Result<(PathBuf, Records)> {
        let path = match self.files.as_slice() {
            [] => self.of_data_folder()?,
            [file] => file.clone(),
            [.., last] => return Ok((last.clone(), audit::read_in_turn(self.files.clone())?)),
        };
        let records = audit::read(&path)?;
        Ok((path, records))
    }

    fn of_data_folder(&self) -> Result<PathBuf> {
        let flags = Flags { data_dir: self.data_dir.clone(), ..Flags::default() };
        let folder = Config::load(None, &flags)?.data_dir;
        let beside = format!("{}.", audit::FILE);
        let older = audit::older(&folder.join(audit::FILE));
        for entry in std::fs::read_dir(&folder).with_context(|| {
            format!(
                "cannot read {}: name the service's data folder with --data-dir, or a file",
                folder.display()
            )
        })? {
            let name = entry?.file_name();
            let is_older = older.iter().any(|older| older.file_name() == Some(&name));
            if !is_older && name.to_string_lossy().starts_with(&beside) {
                tell!("beside it: {}", folder.join(name).display());
            }
        }
        Ok(folder.join(audit::FILE))
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

/// Their own word, and the client whose key was shown.
fn who(asked: &Asked) -> String {
    let author = output::visible(&asked.author);
    match asked.client.as_str() {
        "" => author,
        client => format!("{author} ({client})").trim_start().to_owned(),
    }
}

/// One change with the store's answer, for people and for programs.
struct Row<'a> {
    record: &'a Record,
    about: String,
    what: String,
    before: String,
    result: String,
    json: serde_json::Value,
}

impl<'a> Row<'a> {
    /// The row of a record, unless it is an answer: that is part of the row of its question.
    fn read(record: &'a Record, result: &str, after: &str) -> Option<Self> {
        let (about, what, before, result, json) = match &record.entry {
            Entry::Answer { .. } => return None,
            Entry::Intent(intent) => {
                let before = intent.before.as_ref().map(in_words).unwrap_or_default();
                let json = as_json(record, intent, result);
                (intent.subject.as_e164(), what(&intent.act), before, result.to_owned(), json)
            }
            Entry::Order(order) => {
                let run = order.run.map(|run| format!(" {run}")).unwrap_or_default();
                let what = format!("{}{run}", order.verb.as_str());
                let json = order_json(record, order, result, after);
                let colon = if after.is_empty() { "" } else { ": " };
                let result = format!("{result}{colon}{}", output::visible(after));
                (order.feed.clone(), what, output::visible(&order.before), result, json)
            }
            Entry::Key(key) => {
                let about = format!("{} {}", output::visible(&key.of), key.key).trim().to_owned();
                let json = key_as_json(record, key, result);
                (about, key_change(key), String::new(), result.to_owned(), json)
            }
        };
        Some(Self { record, about, what, before, result, json })
    }
}

fn key_change(key: &KeyIntent) -> String {
    let scopes = if key.scopes.is_empty() { String::new() } else { format!(" for {}", key.scopes.join(",")) };
    let until = key.expires_at.map(|end| format!(" until {end}")).unwrap_or_default();
    format!("{}{scopes}{until}", key.change.as_str())
}

fn key_as_json(record: &Record, key: &KeyIntent, result: &str) -> serde_json::Value {
    json!({
        "seq": record.seq,
        "at": record.at.to_string(),
        "author": record.asked.author,
        "client": record.asked.client,
        "request_id": record.asked.request_id,
        "action": key.change.as_str(),
        "key": {"id": key.key, "client": key.of, "scopes": key.scopes},
        "expires_at": key.expires_at.map(|end| end.to_string()),
        "result": result,
    })
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

/// All records that can be read, and where the chain breaks.
pub(super) fn read(path: &Path) -> Result<(Vec<Record>, Vec<AuditError>)> {
    all(path, audit::read(path)?)
}

fn all(path: &Path, mut records: Records) -> Result<(Vec<Record>, Vec<AuditError>)> {
    let (mut good, mut broken) = (Vec::new(), Vec::new());
    for record in records.by_ref() {
        match record {
            Ok(record) => good.push(record),
            Err(error @ AuditError::Broken { .. }) => broken.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    tell_cut(path, records.cut());
    Ok((good, broken))
}

fn tell_cut(path: &Path, line: Option<u64>) {
    if let Some(line) = line {
        tell!("{}:{line}: is cut or still being written, and left out", path.display());
    }
}

/// The store's answer, in a word.
pub(super) fn result(answer: Option<Answer>) -> &'static str {
    answer.map_or("missing", Answer::as_str)
}

fn what(act: &Act) -> String {
    match act {
        Act::Put(decision) => in_words(decision),
        Act::Delete(_) => "delete".to_owned(),
        Act::Withdraw => WITHDRAW.to_owned(),
        Act::Restore(listing) => match listing.decision() {
            Some(decision) => format!("put back: {}", in_words(decision)),
            None => "put back what feeds saw".to_owned(),
        },
    }
}

/// A decision as in the other tables.
pub(super) fn in_words(decision: &Decision) -> String {
    output::decision(Some(&pb_decision(decision)))
}

/// A decision for programs; times as in exports.
pub(super) fn decision_json(decision: &Decision) -> serde_json::Value {
    json!({
        "action": decision.action.as_str(),
        "reason": decision.reason,
        "author": decision.author,
        "decided_at": decision.decided_at.to_string(),
        "expires_at": decision.expires_at.map(|end| end.to_string()),
    })
}

fn as_json(record: &Record, intent: &Intent, result: &str) -> serde_json::Value {
    let (action, decision) = match &intent.act {
        Act::Put(decision) => ("put", Some(decision_json(decision))),
        Act::Delete(_) => ("delete", None),
        Act::Withdraw => ("withdraw", None),
        Act::Restore(listing) => ("restore", listing.decision().map(decision_json)),
    };
    json!({
        "seq": record.seq,
        "at": record.at.to_string(),
        "author": record.asked.author,
        "client": record.asked.client,
        "request_id": record.asked.request_id,
        "undoes": record.asked.undoes,
        "action": action,
        "subject": intent.subject.as_e164(),
        "decision": decision,
        "before": intent.before.as_ref().map(decision_json),
        "result": result,
    })
}

fn order_json(record: &Record, order: &Order, result: &str, after: &str) -> serde_json::Value {
    json!({
        "seq": record.seq,
        "at": record.at.to_string(),
        "author": record.asked.author,
        "client": record.asked.client,
        "request_id": record.asked.request_id,
        "action": order.verb.as_str().replace(' ', "_"),
        "feed": order.feed,
        "run": order.run,
        "before": order.before,
        "after": after,
        "result": result,
    })
}
