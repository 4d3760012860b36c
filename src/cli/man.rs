//! `numguard man`: manual pages, made of the same texts as `--help`.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap_mangen::Man;

use super::exit::Exit;
use super::output::tell;

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write a page for each verb into this folder, such as /usr/local/share/man/man1 [default: print
    /// numguard(1)]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, command: clap::Command) -> Result<Exit> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        stdout().lock().write_all(&page)?;
        return Ok(Exit::Ok);
    };
    let written = || format!("cannot write manual pages into {}", dir.display());
    std::fs::create_dir_all(dir).with_context(written)?;
    clap_mangen::generate_to(command, dir).with_context(written)?;
    tell!("wrote manual pages into {}: man -l {}/numguard.1", dir.display(), dir.display());
    Ok(Exit::Ok)
}
