//! The end of the file that is written: where it is, and what was written last.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use crate::core::listing::UnixTime;

use super::record::Record;
use super::{AuditError, line, rotate};

/// The end of the file.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) file: File,
    /// Bytes that are known to be whole lines.
    pub(super) length: u64,
    /// The last line's number and hash.
    pub(super) seq: u64,
    pub(super) hash: String,
    /// When it was written.
    pub(super) at: UnixTime,
    /// More may stand after `length`: a write failed.
    pub(super) torn: bool,
}

impl Tail {
    pub(super) fn empty(file: File) -> Self {
        Self { file, length: 0, seq: 0, hash: String::new(), at: UnixTime(0), torn: false }
    }

    /// Renames the file by its last line and goes on in a new one. A request is never cut in two: its
    /// lines are written at once.
    pub(super) fn rotate(&mut self, path: &Path) -> Result<(), AuditError> {
        self.take_back().map_err(AuditError::file("write", path))?;
        fs::rename(path, rotate::name(path, self.seq)).map_err(AuditError::file("rename", path))?;
        self.file = locked(path)?;
        self.length = 0;
        rotate::made_durable(path);
        Ok(())
    }

    pub(super) fn append(&mut self, records: impl Iterator<Item = Record>) -> io::Result<Range<u64>> {
        self.take_back()?;
        let mut at = self.at;
        let (mut seq, mut hash, mut length) = (self.seq, self.hash.clone(), self.length);
        self.torn = true;
        let mut out = BufWriter::with_capacity(1 << 16, &self.file);
        for record in records {
            (seq, at) = (seq + 1, record.at);
            let (mut text, its_hash) = line::write(&Record { seq, ..record }, &hash)?;
            text.push('\n');
            out.write_all(text.as_bytes())?;
            length += text.len() as u64;
            hash = its_hash;
        }
        out.flush()?;
        drop(out);
        self.file.sync_data()?;
        let first = self.seq + 1;
        (self.length, self.seq, self.hash, self.at, self.torn) = (length, seq, hash, at, false);
        Ok(first..seq + 1)
    }

    /// Takes back what a failed write left after the last whole line.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        Ok(())
    }
}

/// Opens the file for this process alone; only its owner may read a new one.
pub(super) fn locked(path: &Path) -> Result<File, AuditError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(AuditError::file("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(AuditError::InUse { path: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(AuditError::file("lock", path)(error)),
    }
}
