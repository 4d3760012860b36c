//! `numguard range`: the same as `listing`, for ranges.

use anyhow::{Context, Result};

use crate::core::number::Range;
use crate::rpc::pb;

use super::super::exit::Exit;
use super::{delete, list, put};

/// Verbs on ranges.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Put a block or allow listing on ranges
    Put(put::Args),
    /// List listed ranges
    List(list::Args),
    /// Delete listings of ranges; asks if there are several
    Delete(delete::Args),
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Put(args) => {
            all_ranges(&args.decision.subjects)?;
            put::run(args).await
        }
        Verb::List(args) => list::run(args, pb::SubjectKind::Range).await,
        Verb::Delete(args) => {
            all_ranges(&args.subjects)?;
            delete::run(args).await
        }
    }
}

/// A single number is not meant here, and deleting one by a slip would be a pity.
fn all_ranges(subjects: &[String]) -> Result<()> {
    for subject in subjects {
        subject.parse::<Range>().with_context(|| subject.clone())?;
    }
    Ok(())
}
