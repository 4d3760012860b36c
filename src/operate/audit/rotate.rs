//! A record of many files: once one is large, it is renamed and the chain goes on in a new one.
//!
//! `audit.jsonl` is the newest; `audit.jsonl.000000001200` ends with line 1200. Must not delete any.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Digits of the line in a name, so that names sort as lines do.
const DIGITS: usize = 12;

/// The name of a file whose last line is `seq`.
pub(super) fn name(path: &Path, seq: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{seq:0DIGITS$}"));
    name.into()
}

/// The last line of a file of the record at `path`, by its name.
fn last_line(path: &Path, beside: &Path) -> Option<u64> {
    let (own, name) = (path.file_name()?.to_str()?, beside.file_name()?.to_str()?);
    let digits = name.strip_prefix(own)?.strip_prefix('.')?;
    if digits.len() == DIGITS { digits.parse().ok() } else { None }
}

/// The older files of the record at `path`, oldest first.
pub fn older(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = paths.filter(|beside| last_line(path, beside).is_some()).collect();
    found.sort();
    found
}

/// A new file's name must survive a power cut too. Not every file system can be asked for that.
pub(super) fn made_durable(path: &Path) {
    let synced = path.parent().map(|folder| File::open(folder).and_then(|folder| folder.sync_all()));
    if let Some(Err(error)) = synced {
        tracing::debug!(%error, "cannot sync the folder of the audit record");
    }
}
