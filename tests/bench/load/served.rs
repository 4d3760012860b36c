//! The binary that is measured, on the first core.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::process;

const BINARY: &str = env!("CARGO_BIN_EXE_numguard");

/// A served binary.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
}

impl Served {
    /// Serves what is in `folder`; returns once it listens.
    pub(crate) fn start(folder: &Path, listen: &str, config: &str) -> Self {
        Self::run(
            Command::new("taskset").args(["-c", "0"]).env("NUMGUARD_LOG__LEVEL", "warn"),
            folder,
            listen,
            config,
        )
    }

    /// The same under callgrind.
    pub(crate) fn counted(folder: &Path) -> Self {
        Self::run(&mut process::callgrind(), folder, "127.0.0.1:0", "")
    }

    fn run(command: &mut Command, folder: &Path, listen: &str, config: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join("numguard.toml");
        fs::write(&file, config).unwrap();
        command.args([BINARY, "serve", "--listen", listen, "--metrics-listen", ""]);
        command.arg("--data-dir").arg(folder.join("data")).arg("--config").arg(&file);
        command.env("NUMGUARD_WARM_UP", "false").stdout(Stdio::piped());
        let mut child = command.spawn().expect("taskset and valgrind are installed");
        let mut banner = String::new();
        let mut out = child.stdout.take().unwrap();
        let mut byte = [0];
        while !banner.contains("  try ") {
            assert!(out.read(&mut byte).unwrap() > 0, "serve ended early");
            banner.push(byte[0].into());
        }
        let address = banner.lines().next().unwrap().rsplit("http://").next().unwrap().to_owned();
        Self { child, address }
    }

    /// Resident memory, now and at most.
    pub(crate) fn megabytes(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn end(mut self) {
        self.terminate();
    }

    fn terminate(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }

    /// Ends what runs under callgrind; answers its instructions.
    pub(crate) fn end_and_count(mut self) -> f64 {
        self.terminate();
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        process::collected(&text)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
