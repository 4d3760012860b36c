//! What is wrong or doubtful about a policy file: which line, which setting, what to do.
//!
//! Must not decide what is wrong; it finds the place of a setting and words the complaint.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: usize,
    /// The setting's path, such as `thresholds.block`; empty where the form is wrong.
    pub setting: String,
    /// What stands there, what was expected, what to do.
    pub what: String,
    /// Whether the file is refused for it; else it is served, and hardly what was meant.
    pub refused: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.setting.is_empty() { "" } else { " " };
        write!(out, "line {}: {}{space}{}", self.line, self.setting, self.what)
    }
}

/// Why a policy file is refused: every complaint of that weight.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))]
pub struct PolicyError(pub Vec<Problem>);

/// Complaints about one policy of a file.
pub(super) struct Complaints<'a, 'i> {
    text: &'a str,
    /// The policy's settings, with where in `text` they stand.
    table: &'a DeTable<'i>,
    /// What the settings of this policy begin with: nothing, or `policy.NAME.`.
    prefix: String,
    pub(super) found: Vec<Problem>,
}

impl<'a, 'i> Complaints<'a, 'i> {
    pub(super) fn new(text: &'a str, table: &'a DeTable<'i>, prefix: String) -> Self {
        Self { text, table, prefix, found: Vec::new() }
    }

    /// `setting` is out of its bounds.
    pub(super) fn bounds(&mut self, setting: &str, found: impl fmt::Display, good: bool, expected: &str) {
        if !good {
            self.add(setting, format!("is {found}: expected {expected}"), true);
        }
    }

    /// `setting` is in its bounds, but hardly meant.
    pub(super) fn doubt(&mut self, setting: &str, doubtful: bool, what: impl Into<String>) {
        if doubtful {
            self.add(setting, what.into(), false);
        }
    }

    fn add(&mut self, setting: &str, what: String, refused: bool) {
        let line = line(self.text, place(self.table, setting));
        let setting = format!("{}{setting}", self.prefix);
        self.found.push(Problem { line, setting, what, refused });
    }

    /// The setting as it was written, if it was.
    pub(super) fn written(&self, setting: &str) -> Option<&'a DeValue<'i>> {
        walk(self.table, setting).1.map(Spanned::get_ref)
    }
}

/// The file is not TOML, or a setting is unknown, missing or of the wrong kind.
pub(super) fn of_form(text: &str, error: &toml::de::Error) -> Problem {
    let at = error.span().map_or(0, |span| span.start);
    let what = error.message().replace('\n', " ");
    Problem { line: line(text, at), setting: String::new(), what, refused: true }
}

/// The line of a byte, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

/// Where a setting stands, or the nearest table above it.
fn place(table: &DeTable<'_>, setting: &str) -> usize {
    walk(table, setting).0
}

/// Follows a path such as `weights.inferred_range.ages[1].percent` as far as the file has it.
fn walk<'a, 'i>(table: &'a DeTable<'i>, setting: &str) -> (usize, Option<&'a Spanned<DeValue<'i>>>) {
    let (mut place, mut table, mut value) = (0, Some(table), None);
    for part in setting.split('.') {
        let (name, index) = match part.trim_end_matches(']').split_once('[') {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (part, None),
        };
        let Some((key, found)) = table.and_then(|table| table.get_key_value(name)) else {
            return (place, None);
        };
        place = key.span().start;
        let mut found = found;
        if let Some(item) = index.and_then(|at| found.get_ref().as_array()?.get(at)) {
            (place, found) = (item.span().start, item);
        }
        (table, value) = (found.get_ref().as_table(), Some(found));
    }
    (place, value)
}
