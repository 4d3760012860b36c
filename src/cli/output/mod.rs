//! What verbs print: data on stdout, as tables for people or as JSON lines for programs; everything
//! else on stderr.

mod rows;
mod words;

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use super::uses::Uses;

pub(crate) use rows::Columns;
pub(crate) use words::{age, day, decision, feed, grouped, plural, sighting, time, until, visible};

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    // A table that fits the terminal. No doc comments here: clap would print a line of help for each.
    Table,
    // One JSON object per line.
    Json,
}

/// `--output`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OutputFlag {
    /// A table, or one JSON object per line
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// The form that a verb prints in.
pub(crate) type OutputArg = Uses<OutputFlag>;

impl OutputFlag {
    pub(crate) fn form(&self) -> Output {
        self.output
    }
}

/// Says something on stderr. Unlike `eprintln!`, it does not panic if stderr is closed.
pub(crate) fn to_stderr(line: impl Display) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// `to_stderr` with the arguments of `format!`.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::output::to_stderr(format_args!($($text)*)) };
}
pub(crate) use tell;

/// Prints a line. Unlike `println!`, a closed or full stdout is an error and not a panic.
pub(crate) fn say(line: impl Display) -> Result<()> {
    Ok(writeln!(stdout().lock(), "{line}")?)
}

/// A value as a line of JSON.
pub(crate) fn json_line(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

/// Prints one JSON object as a line.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    say(json_line(value)?)
}

/// Whether the error is a closed pipe (`| head`), which is no failure.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}
