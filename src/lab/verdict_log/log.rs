//! Writing the verdict log: a queue of fixed length, one thread, files that rotate.
//!
//! [`DecisionLog::note`] never waits, for neither a lock nor a disk. Must not lose a drop unsaid.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::metrics::{DROPPED, WRITTEN};
use super::{Decision, DecisionError, DecisionOptions, Line};

/// Decisions that may wait to be written: a fifth of a second at 80,000 checks per second.
const QUEUE: usize = 16_384;

/// How often the thread looks. It polls, because a sender that wakes a sleeper takes a lock.
const PAUSE: Duration = Duration::from_millis(20);

/// Name of the newest file.
const FILE: &str = "decisions.jsonl";

/// Takes decisions from checks; a thread of its own writes them.
#[derive(Debug)]
pub struct DecisionLog {
    queue: SyncSender<Decision>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl DecisionLog {
    /// Opens the newest file, makes the folder if it is missing, and begins to write.
    pub fn open(options: DecisionOptions) -> Result<Self, DecisionError> {
        let mut files = Files::open(options)?;
        let (queue, decisions) = sync_channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || write(&decisions, &mut files, &stopped));
        Ok(Self { queue, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Takes a decision, or drops and counts it if the writer is too far behind.
    pub fn note(&self, decision: Decision) {
        if self.queue.try_send(decision).is_err() {
            DROPPED.inc();
        }
    }

    /// Writes what was taken so far and ends the thread; for the end of the process.
    pub fn finish(&self) {
        self.stop.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the decision log ended early");
        }
    }
}

fn write(decisions: &Receiver<Decision>, files: &mut Files, stop: &AtomicBool) {
    let mut told = false;
    loop {
        let last = stop.load(Ordering::Acquire);
        match files.drain(decisions) {
            Ok(true) => told = false,
            Ok(false) if last => return,
            Ok(false) => std::thread::sleep(PAUSE),
            Err(error) => {
                // Said once per trouble; the counter tells how much is lost.
                if !std::mem::replace(&mut told, true) {
                    tracing::error!(%error, "decisions cannot be logged; checks go on");
                }
                if last {
                    return;
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
}

struct Files {
    options: DecisionOptions,
    file: Option<BufWriter<File>>,
    length: u64,
}

impl Files {
    fn open(options: DecisionOptions) -> Result<Self, DecisionError> {
        let failed =
            |error| DecisionError { what: "open", path: options.folder.display().to_string(), error };
        fs::create_dir_all(&options.folder).map_err(failed)?;
        let mut files = Self { options: options.clone(), file: None, length: 0 };
        files.begin().map_err(failed)?;
        Ok(files)
    }

    /// `decisions.jsonl`, or the one that is `age` files older.
    fn path(&self, age: usize) -> PathBuf {
        let name = if age == 0 { FILE.to_owned() } else { format!("decisions.{age}.jsonl") };
        self.options.folder.join(name)
    }

    fn begin(&mut self) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.path(0))?;
        self.length = file.metadata()?.len();
        self.file = Some(BufWriter::with_capacity(1 << 16, file));
        Ok(())
    }

    /// Writes all that waits; whether there was anything.
    fn drain(&mut self, decisions: &Receiver<Decision>) -> std::io::Result<bool> {
        let mut any = false;
        while let Ok(decision) = decisions.try_recv() {
            any = true;
            self.put(&decision).inspect_err(|_| {
                DROPPED.inc();
                self.file = None;
            })?;
            WRITTEN.inc();
        }
        if let Some(file) = self.file.as_mut().filter(|_| any) {
            file.flush()?;
        }
        Ok(any)
    }

    fn put(&mut self, decision: &Decision) -> std::io::Result<()> {
        let mut line = serde_json::to_string(&Line::of(decision, &self.options.numbers))?;
        line.push('\n');
        if self.length > 0 && self.length + line.len() as u64 > self.options.rotate_bytes {
            self.rotate()?;
        }
        if self.file.is_none() {
            self.begin()?;
        }
        let file = self.file.as_mut().ok_or_else(|| std::io::Error::other("no file is open"))?;
        file.write_all(line.as_bytes())?;
        self.length += line.len() as u64;
        Ok(())
    }

    /// Each file becomes one older; the oldest goes.
    fn rotate(&mut self) -> std::io::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.flush()?;
        }
        for age in (0..self.options.keep).rev() {
            let (from, to) = (self.path(age), self.path(age + 1));
            if from.exists() {
                fs::rename(from, to)?;
            }
        }
        if self.options.keep == 0 {
            fs::remove_file(self.path(0))?;
        }
        self.begin()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Numbers;
    use super::*;
    use crate::core::check::check;
    use crate::core::index::Index;
    use crate::core::listing::UnixTime;
    use crate::core::policy::Policy;
    use crate::core::signal::Context;

    fn decision(id: &str) -> Decision {
        let (index, policy) = (Index::default(), Policy::default());
        let answer = check(&index, &policy, "+33912345678", None, &Context::default(), UnixTime(1));
        Decision::of(&answer, &policy, "id", UnixTime(1)).asked(id, "", false)
    }

    fn files(folder: &std::path::Path, rotate_bytes: u64, keep: usize) -> Files {
        let options =
            DecisionOptions { folder: folder.to_owned(), numbers: Numbers::Masked, rotate_bytes, keep };
        Files::open(options).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn files_rotate_by_size_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let mut files = files(folder.path(), 700, 2);
        for n in 0..20 {
            files.put(&decision(&format!("c{n}"))).unwrap_or_else(|e| panic!("{e}"));
        }
        if let Some(file) = files.file.as_mut() {
            file.flush().unwrap_or_else(|e| panic!("{e}"));
        }
        let read = |age| fs::read_to_string(files.path(age)).unwrap_or_default();
        assert!(read(0).contains("\"c19\"") && !read(1).contains("\"c19\""), "the newest is in the first");
        for age in 0..=2 {
            let text = read(age);
            assert!(!text.is_empty() && text.len() <= 700 && text.ends_with('\n'), "{age}: {text}");
        }
        assert!(!files.path(3).exists() && !read(2).contains("\"c0\""));
    }

    #[test]
    fn an_id_that_is_made_of_the_number_is_left_out() {
        for (id, kept) in
            [("order 17", true), ("tel:+33 9 12 34 56 78", false), ("u-0912345678", false), ("5678", true)]
        {
            let line = Line::of(&decision(id), &Numbers::Masked);
            assert_eq!(line.correlation_id == id, kept, "{id}: {}", line.correlation_id);
        }
    }

    #[test]
    fn what_does_not_fit_the_queue_is_dropped_and_counted() {
        let (queue, _receiver) = sync_channel(1);
        let log = DecisionLog { queue, stop: Arc::default(), thread: Mutex::new(None) };
        let before = DROPPED.get();
        for _ in 0..3 {
            log.note(decision(""));
        }
        assert_eq!(DROPPED.get() - before, 2, "nobody reads, and nobody waited");
    }
}
