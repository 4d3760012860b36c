//! `numguard listing delete`: listings, or only the decisions on them.

use anyhow::{Result, bail};

use super::super::confirm::YesArg;
use super::super::connection::asked::AskedArg;
use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::say;
use super::subject::subjects;

/// Arguments of `delete`, for numbers and ranges alike.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Numbers or ranges
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Only operators' decisions: what feeds saw stays
    #[arg(long)]
    decisions_only: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let subjects = subjects(&args.subjects, None)?;
    let what = if args.decisions_only { "the decisions on" } else { "all that is known about" };
    let question = format!("Delete {what} {} numbers and ranges?", subjects.len());
    if subjects.len() > 1 && !args.yes.confirm(&question)? {
        bail!("nothing was deleted");
    }
    let client = Client::connect(&args.server).await?;
    let asked = subjects.len();
    let deleted = client.delete(subjects, args.decisions_only, &args.asked).await?;
    say(format_args!("deleted {deleted} of {asked}"))?;
    Ok(Exit::Ok)
}
