//! `numguard health`: is the service serving? Exits as grpc_health_probe does, so that it can stand in
//! its place.

use std::time::Duration;

use anyhow::Result;

use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::{say, tell};

/// Arguments of `health`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes:
  0  serving
  1  the command line is wrong
  2  nothing answers there
  3  the call failed, or took longer than --timeout
  4  not serving")]
pub(crate) struct Args {
    /// Name of a service [default: the server as a whole]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let client = match Client::connect(&args.server).await {
        Ok(client) => client,
        Err(error) => {
            tell!("error: {error:#}");
            return Ok(Exit::NoAnswer);
        }
    };
    let limit = Duration::from_secs(args.server.timeout);
    match tokio::time::timeout(limit, client.serving(args.service)).await {
        Ok(Ok(true)) => {
            say("SERVING")?;
            Ok(Exit::Ok)
        }
        Ok(Ok(false)) => {
            say("NOT_SERVING")?;
            Ok(Exit::NotServing)
        }
        Ok(Err(error)) => {
            tell!("error: {error:#}");
            Ok(Exit::CallFailed)
        }
        Err(_) => {
            tell!("error: no answer within {} s", limit.as_secs());
            Ok(Exit::CallFailed)
        }
    }
}
