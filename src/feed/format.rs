//! Which form a list is in, by its first bytes: gzip or plain, then CSV, JSON, export or text.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::row::{EachRow, Fields, is_digits};
use super::{BadLine, FileError, Reading, Row, csv_rows, exported, json_object, text_lines};

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header line with a column of numbers.
    Csv,
    /// One object, number to date: the open list's form.
    JsonObject,
    /// One object per line, as `numguard export` writes.
    Export,
    /// One number per line.
    Text,
}

/// How much of a file is looked at to tell its form.
const LOOK: usize = 4_096;

/// First bytes of what people try, and what it is.
const FOREIGN: [(&[u8], &str); 6] = [
    (b"PK\x03\x04", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zX", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// Reads a list in any form, gzip or plain, and hands over every row, good or bad, in order.
pub fn read(
    input: impl BufRead,
    reading: &Reading,
    each: &mut dyn FnMut(Result<Row, BadLine>),
) -> Result<Format, FileError> {
    let mut input = unpacked(input)?;
    let format = format(&mut input)?;
    if format == Format::Export {
        exported::read(input, reading, each)?;
    } else {
        read_fields(format, input, &mut |line, fields| {
            let row = fields.and_then(|fields| reading.row(fields));
            each(row.map_err(|reason| BadLine { line, reason }));
        })?;
    }
    Ok(format)
}

/// Reads only the subjects of a list in any form, as they are written; digits alone get the plus
/// that lists leave out, if `international`.
pub fn read_texts(
    input: impl BufRead,
    international: bool,
    each: &mut dyn FnMut(Result<&str, BadLine>),
) -> Result<Format, FileError> {
    let mut input = unpacked(input)?;
    let format = format(&mut input)?;
    if format == Format::Export {
        exported::read_subjects(input, each)?;
    } else {
        read_fields(format, input, &mut |line, fields| match fields {
            Ok(Fields { subject, .. }) => match subject.trim() {
                digits if international && is_digits(digits) => each(Ok(&format!("+{digits}"))),
                text => each(Ok(text)),
            },
            Err(reason) => each(Err(BadLine { line, reason })),
        })?;
    }
    Ok(format)
}

fn read_fields(format: Format, input: impl BufRead, each: &mut EachRow<'_>) -> Result<(), FileError> {
    match format {
        Format::Csv => csv_rows::read(input, each),
        Format::JsonObject => json_object::read(input, each),
        Format::Text | Format::Export => text_lines::read(input, each),
    }
}

/// The input without its gzip layer, if it has one.
fn unpacked<'a>(input: impl BufRead + 'a) -> Result<Box<dyn BufRead + 'a>, FileError> {
    let (head, input) = peek(input, 4)?;
    if let Some((_, form)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        let reason = format!("is {form}: expected plain text or gzip, in UTF-8");
        return Err(FileError::Form { line: 1, reason });
    }
    Ok(if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(input)))
    } else {
        Box::new(input)
    })
}

/// Tells the form and leaves the input where the rows begin.
fn format<'a>(input: &mut Box<dyn BufRead + 'a>) -> Result<Format, FileError> {
    let (head, rest) = peek(std::mem::replace(input, Box::new(std::io::empty())), LOOK)?;
    *input = Box::new(rest);
    if head.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(format_of(&head))
}

/// The first bytes of `input`, and an input that still has them.
fn peek(input: impl BufRead, count: usize) -> Result<(Vec<u8>, impl BufRead), FileError> {
    let mut head = Vec::with_capacity(count);
    let mut input = input;
    input.by_ref().take(count as u64).read_to_end(&mut head)?;
    Ok((head.clone(), std::io::Cursor::new(head).chain(input)))
}

fn format_of(head: &[u8]) -> Format {
    let head = String::from_utf8_lossy(head);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    if head.starts_with('{') && head[1..].trim_start().starts_with("\"subject\"") {
        Format::Export
    } else if head.starts_with(['{', '[']) {
        Format::JsonObject
    } else if csv_rows::is_header(head.lines().next().unwrap_or("").trim_end()) {
        Format::Csv
    } else {
        Format::Text
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;
    use crate::core::listing::UnixTime;

    /// Reads `bytes` on 2026-06-01: subjects with their dates, and bad lines.
    pub(in crate::feed) fn read_all(bytes: &[u8]) -> Result<(Vec<String>, Vec<String>), String> {
        let reading = Reading {
            feed: "test".parse().unwrap_or_else(|e| panic!("{e}")),
            default_region: None,
            now: UnixTime(1_780_272_000),
        };
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let result = read(bytes, &reading, &mut |row| match row {
            Ok(row) => {
                let (first, last) = row.listing.seen_between().unwrap_or_default();
                let count: u32 = row.listing.sightings().iter().map(|s| s.count).sum();
                good.push(format!("{} {}..{} {count}", row.subject.as_e164(), first.day(), last.day()));
            }
            Err(line) => bad.push(format!("{}: {}", line.line, line.reason)),
        });
        result.map(|_| (good, bad)).map_err(|error| error.to_string())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap_or_else(|e| panic!("{e}"));
        out.finish().unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn every_form_gives_the_same_rows() {
        let expected = vec![
            "+447400123456 2026-05-31..2026-05-31 1".to_owned(),
            "+12025550123 2026-05-30..2026-05-30 1".to_owned(),
        ];
        for text in [
            "seen_on,e164\n2026-05-31,+447400123456\n2026-05-30,+12025550123\n",
            "\u{feff}e164;rank;last_seen\r\n+447400123456;1;2026-05-31\r\n12025550123;2;2026-05-30\r\n",
            "{\"447400123456\": \"2026-05-31\",\n \"+12025550123\": \"2026-05-30\"}",
        ] {
            assert_eq!(read_all(text.as_bytes()), Ok((expected.clone(), vec![])), "{text}");
            assert_eq!(read_all(&gzip(text.as_bytes())), Ok((expected.clone(), vec![])), "gzip of {text}");
        }
        let today = "2026-06-01..2026-06-01 1";
        assert_eq!(
            read_all(b"# a comment\n+44 7400 123456\n\n12025550123\n+4474*\n"),
            Ok((
                vec![
                    format!("+447400123456 {today}"),
                    format!("+12025550123 {today}"),
                    format!("+4474* {today}")
                ],
                vec![]
            ))
        );
    }

    #[test]
    fn bad_rows_are_told_by_line_and_the_rest_goes_on() {
        let text = b"last_seen,number,count\n2026-05-31,+447400123456,2\n2026-05-31,hello,1\n31.05.2026,+447400123457,1\n\
            2026-05-31,+447700900123,1\n2027-01-01,+447400123458,1\n2026-05-31,+44740\xff123456,1\n2026-05-31\n2026-05-31,+447400123459,3\n";
        let (good, bad) = read_all(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            good,
            ["+447400123456 2026-05-31..2026-05-31 2", "+447400123459 2026-05-31..2026-05-31 3"]
        );
        let reasons = [
            "3: NOT_A_NUMBER: not a phone number: only digits, spaces and + - . / ( ) may stand in it",
            "4: last seen: expected a date such as 2026-05-31 or a time such as 2026-05-31T12:00:00Z, from 1970 to 2105",
            "5: NOT_ASSIGNED: the numbering plan has no such number",
            "6: last seen lies in the future",
            "7: not UTF-8",
            "8: the column of numbers is missing",
        ];
        assert_eq!(bad, reasons);
    }

    #[test]
    fn files_that_are_not_whole_are_refused_whole() {
        let packed = gzip("{\"447400123456\": \"2026-05-31\"}".as_bytes());
        for (bytes, reason) in [
            (&packed[..packed.len() - 9], "cannot be read to its end"),
            (b"{\"447400123456\": \"2026-05-31\",", "line 1: EOF while parsing"),
            (b"[\"447400123456\"]", "expected one object, number to date"),
            (b"{\"447400123456\": 5}", "expected one object, number to date"),
            (b"name,phone_number\nx,+447400123456\n", "line 1: no column is named e164 or number"),
            (b"PK\x03\x04 and so on", "is zip"),
            (b"{\"subject\":\"+4474*\",\"sightings\":[]}\n{\"subject\":\"+44", "line 2: EOF while parsing"),
            (b"{\n\"447400123456\": \"2026-05-31\"}\n{}", "line 3: trailing characters"),
        ] {
            let error = read_all(bytes).err().unwrap_or_default();
            assert!(error.contains(reason), "{error:?} does not say {reason:?}");
        }
    }

    #[test]
    fn no_error_repeats_a_number() {
        for text in [
            "{\"a\": 447400123456}",
            "{\"subject\":447400123456}\n",
            "{\"subject\":\"+4474*\",\"+447400123456\":1}\n",
        ] {
            let told = format!("{:?}", read_all(text.as_bytes()));
            assert!(!told.contains("447400123456") && told.contains("..."), "{told}");
        }
    }

    #[test]
    fn an_empty_file_has_no_rows() {
        assert_eq!(read_all(b""), Ok((vec![], vec![])));
        assert_eq!(read_all(b"\n \n"), Ok((vec![], vec![])));
        assert_eq!(read_all(b"e164,last_seen\n"), Ok((vec![], vec![])));
    }

    #[test]
    fn a_stray_quote_spoils_only_its_own_line() {
        let text = b"\ne164,note,last_seen\n+447400123456,\"a, b\",2026-05-31\n+447400123457,\"nail 6,2026-05-31\n+447400123458,c,2026-05-31\n";
        let (good, bad) = read_all(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(good.len(), 2, "{good:?}");
        assert_eq!(bad, ["4: a quote is not closed on this line"]);
    }
}
