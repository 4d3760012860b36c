//! `numguard feed`: the definitions of feeds, and the feeds of a service.

mod definitions;
pub(crate) mod overlap;
pub(crate) mod quarantine;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod test;

use anyhow::Result;

use super::exit::Exit;
use super::query::QueryArgs;

/// Verbs on feeds.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List all feeds: whether they are on, how often and how much they bring
    List(definitions::ListArgs),
    /// Print a feed's definition
    Show(definitions::ShowArgs),
    /// Read saved pages with a definition: the numbers found, the rows left out and why; exits with
    /// 1 if a page is not as expected
    Test(test::Args),
    /// Draft a definition for a site
    Add(definitions::AddArgs),
    /// Tell how a service's feeds are: last run, what it brought, when the next is due, what to do
    Status(QueryArgs),
    /// Run a feed now; exits with 1 if nothing came of it, and says why
    Run(run::RunArgs),
    /// Stop running a feed until it is resumed
    Pause(run::FeedArgs),
    /// End a pause
    Resume(run::FeedArgs),
    /// Judge runs that were not believed
    #[command(subcommand)]
    Quarantine(quarantine::Verb),
    /// Take back all that a feed said after a run
    Rollback(run::RollbackArgs),
    /// Tell what feeds share, what each has alone, and which is first
    Overlap(QueryArgs),
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::List(args) => definitions::list(&args),
        Verb::Show(args) => definitions::show(&args),
        Verb::Test(args) => test::run(&args),
        Verb::Add(args) => definitions::add(&args),
        Verb::Status(args) => status::run(args).await,
        Verb::Run(args) => run::run(args).await,
        Verb::Pause(args) => run::pause(args).await,
        Verb::Resume(args) => run::resume(args).await,
        Verb::Quarantine(verb) => quarantine::run(verb).await,
        Verb::Rollback(args) => run::rollback(args).await,
        Verb::Overlap(args) => overlap::run(args).await,
    }
}
