//! `numguard health`: is the service serving?

use anyhow::Result;

use super::exit::Exit;
use super::output::say;
use super::{Client, ServerArg};

/// Arguments of `health`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: ServerArg,
}

pub(super) async fn run(args: Args) -> Result<Exit> {
    let serving = Client::connect(&args.server).await?.serving().await?;
    say(if serving { "SERVING" } else { "NOT_SERVING" })?;
    Ok(if serving { Exit::Ok } else { Exit::Failed })
}
