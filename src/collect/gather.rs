//! The pages of one run -> its numbers: fetched one by one at the feed's pace, read off the async
//! threads.
//!
//! Must not store or judge. A page that cannot be used ends the run, and nothing of the run is used:
//! only past the first page may one be missing or empty, for that is how lists end, and of several
//! lists one may have no number today, which the run tells.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::core::listing::{SightingState, UnixTime};
use crate::core::number::Number;
use crate::feed::{Catalogue, Definition, Page, PageError, ReadOptions, Verdict, Walk};

use super::judge::{Row, is_bad};
use super::web::shown::shown;
use super::web::{self, FetchError, Fetched, Fetcher, PageRequest, RefusedBy, Validators};
use super::{CollectError, RunOutcome};

/// The most unpacked bytes of a run.
const MOST_BYTES: usize = 128 << 20;

/// How often a blocked site is asked.
const DAY: Duration = Duration::from_secs(86_400);

/// What the pages of a run gave.
#[derive(Debug)]
pub(super) enum Gathered {
    /// Numbers.
    Haul(Haul),
    /// The one page is as it was.
    NotModified,
    /// Nothing that can be used.
    Stopped { outcome: RunOutcome, why: String, wait: Duration, pages: u32 },
}

/// What the pages gave.
#[derive(Debug, Default)]
pub(super) struct Haul {
    pub(super) pages: u32,
    /// By number.
    pub(super) rows: Vec<Row>,
    /// Rows looked at.
    pub(super) looked: u64,
    /// Rows left out.
    pub(super) dropped: u64,
    /// Of these, rows that speak against the page.
    pub(super) bad: u64,
    /// Of the one page, if it was one.
    pub(super) validators: Option<Validators>,
    /// What is odd about the pages, though they can be used.
    pub(super) note: String,
}

/// Walks the pages of a feed. `validators` are for a feed of one page: others have to be read whole,
/// because an unchanged page would hide where the next one is.
pub(super) async fn gather(
    fetcher: &Fetcher,
    catalogue: &Arc<Catalogue>,
    definition: &Definition,
    validators: Option<Validators>,
    clock: fn() -> UnixTime,
) -> Result<Gathered, CollectError> {
    let mut walk = Walk::new(definition);
    let mut found: BTreeMap<Number, Row> = BTreeMap::new();
    let mut haul = Haul::default();
    let mut bytes = 0;
    let mut changed: Option<(Url, String)> = None;
    while let Some(step) = walk.next_step() {
        let first = definition.urls.contains(&step.url);
        let pages = walk.pages();
        let stopped = |outcome, why, wait| Ok(Gathered::Stopped { outcome, why, wait, pages });
        let page = match fetch(fetcher, definition, &step.url, validators.clone(), first).await? {
            Fetch::Page(page) => page,
            Fetch::Missing => continue,
            Fetch::NotModified => return Ok(Gathered::NotModified),
            Fetch::Stopped(outcome, why, wait) => return stopped(outcome, why, wait),
        };
        let now = clock();
        bytes += page.body.len();
        if bytes > MOST_BYTES {
            let why = format!("more than {} MB of pages", MOST_BYTES >> 20);
            return stopped(RunOutcome::Failed, why, Duration::ZERO);
        }
        haul.validators = page.validators.clone();
        let page = match read(catalogue, definition, step.url.clone(), page.body).await {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => return stopped(RunOutcome::LayoutChanged, error.to_string(), Duration::ZERO),
            Err(why) => return stopped(RunOutcome::Failed, why, Duration::ZERO),
        };
        match &page.verdict {
            Verdict::Blocked(sign) => return stopped(RunOutcome::Blocked, sign.clone(), DAY),
            Verdict::LayoutChanged(why) => {
                if first {
                    changed.get_or_insert((step.url, why.clone()));
                }
                continue;
            }
            Verdict::Fine | Verdict::Empty => {}
        }
        walk.took(&step, &page);
        haul.count(&page);
        add_rows(&mut found, &page, definition, now);
    }
    haul.pages = walk.pages();
    if let Some((url, why)) = changed {
        if found.is_empty() {
            let (outcome, wait, pages) = (RunOutcome::LayoutChanged, Duration::ZERO, haul.pages);
            return Ok(Gathered::Stopped { outcome, why, wait, pages });
        }
        haul.note = format!("{}: {why}", shown(&url));
    }
    if haul.pages != 1 {
        haul.validators = None;
    }
    haul.rows = found.into_values().collect();
    Ok(Gathered::Haul(haul))
}

/// What asking for one page came to.
enum Fetch {
    Page(web::Page),
    /// Past the first page: the list has ended.
    Missing,
    NotModified,
    /// The run ends here: with what outcome, why, and how long the site asks to be left alone.
    Stopped(RunOutcome, String, Duration),
}

async fn fetch(
    fetcher: &Fetcher,
    definition: &Definition,
    url: &Url,
    validators: Option<Validators>,
    first: bool,
) -> Result<Fetch, CollectError> {
    let pace = Duration::from_secs(definition.pace_seconds.into());
    let mirrors = definition.mirrors.clone();
    let request = PageRequest { validators, mirrors, ..PageRequest::new(url.as_str(), pace) };
    Ok(match fetcher.get(request).await {
        Ok(Fetched::NotModified) => Fetch::NotModified,
        Ok(Fetched::Page(page)) => Fetch::Page(page),
        Ok(Fetched::Refused { status: Some(404 | 410), .. }) if !first => Fetch::Missing,
        Ok(Fetched::Refused { status, retry_after, by }) => {
            let (outcome, why, wait) = refusal(status, retry_after, by);
            Fetch::Stopped(outcome, why, wait)
        }
        Err(error @ (FetchError::Options(_) | FetchError::TooManyHosts { .. })) => return Err(error.into()),
        Err(error) => Fetch::Stopped(RunOutcome::Failed, error.to_string(), Duration::ZERO),
    })
}

impl Haul {
    /// Counts the rows of a page.
    fn count(&mut self, page: &Page) {
        self.looked += (page.rows.len() + page.dropped.len()) as u64;
        self.dropped += page.dropped.len() as u64;
        self.bad += page.dropped.iter().filter(|dropped| is_bad(dropped.reason)).count() as u64;
    }
}

/// Takes in the rows of a page; of two about one number, the one that was seen later.
fn add_rows(found: &mut BTreeMap<Number, Row>, page: &Page, definition: &Definition, now: UnixTime) {
    for row in &page.rows {
        let state = if definition.tells_state() { row.state.of_sighting() } else { SightingState::Unknown };
        let row = Row { number: row.number, last: row.seen(now).1, dated: row.active.is_some(), state };
        let known = found.entry(row.number).or_insert(row);
        if row.last > known.last {
            *known = row;
        }
    }
}

/// Reads a page on a thread of its own; a reader that breaks takes nothing else along.
async fn read(
    catalogue: &Arc<Catalogue>,
    definition: &Definition,
    url: Url,
    body: Vec<u8>,
) -> Result<Result<Page, PageError>, String> {
    let (catalogue, name) = (Arc::clone(catalogue), definition.name.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let entry = catalogue.get(name.as_str())?;
        Some(entry.definition.read(&url, &body, ReadOptions::default()))
    });
    let read = reading.await.map_err(|_| "reading the page broke off".to_owned())?;
    read.ok_or_else(|| "the feed is not known any more".to_owned())
}

pub(super) fn refusal(
    status: Option<u16>,
    after: Option<Duration>,
    by: RefusedBy,
) -> (RunOutcome, String, Duration) {
    let wait = after.unwrap_or_default();
    match (by, status) {
        (RefusedBy::Robots, _) => (RunOutcome::Refused, "robots.txt forbids the page".to_owned(), DAY),
        (RefusedBy::RobotsUnread, _) => {
            let why = "robots.txt cannot be read, and forbids everything until it can";
            (RunOutcome::Refused, why.to_owned(), wait)
        }
        (RefusedBy::RateLimited, _) => {
            let why = format!("the site asks to be left alone for {} s", wait.as_secs());
            (RunOutcome::Refused, why, wait)
        }
        (RefusedBy::Status, Some(status @ (401 | 403 | 451))) => {
            (RunOutcome::Blocked, format!("the site answers {status}"), DAY)
        }
        (RefusedBy::Status, status) => {
            let why = format!("the site answers {}", status.map_or("nothing".to_owned(), |s| s.to_string()));
            (RunOutcome::Refused, why, wait)
        }
    }
}
