//! `numguard listing`: operators' view of single listings.

pub(crate) mod allow;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod range;
pub(crate) mod undo;
pub(crate) mod why;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::clock::now;
use crate::core::listing::UnixTime;
use crate::core::number::{self, Number, Region};
use crate::rpc::messages::exported;
use crate::rpc::pb;

use super::connection::asked::AskedArg;
use super::connection::{Client, ServerArg};
use super::exit::Exit;
use super::output::{self, Output, OutputArg, print_json, print_table, say, table, tell, visible};
use super::region;

/// Verbs on listings.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Put a block or allow listing on numbers
    Put(PutArgs),
    /// Show all that is known about a number or range
    Get(GetArgs),
    /// Tell who says what about a number, since when, and what is listed around it
    Why(why::Args),
    /// List listings
    List(ListArgs),
    /// Delete listings with all that is known about their subjects
    Delete(DeleteArgs),
    /// Take back the last change, or one of the audit record
    Undo(undo::Args),
}

/// Arguments of `put`, for numbers and ranges alike.
#[derive(Debug, clap::Args)]
pub(crate) struct PutArgs {
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

/// Arguments of `get`.
#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    /// A number or range
    subject: String,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

/// Arguments of `list`, for numbers and ranges alike.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
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
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

/// Arguments of `delete`, for numbers and ranges alike.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// Numbers or ranges
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Only operators' decisions: what feeds saw stays
    #[arg(long)]
    decisions_only: bool,
    /// Do not ask before deleting more than one
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

/// An operator's decision to filter by.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ActionArg {
    /// Block listings
    Block,
    /// Allow listings
    Allow,
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Put(args) => put(args).await,
        Verb::Get(args) => get(args).await,
        Verb::Why(args) => why::run(args).await,
        Verb::Undo(args) => undo::run(args).await,
        Verb::List(args) => list(args, pb::SubjectKind::Unspecified).await,
        Verb::Delete(args) => delete(args).await,
    }
}

pub(crate) async fn put(args: PutArgs) -> Result<Exit> {
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

async fn get(args: GetArgs) -> Result<Exit> {
    let subject = subject(&args.subject, None)?;
    let client = Client::connect(&args.server).await?;
    let Some(listing) = client.get(subject.clone()).await? else { bail!("{subject} is not listed") };
    if args.output.output == Output::Json {
        print_json(&exported(&listing).context("the service sent a listing that does not read")?)?;
        return Ok(Exit::Ok);
    }
    say(&subject)?;
    if listing.decision.is_some() {
        say(format_args!("  decision  {}", output::decision(listing.decision.as_ref())))?;
    }
    for sighting in &listing.sightings {
        say(format_args!("  seen by   {}", output::sighting(sighting)))?;
    }
    Ok(Exit::Ok)
}

pub(crate) async fn list(args: ListArgs, kind: pb::SubjectKind) -> Result<Exit> {
    let action = args.action.map_or(pb::Action::Unspecified, |action| match action {
        ActionArg::Block => pb::Action::Block,
        ActionArg::Allow => pb::Action::Allow,
    });
    list_some(args.which, kind, action).await
}

pub(crate) async fn list_some(args: WhichArgs, kind: pb::SubjectKind, action: pb::Action) -> Result<Exit> {
    let client = Client::connect(&args.server).await?;
    let covering = match args.covering.as_str() {
        "" => String::new(),
        number => subject(number, None)?,
    };
    let (prefix, feed) = (args.prefix, args.feed);
    let filter = pb::ListingFilter { kind: kind.into(), prefix, feed, action: action.into(), covering };
    let mut rows = table(&["SUBJECT", "FEEDS", "FIRST SEEN", "LAST SEEN", "DECISION"]);
    let (mut page_token, mut left) = (String::new(), args.limit);
    let more = loop {
        let page_size = left.min(1_000) as u32;
        if page_size == 0 {
            break !page_token.is_empty();
        }
        let request = pb::ListListingsRequest { filter: Some(filter.clone()), page_size, page_token };
        let page = client.list(request).await?;
        left -= page.listings.len().min(left);
        for listing in &page.listings {
            match args.output.output {
                Output::Json => {
                    print_json(&exported(listing).context("the service sent a listing that does not read")?)?
                }
                Output::Table => {
                    rows.add_row(row(listing));
                }
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break false;
        }
    };
    if args.output.output == Output::Table {
        print_table(&rows)?;
    }
    if more {
        tell!("there are more: raise --limit (now {}), or use `numguard export`", args.limit);
    }
    Ok(Exit::Ok)
}

pub(crate) async fn delete(args: DeleteArgs) -> Result<Exit> {
    let subjects = subjects(&args.subjects, None)?;
    let what = if args.decisions_only { "the decisions on" } else { "all that is known about" };
    let question = format!("Delete {what} {} numbers and ranges?", subjects.len());
    if subjects.len() > 1 && !output::confirm(&question, args.yes)? {
        bail!("nothing was deleted");
    }
    let client = Client::connect(&args.server).await?;
    let asked = subjects.len();
    let deleted = client.delete(subjects, args.decisions_only, &args.asked).await?;
    say(format_args!("deleted {deleted} of {asked}"))?;
    Ok(Exit::Ok)
}

fn row(listing: &pb::Listing) -> Vec<String> {
    let feeds: Vec<&str> = listing.sightings.iter().map(|sighting| sighting.feed.as_str()).collect();
    let seconds = |time: Option<&prost_types::Timestamp>| time.map_or(0, |time| time.seconds);
    let first =
        listing.sightings.iter().filter_map(|s| s.first_seen.as_ref()).min_by_key(|time| seconds(Some(time)));
    let last =
        listing.sightings.iter().filter_map(|s| s.last_seen.as_ref()).max_by_key(|time| seconds(Some(time)));
    vec![
        listing.subject.clone(),
        feeds.join(" "),
        output::day(first),
        output::day(last),
        output::decision(listing.decision.as_ref()),
    ]
}

/// Subjects as people type them.
pub(crate) fn subjects(texts: &[String], default_region: Option<Region>) -> Result<Vec<String>> {
    texts.iter().map(|text| subject(text, default_region)).collect()
}

/// A range as it is, a number as people type it.
pub(crate) fn subject(text: &str, default_region: Option<Region>) -> Result<String> {
    if text.ends_with('*') || text.contains("..") {
        let range: number::Range = text.parse().with_context(|| text.to_owned())?;
        return Ok(range.as_e164());
    }
    match number::parse(text, default_region) {
        Ok(parsed) => Ok(parsed.number.as_e164()),
        // What is listed can be named, also when the plan has dropped its country code since.
        Err(error) => {
            text.parse::<Number>().map(Number::as_e164).map_err(|_| error).with_context(|| visible(text))
        }
    }
}

pub(crate) fn expiry(text: &str) -> Result<UnixTime, String> {
    let span = |digits: &str, seconds: u32| {
        let count: u32 = digits.parse().ok()?;
        count.checked_mul(seconds)?.checked_add(now().0).map(UnixTime)
    };
    let relative = match text.chars().last() {
        Some('d') => span(&text[..text.len() - 1], 86_400),
        Some('h') => span(&text[..text.len() - 1], 3_600),
        _ => text.parse().ok(),
    };
    relative
        .ok_or_else(|| "expected a date such as 2026-12-31, or days or hours such as 30d or 12h".to_owned())
}
