//! `numguard doctor`: is this installation well, and if not, what is to be done?
//!
//! Looks at the configuration and the data folder of this machine, at the store, and at the service, if
//! one answers. Must not change anything.

mod live;
mod machine;

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::config::{Config, Flags, RedisFlags};

use super::super::connection::ServerArg;
use super::super::exit::Exit;
use super::super::output::{Columns, Output, OutputArg, json_line, say};

/// Clocks may differ by so many seconds: leases hold for 15.
const CLOCKS_DIFFER: u32 = 5;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits with 1 if anything is BAD, else with 0. Changes nothing.")]
pub(crate) struct Args {
    /// Configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the store [default: as configured]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Shared store, if `serve` is told so by flag [default: as configured]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Works, and somebody should know.
    Note,
    Bad,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "NOTE",
            Self::Bad => "BAD",
        }
    }
}

/// What was found.
struct Finding {
    what: &'static str,
    state: State,
    found: String,
    to_do: String,
}

fn good(what: &'static str, found: impl Into<String>) -> Finding {
    Finding { what, state: State::Good, found: found.into(), to_do: String::new() }
}

fn note(what: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { what, state: State::Note, found: found.into(), to_do: to_do.into() }
}

fn bad(what: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { what, state: State::Bad, found: found.into(), to_do: to_do.into() }
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let redis = args.redis.map(|url| RedisFlags { url });
    let flags = Flags { data_dir: args.data_dir, redis, ..Flags::default() };
    let mut findings = Vec::new();
    match Config::load(args.config.as_deref(), &flags) {
        Ok(config) => {
            findings.push(good("configuration", "is right"));
            findings.extend(machine::of_configuration(&config));
            findings.extend(machine::of_data_folder(&config.data_dir));
            findings.extend(live::of_redis(&config).await);
        }
        Err(error) => {
            findings.push(bad(
                "configuration",
                error.to_string(),
                "mend it: numguard config default explains all",
            ));
        }
    }
    findings.extend(live::of_service(&args.server).await);
    print(&findings, args.output.form())?;
    let is_bad = findings.iter().any(|finding| finding.state == State::Bad);
    Ok(if is_bad { Exit::Failed } else { Exit::Ok })
}

fn print(findings: &[Finding], form: Output) -> Result<()> {
    let columns = Columns::new()
        .with("WHAT", |finding: &Finding| finding.what)
        .with("IS", |finding| finding.state.as_str())
        .with("FOUND", |finding| finding.found.clone())
        .with("TO DO", |finding| finding.to_do.clone());
    form.list(findings, columns, |Finding { what, state, found, to_do }| {
        json_line(&json!({
            "what": what, "is": state.as_str().to_uppercase(), "found": found, "to_do": to_do,
        }))
    })?;
    if form == Output::Table {
        let count = |state| findings.iter().filter(|finding| finding.state == state).count();
        say(format_args!(
            "{} good, {} to note, {} bad",
            count(State::Good),
            count(State::Note),
            count(State::Bad)
        ))?;
    }
    Ok(())
}
