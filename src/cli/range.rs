//! `numguard range`: the same as `listing`, for ranges.

use anyhow::Result;

use crate::rpc::pb;

use super::exit::Exit;
use super::listing::{self, DeleteArgs, ListArgs, PutArgs};

/// Verbs on ranges.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Put a block or allow listing on ranges
    Put(PutArgs),
    /// List listed ranges
    List(ListArgs),
    /// Delete listings of ranges
    Delete(DeleteArgs),
}

pub(super) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Put(args) => listing::put(args).await,
        Verb::List(args) => listing::list(args, pb::SubjectKind::Range).await,
        Verb::Delete(args) => listing::delete(args).await,
    }
}
