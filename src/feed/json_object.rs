//! One JSON object, number to date of last sighting: the form of the open list.
//!
//! Read entry by entry, so that a large list needs no more memory than a small one.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, Read};

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};

use super::FileError;
use super::row::{EachRow, Fields, without_digits};

pub(super) fn read(input: impl BufRead, each: &mut EachRow<'_>) -> Result<(), FileError> {
    let line = Cell::new(1);
    let mut json = serde_json::Deserializer::from_reader(LineCounter { input, line: &line });
    let entries = Entries { line: &line, each };
    json.deserialize_map(entries).and_then(|()| json.end()).map_err(|error| {
        if error.is_io() {
            return FileError::Io(error.into());
        }
        let line = u64::try_from(error.line()).unwrap_or_default();
        // serde_json ends its messages with the place, which stands in front already.
        let text = error.to_string();
        let reason = without_digits(text.split(" at line ").next().unwrap_or(&text));
        FileError::Form { line, reason }
    })
}

struct Entries<'a, 'e> {
    line: &'a Cell<u64>,
    each: &'a mut EachRow<'e>,
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("one object, number to date: {\"447400123456\": \"2026-05-31\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(subject) = map.next_key::<Cow<'_, str>>()? {
            let line = self.line.get();
            let last_seen = map.next_value::<Date>()?.0;
            (self.each)(line, Ok(Fields { subject: &subject, last_seen: &last_seen, ..Fields::default() }));
        }
        Ok(())
    }
}

/// A date's text, whose error says what the whole file should look like.
struct Date(String);

impl<'de> serde::Deserialize<'de> for Date {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Date;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("one object, number to date: {\"447400123456\": \"2026-05-31\"}")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Date, E> {
                Ok(Date(text.to_owned()))
            }
        }
        input.deserialize_str(Text)
    }
}

/// Counts the lines that were read so far; serde_json reads byte by byte.
struct LineCounter<'a, R> {
    input: R,
    line: &'a Cell<u64>,
}

impl<R: Read> Read for LineCounter<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(buffer)?;
        let lines = buffer[..count].iter().filter(|&&byte| byte == b'\n').count();
        self.line.set(self.line.get() + lines as u64);
        Ok(count)
    }
}
