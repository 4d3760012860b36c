//! The writer: one process, one file, one sync per batch.
//!
//! Must not leave part of a failed write: it is cut off again.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::core::listing::UnixTime;

use super::carry_on::{self, End};
use super::order::Order;
use super::record::{Answer, Asked, Entry, Intent, KeyIntent, Record};
use super::tail::{Tail, locked};
use super::{AuditError, metrics};

/// Name of the file in the data folder.
pub const FILE: &str = "audit.jsonl";

/// An audit record that is being written.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    tail: Mutex<Tail>,
    /// Bytes from which on the record goes on in a new file.
    rotate_at: u64,
    closed: bool,
}

impl Audit {
    /// Opens the record in `folder`, making both on first start, and carries on after its last whole
    /// line. A line that is cut goes to `audit.jsonl.cut`; a file whose last line is damaged is kept
    /// as `audit.jsonl.damaged-N`, and a new chain begins.
    pub fn open(folder: &Path) -> Result<Self, AuditError> {
        fs::create_dir_all(folder).map_err(AuditError::file("make", folder))?;
        let path = folder.join(FILE);
        let file = locked(&path)?;
        let (tail, unasked) = match carry_on::end_of(file, &path)? {
            End::Whole(tail, unasked) => (tail, unasked),
            End::Damaged(damaged) => {
                carry_on::set_aside(&path)?;
                let fresh = locked(&path)?;
                drop(damaged);
                (Tail::empty(fresh), None)
            }
        };
        let audit = Self { path, tail: Mutex::new(tail), rotate_at: u64::MAX, closed: false };
        if let Some((at, unasked)) = unasked {
            audit.answer(at, unasked, Answer::Failed)?;
        }
        Ok(audit)
    }

    /// Goes on in a new file once one has so many bytes.
    pub fn rotated_at(self, bytes: u64) -> Self {
        Self { rotate_at: bytes, ..self }
    }

    /// Takes nothing from now on: for a folder that does not outlive the process.
    #[must_use]
    pub fn closed(self) -> Self {
        Self { closed: true, ..self }
    }

    /// The file that is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When the last line was written, by the clock of then.
    pub fn last_at(&self) -> UnixTime {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).at
    }

    /// Writes what is about to be asked of the store, all of it or nothing. Once it returns, it is
    /// on disk; answers the numbers of the lines.
    pub fn intend(&self, at: UnixTime, asked: &Asked, intents: &[Intent]) -> Result<Range<u64>, AuditError> {
        let parts = u32::try_from(intents.len()).unwrap_or(u32::MAX);
        let entries = intents
            .iter()
            .zip(1..)
            .map(|(intent, part)| (asked.clone(), (part, parts), Entry::Intent(intent.clone())));
        self.append(at, entries)
    }

    /// Writes an order before it is carried out, as [`Audit::intend`] does.
    pub fn order(&self, at: UnixTime, asked: Asked, order: Order) -> Result<Range<u64>, AuditError> {
        self.append(at, std::iter::once((asked, (1, 1), Entry::Order(order))))
    }

    /// The same for a change of an API key.
    pub fn intend_key(
        &self,
        at: UnixTime,
        asked: Asked,
        intent: KeyIntent,
    ) -> Result<Range<u64>, AuditError> {
        self.append(at, std::iter::once((asked, (1, 1), Entry::Key(intent))))
    }

    /// Writes what the store answered to these lines.
    pub fn answer(&self, at: UnixTime, of: Range<u64>, answer: Answer) -> Result<(), AuditError> {
        self.ended(at, of, answer, "")
    }

    /// Writes how the orders of these lines ended, and how things are now or why it failed.
    pub fn ended(&self, at: UnixTime, of: Range<u64>, answer: Answer, after: &str) -> Result<(), AuditError> {
        let answered = |of| Entry::Answer { of, answer, after: after.to_owned() };
        self.append(at, of.map(|of| (Asked::default(), (1, 1), answered(of)))).map(drop)
    }

    fn append(
        &self,
        at: UnixTime,
        entries: impl Iterator<Item = (Asked, (u32, u32), Entry)>,
    ) -> Result<Range<u64>, AuditError> {
        if self.closed {
            return Err(AuditError::Closed);
        }
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        // Between the records of several servers times tell the order.
        let at = at.in_order_after(tail.at);
        let records = entries.map(|(asked, part, entry)| Record { seq: 0, at, asked, part, entry });
        if tail.length >= self.rotate_at
            && let Err(error) = tail.rotate(&self.path)
        {
            tracing::warn!(%error, "the audit record stays in one file");
        }
        let written = tail.append(records);
        if let Ok(lines) = &written {
            metrics::LINES.inc_by(lines.end - lines.start);
        } else {
            metrics::FAILURES.inc();
            // Tried again before the next write, should it fail now.
            let _ = tail.take_back();
        }
        written.map_err(AuditError::file("write", &self.path))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::super::read;
    use super::super::record::Act;
    use super::super::rotate;
    use super::*;
    use crate::core::listing::{Action, Decision};

    pub(crate) fn decision(at: u32) -> Decision {
        Decision {
            decided_at: UnixTime(at),
            action: Action::Block,
            expires_at: None,
            reason: "why".to_owned(),
            author: "ann".to_owned(),
        }
    }

    pub(crate) fn put(subject: &str, at: u32) -> Intent {
        let subject = subject.parse().unwrap_or_else(|e| panic!("{e}"));
        Intent { subject, act: Act::Put(decision(at)), before: None }
    }

    pub(crate) fn delete(subject: &str, before: Option<Decision>) -> Intent {
        let subject = subject.parse().unwrap_or_else(|e| panic!("{e}"));
        Intent { subject, act: Act::Delete(Vec::new()), before }
    }

    fn open(folder: &Path) -> Audit {
        Audit::open(folder).unwrap_or_else(|e| panic!("{e}"))
    }

    fn whole(folder: &Path) -> Vec<Record> {
        let records = read(&folder.join(FILE)).unwrap_or_else(|e| panic!("{e}"));
        records.map(|record| record.unwrap_or_else(|e| panic!("{e}"))).collect()
    }

    #[test]
    fn the_chain_goes_on_after_a_restart_and_after_every_cut() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let path = folder.path().join("made").join(FILE);
        let folder = &folder.path().join("made");
        for at in [1, 2] {
            assert_eq!(
                open(folder).intend(UnixTime(at), &Asked::default(), &[put("+4474*", at)]).ok(),
                Some(at.into()..u64::from(at) + 1)
            );
        }
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &fs::metadata(&path).unwrap_or_else(|e| panic!("{e}")).permissions(),
            );
            assert_eq!(mode & 0o777, 0o600, "numbers in full are their owner's alone");
        }
        let good = fs::read(&path).unwrap_or_else(|e| panic!("{e}"));
        let first = good.iter().position(|&byte| byte == b'\n').unwrap_or_default() + 1;
        let mut kept = Vec::new();
        for cut in [1, first / 2, first - 1] {
            fs::write(&path, &good[..good.len() - cut]).unwrap_or_else(|e| panic!("{e}"));
            kept.extend_from_slice(&good[first..good.len() - cut]);
            kept.push(b'\n');
            assert_eq!(
                open(folder).intend(UnixTime(3), &Asked::default(), &[put("+4475*", 3)]).ok(),
                Some(2..3)
            );
            assert_eq!(whole(folder).len(), 2);
        }
        assert_eq!(fs::read(folder.join("audit.jsonl.cut")).ok(), Some(kept), "nothing is thrown away");
        fs::write(&path, &good[..first - 1]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(open(folder).intend(UnixTime(3), &Asked::default(), &[put("+4475*", 3)]).ok(), Some(1..2));
    }

    #[test]
    fn a_large_record_goes_on_in_a_new_file_and_the_chain_with_it() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let path = folder.path().join(FILE);
        for round in 0..4 {
            // Every request in a file of its own, also after a restart.
            let audit = open(folder.path()).rotated_at(1);
            for at in [1, 2] {
                let both = [put("+4474*", at), put("+4475*", at)];
                let lines = audit.intend(UnixTime(at), &Asked::default(), &both);
                let first = u64::from(4 * round + 2 * at - 1);
                assert_eq!(lines.ok(), Some(first..first + 2));
            }
        }
        let older: Vec<String> = rotate::older(&path).iter().map(|path| path.display().to_string()).collect();
        assert!(older.len() == 7 && older[0].ends_with("audit.jsonl.000000000002"), "{older:?}");
        assert_eq!(whole(folder.path()).len(), 16, "one chain");
        // A kill between the rename and the new file.
        fs::rename(&path, rotate::name(&path, 16)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(whole(folder.path()).len(), 16);
        let lines = open(folder.path()).intend(UnixTime(3), &Asked::default(), &[put("+4476*", 3)]);
        assert_eq!(lines.ok(), Some(17..18));
        assert_eq!(whole(folder.path()).len(), 17);
        // A file that is missing breaks the chain.
        fs::remove_file(rotate::name(&path, 4)).unwrap_or_else(|e| panic!("{e}"));
        let broken = read(&path).unwrap_or_else(|e| panic!("{e}")).filter(Result::is_err).count();
        assert_eq!(broken, 1);
    }

    #[test]
    fn a_request_that_is_not_whole_was_not_asked() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let three = ["+4474*", "+4475*", "+4476*"].map(|subject| put(subject, 1));
        let lines = open(folder.path()).intend(UnixTime(1), &Asked::default(), &three);
        assert_eq!(lines.ok(), Some(1..4));
        let path = folder.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{e}"));
        let two: Vec<&str> = text.split_inclusive('\n').take(2).collect();
        fs::write(&path, two.concat()).unwrap_or_else(|e| panic!("{e}"));
        drop(open(folder.path()));
        let answers: Vec<Entry> =
            whole(folder.path()).into_iter().skip(2).map(|record| record.entry).collect();
        assert_eq!(
            answers,
            [1, 2].map(|of| Entry::Answer { of, answer: Answer::Failed, after: String::new() })
        );
        drop(open(folder.path()));
        assert_eq!(whole(folder.path()).len(), 4, "said once");
    }

    #[test]
    fn a_damaged_end_is_kept_and_a_new_chain_begins() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        for n in [1, 2] {
            fs::write(folder.path().join(FILE), b"something else\n").unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(
                open(folder.path()).intend(UnixTime(1), &Asked::default(), &[put("+4474*", 1)]).ok(),
                Some(1..2)
            );
            let kept = fs::read(folder.path().join(format!("audit.jsonl.damaged-{n}")));
            assert_eq!(kept.ok().as_deref(), Some(&b"something else\n"[..]));
        }
    }

    #[test]
    fn lines_are_in_order_also_by_time() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        for (clock, at) in [(90_000, 90_000), (86_400, 90_000), (90_001, 90_001), (3_601, 90_001), (5, 5)] {
            let audit = open(folder.path());
            audit
                .intend(UnixTime(clock), &Asked::default(), &[put("+4474*", 1)])
                .unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(audit.last_at(), UnixTime(at), "by a clock that says {clock}");
        }
        let times: Vec<u32> = whole(folder.path()).iter().map(|record| record.at.0).collect();
        assert_eq!(times, [90_000, 90_000, 90_001, 90_001, 5], "a day and more: it was wrong before");
    }

    #[test]
    fn one_process_writes_it() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let first = open(folder.path());
        let second = Audit::open(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(second.contains("in use by another process") && second.contains("--data-dir"), "{second}");
        drop(first);
        open(folder.path());
    }

    #[test]
    fn a_write_that_fails_is_told_and_taken_back() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let audit = open(folder.path());
        audit.intend(UnixTime(1), &Asked::default(), &[put("+4474*", 1)]).unwrap_or_else(|e| panic!("{e}"));
        {
            // As after a write that failed half-way: what stands behind the last whole line goes.
            let mut tail = audit.tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.file.write_all(b"{\"seq\":2").unwrap_or_else(|e| panic!("{e}"));
            tail.torn = true;
        }
        audit.intend(UnixTime(2), &Asked::default(), &[put("+4475*", 2)]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(whole(folder.path()).len(), 2);
    }
}
