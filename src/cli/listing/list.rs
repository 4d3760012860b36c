//! `numguard listing list`: listings of numbers and ranges, of one kind or with one decision.

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::rpc::messages::exported;
use crate::rpc::pb;

use super::super::exit::Exit;
use super::super::output::{self, Columns, json_line, tell};
use super::super::query::QueryArgs;
use super::subject::subject;

/// Arguments of `list`, for numbers and ranges alike.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only subjects with an operator's decision
    #[arg(long, value_enum)]
    action: Option<ActionArg>,
    #[command(flatten)]
    which: WhichArgs,
}

/// Which listings, but for what was decided about them.
#[derive(Debug, clap::Args)]
pub(crate) struct WhichArgs {
    /// Only subjects that begin with these digits, such as +4474
    #[arg(long, value_name = "DIGITS", default_value = "")]
    prefix: String,
    /// Only subjects that this feed saw
    #[arg(long, value_name = "FEED", default_value = "")]
    feed: String,
    /// Only ranges that hold this number
    #[arg(long, value_name = "NUMBER", default_value = "", hide_default_value = true)]
    covering: String,
    /// Most listings to print
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    query: QueryArgs,
}

/// An operator's decision to filter by.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ActionArg {
    Block,
    Allow,
}

pub(crate) async fn run(args: Args, kind: pb::SubjectKind) -> Result<Exit> {
    let action = args.action.map_or(pb::Action::Unspecified, |action| match action {
        ActionArg::Block => pb::Action::Block,
        ActionArg::Allow => pb::Action::Allow,
    });
    list_some(args.which, kind, action).await
}

pub(crate) async fn list_some(args: WhichArgs, kind: pb::SubjectKind, action: pb::Action) -> Result<Exit> {
    let client = args.query.client().await?;
    let covering = match args.covering.as_str() {
        "" => String::new(),
        number => subject(number, None)?,
    };
    let (prefix, feed) = (args.prefix, args.feed);
    let filter = pb::ListingFilter { kind: kind.into(), prefix, feed, action: action.into(), covering };
    let mut rows = args.query.form().rows(columns(), |listing| {
        json_line(&exported(listing).context("the service sent a listing that does not read")?)
    });
    let (mut page_token, mut left) = (String::new(), args.limit);
    let more = loop {
        let page_size = left.min(1_000) as u32;
        if page_size == 0 {
            break !page_token.is_empty();
        }
        let request = pb::ListListingsRequest { filter: Some(filter.clone()), page_size, page_token };
        let page = client.list(request).await?;
        left -= page.listings.len().min(left);
        page.listings.iter().try_for_each(|listing| rows.add(listing))?;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break false;
        }
    };
    rows.end()?;
    if more {
        tell!("there are more: raise --limit (now {}), or use `numguard export`", args.limit);
    }
    Ok(Exit::Ok)
}

fn columns<'a>() -> Columns<'a, pb::Listing> {
    Columns::new()
        .with("SUBJECT", |listing: &pb::Listing| listing.subject.clone())
        .with("FEEDS", |listing| {
            listing.sightings.iter().map(|seen| seen.feed.as_str()).collect::<Vec<_>>().join(" ")
        })
        .with("FIRST SEEN", |listing| {
            let days = listing.sightings.iter().filter_map(|seen| seen.first_seen.as_ref());
            output::day(days.min_by_key(|time| time.seconds))
        })
        .with("LAST SEEN", |listing| {
            let days = listing.sightings.iter().filter_map(|seen| seen.last_seen.as_ref());
            output::day(days.max_by_key(|time| time.seconds))
        })
        .with("DECISION", |listing| output::decision(listing.decision.as_ref()))
}
