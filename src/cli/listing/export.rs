//! `numguard export`: all listings as JSON lines, lossless; `numguard import` reads them back.

use std::io::{BufWriter, Write, stdout};

use anyhow::{Context, Result};

use crate::rpc::messages::exported;
use crate::rpc::pb;

use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::tell;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only subjects that begin with these digits, such as +4474
    #[arg(long, value_name = "DIGITS", default_value = "")]
    prefix: String,
    /// Only subjects that this feed saw
    #[arg(long, value_name = "FEED", default_value = "")]
    feed: String,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let client = Client::connect(&args.server).await?;
    let filter = pb::ListingFilter { prefix: args.prefix, feed: args.feed, ..pb::ListingFilter::default() };
    let mut out = BufWriter::new(stdout().lock());
    let mut count = 0u64;
    client
        .export(filter, |listings| {
            for listing in &listings {
                let listing = exported(listing).context("the service sent a listing that does not read")?;
                serde_json::to_writer(&mut out, &listing)?;
                out.write_all(b"\n")?;
                count += 1;
            }
            Ok(())
        })
        .await?;
    out.flush()?;
    tell!("exported {} listings", super::super::output::grouped(count));
    Ok(Exit::Ok)
}
