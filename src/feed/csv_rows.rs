//! CSV with a header: columns are found by name, in any order; others are passed over.
//!
//! One line is one row: a stray quote spoils its own line, never the rest of the file.

use std::io::BufRead;

use csv::{ReaderBuilder, StringRecord};

use super::FileError;
use super::row::{EachRow, Fields};
use super::text_lines::for_each_line;

const SUBJECT: [&str; 5] = ["e164", "number", "phone", "subject", "range"];
const FIRST_SEEN: [&str; 1] = ["first_seen"];
const LAST_SEEN: [&str; 4] = ["last_seen", "seen_on", "seen", "date"];
const COUNT: [&str; 1] = ["count"];

/// Separators, in order of preference.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// Whether a first line is a header: it names a column of numbers, or has several columns of words.
pub(super) fn is_header(line: &str) -> bool {
    let columns = Columns::of(line);
    let words = line.starts_with(|c: char| c.is_alphabetic() || c == '"') && line.contains(SEPARATORS);
    columns.subject.is_some() || words
}

/// Where the columns stand.
struct Columns {
    separator: char,
    subject: Option<usize>,
    first_seen: Option<usize>,
    last_seen: Option<usize>,
    count: Option<usize>,
}

impl Columns {
    fn of(header: &str) -> Self {
        let separator = SEPARATORS.into_iter().find(|&c| header.contains(c)).unwrap_or(',');
        let name = |name: &str| name.trim().trim_matches('"').to_ascii_lowercase();
        let names: Vec<String> = header.split(separator).map(name).collect();
        let find =
            |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        Self {
            separator,
            subject: find(&SUBJECT),
            first_seen: find(&FIRST_SEEN),
            last_seen: find(&LAST_SEEN),
            count: find(&COUNT),
        }
    }

    /// The fields of one line.
    fn fields<'a>(&self, line: &'a str, quoted: &'a mut StringRecord) -> Result<Fields<'a>, String> {
        if !line.contains('"') {
            let field = |at: Option<usize>| at.and_then(|at| line.split(self.separator).nth(at));
            return self.pick(field);
        }
        if line.matches('"').count() % 2 == 1 {
            return Err("a quote is not closed on this line".to_owned());
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(self.separator as u8)
            .from_reader(line.as_bytes());
        reader.read_record(quoted).map_err(|error| error.to_string())?;
        let quoted: &'a StringRecord = quoted;
        self.pick(|at| at.and_then(|at| quoted.get(at)))
    }

    fn pick<'a>(&self, field: impl Fn(Option<usize>) -> Option<&'a str>) -> Result<Fields<'a>, String> {
        Ok(Fields {
            subject: field(self.subject).ok_or("the column of numbers is missing")?,
            first_seen: field(self.first_seen).unwrap_or_default(),
            last_seen: field(self.last_seen).unwrap_or_default(),
            count: field(self.count).unwrap_or_default(),
        })
    }
}

pub(super) fn read(input: impl BufRead, each: &mut EachRow<'_>) -> Result<(), FileError> {
    let mut columns: Option<Columns> = None;
    let mut headless = None;
    for_each_line(input, &mut |number, line| match (line, &columns) {
        (Ok(""), _) => {}
        (Ok(header), None) if headless.is_none() => match Columns::of(header) {
            Columns { subject: None, .. } => headless = Some(number),
            found => columns = Some(found),
        },
        (_, None) => {}
        (Ok(line), Some(columns)) => each(number, columns.fields(line, &mut StringRecord::new())),
        (Err(reason), Some(_)) => each(number, Err(reason)),
    })?;
    match headless {
        Some(line) => Err(FileError::Form { line, reason: "no column is named e164 or number".to_owned() }),
        None => Ok(()),
    }
}
