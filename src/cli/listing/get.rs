//! `numguard listing get`: all that is known about a number or range.

use anyhow::{Context, Result, bail};

use crate::rpc::messages::exported;

use super::super::exit::Exit;
use super::super::output::{self, Output, print_json, say};
use super::super::query::QueryArgs;
use super::subject::subject;

/// Arguments of `get`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A number or range
    subject: String,
    #[command(flatten)]
    query: QueryArgs,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let subject = subject(&args.subject, None)?;
    let client = args.query.client().await?;
    let Some(listing) = client.get(subject.clone()).await? else { bail!("{subject} is not listed") };
    if args.query.form() == Output::Json {
        print_json(&exported(&listing).context("the service sent a listing that does not read")?)?;
        return Ok(Exit::Ok);
    }
    say(&subject)?;
    if listing.decision.is_some() {
        say(format_args!("  decision  {}", output::decision(listing.decision.as_ref())))?;
    }
    for sighting in &listing.sightings {
        say(format_args!("  seen by   {}", output::sighting(sighting)))?;
    }
    Ok(Exit::Ok)
}
