//! CSV and plain text, a row per line.
//!
//! A bad line is dropped by itself; a file that is an HTML page is refused whole.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};

use super::super::definition::{CsvShape, State, TextShape};
use super::admit::{Admission, Candidate};
use super::{DropReason, Page, PageError, Verdict, age, signs};

/// A line longer than this (bytes) is no row.
const LONGEST_LINE: usize = 4_096;

pub(super) fn read_text(
    shape: &TextShape,
    body: &[u8],
    mut admission: Admission<'_>,
) -> Result<Page, PageError> {
    if let Some(verdict) = not_data(&admission, body) {
        return Ok(admission.refuse(verdict));
    }
    for line in body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= LONGEST_LINE);
        let refused = text.is_none().then_some(DropReason::NotANumber);
        admission.offer(&Candidate {
            text: text.map(Cow::Borrowed),
            digits: shape.digits,
            state: Some(State::Online),
            refused,
            ..Candidate::default()
        })?;
    }
    Ok(admission.finish())
}

pub(super) fn read_csv(
    shape: &CsvShape,
    body: &[u8],
    mut admission: Admission<'_>,
) -> Result<Page, PageError> {
    if let Some(verdict) = not_data(&admission, body) {
        return Ok(admission.refuse(verdict));
    }
    let mut reader = ReaderBuilder::new()
        .delimiter(u8::try_from(shape.separator).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .from_reader(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    let mut header = StringRecord::new();
    let _ = reader.read_record(&mut header);
    let column = |name: &str| header.iter().position(|column| column.trim() == name);
    let Some(number) = column(&shape.number) else {
        let verdict = Verdict::LayoutChanged(format!("no column is named {}", shape.number));
        return Ok(admission.refuse(verdict));
    };
    let active = shape.active.as_deref().map(column);
    if active == Some(None) {
        let name = shape.active.as_deref().unwrap_or_default();
        return Ok(admission.refuse(Verdict::LayoutChanged(format!("no column is named {name}"))));
    }
    for row in reader.records() {
        let row = row.ok();
        let field = |at: usize| row.as_ref().and_then(|row| row.get(at)).map(Cow::Borrowed);
        let time = active.flatten().and_then(field);
        admission.offer(&Candidate {
            text: field(number),
            digits: shape.digits,
            state: Some(State::Online),
            active: time.and_then(|text| age::read(&text)),
            ..Candidate::default()
        })?;
    }
    Ok(admission.finish())
}

fn not_data(admission: &Admission<'_>, body: &[u8]) -> Option<Verdict> {
    if !signs::is_html(body) {
        return None;
    }
    Some(match signs::phrase(admission.definition(), body) {
        Some(sign) => Verdict::Blocked(sign),
        None => Verdict::LayoutChanged("HTML in place of a list".to_owned()),
    })
}
