//! `numguard listing`: operators' view of single listings. `allow` and `range` share its verbs. Also `import` and
//! `export`, of many listings at once.

pub(crate) mod allow;
mod delete;
pub(crate) mod export;
mod get;
pub(crate) mod import;
mod list;
mod put;
pub(crate) mod range;
pub(crate) mod subject;
pub(crate) mod undo;
pub(crate) mod why;

use anyhow::Result;

use crate::rpc::pb;

use super::exit::Exit;

/// Verbs on listings.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Put a block or allow listing on numbers
    Put(put::Args),
    /// Show all that is known about a number or range
    Get(get::Args),
    /// Show who says what about a number, since when, and what is listed around it
    Why(why::Args),
    /// List listings
    List(list::Args),
    /// Delete listings with all that is known about their subjects; asks if there are several
    Delete(delete::Args),
    /// Take back the last change, or one of the audit record; asks if it concerns several listings
    Undo(undo::Args),
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Put(args) => put::run(args).await,
        Verb::Get(args) => get::run(args).await,
        Verb::Why(args) => why::run(args).await,
        Verb::Undo(args) => undo::run(args).await,
        Verb::List(args) => list::run(args, pb::SubjectKind::Unspecified).await,
        Verb::Delete(args) => delete::run(args).await,
    }
}
