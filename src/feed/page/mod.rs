//! One fetched page -> rows, what was dropped and why, next pages, and a verdict on the whole.
//!
//! Must not fetch, and must not publish what it is unsure of: a page without its expected frame is
//! blocked or changed and gives no rows. Linear in the size of the page, with caps on memory and rows.

mod admit;
mod age;
mod entities;
mod html;
mod html_row;
mod json;
mod lines;
mod signs;

use url::Url;

use crate::core::listing::UnixTime;
use crate::core::number::Number;

use super::definition::{Definition, Shape, State};

/// The most rows of one page; a page with more is refused.
pub const MOST_ROWS: usize = 200_000;

/// What was made of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Good rows, in the order of the page; none unless the verdict is [`Verdict::Fine`].
    pub rows: Vec<PageRow>,
    /// Rows that were left out.
    pub dropped: Vec<Dropped>,
    /// Links to further pages: same host, allowed by the definition, without this page itself.
    pub next: Vec<Url>,
    /// Whether the rows can be used.
    pub verdict: Verdict,
    /// Good rows whose claimed region is not the number's.
    pub wrong_labels: u32,
}

/// A number on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRow {
    /// The number.
    pub number: Number,
    /// Its state there.
    pub state: State,
    /// When it was last used, if the page says.
    pub active: Option<When>,
    /// When it was put there, if the page says.
    pub added: Option<When>,
    /// Its place among the rows of the page, from 1; in a ranked list the rank.
    pub ordinal: u32,
}

impl PageRow {
    /// First and last sighting for a page fetched at `now`; never later than that.
    pub fn seen(&self, now: UnixTime) -> (UnixTime, UnixTime) {
        let last = self.active.map_or(now, |when| when.time(now));
        let first = self.added.map_or(last, |when| when.time(now));
        (first.min(last), last)
    }
}

/// A time on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So many seconds before the page was fetched.
    Ago(u32),
    /// At this time.
    At(UnixTime),
}

impl When {
    /// The time, for a page fetched at `now`; a time after that becomes `now`.
    pub fn time(self, now: UnixTime) -> UnixTime {
        match self {
            Self::Ago(seconds) => UnixTime(now.0.saturating_sub(seconds)),
            Self::At(time) => time.min(now),
        }
    }
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its place among the rows of the page, from 1.
    pub ordinal: u32,
    /// Why.
    pub reason: DropReason,
    /// What stood there, digits hidden.
    pub sample: String,
}

/// Why a row was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names say it, and `text` says it in words
pub enum DropReason {
    NoNumber,
    NotANumber,
    NoCountryCode,
    NoLink,
    LinkDisagrees,
    Masked,
    Obfuscated,
    NotInPlan,
    NotPublic,
    Offline,
    UnknownState,
    NeverListed,
    OwnContact,
    ContactLink,
    OutsideListing,
    Duplicate,
}

impl DropReason {
    /// The stable upper-snake name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoNumber => "NO_NUMBER",
            Self::NotANumber => "NOT_A_NUMBER",
            Self::NoCountryCode => "NO_COUNTRY_CODE",
            Self::NoLink => "NO_LINK",
            Self::LinkDisagrees => "LINK_DISAGREES",
            Self::Masked => "MASKED",
            Self::Obfuscated => "OBFUSCATED",
            Self::NotInPlan => "NOT_IN_PLAN",
            Self::NotPublic => "NOT_PUBLIC",
            Self::Offline => "OFFLINE",
            Self::UnknownState => "UNKNOWN_STATE",
            Self::NeverListed => "NEVER_LISTED",
            Self::OwnContact => "OWN_CONTACT",
            Self::ContactLink => "CONTACT_LINK",
            Self::OutsideListing => "OUTSIDE_LISTING",
            Self::Duplicate => "DUPLICATE",
        }
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoNumber => "the row has no number where the definition looks for it",
            Self::NotANumber => "what stands there is no phone number",
            Self::NoCountryCode => "digits without a plus, and the definition does not say what they are",
            Self::NoLink => "the link does not look as the definition says",
            Self::LinkDisagrees => "text and link are different numbers",
            Self::Masked => "digits are hidden, and are never guessed",
            Self::Obfuscated => "digits are written in another script to keep readers out",
            Self::NotInPlan => "the numbering plan has no such number",
            Self::Offline => "does not work now, says the site",
            Self::NotPublic => "for paying or registered visitors only",
            Self::UnknownState => "a state that the definition does not know",
            Self::NeverListed => "toll-free, premium and service numbers are never listed",
            Self::OwnContact => "the site's own number",
            Self::ContactLink => "a link to call or write, not a listing",
            Self::OutsideListing => "stands in the head, foot or menu of the page",
            Self::Duplicate => "stands on the page already",
        }
    }

    /// Whether it says that the page is not built as the definition says.
    fn is_drift(self) -> bool {
        matches!(
            self,
            Self::NoNumber | Self::NotANumber | Self::NoCountryCode | Self::NoLink | Self::LinkDisagrees
        )
    }
}

/// A verdict on a page as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its rows can be used.
    Fine,
    /// Built as expected, without a usable row: past the end, or all are left out.
    Empty,
    /// A challenge or log-in in place of the list; by which sign. It is left alone.
    Blocked(String),
    /// Not built as the definition says, and how. The old rows stay.
    LayoutChanged(String),
}

impl Verdict {
    /// The word in tables and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Empty => "empty",
            Self::Blocked(_) => "blocked",
            Self::LayoutChanged(_) => "layout changed",
        }
    }
}

/// Why a page was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// More than [`MOST_ROWS`].
    #[error("more than {MOST_ROWS} rows")]
    TooManyRows,
    /// Nested so deep, or with a tag so long, that reading it would take too much memory.
    #[error("nested too deep, or a tag too long, to read in bounded memory")]
    TooMuchMemory,
    /// The definition is of a regulator's file, which has ranges in place of numbers.
    #[error("the feed is a file of ranges and holders, not a page of numbers")]
    Holders,
}

/// How a page is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Reads digits that a site writes in another script to keep readers out. Off: they are dropped.
    pub obfuscated: bool,
}

impl Definition {
    /// Reads a page that was fetched from `url`, decoded; its size is the caller's to cap.
    pub fn read(&self, url: &Url, body: &[u8], options: ReadOptions) -> Result<Page, PageError> {
        let admission = admit::Admission::new(self, options);
        match self.shape() {
            Shape::Html(shapes) => html::read(shapes, url, body, admission),
            Shape::Json(shapes) => json::read(shapes, body, admission),
            Shape::Csv(shape) => lines::read_csv(shape, body, admission),
            Shape::Text(shape) => lines::read_text(shape, body, admission),
            Shape::Holders(_) => Err(PageError::Holders),
        }
    }
}
