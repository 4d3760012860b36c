//! `numguard admin`: what an operator does after a store has lost something.

pub(crate) mod replay_audit;

use anyhow::{Result, bail};

use crate::rpc::pb;

use super::confirm::YesArg;
use super::connection::asked::AskedArg;
use super::connection::{Client, ServerArg};
use super::exit::Exit;
use super::output::{self, grouped, say, tell};

/// Verbs for when the store has lost something.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Do again what operators did and the store has lost, by the servers' audit records
    ReplayAudit(replay_audit::Args),
    /// Let the index follow a store that has lost many listings, if that is meant
    AcceptShrink(AcceptArgs),
}

/// Arguments of `accept-shrink`.
#[derive(Debug, clap::Args)]
pub(crate) struct AcceptArgs {
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::ReplayAudit(args) => replay_audit::run(args).await,
        Verb::AcceptShrink(args) => accept_shrink(args).await,
    }
}

async fn accept_shrink(args: AcceptArgs) -> Result<Exit> {
    let client = Client::connect(&args.server).await?;
    if !args.yes.is_given() {
        let held = client.stats().await?.held;
        tell!(
            "A store that suddenly holds much less than the index is not believed: checks go on with the \
             listings of before.\nAccepting that, for ten minutes and for every server on this store, lets \
             them go: numbers that were\nblocked may pass. If the store was emptied by mistake, restore it \
             instead, and replay the audit records."
        );
        tell!("{}", held_load(held.as_ref()));
    }
    if !args.yes.confirm("Accept that listings are lost?")? {
        bail!("nothing was changed");
    }
    say(held_load(client.accept_shrink(&args.asked).await?.as_ref()))?;
    say("accepted for ten minutes, on every server of this store")?;
    Ok(Exit::Ok)
}

/// A load that is held back, in words.
pub(crate) fn held_load(held: Option<&pb::HeldLoad>) -> String {
    let Some(held) = held else { return "nothing is held back on this server".to_owned() };
    format!(
        "held back since {}: the index has {} listings, the store {}",
        output::time(held.since.as_ref()),
        grouped(held.index_listings),
        grouped(held.store_listings)
    )
}
