//! `numguard listing why`: who says what about a number, since when, and what stands around it.

use anyhow::{Context, Result};
use serde_json::json;

use crate::rpc::messages::exported;
use crate::rpc::pb;

use super::super::connection::Client;
use super::super::exit::Exit;
use super::super::output::{self, Columns, Output, print_json, say, tell, visible};
use super::super::query::QueryArgs;

/// Neighbours and ranges that are shown.
const MOST: usize = 20;

/// The narrowest block around the number that holds others is shown, up to the 100,000.
const WIDEST: usize = 5;

/// Arguments of `why`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number, as people type it
    number: String,
    /// Region of a number in national form, such as GB
    #[arg(long, value_name = "REGION", default_value = "")]
    default_region: String,
    /// Tell what the number's owner would be told; needs owner.enabled
    #[arg(long)]
    as_owner: bool,
    #[command(flatten)]
    query: QueryArgs,
}

/// All that is to be told.
struct Findings {
    verdict: pb::ExplainNumberResponse,
    listing: Option<pb::Listing>,
    ranges: Vec<pb::Listing>,
    /// The block that they are in, as its first digits and its size.
    block: Option<(String, u64)>,
    neighbours: Vec<pb::Listing>,
    more: bool,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let client = args.query.client().await?;
    if args.as_owner {
        return as_owner(&client, args).await;
    }
    let request = pb::CheckNumberRequest {
        number: args.number.clone(),
        default_region: args.default_region,
        context: None,
        dry_run: true,
    };
    let verdict = client.explain(request).await?;
    let answer = verdict.response.clone().context("the service sent no answer")?;
    if answer.number.is_empty() {
        let reason = answer.reasons.first().map(|reason| visible(&reason.evidence)).unwrap_or_default();
        anyhow::bail!("{}: {reason}", visible(&args.number));
    }
    let findings = find(&client, verdict, &answer.number).await?;
    match args.query.form() {
        Output::Json => print_json(&as_json(&findings, &answer)?)?,
        Output::Table => print(&findings, &answer)?,
    }
    Ok(Exit::Ok)
}

async fn as_owner(client: &Client, args: Args) -> Result<Exit> {
    let request = pb::AskListingRequest { number: args.number, default_region: args.default_region };
    let told = client.ask_listing(request).await?;
    let kind = |lister: &pb::Lister| lister.kind().as_str_name().trim_start_matches("LISTER_KIND_");
    if args.query.form() == Output::Json {
        let listers = told.listed_by.iter().map(|lister| {
            json!({"kind": kind(lister), "page": lister.page, "since": output::day(lister.since.as_ref())})
        });
        print_json(&json!({"listed": told.listed, "listed_by": listers.collect::<Vec<_>>()}))?;
        return Ok(Exit::Ok);
    }
    if !told.listed {
        say("not listed")?;
    }
    for lister in &told.listed_by {
        let by = match lister.kind() {
            pb::ListerKind::PublicPage => format!("the public page {}", visible(&lister.page)),
            pb::ListerKind::Operator => "an operator of this service".to_owned(),
            _ => "a list that is not public".to_owned(),
        };
        say(format_args!("listed since {} by {by}", output::day(lister.since.as_ref())))?;
    }
    Ok(Exit::Ok)
}

async fn find(client: &Client, verdict: pb::ExplainNumberResponse, number: &str) -> Result<Findings> {
    let listing = client.get(number.to_owned()).await?;
    let covering = pb::ListingFilter { covering: number.to_owned(), ..Default::default() };
    let (ranges, _) = some(client, covering).await?;
    let mut found = Findings { verdict, listing, ranges, block: None, neighbours: Vec::new(), more: false };
    for digits in 1..=WIDEST.min(number.len().saturating_sub(3)) {
        let prefix = number[..number.len() - digits].to_owned();
        let kind = pb::SubjectKind::Number.into();
        let filter = pb::ListingFilter { kind, prefix: prefix.clone(), ..Default::default() };
        let (mut others, more) = some(client, filter).await?;
        others.retain(|other| other.subject != number && other.subject.len() == number.len());
        if !others.is_empty() {
            let block = Some((prefix, 10u64.pow(digits as u32)));
            return Ok(Findings { block, neighbours: others, more, ..found });
        }
    }
    found.block = None;
    Ok(found)
}

/// The first listings, and whether there are more.
async fn some(client: &Client, filter: pb::ListingFilter) -> Result<(Vec<pb::Listing>, bool)> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let page_size = (MOST + 1 - found.len()) as u32;
        let request = pb::ListListingsRequest { filter: Some(filter.clone()), page_size, page_token };
        let page = client.list(request).await?;
        found.extend(page.listings);
        page_token = page.next_page_token;
        if page_token.is_empty() || found.len() > MOST {
            return Ok((found, !page_token.is_empty()));
        }
    }
}

fn as_json(findings: &Findings, answer: &pb::CheckNumberResponse) -> Result<serde_json::Value> {
    let all = |listings: &[pb::Listing]| listings.iter().map(exported).collect::<Result<Vec<_>, _>>();
    let reasons = answer.reasons.iter();
    let reasons = reasons.map(|reason| json!({"code": reason.code, "evidence": reason.evidence}));
    Ok(json!({
        "number": answer.number,
        "verdict": answer.verdict().as_str_name().trim_start_matches("VERDICT_"),
        "risk_score": answer.risk_score,
        "reasons": reasons.collect::<Vec<_>>(),
        "listing": findings.listing.as_ref().map(exported).transpose()?,
        "ranges": all(&findings.ranges)?,
        "neighbours_among": findings.block.as_ref().map(|(_, size)| size),
        "neighbours": all(&findings.neighbours)?,
        "more_neighbours": findings.more,
    }))
}

fn print(findings: &Findings, answer: &pb::CheckNumberResponse) -> Result<()> {
    let verdict = answer.verdict().as_str_name().trim_start_matches("VERDICT_");
    say(format_args!(
        "{}  {verdict} {}  (policy {})",
        answer.number, answer.risk_score, answer.policy_version
    ))?;
    for reason in &answer.reasons {
        let trial = if reason.shadow { " (on trial)" } else { "" };
        say(format_args!("  {}{trial}: {}", reason.code, visible(&reason.evidence)))?;
    }
    if let Some(without) =
        findings.verdict.parts.iter().find(|part| part.verdict_without() != answer.verdict())
    {
        let verdict = without.verdict_without().as_str_name().trim_start_matches("VERDICT_");
        say(format_args!("  it would be {verdict} without {}", without.code))?;
    }
    let own = findings.listing.iter().map(|listing| ("the number".to_owned(), listing));
    let ranges = findings.ranges.iter().map(|listing| (listing.subject.clone(), listing));
    let said: Vec<Said> = own.chain(ranges).flat_map(|(what, listing)| said(&what, listing)).collect();
    say("")?;
    match said.is_empty() {
        true => say("neither the number nor a range that holds it is listed")?,
        false => columns("WHAT IS LISTED").print(said)?,
    }
    print_neighbours(findings)
}

fn print_neighbours(findings: &Findings) -> Result<()> {
    let Some((prefix, size)) = &findings.block else {
        return say("no other number is listed among the 100,000 around it");
    };
    say("")?;
    columns("LISTED AROUND IT")
        .print(findings.neighbours.iter().flat_map(|listing| said(&listing.subject, listing)))?;
    let size = output::grouped(*size);
    match findings.more {
        true => tell!("and more among the {size} around it: numguard listing list --prefix {prefix}"),
        false => tell!("these are all among the {size} around it"),
    }
    Ok(())
}

/// What a feed or an operator said of a subject.
struct Said {
    what: String,
    by: String,
    since: String,
    last: String,
    text: String,
}

fn columns<'a>(what: &str) -> Columns<'a, Said> {
    Columns::new()
        .with(what, |said: &Said| said.what.clone())
        .with("BY", |said| said.by.clone())
        .with("SINCE", |said| said.since.clone())
        .with("LAST", |said| said.last.clone())
        .with("WHAT WAS SAID", |said| said.text.clone())
}

/// One row per feed, and one for the operator.
fn said(what: &str, listing: &pb::Listing) -> Vec<Said> {
    let times = |count: u32| if count == 1 { "seen once".to_owned() } else { format!("seen {count} times") };
    let mut rows: Vec<Said> = Vec::new();
    if let Some(decision) = &listing.decision {
        let by =
            if decision.author.is_empty() { "an operator".to_owned() } else { visible(&decision.author) };
        let unnamed = pb::Decision { author: String::new(), ..decision.clone() };
        let since = output::day(decision.decided_at.as_ref());
        let text = output::decision(Some(&unnamed));
        rows.push(Said { what: what.to_owned(), by, since, last: String::new(), text });
    }
    rows.extend(listing.sightings.iter().map(|seen| Said {
        what: what.to_owned(),
        by: visible(&seen.feed),
        since: output::day(seen.first_seen.as_ref()),
        last: output::day(seen.last_seen.as_ref()),
        text: times(seen.count),
    }));
    rows
}
