//! Reads an audit record line by line and tells where its chain breaks.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::line::{self, Linked, Unreadable};
use super::record::Record;
use super::{AuditError, rotate};

/// A longer line (bytes) is no record: a decision's texts are bounded.
const LONGEST_LINE: u64 = 64 * 1_024;

/// The records of a file, oldest first. After a `Broken` error reading goes on; a whole line in the wrong place is
/// still returned.
#[derive(Debug)]
pub struct Records {
    input: BufReader<File>,
    path: String,
    /// Files that follow.
    further: VecDeque<PathBuf>,
    first: bool,
    line: u64,
    /// What the next line should follow; nothing if that cannot be known.
    last: Option<Place>,
    waiting: Option<Record>,
    cut: Option<u64>,
    ended: bool,
}

/// The end of the chain so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Place {
    seq: u64,
    hash: String,
}

/// Opens the record at `path`, with the older files beside it.
pub fn read(path: &Path) -> Result<Records, AuditError> {
    loop {
        let mut files = rotate::older(path);
        let is_there = path.exists();
        // Between a rename and the new file, the older ones are all of it.
        if is_there || files.is_empty() {
            files.push(path.to_owned());
        }
        let records = read_in_turn(files.clone());
        files.truncate(files.len() - usize::from(is_there));
        if !is_there || files == rotate::older(path) {
            return records;
        }
    }
}

/// Opens these files as one record, oldest first.
pub fn read_in_turn(files: Vec<PathBuf>) -> Result<Records, AuditError> {
    let mut further = VecDeque::from(files);
    let path = further.pop_front().unwrap_or_default();
    Ok(Records {
        input: open(&path)?,
        path: path.display().to_string(),
        further,
        first: true,
        line: 0,
        last: Some(Place::default()),
        waiting: None,
        cut: None,
        ended: false,
    })
}

fn open(path: &Path) -> Result<BufReader<File>, AuditError> {
    let input = File::open(path).map_err(AuditError::file("open", path))?;
    Ok(BufReader::with_capacity(1 << 16, input))
}

impl Records {
    /// The line that ends early, if one does. That is no break: numguard was killed while it wrote
    /// it, or is writing it, and has not asked the store yet.
    pub fn cut(&self) -> Option<u64> {
        self.cut
    }

    /// Number and hash of the last line so far.
    pub fn end(&self) -> Option<(u64, &str)> {
        self.last.as_ref().filter(|last| last.seq > 0).map(|last| (last.seq, last.hash.as_str()))
    }

    fn broken(&self, reason: &'static str) -> AuditError {
        AuditError::Broken { path: self.path.clone(), line: self.line, reason }
    }

    fn next_line(&mut self) -> std::io::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut text)?;
        if text.len() as u64 == LONGEST_LINE && text.last() != Some(&b'\n') {
            self.input.skip_until(b'\n')?;
            text.push(b'\n');
        }
        Ok(text)
    }

    fn take(&mut self, text: &[u8]) -> Result<Record, AuditError> {
        let read = std::str::from_utf8(text).map_err(|_| Unreadable::Foreign).and_then(line::read);
        let last = self.last.take();
        let Linked { record, previous, hash } = match read {
            Ok(linked) => linked,
            Err(Unreadable::Foreign) => return Err(self.broken("is no line of an audit record")),
            Err(Unreadable::Altered) => return Err(self.broken("was altered: its text has another hash")),
        };
        let follows = last.is_none_or(|last| last.hash == previous && last.seq + 1 == record.seq);
        self.last = Some(Place { seq: record.seq, hash });
        if follows {
            return Ok(record);
        }
        self.waiting = Some(record);
        Err(self.broken(if self.line == 1 && self.first {
            "is not the beginning: lines before it are missing (name older files of the record before it)"
        } else {
            "does not follow the line before it: a line was taken out, put in, moved or altered"
        }))
    }
}

impl Iterator for Records {
    type Item = Result<Record, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.waiting.take() {
            return Some(Ok(record));
        }
        if self.ended {
            return None;
        }
        let text = match self.next_line() {
            Ok(text) => text,
            Err(error) => {
                self.ended = true;
                return Some(Err(AuditError::file("read", Path::new(&self.path))(error)));
            }
        };
        if text.is_empty() {
            let next = self.further.pop_front()?;
            match open(&next) {
                Ok(input) => self.input = input,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
            (self.path, self.line, self.first) = (next.display().to_string(), 0, false);
            return self.next();
        }
        self.line += 1;
        match text.strip_suffix(b"\n") {
            Some(text) => Some(self.take(text)),
            None => {
                self.cut = Some(self.line);
                self.ended = true;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::append::tests::{delete, put};
    use super::super::{Answer, Asked, Audit, FILE};
    use super::*;
    use crate::core::listing::UnixTime;

    /// A record of five lines, and its lines.
    fn record(folder: &tempfile::TempDir) -> (PathBuf, Vec<String>) {
        let audit = Audit::open(folder.path()).unwrap_or_else(|e| panic!("{e}"));
        for (at, intents) in [(10, vec![put("+447400123456", 10)]), (20, vec![delete("+4474*", None)])] {
            let lines =
                audit.intend(UnixTime(at), &Asked::default(), &intents).unwrap_or_else(|e| panic!("{e}"));
            audit.answer(UnixTime(at), lines, Answer::Stored).unwrap_or_else(|e| panic!("{e}"));
        }
        audit
            .intend(UnixTime(30), &Asked::default(), &[put("+447400123457", 30)])
            .unwrap_or_else(|e| panic!("{e}"));
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{e}"));
        (path, text.lines().map(str::to_owned).collect())
    }

    /// Good records, and what is said of the others.
    fn read_all(path: &Path) -> (Vec<u64>, Vec<String>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for record in read(path).unwrap_or_else(|e| panic!("{e}")) {
            match record {
                Ok(record) => good.push(record.seq),
                Err(error) => bad.push(error.to_string()),
            }
        }
        (good, bad)
    }

    #[test]
    fn a_whole_chain_reads_back() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (path, lines) = record(&folder);
        assert_eq!(read_all(&path), (vec![1, 2, 3, 4, 5], vec![]));
        assert!(
            lines[0].contains(r#""action":"put","subject":"+447400123456","decision":{"action":"BLOCK""#)
        );
        assert!(lines[1].contains(r#""action":"result","of":1,"result":"stored""#), "{}", lines[1]);
        let mut records = read(&path).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(records.by_ref().count(), 5);
        assert!(lines[4].contains(records.end().map(|(_, hash)| hash).unwrap_or("-")));
    }

    #[test]
    fn what_is_altered_moved_or_missing_is_told_by_line_and_without_digits() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (path, lines) = record(&folder);
        let moved = "does not follow the line before it";
        type Case<'a> = (&'a str, &'a dyn Fn(&mut Vec<String>), &'a [u64], &'a [(usize, &'a str)]);
        let cases: [Case<'_>; 7] = [
            ("altered", &|l| l[2] = l[2].replace("+4474*", "+4475*"), &[1, 2, 4, 5], &[(3, "was altered")]),
            ("removed", &|l| drop(l.remove(1)), &[1, 3, 4, 5], &[(2, moved)]),
            ("doubled", &|l| l.insert(2, l[1].clone()), &[1, 2, 2, 3, 4, 5], &[(3, moved)]),
            ("swapped", &|l| l.swap(1, 2), &[1, 3, 2, 4, 5], &[(2, moved), (3, moved), (4, moved)]),
            ("beheaded", &|l| drop(l.remove(0)), &[2, 3, 4, 5], &[(1, "is not the beginning")]),
            ("foreign", &|l| l[3] = "+447400123456,2026".to_owned(), &[1, 2, 3, 5], &[(4, "is no line of")]),
            ("emptied", &|l| l[4].clear(), &[1, 2, 3, 4], &[(5, "is no line of")]),
        ];
        for (name, change, good, bad) in cases {
            let mut changed = lines.clone();
            change(&mut changed);
            std::fs::write(&path, changed.join("\n") + "\n").unwrap_or_else(|e| panic!("{e}"));
            let (read, told) = read_all(&path);
            assert_eq!(read, good, "{name}");
            assert_eq!(told.len(), bad.len(), "{name}: {told:?}");
            for (told, (line, reason)) in told.iter().zip(bad) {
                assert!(told.contains(&format!("{FILE}:{line}: {reason}")), "{name}: {told}");
                assert!(!told.contains("447400123456"), "{name}: {told}");
            }
        }
    }

    #[test]
    fn a_line_that_is_altered_with_its_hash_breaks_the_next() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (path, mut lines) = record(&folder);
        let linked = line::read(&lines[2]).unwrap_or_else(|e| panic!("{e:?}"));
        let altered = Record { at: UnixTime(21), ..linked.record };
        lines[2] = line::write(&altered, &linked.previous).unwrap_or_else(|e| panic!("{e}")).0;
        std::fs::write(&path, lines.join("\n") + "\n").unwrap_or_else(|e| panic!("{e}"));
        let (_, told) = read_all(&path);
        assert!(told.len() == 1 && told[0].contains(":4: does not follow"), "{told:?}");
    }

    #[test]
    fn every_cut_of_the_last_line_is_told_and_no_break() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (path, lines) = record(&folder);
        let whole = lines.join("\n");
        for cut in 0..lines[4].len() {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap_or_else(|e| panic!("{e}"));
            let mut records = read(&path).unwrap_or_else(|e| panic!("{e}"));
            let good = records.by_ref().filter(Result::is_ok).count();
            assert_eq!((good, records.cut()), (4, Some(5)));
        }
    }
}
