//! Where a record left off: its last whole line, and what a kill or a power cut left behind it.
//!
//! Must not delete anything: what cannot be carried on is kept in the record's folder, and logged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::core::listing::UnixTime;

use super::record::Entry;
use super::tail::Tail;
use super::{AuditError, line, rotate};

/// How many bytes from the end are read at first; the longest line has some 9,000.
const GLANCE: u64 = 64 * 1_024;

/// How a file ends.
pub(super) enum End {
    /// In a whole line. The range, written at that time, holds lines of a request whose last lines are missing: the
    /// store was never asked to change anything.
    Whole(Tail, Option<(UnixTime, Range<u64>)>),
    /// In something else. The file stays locked as long as it is held.
    Damaged(File),
}

/// Looks at the end of the file: a start reads only that.
pub(super) fn end_of(mut file: File, path: &Path) -> Result<End, AuditError> {
    let failed = AuditError::file("read", path);
    let length = file.metadata().map_err(&failed)?.len();
    if length == 0 {
        rotate::made_durable(path);
        return Ok(End::Whole(after_older(file, path)?, None));
    }
    let mut glance = GLANCE;
    let bytes = loop {
        let bytes = last_bytes(&mut file, length, glance).map_err(&failed)?;
        let line_ends = bytes.iter().filter(|&&byte| byte == b'\n').count();
        if line_ends > 1 || glance >= length {
            break bytes;
        }
        glance = glance.saturating_mul(16);
    };
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let cut = &bytes[whole..];
    let length = length - cut.len() as u64;
    if !cut.is_empty() {
        keep_cut(&file, path, cut, length)?;
    }
    let Some(lines) = bytes[..whole].strip_suffix(b"\n") else {
        return Ok(End::Whole(Tail::empty(file), None));
    };
    let begin = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let last = std::str::from_utf8(&lines[begin..]).ok().and_then(|text| line::read(text).ok());
    let Some(last) = last else { return Ok(End::Damaged(file)) };
    let (seq, (part, parts)) = (last.record.seq, last.record.part);
    let unfinished = matches!(last.record.entry, Entry::Intent(_)) && part < parts;
    let unasked = unfinished.then(|| (last.record.at, (seq + 1).saturating_sub(part.into())..seq + 1));
    let tail = Tail { file, length, seq, hash: last.hash, at: last.record.at, torn: false };
    Ok(End::Whole(tail, unasked))
}

/// A file that is still empty goes on where the newest of the older ones ended.
fn after_older(file: File, path: &Path) -> Result<Tail, AuditError> {
    let Some(newest) = rotate::older(path).pop() else { return Ok(Tail::empty(file)) };
    let failed = AuditError::file("read", &newest);
    let mut older = File::open(&newest).map_err(&failed)?;
    let length = older.metadata().map_err(&failed)?.len();
    let bytes = last_bytes(&mut older, length, GLANCE * 16).map_err(&failed)?;
    let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let begin = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let last = std::str::from_utf8(&lines[begin..]).ok().and_then(|text| line::read(text).ok());
    Ok(match last {
        Some(last) => {
            let (seq, at) = (last.record.seq, last.record.at);
            Tail { file, length: 0, seq, hash: last.hash, at, torn: false }
        }
        // Verifying tells that the chain breaks there.
        None => Tail::empty(file),
    })
}

fn last_bytes(file: &mut File, length: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Moves a line that ends early to `audit.jsonl.cut`. Its request was never begun: the store is
/// asked only after the line is whole and on disk.
fn keep_cut(file: &File, path: &Path, cut: &[u8], length: u64) -> Result<(), AuditError> {
    let beside = named(path, "cut");
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let kept = options.open(&beside).and_then(|mut kept| {
        kept.write_all(&[cut, b"\n"].concat())?;
        kept.sync_all()
    });
    kept.map_err(AuditError::file("write", &beside))?;
    file.set_len(length).and_then(|()| file.sync_all()).map_err(AuditError::file("write", path))?;
    tracing::warn!(
        bytes = cut.len(),
        kept_in = %beside.display(),
        "the last line of the audit record is cut, by a kill or a power cut; what it was to record was not done"
    );
    Ok(())
}

/// Renames a damaged record, so that a new one can begin.
pub(super) fn set_aside(path: &Path) -> Result<(), AuditError> {
    let names = (1..).map(|n| named(path, &format!("damaged-{n}")));
    let Some(beside) = names.into_iter().find(|name| !name.exists()) else { return Ok(()) };
    fs::rename(path, &beside).map_err(AuditError::file("rename", path))?;
    tracing::error!(
        kept_as = %beside.display(),
        "the last line of the audit record is damaged: a new record begins; `numguard audit verify` tells \
         about the old one, and a replay needs it too"
    );
    Ok(())
}

fn named(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
