//! `numguard allow`: whom no list and no rule may stop.

use anyhow::{Context, Result, bail};

use crate::rpc::pb;

use super::super::confirm::YesArg;
use super::super::connection::asked::AskedArg;
use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::{self, say};
use super::list::{WhichArgs, list_some};
use super::put::{DecisionArgs, decide};
use super::subject::subjects;

/// Verbs on allow listings.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Allow numbers or ranges: beats every feed and every block listing, from the next check on
    Put(DecisionArgs),
    /// List what is allowed
    List(WhichArgs),
    /// Take allow listings away; what feeds saw stays and counts again. Asks if there are several
    Delete(DeleteArgs),
}

/// Arguments of `delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// Numbers or ranges
    #[arg(required = true, value_name = "SUBJECT")]
    subjects: Vec<String>,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Put(args) => decide(args, pb::Action::Allow).await,
        Verb::List(args) => list_some(args, pb::SubjectKind::Unspecified, pb::Action::Allow).await,
        Verb::Delete(args) => delete(args).await,
    }
}

async fn delete(args: DeleteArgs) -> Result<Exit> {
    let subjects = subjects(&args.subjects, None)?;
    let client = Client::connect(&args.server).await?;
    // What was taken away by the same request before is told by the service.
    let unknown = args.subjects.iter().zip(&subjects).filter(|_| !args.asked.is_repeatable());
    for (typed, subject) in unknown {
        let listing = client.get(subject.clone()).await?;
        let decision = listing.and_then(|listing| listing.decision);
        let decision = decision.with_context(|| format!("{typed} has no allow listing"))?;
        if decision.action() != pb::Action::Allow {
            let block = output::decision(Some(&decision));
            bail!(
                "{typed} has no allow listing, but: {block}; `listing delete --decisions-only` takes that away"
            );
        }
    }
    let question = format!("Take {} allow listings away?", subjects.len());
    if subjects.len() > 1 && !args.yes.confirm(&question)? {
        bail!("nothing was changed");
    }
    let asked = subjects.len();
    let deleted = client.delete(subjects, true, &args.asked).await?;
    say(format_args!("took {deleted} of {asked} allow listings away"))?;
    Ok(Exit::Ok)
}
