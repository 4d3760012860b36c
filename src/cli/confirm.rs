//! `--yes`, and the question before a change that cannot be undone.

use std::io::{IsTerminal, Write, stderr, stdin};

use anyhow::{Result, bail};

use super::uses::Uses;

/// `--yes`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct YesFlag {
    /// Do not ask for confirmation
    #[arg(long, global = true)]
    yes: bool,
}

/// Whether a verb asks before it changes something.
pub(crate) type YesArg = Uses<YesFlag>;

impl YesFlag {
    /// Whether the operator wants no question.
    pub(crate) fn is_given(&self) -> bool {
        self.yes
    }

    /// Asks before something that cannot be undone; without a terminal, `--yes` must be given.
    pub(crate) fn confirm(&self, question: &str) -> Result<bool> {
        if self.yes {
            return Ok(true);
        }
        if !stdin().is_terminal() {
            bail!("{question} Add --yes to do it without being asked");
        }
        let _ = write!(stderr().lock(), "{question} [y/N] ");
        let mut answer = String::new();
        stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
