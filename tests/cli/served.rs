//! A served numguard in a process of its own, and its command line.

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
        let file = std::fs::File::create(log).unwrap();
        Self::spawn(folder, flags, "trace", file.into())
    }

    pub(crate) fn start(folder: &Path, flags: &[&str]) -> Self {
        Self::spawn(folder, flags, "info", Stdio::null())
    }

    fn spawn(folder: &Path, flags: &[&str], level: &str, log: Stdio) -> Self {
        let folder = folder.to_str().unwrap();
        let listen: &[&str] = if flags.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let arguments = [&["serve", "--data-dir", folder], listen, flags].concat();
        let mut command = command(&arguments);
        command.env("NUMGUARD_WARM_UP", "false").env("NUMGUARD_LOG__LEVEL", level);
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("  try ") {
            assert!(stdout.read_line(&mut banner).unwrap() > 0, "serve ended early; its stderr tells why");
        }
        let url = banner.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
        Self { child, url, banner }
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
    }
}

/// A file with this content.
pub(crate) fn file(folder: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}
