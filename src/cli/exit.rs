//! Exit codes, so that a shell script can act on them.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done; for `check`: every number is to be allowed.
    Ok,
    /// It could not be done; stderr says why.
    Failed,
    /// The command line is wrong.
    Usage,
    /// `check`: at least one number is to be challenged or blocked.
    Flagged,
    /// `health`: the command line is wrong.
    ProbeUsage,
    /// `health`: nothing answers.
    NoAnswer,
    /// `health`: the call failed or took too long.
    CallFailed,
    /// `health`: the service says that it does not serve.
    NotServing,
}

/// The table that `--help` ends with.
pub(super) const HELP: &str = "Exit codes (health has its own: see its --help):
  0  done; for check: every number is allowed
  1  it could not be done; stderr says why
  2  the command line is wrong
  3  check: at least one number is to be challenged or blocked";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed | Exit::ProbeUsage => 1,
            Exit::Usage | Exit::NoAnswer => 2,
            Exit::Flagged | Exit::CallFailed => 3,
            Exit::NotServing => 4,
        })
    }
}
