//! The binary that is measured, on the first core.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_numguard");

/// A served binary.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
}

impl Served {
    /// Serves what is in `folder`; returns once it listens.
    pub(crate) fn start(folder: &Path, listen: &str, config: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join("numguard.toml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("taskset");
        command.args(["-c", "0", BINARY, "serve", "--listen", listen, "--metrics-listen", ""]);
        command.arg("--data-dir").arg(folder.join("data")).arg("--config").arg(&file);
        command.env("NUMGUARD_WARM_UP", "false").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("taskset is installed");
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
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
