//! CSV with a header: columns are found by name, in any order; others are passed over.

use std::io::BufRead;

use csv::{ByteRecord, ReaderBuilder};

use super::FileError;
use super::row::{EachRow, Fields};

const SUBJECT: [&str; 5] = ["e164", "number", "phone", "subject", "range"];
const FIRST_SEEN: [&str; 1] = ["first_seen"];
const LAST_SEEN: [&str; 4] = ["last_seen", "seen_on", "seen", "date"];
const COUNT: [&str; 1] = ["count"];

/// Separators, in order of preference.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// Whether a first line names a column of numbers.
pub(super) fn is_header(line: &str) -> bool {
    let names = columns(line);
    column(&names, &SUBJECT).is_some()
}

fn separator(line: &str) -> char {
    SEPARATORS.into_iter().find(|&c| line.contains(c)).unwrap_or(',')
}

fn columns(line: &str) -> Vec<String> {
    let name = |name: &str| name.trim().trim_matches('"').to_ascii_lowercase();
    line.trim_end().split(separator(line)).map(name).collect()
}

fn column(names: &[String], known: &[&str]) -> Option<usize> {
    known.iter().find_map(|known| names.iter().position(|name| name == known))
}

pub(super) fn read(mut input: impl BufRead, each: &mut EachRow<'_>) -> Result<(), FileError> {
    let mut header = Vec::new();
    input.read_until(b'\n', &mut header)?;
    let header = String::from_utf8_lossy(&header).into_owned();
    let names = columns(&header);
    let [subject, first, last, count] =
        [&SUBJECT[..], &FIRST_SEEN, &LAST_SEEN, &COUNT].map(|known| column(&names, known));
    let mut rows = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(&header) as u8)
        .from_reader(input);
    let mut record = ByteRecord::new();
    loop {
        // The header was line 1 and the reader counts from 1 again.
        let line = rows.position().line() + 1;
        match rows.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(file_error(line, error)),
        }
        let line = record.position().map_or(line, |position| position.line() + 1);
        let field = |column: Option<usize>| text(&record, column);
        let fields = || {
            Ok(Fields {
                subject: field(subject)?,
                first_seen: field(first)?,
                last_seen: field(last)?,
                count: field(count)?,
            })
        };
        if subject.is_some_and(|at| at >= record.len()) {
            each(line, Err("the column of numbers is missing".to_owned()));
            continue;
        }
        each(line, fields());
    }
}

fn text(record: &ByteRecord, column: Option<usize>) -> Result<&str, String> {
    let bytes = column.and_then(|at| record.get(at)).unwrap_or_default();
    std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

fn file_error(line: u64, error: csv::Error) -> FileError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => FileError::Io(error),
        other => FileError::Form { line, reason: format!("{other:?}") },
    }
}
