//! Numbers and what a feed said about them, as bytes for notes: sorted, as differences, packed.
//!
//! Must not be handed numbers out of order. A cut or foreign text is an error, never a guess.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::core::listing::codec::{self, CodecError, Input, put_varint};
use crate::core::listing::{FeedName, Sighting, UnixTime};
use crate::core::number::Number;

use super::judge::Row;

const VERSION: u8 = 3;

/// The oldest version that is still read. Sightings have run and state since 2, the previous day since 3.
const OLDEST: u8 = 1;

/// No note unpacks to more: some 10 million numbers.
const MOST_BYTES: u64 = 256 << 20;

/// What a feed said about a number before a run.
pub(super) type Before = (Number, Option<Sighting>);

/// Sorted numbers.
pub(super) fn pack_numbers(numbers: &[Number]) -> Vec<u8> {
    let mut out = Vec::with_capacity(numbers.len() * 3);
    let mut last = 0;
    for number in numbers {
        put_number(&mut out, *number, &mut last);
    }
    squeeze(&out)
}

/// Reads what [`pack_numbers`] wrote.
pub(super) fn read_numbers(bytes: &[u8]) -> Result<Vec<Number>, CodecError> {
    let (Unpacked { bytes, .. }, mut numbers, mut last) = (unsqueeze(bytes)?, Vec::new(), 0);
    let mut input = Input::new(&bytes);
    while !input.is_empty() {
        numbers.push(number(&mut input, &mut last)?);
    }
    Ok(numbers)
}

/// Sorted rows.
pub(super) fn pack_rows(rows: &[Row]) -> Vec<u8> {
    let (mut out, mut last) = (Vec::with_capacity(rows.len() * 8), 0);
    for row in rows {
        put_number(&mut out, row.number, &mut last);
        put_varint(&mut out, u64::from(row.last.0) << 1 | u64::from(row.dated));
        out.push(row.state as u8);
    }
    squeeze(&out)
}

/// Reads what [`pack_rows`] wrote.
pub(super) fn read_rows(bytes: &[u8]) -> Result<Vec<Row>, CodecError> {
    let (Unpacked { version, bytes }, mut rows, mut last) = (unsqueeze(bytes)?, Vec::new(), 0);
    let mut input = Input::new(&bytes);
    while !input.is_empty() {
        let number = number(&mut input, &mut last)?;
        let time = input.varint()?;
        let (_, state) = codec::read_latest(if version > 1 { input.u8()?.into() } else { 0 })?;
        rows.push(Row { number, last: seconds(time >> 1)?, dated: time & 1 == 1, state });
    }
    Ok(rows)
}

/// What a feed said about sorted numbers.
pub(super) fn pack_before<'a>(before: impl Iterator<Item = (Number, Option<&'a Sighting>)>) -> Vec<u8> {
    let (mut out, mut last) = (Vec::new(), 0);
    for (number, sighting) in before {
        put_number(&mut out, number, &mut last);
        // A count is at least 1: 0 stands for nothing said.
        put_varint(&mut out, sighting.map_or(0, |sighting| sighting.count.max(1).into()));
        if let Some(sighting) = sighting {
            put_varint(&mut out, sighting.last_seen.0.into());
            put_varint(&mut out, sighting.last_seen.0.saturating_sub(sighting.first_seen.0).into());
            put_varint(&mut out, codec::latest(sighting));
            put_varint(&mut out, codec::days_back(sighting));
        }
    }
    squeeze(&out)
}

/// Reads what [`pack_before`] wrote.
pub(super) fn read_before(feed: &FeedName, bytes: &[u8]) -> Result<Vec<Before>, CodecError> {
    let (Unpacked { version, bytes }, mut before, mut last) = (unsqueeze(bytes)?, Vec::new(), 0);
    let mut input = Input::new(&bytes);
    while !input.is_empty() {
        let number = number(&mut input, &mut last)?;
        let count = u32::try_from(input.varint()?).map_err(|_| CodecError::Damaged("a count"))?;
        let sighting = if count == 0 {
            None
        } else {
            let last_seen = seconds(input.varint()?)?;
            let span = seconds(input.varint()?)?;
            let first_seen = UnixTime(last_seen.0.saturating_sub(span.0));
            let (run, state) = codec::read_latest(if version > 1 { input.varint()? } else { 0 })?;
            let seen = Sighting::new(feed.clone(), first_seen, last_seen, count);
            let seen = codec::with_days_back(seen, if version > 2 { input.varint()? } else { 0 })?;
            Some(Sighting { run, state, ..seen })
        };
        before.push((number, sighting));
    }
    Ok(before)
}

fn put_number(out: &mut Vec<u8>, number: Number, last: &mut u64) {
    put_varint(out, number.key().saturating_sub(*last));
    *last = number.key();
}

fn number(input: &mut Input<'_>, last: &mut u64) -> Result<Number, CodecError> {
    let key = last.checked_add(input.varint()?).ok_or(CodecError::Damaged("a number"))?;
    *last = key;
    Number::from_digits(key).map_err(|_| CodecError::Damaged("a number"))
}

fn seconds(value: u64) -> Result<UnixTime, CodecError> {
    u32::try_from(value).map(UnixTime).map_err(|_| CodecError::Damaged("a time"))
}

fn squeeze(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(vec![VERSION], Compression::default());
    // Writing to memory does not fail; if it did, the note would not read.
    let _ = out.write_all(bytes);
    out.finish().unwrap_or_default()
}

struct Unpacked {
    version: u8,
    bytes: Vec<u8>,
}

fn unsqueeze(bytes: &[u8]) -> Result<Unpacked, CodecError> {
    let mut out = Vec::new();
    match bytes.split_first() {
        Some((&version @ OLDEST..=VERSION, packed)) => GzDecoder::new(packed)
            .take(MOST_BYTES)
            .read_to_end(&mut out)
            .map(|_| Unpacked { version, bytes: out })
            .map_err(|_| CodecError::Damaged("packed bytes")),
        Some((version, _)) => Err(CodecError::Version(*version)),
        None => Err(CodecError::Damaged("nothing there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::listing::{Day, SightingState};

    #[test]
    fn what_is_packed_reads_back_and_a_cut_is_an_error() -> Result<(), Box<dyn std::error::Error>> {
        let feed: FeedName = "a".parse()?;
        let numbers: Vec<Number> = ["+12025550101", "+12025550102", "+447700900123"]
            .iter()
            .map(|t| t.parse())
            .collect::<Result<_, _>>()?;
        assert_eq!(read_numbers(&pack_numbers(&numbers))?, numbers);
        let rows: Vec<Row> = numbers
            .iter()
            .map(|number| Row {
                number: *number,
                last: UnixTime(1_790_000_000),
                dated: number.len() == 12,
                state: SightingState::Online,
            })
            .collect();
        assert_eq!(read_rows(&pack_rows(&rows))?, rows);
        let seen = Sighting {
            run: 400,
            state: SightingState::Archived,
            ..Sighting::new(feed.clone(), Day(7).start(), Day(90).start(), 2).also_seen_on(Day(80))
        };
        let before = vec![(numbers[0], None), (numbers[2], Some(seen))];
        let packed = pack_before(before.iter().map(|(number, seen)| (*number, seen.as_ref())));
        assert_eq!(read_before(&feed, &packed)?, before);
        assert!(read_before(&feed, &packed[..packed.len() / 2]).is_err());
        // Notes of the version before: a row, and what was said before a run.
        let old = |packed: Vec<u8>| [&[OLDEST], &packed[1..]].concat();
        let (mut row, mut said) = (vec![], vec![]);
        put_number(&mut row, numbers[0], &mut 0);
        said.clone_from(&row);
        put_varint(&mut row, 9 << 1 | 1);
        [2, 9, 2].into_iter().for_each(|field| put_varint(&mut said, field));
        let of_old =
            Row { number: numbers[0], last: UnixTime(9), dated: true, state: SightingState::Unknown };
        assert_eq!(read_rows(&old(squeeze(&row)))?, [of_old]);
        let of_old = Sighting::new(feed.clone(), UnixTime(7), UnixTime(9), 2);
        assert_eq!(read_before(&feed, &old(squeeze(&said)))?, [(numbers[0], Some(of_old))]);
        assert!(read_numbers(&[9, 9]).is_err() && read_rows(&[]).is_err());
        Ok(())
    }
}
