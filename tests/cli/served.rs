//! A served numguard in a process of its own, and its command line. Whatever a test asks of it, its log
//! must not tell a number: that is looked for when it ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_numguard");

/// What a command printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command line without this process's settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NUMGUARD_")) {
        command.env_remove(name);
    }
    // Many are served at a time on one machine.
    command.env("USER", "tester").env_remove("COLUMNS").env("NUMGUARD_METRICS__LISTEN", "127.0.0.1:0");
    command
}

pub(crate) fn run(arguments: &[&str]) -> Ran {
    command(arguments).output().unwrap().into()
}

/// A running service; killed when dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) url: String,
    pub(crate) banner: String,
    log: PathBuf,
    /// The log, if the test does not ask for it.
    _kept: Option<tempfile::TempPath>,
}

impl Served {
    /// Serves an empty store on a free port.
    pub(crate) fn empty(folder: &Path) -> Self {
        Self::start(folder, &["--no-starter-data"])
    }

    /// Serves an empty store and writes every log line there is to `log`.
    pub(crate) fn logging(folder: &Path, log: &Path) -> Self {
        Self::logging_with(folder, &["--no-starter-data"], log)
    }

    pub(crate) fn logging_with(folder: &Path, flags: &[&str], log: &Path) -> Self {
        std::fs::File::create(log).unwrap();
        Self::spawn(folder, flags, ("trace", &[]), log, None)
    }

    pub(crate) fn start(folder: &Path, flags: &[&str]) -> Self {
        let kept = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let log = kept.to_path_buf();
        Self::spawn(folder, flags, ("info", &[]), &log, Some(kept))
    }

    /// Logging, with more environment.
    #[allow(dead_code)] // of the tests of access
    pub(crate) fn with_environment(
        folder: &Path,
        flags: &[&str],
        log: &Path,
        environment: &[(&str, &OsStr)],
    ) -> Self {
        std::fs::File::create(log).unwrap();
        Self::spawn(folder, flags, ("info", environment), log, None)
    }

    fn spawn(
        folder: &Path,
        flags: &[&str],
        (level, environment): (&str, &[(&str, &OsStr)]),
        log: &Path,
        kept: Option<tempfile::TempPath>,
    ) -> Self {
        let folder = folder.to_str().unwrap();
        let listen: &[&str] = if flags.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let arguments = [&["serve", "--data-dir", folder], listen, flags].concat();
        let mut command = command(&arguments);
        command.env("NUMGUARD_LOG__LEVEL", level);
        let stderr = std::fs::File::options().append(true).open(log).unwrap();
        command.stdout(Stdio::piped()).stderr(stderr).envs(environment.iter().copied());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("  try ") {
            assert!(stdout.read_line(&mut banner).unwrap() > 0, "serve ended early; its stderr tells why");
        }
        let url = banner.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
        Self { child, url, banner, log: log.to_owned(), _kept: kept }
    }

    /// Runs a client verb against it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        command(arguments).env("NUMGUARD_SERVER", &self.url).output().unwrap().into()
    }

    /// Like [`Served::run`], with something on stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = command(arguments);
        command.env("NUMGUARD_SERVER", &self.url);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // A command that refuses its input closes the pipe.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output.into()
    }

    /// What the service counts, as JSON.
    pub(crate) fn stats(&self) -> serde_json::Value {
        let ran = self.run(&["stats", "--output", "json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// Its process.
    #[allow(dead_code)]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// STOP, CONT and the like.
    #[allow(dead_code)] // of the store's tests
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// SIGTERM; answers the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            // A test may have taken its folder away.
            let log = std::fs::read(&self.log).unwrap_or_default();
            let told: Vec<_> = String::from_utf8_lossy(&log).lines().filter_map(number_in).take(3).collect();
            assert!(told.is_empty(), "the log tells numbers: {told:#?}");
        }
    }
}

/// How the numbers of the tests begin, without the plus.
const NUMBERS: [&str; 5] = ["4474", "4477", "12025", "3584573", "33757"];

/// The line, if a number of the tests stands in it: with a plus, or without.
fn number_in(line: &str) -> Option<String> {
    let mut runs = line.split(|c: char| !c.is_ascii_digit() && c != '+');
    let number = |run: &str| {
        let digits = run.trim_start_matches('+');
        let long = (10..=15).contains(&digits.len());
        long && (digits.len() < run.len() || NUMBERS.iter().any(|first| digits.starts_with(first)))
    };
    runs.any(number).then(|| line.chars().take(300).collect())
}

#[test]
fn a_number_in_a_log_is_seen() {
    for line in ["x=+447400123456 y", r#"{"method":"/447400123456/x"}"#, "+12025550123", "pages/447400123456"]
    {
        assert!(number_in(line).is_some(), "{line}");
    }
    for line in
        ["2026-11-22T12:53:57.123456Z", "+4474*****56", "at 1795352156.895", "id 18446744073709551615", "+44"]
    {
        assert_eq!(number_in(line), None);
    }
}

/// A file with this content.
pub(crate) fn file(folder: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}
