//! `numguard config`: the settings in force, and whether files are right.

use std::path::PathBuf;

use anyhow::Result;

use crate::config::{Config, DEFAULT, Flags};
use crate::core::policy;

use super::super::exit::Exit;
use super::super::output::say;

/// Verbs on the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Print the settings in force: defaults, file and environment
    Show(FileArg),
    /// Check configuration and policy; says what is wrong and where
    Check(FileArg),
    /// Print the default configuration, every setting explained
    Default,
    /// Print the built-in policy, every setting explained
    Policy,
}

/// Which file.
#[derive(Debug, clap::Args)]
pub(crate) struct FileArg {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Show(file) => {
            say(Config::load(file.config.as_deref(), &Flags::default())?.to_toml().trim_end())?
        }
        Verb::Check(file) => {
            let config = Config::load(file.config.as_deref(), &Flags::default())?;
            say(format_args!("configuration and policy {} are right", config.policies()?.usual().version))?;
        }
        Verb::Default => say(DEFAULT.trim_end())?,
        Verb::Policy => say(policy::DEFAULT.trim_end())?,
    }
    Ok(Exit::Ok)
}
