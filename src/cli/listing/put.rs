//! `numguard listing put`: a block or allow listing on numbers and ranges.

use anyhow::Result;

use crate::core::listing::UnixTime;
use crate::core::number::Region;
use crate::rpc::pb;

use super::super::connection::asked::AskedArg;
use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::{self, say};
use super::super::region;
use super::subject::{expiry, subjects};

/// Arguments of `put`, for numbers and ranges alike.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) decision: DecisionArgs,
    /// Block (the default)
    #[arg(long, conflicts_with = "allow")]
    block: bool,
    /// Allow: beats every feed and every block listing; the same as `numguard allow put`
    #[arg(long)]
    allow: bool,
}

/// A decision, and on what.
#[derive(Debug, clap::Args)]
pub(crate) struct DecisionArgs {
    /// Numbers (+447400123456) or ranges (+4474001*, +447400120000..+447400129999)
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Until when: a date (2026-12-31), or days or hours from now (30d, 12h); for good if absent
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    expires: Option<UnixTime>,
    /// Region of numbers in national form, such as GB
    #[arg(long, value_name = "REGION", value_parser = region)]
    default_region: Option<Region>,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let action = if args.allow { pb::Action::Allow } else { pb::Action::Block };
    decide(args.decision, action).await
}

pub(crate) async fn decide(args: DecisionArgs, action: pb::Action) -> Result<Exit> {
    let subjects = subjects(&args.subjects, args.default_region)?;
    let client = Client::connect(&args.server).await?;
    let count = subjects.len();
    for (at, subject) in subjects.into_iter().enumerate() {
        let decision = pb::Decision {
            action: action.into(),
            reason: args.reason.clone(),
            author: args.asked.author.clone(),
            decided_at: None,
            expires_at: args.expires.map(|end| prost_types::Timestamp { seconds: end.0.into(), nanos: 0 }),
        };
        let done = client.put(subject.clone(), decision, args.asked.request_id(at, count)).await?;
        let decision = done.listing.and_then(|listing| listing.decision);
        say(format_args!("{subject}: {} (revision {})", output::decision(decision.as_ref()), done.revision))?;
    }
    Ok(Exit::Ok)
}
