//! Child processes: this very binary in a role, plain, pinned to a core, or under callgrind.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

fn this() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

fn role(arguments: &[&str]) -> Vec<String> {
    let mut all = vec![this(), "role".to_owned()];
    all.extend(arguments.iter().map(ToString::to_string));
    all
}

/// Counts the instructions of the command that its arguments are.
pub(crate) fn callgrind() -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).stderr(Stdio::piped());
    command
}

/// Instructions that a role executes under callgrind, start and end included.
pub(crate) fn instructions(arguments: &[&str]) -> f64 {
    let output =
        callgrind().args(role(arguments)).output().expect("valgrind runs (apt-get install valgrind)");
    collected(&String::from_utf8_lossy(&output.stderr))
}

/// What callgrind counted, by what it said at its end.
pub(crate) fn collected(text: &str) -> f64 {
    let line = text
        .lines()
        .find(|line| line.contains("Collected"))
        .unwrap_or_else(|| panic!("callgrind said: {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Instructions per operation: the difference of a long and a short run.
pub(crate) fn instructions_per_operation(role: impl Fn(u64) -> Vec<String>, short: u64, long: u64) -> f64 {
    let run = |count| {
        let arguments = role(count);
        instructions(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    (run(long) - run(short)) / (long - short) as f64
}

/// A server in a child process; its first line is the port.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: String,
}

impl Server {
    pub(crate) fn pinned(kind: &str) -> Self {
        Self::start(Command::new("taskset").args(["-c", "0"]).args(role(&["server", kind])))
    }

    pub(crate) fn under_callgrind(kind: &str) -> Self {
        Self::start(callgrind().args(role(&["server", kind])))
    }

    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("taskset and valgrind are installed");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().to_owned() }
    }

    /// Ends the server and answers what it wrote to stderr.
    pub(crate) fn stop(mut self) -> String {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        self.child.wait().unwrap();
        text
    }

    /// Ends the server without asking.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn stop_and_count(self) -> f64 {
        collected(&self.stop())
    }
}

/// Runs a client on the other core; answers what it printed.
pub(crate) fn client(port: &str, kind: &str, count: u64) -> f64 {
    let count = count.to_string();
    let output =
        Command::new("taskset").args(["-c", "1"]).args(role(&["client", port, kind, &count])).output();
    let output = output.expect("taskset is installed");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse().unwrap_or_else(|_| panic!("client: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What a role prints, run on the second core.
pub(crate) fn lines(name: &str) -> Vec<String> {
    let output = Command::new("taskset").args(["-c", "1"]).args(role(&[name])).output();
    let output = output.expect("taskset is installed");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
