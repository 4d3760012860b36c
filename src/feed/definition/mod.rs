//! Feed definitions: what a feed is, where its pages are and how a row looks, as TOML.
//!
//! Adding a site is a file and no code. Must not fetch or read files: it gets texts, the caller
//! knows where they come from. An unknown key is refused by file and name.

mod catalogue;
mod check;
mod shape;
mod skeleton;
mod value;

use serde::Deserialize;
use url::Url;

use crate::core::listing::FeedName;
use crate::core::number::{Number, Region};

use super::row::without_digits;

pub use catalogue::{Catalogue, Entry, SHIPPED};
pub use shape::{
    CsvShape, Digits, Field, HolderShape, HolderStatus, HtmlShape, JsonShape, Pages, Signs, State, StateRule,
    TextShape,
};
pub use skeleton::skeleton;
pub use value::{Css, Pattern};

/// One feed, checked. `definitions/` holds those that are shipped; `receive-smss.com.toml` is the one
/// to read first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The feed's name: in sightings, files and metrics.
    #[serde(deserialize_with = "value::from_text")]
    pub name: FeedName,
    /// What people call it.
    pub title: String,
    /// Whether it is collected.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Why it is not.
    #[serde(default)]
    pub disabled_because: String,
    /// Feeds of one group copy each other or have one owner: they confirm each other like one feed.
    #[serde(deserialize_with = "value::from_text")]
    pub group: FeedName,
    /// How far its word goes.
    #[serde(default)]
    pub trust: Trust,
    /// What the owner permits, and who read that.
    pub terms: String,
    /// Pages to begin with.
    #[serde(deserialize_with = "value::addresses")]
    pub urls: Vec<Url>,
    /// Other hosts that show the same list: never fetched, and never a second opinion.
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// Minutes between two runs.
    pub interval_minutes: u32,
    /// Seconds between two requests to the host.
    #[serde(default = "default_pace")]
    pub pace_seconds: u32,
    /// Region of numbers in national form.
    #[serde(default, deserialize_with = "value::region")]
    pub default_region: Option<Region>,
    /// How many rows a run brings when all is well.
    pub band: Band,
    /// The most numbers that a run may bring which the feed never had; with more it is held back as a
    /// whole. Absent: 1,000, or a quarter of the run before if that is more. The first run is judged by
    /// the band alone.
    #[serde(default)]
    pub most_new: Option<u64>,
    /// The site's own numbers, which are never listings.
    #[serde(default, deserialize_with = "value::numbers")]
    pub contacts: Vec<Number>,
    /// What a page that keeps collectors out looks like.
    #[serde(default)]
    pub blocked: Signs,
    /// How the next page is found.
    #[serde(default)]
    pub pages: Pages,
    /// Layouts of an HTML page, tried in order.
    #[serde(default)]
    pub html: Vec<HtmlShape>,
    /// Layouts of a JSON answer, tried in order.
    #[serde(default)]
    pub json: Vec<JsonShape>,
    /// Columns of a CSV file.
    #[serde(default)]
    pub csv: Option<CsvShape>,
    /// A number per line.
    #[serde(default)]
    pub text: Option<TextShape>,
    /// Columns of a regulator's file: ranges and their holders in place of sightings.
    #[serde(default)]
    pub holders: Option<HolderShape>,
}

fn yes() -> bool {
    true
}

fn default_pace() -> u32 {
    10
}

/// How far a feed's word goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Copies others, or anybody may add to it: never enough alone, however often it repeats.
    Low,
    /// A site's own list of its own numbers.
    #[default]
    Normal,
    /// Measured abuse, or a regulator's file.
    High,
}

impl Trust {
    /// The word in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// How many rows a run brings when all is well; outside of it the run is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

impl Band {
    /// Whether a run with so many rows is as expected.
    pub fn holds(self, rows: u64) -> bool {
        (self.min..=self.max).contains(&rows)
    }
}

/// Why a definition is refused: file, place in it, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct DefinitionError {
    /// Which file.
    pub file: String,
    /// Where in it, what is wrong and what was expected.
    pub reason: String,
}

/// What a row of a feed looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// HTML layouts.
    Html(&'a [HtmlShape]),
    /// JSON layouts.
    Json(&'a [JsonShape]),
    /// CSV columns.
    Csv(&'a CsvShape),
    /// A number per line.
    Text(&'a TextShape),
    /// A regulator's file.
    Holders(&'a HolderShape),
}

impl Definition {
    /// Reads and checks one definition; `file` names it in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, DefinitionError> {
        let refused = |reason| DefinitionError { file: file.to_owned(), reason };
        let definition: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let message = without_digits(&error.message().replace('\n', " "));
            refused(format!("{}: {message}", place(text, start)))
        })?;
        check::check(&definition).map_err(refused)?;
        Ok(definition)
    }

    /// What a row looks like; a checked definition says it once.
    pub fn shape(&self) -> Shape<'_> {
        match (&self.csv, &self.text, &self.holders) {
            (Some(csv), _, _) => Shape::Csv(csv),
            (_, Some(text), _) => Shape::Text(text),
            (_, _, Some(holders)) => Shape::Holders(holders),
            _ if self.json.is_empty() => Shape::Html(&self.html),
            _ => Shape::Json(&self.json),
        }
    }

    /// Whether its pages say whether a number is online.
    pub fn tells_state(&self) -> bool {
        self.html.iter().any(|shape| !shape.states.is_empty())
            || self.json.iter().any(|shape| shape.state.is_some())
    }

    /// The most pages of one run.
    pub fn page_cap(&self) -> u32 {
        self.pages.cap.saturating_mul(u32::try_from(self.urls.len()).unwrap_or(u32::MAX))
    }
}

/// `line 12 (link)`: the line of a byte offset and the key that it begins with.
fn place(text: &str, start: usize) -> String {
    let before = text.get(..start).unwrap_or_default();
    let number = before.matches('\n').count() + 1;
    let line = text.lines().nth(number - 1).unwrap_or_default();
    match line.split_once('=') {
        Some((key, _)) => format!("line {number} ({})", key.trim()),
        None => format!("line {number}"),
    }
}
