//! Which files `numguard audit` reads, and the records in them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::config::{Config, Flags};
use crate::operate::audit::{self, AuditError, Record, Records};

use super::super::output::tell;

/// Which file.
#[derive(Debug, clap::Args)]
pub(crate) struct FileArg {
    /// Audit record, with the older files that stand beside it; or several files of one, oldest first
    /// [default: audit.jsonl in the data folder]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of the store [default: numguard-data]
    #[arg(long, value_name = "DIR", conflicts_with = "files")]
    data_dir: Option<PathBuf>,
}

impl FileArg {
    /// The record that is named, or the data folder's; the latter may have others beside it.
    pub(crate) fn open(&self) -> Result<(PathBuf, Records)> {
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

/// All records that can be read, and where the chain breaks.
pub(crate) fn read(path: &Path) -> Result<(Vec<Record>, Vec<AuditError>)> {
    all(path, audit::read(path)?)
}

pub(crate) fn all(path: &Path, mut records: Records) -> Result<(Vec<Record>, Vec<AuditError>)> {
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

pub(crate) fn tell_cut(path: &Path, line: Option<u64>) {
    if let Some(line) = line {
        tell!("{}:{line}: is cut or still being written, and left out", path.display());
    }
}
