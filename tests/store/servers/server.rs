//! One server of any flavour: started, asked, paused, killed, started again.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::resp::{Connection, Reply};
use super::{Flavor, PATIENCE, Tls, ports, wait_until};

/// A line of configuration with which data survives a kill and a restart.
pub(crate) const APPEND_ONLY: &str = "appendonly yes";

/// How often to try other ports when somebody else was faster.
const TRIES: usize = 5;

#[derive(Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// More lines of the configuration file: "maxmemory 50mb", "user alice on >secret ~a:* +@all".
    pub(crate) lines: &'a [&'a str],
    /// Of the user `default`.
    pub(crate) password: Option<&'a str>,
    /// `port()` speaks TLS only; must live as long as the server.
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) role: Role,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    Alone,
    ClusterNode,
    Sentinel,
}

pub(crate) struct Server {
    program: PathBuf,
    role: Role,
    password: Option<String>,
    port: u16,
    has_tls: bool,
    /// Without TLS, for `command`.
    plain_port: u16,
    /// Between the nodes of a cluster.
    bus_port: u16,
    /// None while it is down. Before `folder`, so that the process ends first.
    process: Mutex<Option<Process>>,
    folder: TempDir,
}

impl Server {
    /// Starts an empty server that keeps its data in memory, with more lines of configuration.
    /// Nothing if the program is missing (`Flavor::program` says so).
    pub(crate) fn start(flavor: Flavor, lines: &[&str]) -> Option<Self> {
        Self::start_with(flavor, Options { lines, ..Options::default() })
    }

    pub(crate) fn start_with(flavor: Flavor, options: Options<'_>) -> Option<Self> {
        let program = flavor.program()?;
        for _ in 0..TRIES {
            let (port, bus_port) = (ports::free(), ports::free());
            let server = Self {
                program: program.clone(),
                role: options.role,
                password: options.password.map(str::to_owned),
                port,
                has_tls: options.tls.is_some(),
                plain_port: if options.tls.is_some() { ports::free() } else { port },
                bus_port,
                process: Mutex::new(None),
                folder: tempfile::tempdir().unwrap(),
            };
            // Once only: replicas and sentinels write their own findings into it.
            fs::write(server.configuration(), server.lines(&options).join("\n")).unwrap();
            if server.run() {
                return Some(server);
            }
            assert!(server.log().contains("in use"), "{flavor} did not start:\n{}", server.log());
        }
        panic!("{flavor}: {TRIES} ports in a row were taken");
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("server.conf")
    }

    fn lines(&self, options: &Options<'_>) -> Vec<String> {
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("port {}", self.plain_port),
            format!("dir \"{}\"", self.folder.path().display()),
        ];
        if self.role != Role::Sentinel {
            // A replica's first copy would wait five seconds for others to join in.
            lines.extend(["save \"\"", "appendonly no", "repl-diskless-sync-delay 0"].map(str::to_owned));
        }
        if self.role == Role::ClusterNode {
            lines.extend(["cluster-enabled yes", "cluster-announce-ip 127.0.0.1"].map(str::to_owned));
            lines.push(format!("cluster-port {}", self.bus_port));
        }
        if let Some(tls) = options.tls {
            lines.push(format!("tls-port {}", self.port));
            lines.extend(tls.lines());
        }
        if let Some(password) = options.password {
            lines.push(format!("requirepass {password}"));
        }
        lines.extend(options.lines.iter().map(|line| (*line).to_owned()));
        lines
    }

    /// Starts the process and waits for its PONG. False if the process ended by itself.
    fn run(&self) -> bool {
        let mut command = Command::new(&self.program);
        command.arg(self.configuration());
        if self.role == Role::Sentinel {
            command.arg("--sentinel");
        }
        let mut process = Process::start(&mut command, self.folder.path());
        let mut ended = false;
        let mut is_up = || {
            // Asked first, so that the PONG is not that of another server on the same port.
            let pong = self.try_command(&["PING"], Duration::from_secs(1));
            ended = process.has_ended();
            ended || pong.is_ok_and(|reply| reply == Reply::Text("PONG".to_owned()))
        };
        wait_until("PONG", &mut is_up, || self.log());
        if !ended {
            *self.process.lock().unwrap() = Some(process);
        }
        !ended
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn bus_port(&self) -> u16 {
        self.bus_port
    }

    pub(crate) fn url(&self) -> String {
        match &self.password {
            Some(password) => self.url_as("", password),
            None => format!("{}://127.0.0.1:{}", self.scheme(), self.port),
        }
    }

    /// The URL for another user.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        format!("{}://{user}:{password}@127.0.0.1:{}", self.scheme(), self.port)
    }

    fn scheme(&self) -> &'static str {
        if self.has_tls { "rediss" } else { "redis" }
    }

    /// What the server has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Sends one command as the user `default`, on a connection of its own. An error that the
    /// server answers is a `Reply`; no answer at all is a panic.
    #[track_caller]
    pub(crate) fn command(&self, words: &[&str]) -> Reply {
        match self.try_command(words, PATIENCE) {
            Ok(reply) => reply,
            Err(error) => panic!("{words:?}: {error}\n{}", self.log()),
        }
    }

    pub(crate) fn try_command(&self, words: &[&str], patience: Duration) -> io::Result<Reply> {
        let mut connection = Connection::open(self.plain_port, patience)?;
        if let Some(password) = &self.password {
            connection.command(&["AUTH", password])?;
        }
        connection.command(words)
    }

    /// A field of INFO, empty if it is not there: `info("redis_version")`.
    #[track_caller]
    pub(crate) fn info(&self, field: &str) -> String {
        let info = self.command(&["INFO"]);
        let mut fields = info.text().lines().filter_map(|line| line.split_once(':'));
        fields.find(|(name, _)| *name == field).map(|(_, value)| value.to_owned()).unwrap_or_default()
    }

    /// Stops it in its tracks: its connections stay open, and nothing answers.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        self.process.lock().unwrap().as_ref().expect("the server is down").signal(name);
    }

    /// Kills it as a crash would. Nothing happens if it is down already.
    pub(crate) fn kill9(&self) {
        drop(self.process.lock().unwrap().take());
    }

    /// Kills it and starts it again on the same port: empty, unless it was told `APPEND_ONLY`.
    pub(crate) fn restart(&self) {
        self.kill9();
        assert!(self.run(), "did not start again:\n{}", self.log());
    }
}
