//! Regulators' files: ranges and who holds them, from columns that a definition names.
//!
//! UTF-8 or Latin-1. A row that is no range of national numbers (short codes, other networks) is
//! counted and left out; a file without the columns is refused.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};

use crate::core::allocation::Allocation;
use crate::core::listing::{FeedName, UnixTime};
use crate::core::number::{Number, Prefix, Range};

use super::definition::{HolderShape, HolderStatus};

/// A range and its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderRow {
    /// The range.
    pub range: Range,
    /// Whoever the regulator gave it to; empty where nobody has it.
    pub holder: String,
    /// What the regulator says of it.
    pub status: HolderStatus,
}

/// What was made of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Ranges, in the order of the file.
    pub rows: Vec<HolderRow>,
    /// Which rows of the file, the header being the first, are no ranges of numbers.
    pub left_out: Vec<usize>,
}

impl HolderShape {
    /// What the rows of one load say, all files of it together.
    pub fn allocation(&self, source: FeedName, at: UnixTime, rows: &[HolderRow]) -> Allocation {
        let code = self.country_code;
        let covers = self.covers.iter().filter_map(|digits| format!("{code}{digits}").parse().ok());
        let covers: Vec<Prefix> = covers.filter_map(|digits| Prefix::from_digits(digits).ok()).collect();
        let rows = rows.iter().filter_map(|row| match row.status {
            HolderStatus::Assigned => Some((row.range, Some(row.holder.as_str()))),
            HolderStatus::Free | HolderStatus::Reserved => Some((row.range, None)),
            HolderStatus::Other => None,
        });
        Allocation::build(source, at, &covers, rows)
    }
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldersError {
    /// A column that the definition names is not there.
    #[error("no column is named {0}")]
    NoColumn(String),
    /// More rows than any country has.
    #[error("more than {MOST_ROWS} rows")]
    TooManyRows,
    /// Not a file of ranges at all.
    #[error("HTML in place of a list")]
    Html,
}

/// The most rows of one file: the largest, of North America, has some 1.6 million.
const MOST_ROWS: usize = 3_000_000;

/// Reads a whole file.
pub fn read_holders(shape: &HolderShape, body: &[u8]) -> Result<Holders, HoldersError> {
    let text = decoded(body);
    if text.trim_start().starts_with('<') {
        return Err(HoldersError::Html);
    }
    let mut reader = ReaderBuilder::new()
        .delimiter(u8::try_from(shape.separator).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut header = StringRecord::new();
    let _ = reader.read_record(&mut header);
    let columns = Columns::of(shape, &header)?;
    let mut holders = Holders::default();
    let mut row = StringRecord::new();
    while let Ok(true) = reader.read_record(&mut row) {
        let before = holders.rows.len() + holders.left_out.len();
        if before >= MOST_ROWS {
            return Err(HoldersError::TooManyRows);
        }
        match columns.row(shape, &row) {
            Some(row) => holders.rows.push(row),
            None => holders.left_out.push(before + 2),
        }
    }
    Ok(holders)
}

/// UTF-8, or else Latin-1, whose bytes are the first characters of Unicode.
fn decoded(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(body.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// Where the columns stand.
struct Columns {
    prefix: Vec<usize>,
    span: Option<[usize; 2]>,
    holder: usize,
    status: Option<usize>,
    territory: Option<usize>,
}

impl Columns {
    fn of(shape: &HolderShape, header: &StringRecord) -> Result<Self, HoldersError> {
        let find = |name: &String| {
            let at = header.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
            at.ok_or_else(|| HoldersError::NoColumn(name.clone()))
        };
        let span = match &shape.span {
            Some([first, last]) => Some([find(first)?, find(last)?]),
            None => None,
        };
        Ok(Self {
            prefix: shape.prefix.iter().map(find).collect::<Result<_, _>>()?,
            span,
            holder: find(&shape.holder)?,
            status: shape.status.as_ref().map(find).transpose()?,
            territory: shape.territory.as_ref().map(find).transpose()?,
        })
    }

    fn row(&self, shape: &HolderShape, row: &StringRecord) -> Option<HolderRow> {
        let field = |at: usize| row.get(at).unwrap_or_default().trim();
        let territory = self.territory.map(field).unwrap_or_default();
        let own = shape.territories.iter().find(|(name, _)| territory.starts_with(name.as_str()));
        let code = own.map_or(shape.country_code, |(_, code)| *code);
        let range = match self.span {
            _ if code == 0 => return None,
            Some([first, last]) => span(shape, code, field(first), field(last))?,
            None => {
                let parts: Vec<&str> = self.prefix.iter().map(|at| field(*at)).collect();
                prefix(shape, code, &parts)?
            }
        };
        let status = match self.status.map(field) {
            None => HolderStatus::Assigned,
            Some(said) => shape.statuses.get(said).copied().unwrap_or(HolderStatus::Other),
        };
        Some(HolderRow { range, holder: field(self.holder).to_owned(), status })
    }
}

/// National digits without the trunk prefix, behind the country code.
fn international(shape: &HolderShape, code: u16, national: &str) -> Option<String> {
    let digits: String = national.chars().filter(|c| *c != ' ').collect();
    let digits = digits.strip_prefix(&*shape.trunk)?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| format!("{code}{digits}"))
}

fn prefix(shape: &HolderShape, code: u16, parts: &[&str]) -> Option<Range> {
    let all = |part: &&&str| !part.eq_ignore_ascii_case("A");
    let national: String = parts.iter().filter(all).copied().collect();
    let digits = international(shape, code, &national)?;
    Prefix::from_digits(digits.parse().ok()?).ok().map(Range::Prefix)
}

fn span(shape: &HolderShape, code: u16, first: &str, last: &str) -> Option<Range> {
    let end = |text: &str| -> Option<Number> {
        let whole = shape.digits.is_none_or(|digits| text.len() == digits + shape.trunk.len());
        let digits = international(shape, code, text).filter(|_| whole)?;
        Number::from_digits(digits.parse().ok()?).ok()
    };
    Range::span(end(first)?, end(last)?).ok()
}
