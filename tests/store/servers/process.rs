//! A server's process. It ends when it is dropped and when the test process ends, however that
//! happens: a watchdog waits for its standard input to close, then kills the server and removes its
//! folder. Statics are never dropped, and a killed test drops nothing.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const WATCHDOG: &str = r#"read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2""#;

pub(crate) struct Process {
    child: Child,
    watchdog: Child,
}

impl Process {
    /// Starts it in a process group of its own, which a terminal's interrupt does not reach, with
    /// its output in the folder's file `log`.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &child.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, watchdog }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends a signal (STOP, CONT, KILL) to the process and its own children.
    pub(crate) fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let status = Command::new("kill").args([&format!("-{name}"), "--", &group]).status().unwrap();
        assert!(status.success(), "kill -{name} {group}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watchdog first, lest it kill a stranger that got the number of a process long gone.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        if let Ok(None) = self.child.try_wait() {
            self.signal("KILL");
            let _ = self.child.wait();
        }
    }
}
