//! Plain text: one number or range per line; empty lines and `#` comments are passed over.

use std::io::{BufRead, Read};

use super::FileError;
use super::row::{EachRow, Fields};

/// A line longer than this (bytes) is bad and is not kept in memory.
const LONGEST_LINE: u64 = 64 * 1_024;

pub(super) fn read(input: impl BufRead, each: &mut EachRow<'_>) -> Result<(), FileError> {
    for_each_line(input, &mut |line, text| match text {
        Err(reason) => each(line, Err(reason)),
        Ok(text) if text.is_empty() || text.starts_with('#') => {}
        Ok(subject) => each(line, Ok(Fields { subject, ..Fields::default() })),
    })
}

/// Hands over each line, trimmed, with its number; a line that is too long or not UTF-8 is an `Err`.
pub(super) fn for_each_line(
    mut input: impl BufRead,
    each: &mut dyn FnMut(u64, Result<&str, String>),
) -> Result<(), FileError> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
            each(number, Err(format!("longer than {LONGEST_LINE} bytes")));
            continue;
        }
        match std::str::from_utf8(&line) {
            Ok(text) => each(number, Ok(text.trim())),
            Err(_) => each(number, Err("not UTF-8".to_owned())),
        }
    }
    Ok(())
}
