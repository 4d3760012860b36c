//! `numguard completions`: for bash, zsh, fish, elvish and PowerShell.

use std::io::stdout;

use anyhow::Result;
use clap_complete::Shell;

use super::exit::Exit;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(args: Args, command: &mut clap::Command) -> Result<Exit> {
    clap_complete::generate(args.shell, command, "numguard", &mut stdout());
    Ok(Exit::Ok)
}
