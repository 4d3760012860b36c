//! How a row looks in each form of page, and how pages follow each other.
//!
//! Only data: reading stands in `page/`, walking in `walk.rs`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::core::listing::SightingState;

use super::value::{Css, Pattern};

/// A layout of an HTML page. The first whose rows are on the page is taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HtmlShape {
    /// The element that holds one row.
    pub rows: Css,
    /// What stands on the page even if there are no rows: then the page is empty and not changed.
    #[serde(default)]
    pub frame: Option<Css>,
    /// The number.
    pub number: Field,
    /// A second place of the number, which must agree with the first.
    #[serde(default)]
    pub link: Option<Field>,
    /// When it was last used, as a time or an age.
    #[serde(default)]
    pub active: Option<Field>,
    /// When it was put on the page, as a time or an age.
    #[serde(default)]
    pub added: Option<Field>,
    /// The region that the page claims (`fi`, `US`); only compared.
    #[serde(default)]
    pub region: Option<Field>,
    /// Rules on the state; the first that fits decides, none means online.
    #[serde(default)]
    pub states: Vec<StateRule>,
}

/// Where a value stands in a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The element inside the row; absent: the row itself.
    #[serde(default)]
    pub select: Option<Css>,
    /// The attribute; absent: the element's text.
    #[serde(default)]
    pub attribute: Option<String>,
    /// The part of the value that counts: the first group, or all that fits.
    #[serde(default)]
    pub pattern: Option<Pattern>,
    /// Elements inside whose text does not count, such as icons.
    #[serde(default)]
    pub without: Option<Css>,
    /// What digits without a plus are.
    #[serde(default)]
    pub digits: Digits,
}

/// What digits without a plus are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digits {
    /// No number: the plus (or 00) must be there.
    #[default]
    Plus,
    /// Country code and number.
    International,
    /// A national number; in a link, the end of the number beside it.
    National,
}

/// The state of a number on its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Anybody can read its messages now.
    Online,
    /// Shown, not working now: not listed.
    Offline,
    /// In the site's archive.
    Archived,
    /// For those who pay: not listed.
    Premium,
    /// For those who register: not listed.
    Gated,
    /// Not shown in full: not listed.
    Masked,
}

impl State {
    /// Whether a number in this state is listed: anybody can read its messages, or could.
    pub fn is_public(self) -> bool {
        matches!(self, Self::Online | Self::Archived)
    }

    /// The state of a number that is listed.
    pub fn of_sighting(self) -> SightingState {
        match self {
            Self::Online => SightingState::Online,
            Self::Archived => SightingState::Archived,
            Self::Offline | Self::Premium | Self::Gated | Self::Masked => SightingState::Unknown,
        }
    }

    /// The word in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Archived => "archived",
            Self::Premium => "premium",
            Self::Gated => "gated",
            Self::Masked => "masked",
        }
    }
}

/// One rule on the state: the element is in the row, and what else is said holds too.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRule {
    /// The element inside the row; absent: the row itself.
    #[serde(default)]
    pub select: Option<Css>,
    /// The attribute that `has` looks into; absent: the text.
    #[serde(default)]
    pub attribute: Option<String>,
    /// What the text or attribute says somewhere, in any case; absent: being there is enough.
    #[serde(default)]
    pub has: Option<String>,
    /// The state.
    pub is: State,
}

/// A layout of a JSON answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonShape {
    /// JSON pointer to the array or object of rows; empty: the whole answer.
    #[serde(default)]
    pub rows: String,
    /// Field of the number; `@key` and `@value` in an object of plain values, `@value` in an array.
    pub number: String,
    /// What digits without a plus are.
    #[serde(default)]
    pub digits: Digits,
    /// Field of the country code that stands before the number.
    #[serde(default)]
    pub country_code: Option<String>,
    /// Field with the whole number, which must agree.
    #[serde(default)]
    pub full: Option<String>,
    /// Field of the state, and what its values mean.
    #[serde(default)]
    pub state: Option<String>,
    /// Value of the state field -> state; rows with another value are dropped.
    #[serde(default)]
    pub states: BTreeMap<String, State>,
    /// Field of the time of last use: text, seconds or milliseconds.
    #[serde(default)]
    pub active: Option<String>,
    /// Field of the time when it was put on the list.
    #[serde(default)]
    pub added: Option<String>,
    /// Field of the region that the list claims; only compared.
    #[serde(default)]
    pub region: Option<String>,
}

/// Columns of a CSV file, by their names in the header.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvShape {
    /// Column of the number.
    pub number: String,
    /// What digits without a plus are.
    #[serde(default)]
    pub digits: Digits,
    /// What stands between columns.
    #[serde(default = "comma")]
    pub separator: char,
    /// Column of the time of last use.
    #[serde(default)]
    pub active: Option<String>,
}

/// One number per line; `#` begins a comment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextShape {
    /// What digits without a plus are.
    #[serde(default)]
    pub digits: Digits,
    /// Whether the order means something: the first line ranks highest.
    #[serde(default)]
    pub ranked: bool,
}

/// Columns of a regulator's file of ranges.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderShape {
    /// Country code of the numbers.
    pub country_code: u16,
    /// What stands between columns.
    #[serde(default = "comma")]
    pub separator: char,
    /// Columns that make up the beginning of the numbers, joined; `A` in one means all of it.
    #[serde(default)]
    pub prefix: Vec<String>,
    /// Columns of the first and last number of a range, in place of `prefix`.
    #[serde(default)]
    pub span: Option<[String; 2]>,
    /// National prefix that the file writes and numbers do not have, such as `0`.
    #[serde(default)]
    pub trunk: String,
    /// How many digits national numbers have: rows of other lengths are short codes and the like.
    #[serde(default)]
    pub digits: Option<usize>,
    /// National digits of which the file has every range that anybody holds: a number that begins so and
    /// is in no row is nobody's. None: it says nothing of numbers in no row.
    #[serde(default)]
    pub covers: Vec<String>,
    /// Column of the holder.
    pub holder: String,
    /// Column of the status; absent: all are assigned.
    #[serde(default)]
    pub status: Option<String>,
    /// Value of the status column -> status; others mean `other`.
    #[serde(default)]
    pub statuses: BTreeMap<String, HolderStatus>,
    /// Column of the part of the country, if parts have country codes of their own.
    #[serde(default)]
    pub territory: Option<String>,
    /// Beginning of the territory's name -> its country code; 0 leaves its rows out.
    #[serde(default)]
    pub territories: BTreeMap<String, u16>,
}

/// What a regulator says of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HolderStatus {
    /// In somebody's hands.
    Assigned,
    /// To be had.
    Free,
    /// Kept back: reserved, protected, in quarantine.
    Reserved,
    /// Something else.
    Other,
}

fn comma() -> char {
    ','
}

/// How the next page is found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Address of page n: `{start}` is an address of `urls` without its last slash, `{page}` is n,
    /// from 2.
    #[serde(default)]
    pub template: Option<String>,
    /// Links that lead to further pages.
    #[serde(default)]
    pub follow: Option<Css>,
    /// What the path of a followed link must look like, so that inbox pages are never fetched.
    #[serde(default)]
    pub only: Option<Pattern>,
    /// The most pages per address of `urls`.
    #[serde(default = "one")]
    pub cap: u32,
}

impl Default for Pages {
    fn default() -> Self {
        Self { template: None, follow: None, only: None, cap: one() }
    }
}

fn one() -> u32 {
    1
}

/// What a page that keeps collectors out looks like; some phrases are known to the program.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signs {
    /// Texts that stand on it.
    #[serde(default)]
    pub phrases: Vec<String>,
    /// Elements that stand on it.
    #[serde(default)]
    pub selectors: Vec<Css>,
}
