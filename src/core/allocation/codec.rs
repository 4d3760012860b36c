//! Bytes of allocations, for stores and snapshot files: a version byte, then packed.
//!
//! An unknown version or a cut text is refused whole. Must not be changed without a new version.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::core::listing::UnixTime;
use crate::core::listing::codec::{CodecError, Input, put_text, put_varint};
use crate::core::number::{HolderClass, Segments};

use super::{Allocation, Allocations};

const VERSION: u8 = 1;

/// No file unpacks to more: the largest, of North America, takes some 5 MB.
const MOST_BYTES: u64 = 128 << 20;

/// The most segments of one file.
const MOST_SEGMENTS: u64 = 6_000_000;

/// Why bytes are no allocation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a loaded regulator's file cannot be read: {0}")]
pub struct AllocationError(#[from] CodecError);

/// What tells one load from another.
pub(super) fn id(bytes: &[u8]) -> u64 {
    blake3::hash(bytes).as_bytes().iter().take(8).fold(0, |id, &byte| id << 8 | u64::from(byte))
}

impl Allocation {
    /// What [`Allocation::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        put_text(&mut plain, self.source.as_str());
        put_varint(&mut plain, u64::from(self.loaded_at.0));
        put_varint(&mut plain, self.holders.len() as u64);
        for (name, class) in &self.holders {
            put_text(&mut plain, name);
            put_text(&mut plain, class.as_str());
        }
        let mut last = 0;
        for (start, owner) in self.segments.iter() {
            put_varint(&mut plain, start - last);
            put_varint(&mut plain, owner.map_or(0, |owner| u64::from(owner) + 1));
            last = start;
        }
        let mut out = GzEncoder::new(vec![VERSION], Compression::default());
        // Writing to memory does not fail; if it did, the bytes would not read.
        let _ = out.write_all(&plain);
        out.finish().unwrap_or_default()
    }

    /// Reads what [`Allocation::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AllocationError> {
        let mut plain = Vec::new();
        let damaged = |what| AllocationError(CodecError::Damaged(what));
        match bytes.split_first() {
            Some((&VERSION, packed)) => GzDecoder::new(packed).take(MOST_BYTES).read_to_end(&mut plain),
            Some((version, _)) => return Err(AllocationError(CodecError::Version(*version))),
            None => return Err(damaged("nothing there")),
        }
        .map_err(|_| damaged("packed bytes"))?;
        let mut input = Input::new(&plain);
        let source = input.text()?.parse().map_err(|_| damaged("not a feed name"))?;
        let loaded_at = UnixTime(input.u32()?);
        let mut holders = Vec::new();
        for _ in 0..input.varint()? {
            let name = input.text()?.to_owned();
            // A class that a newer numguard has is none that this one could weigh.
            holders.push((name, HolderClass::named(input.text()?).unwrap_or(HolderClass::Unclassified)));
        }
        let (mut segments, mut start) = (Vec::new(), 0u64);
        while !input.is_empty() {
            start = start.checked_add(input.varint()?).ok_or(damaged("a start is too large"))?;
            let owner = match input.u32()? {
                0 => None,
                owner if owner as usize <= holders.len() + 1 => Some(owner - 1),
                _ => return Err(damaged("a holder is missing")),
            };
            segments.push((start, owner));
            if segments.len() as u64 > MOST_SEGMENTS {
                return Err(damaged("too many ranges"));
            }
        }
        let segments = Segments::from_sorted(segments.into_iter());
        Ok(Self { source, loaded_at, holders, segments, id: id(bytes) })
    }
}

impl Allocations {
    /// What [`Allocations::from_bytes`] reads; nothing at all if none is loaded.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for allocation in self.iter() {
            let bytes = allocation.to_bytes();
            put_varint(&mut out, bytes.len() as u64);
            out.extend(bytes);
        }
        out
    }

    /// Reads what [`Allocations::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AllocationError> {
        let (mut input, mut all) = (Input::new(bytes), Self::default());
        while !input.is_empty() {
            all = all.with(Allocation::from_bytes(input.bytes()?)?);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::built;
    use super::*;

    fn told(allocation: &Allocation) -> Vec<(u64, Option<u32>)> {
        allocation.segments.iter().collect()
    }

    #[test]
    fn what_is_written_reads_back_and_a_cut_is_refused() {
        let one = built("a", &["+447*"], &[("+4474001*", "X"), ("+4474002*", "Telesign Mobile Limited")]);
        let other = built("b", &[], &[("+33757000000..+33757009999", "TWIL")]);
        let bytes = one.to_bytes();
        let read = Allocation::from_bytes(&bytes).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((read.id(), &read.holders, told(&read)), (one.id(), &one.holders, told(&one)));
        let all = Allocations::default().with(other).with(one);
        let read = Allocations::from_bytes(&all.to_bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert!(read.iter().map(Allocation::id).eq(all.iter().map(Allocation::id)));
        for cut in 0..bytes.len() {
            assert!(Allocation::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert_eq!(Allocation::from_bytes(&[9]).err(), Some(AllocationError(CodecError::Version(9))));
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut packed = GzEncoder::new(vec![VERSION], Compression::fast());
            packed.write_all(&[&[1, b'a'][..], &bytes].concat()).unwrap_or_else(|e| panic!("{e}"));
            let packed = packed.finish().unwrap_or_else(|e| panic!("{e}"));
            if let Ok(read) = Allocation::from_bytes(&packed) {
                let number = "+447400123456".parse().unwrap_or_else(|e| panic!("{e}"));
                let _ = Allocations::default().with(read).find(number);
            }
        }
    }
}
