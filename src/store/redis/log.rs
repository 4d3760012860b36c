//! Bytes of one change-log entry: which subjects changed.
//!
//! A version, then per kind of subject its mark, how many, and the subjects in order, each counted
//! from the one before it: two or three bytes for a neighbour.

use crate::core::listing::Subject;
use crate::core::listing::codec::{CodecError, Input, put_varint};
use crate::core::number::{Number, Prefix, Range};

use super::keys::kind_and_key;

const VERSION: u8 = 1;

/// Packs subjects, which are sorted.
pub(super) fn write(subjects: &[Subject]) -> Vec<u8> {
    let mut out = vec![VERSION];
    for same_kind in subjects.chunk_by(|a, b| kind_and_key(*a).0 == kind_and_key(*b).0) {
        let mut before = 0;
        for (at, &subject) in same_kind.iter().enumerate() {
            let (kind, key) = kind_and_key(subject);
            if at == 0 {
                out.push(kind);
                put_varint(&mut out, same_kind.len() as u64);
            }
            put_varint(&mut out, key - before);
            before = key;
            if let Subject::Range(Range::Span(first, last)) = subject {
                put_varint(&mut out, last.key() - first.key());
            }
        }
    }
    out
}

/// Reads what [`write`] wrote.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Subject>, CodecError> {
    let mut input = Input::new(bytes);
    match input.u8()? {
        VERSION => {}
        other => return Err(CodecError::Version(other)),
    }
    let mut subjects = Vec::new();
    while !input.is_empty() {
        let kind = input.u8()?;
        let mut before = 0u64;
        for _ in 0..input.varint()? {
            let damaged = || CodecError::Damaged("not a subject in the change log");
            let key = before.checked_add(input.varint()?).ok_or_else(damaged)?;
            before = key;
            let number = |key| Number::from_digits(key).map_err(|_| damaged());
            subjects.push(match kind {
                1 => Subject::Number(number(key)?),
                2 => Subject::Range(Range::Prefix(Prefix::from_digits(key).map_err(|_| damaged())?)),
                3 => {
                    let last = key.checked_add(input.varint()?).ok_or_else(damaged)?;
                    Subject::Range(Range::span(number(key)?, number(last)?).map_err(|_| damaged())?)
                }
                _ => return Err(damaged()),
            });
        }
    }
    Ok(subjects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_come_back_and_no_cut_panics() {
        let mut subjects: Vec<Subject> =
            ["+447400123456", "+447400123457", "+12025550123", "+4477*", "+331..+339", "+331..+332"]
                .iter()
                .map(|text| text.parse().unwrap_or_else(|e| panic!("{text}: {e}")))
                .collect();
        subjects.sort();
        let bytes = write(&subjects);
        assert_eq!(read(&bytes), Ok(subjects.clone()));
        for cut in 1..bytes.len() {
            // A cut between two kinds reads as a shorter list; the stream keeps entries whole.
            assert!(
                read(&bytes[..cut]).is_ok_and(|some| some.len() < subjects.len())
                    || read(&bytes[..cut]).is_err()
            );
        }
        assert_eq!(read(&[7]), Err(CodecError::Version(7)));
    }
}
