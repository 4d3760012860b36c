//! Counts the entries of a message's lists on the wire, without decoding them.
//!
//! Goes through the bytes exactly as prost will, which reads an entry on beyond the end of a message that is
//! too short for it. Otherwise a forged length would hide entries. Where the bytes are broken it ends, and so
//! will prost.

use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::shapes::{Entry, Kind, Shape, Width};

/// How many entries there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In one list.
    pub(crate) field: usize,
    /// In all lists of a request.
    pub(crate) request: usize,
}

/// There are more entries than there may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    /// The names of the fields that lead to the list.
    pub(crate) path: String,
    /// The limit that is exceeded.
    pub(crate) most: usize,
}

/// Why a walk ends early.
enum End {
    /// The bytes are broken.
    Broken,
    Excess(Excess),
}

impl End {
    /// The same of a field of the message around.
    fn within(self, field: &str) -> Self {
        match self {
            Self::Broken => Self::Broken,
            Self::Excess(Excess { path, most }) if path.is_empty() => {
                Self::Excess(Excess { path: field.to_owned(), most })
            }
            Self::Excess(Excess { path, most }) => {
                Self::Excess(Excess { path: format!("{field}.{path}"), most })
            }
        }
    }
}

impl From<DecodeError> for End {
    fn from(_: DecodeError) -> Self {
        Self::Broken
    }
}

/// The entries of all lists of a request, unless they are too many.
pub(crate) fn entries(shape: &Shape, message: &[u8], limits: Limits) -> Result<usize, Excess> {
    let mut walk = Walk { rest: message, limits, counts: vec![0; shape.lists], all: 0 };
    match walk.message(shape, 0, 0) {
        Ok(()) | Err(End::Broken) => Ok(walk.all),
        Err(End::Excess(excess)) => Err(excess),
    }
}

struct Walk<'a> {
    rest: &'a [u8],
    limits: Limits,
    /// Entries of the lists of all messages around the one that is read, outermost first.
    counts: Vec<usize>,
    all: usize,
}

impl Walk<'_> {
    /// Reads the fields of a message until so many bytes are left. Its lists are counted from `base` on.
    fn message(&mut self, shape: &Shape, base: usize, left: usize) -> Result<(), End> {
        while self.rest.len() > left {
            let (number, wire) = decode_key(&mut self.rest)?;
            let field = shape.fields.iter().find(|field| field.number == number);
            let Some(field) = field else {
                self.skip(number, wire)?;
                continue;
            };
            self.field(&field.kind, (number, wire), base).map_err(|end| end.within(&field.name))?;
        }
        if self.rest.len() == left { Ok(()) } else { Err(End::Broken) }
    }

    fn field(&mut self, kind: &Kind, (number, wire): (u32, WireType), base: usize) -> Result<(), End> {
        match kind {
            Kind::Single { shape, at } if wire == WireType::LengthDelimited => {
                let left = self.enter()?;
                self.message(shape, base + at, left)
            }
            Kind::Single { .. } => self.skip(number, wire),
            Kind::List { at, entry } => self.entry(entry, (number, wire), base + at),
        }
    }

    /// One entry of the list that is counted at `at`; of packed numbers all.
    fn entry(&mut self, entry: &Entry, (number, wire): (u32, WireType), at: usize) -> Result<(), End> {
        if wire != WireType::LengthDelimited {
            self.count(at, 1)?;
            return self.skip(number, wire);
        }
        match entry {
            Entry::Plain => {
                self.count(at, 1)?;
                self.skip(number, wire)
            }
            Entry::Message(shape) => {
                self.count(at, 1)?;
                let (left, base) = (self.enter()?, self.counts.len());
                self.counts.resize(base + shape.lists, 0);
                self.message(shape, base, left)?;
                self.counts.truncate(base);
                Ok(())
            }
            Entry::Number(width) => {
                let left = self.enter()?;
                let (packed, rest) = self.rest.split_at(self.rest.len() - left);
                self.rest = rest;
                self.count(
                    at,
                    match width {
                        Width::Varint => packed.iter().filter(|byte| **byte < 0x80).count(),
                        Width::Bytes(each) => packed.len() / each,
                    },
                )
            }
        }
    }

    /// Reads a length; returns how many bytes will be left behind what it is the length of.
    fn enter(&mut self) -> Result<usize, End> {
        let length = usize::try_from(decode_varint(&mut self.rest)?).map_err(|_| End::Broken)?;
        self.rest.len().checked_sub(length).ok_or(End::Broken)
    }

    fn skip(&mut self, number: u32, wire: WireType) -> Result<(), End> {
        Ok(skip_field(wire, number, &mut self.rest, DecodeContext::default())?)
    }

    fn count(&mut self, at: usize, more: usize) -> Result<(), End> {
        self.all += more;
        let Some(count) = self.counts.get_mut(at) else { return Err(End::Broken) };
        *count += more;
        let excess = |most| Err(End::Excess(Excess { path: String::new(), most }));
        if *count > self.limits.field {
            return excess(self.limits.field);
        }
        if self.all > self.limits.request {
            return excess(self.limits.request);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::{Message, Name};

    use super::*;
    use crate::rpc::pb;
    use crate::rpc::wire::codec::shapes;
    use pb::import_listings_request::Part;

    const NONE: Limits = Limits { field: usize::MAX, request: usize::MAX };

    fn count<M: Message + Name>(bytes: &[u8], limits: Limits) -> Result<usize, Excess> {
        let shape =
            shapes::of_request(&M::full_name()).unwrap_or_else(|| panic!("{} is no request", M::NAME));
        entries(shape, bytes, limits)
    }

    /// What prost makes of an import's part.
    fn decoded(bytes: &[u8]) -> Option<usize> {
        let request = pb::ImportListingsRequest::decode(bytes).ok()?;
        let Some(Part::Batch(batch)) = request.part else { return Some(0) };
        Some(batch.listings.iter().map(|listing| 1 + listing.sightings.len()).sum())
    }

    /// Subjects, whether they are decided, and their sightings. Messages have no `Debug` that a case could be
    /// shown by.
    type Listings = Vec<(String, bool, Vec<(String, Option<i64>, u32)>)>;

    fn listings() -> impl Strategy<Value = Listings> {
        let sighting = ("[a-z]{0,9}", any::<Option<i64>>(), any::<u32>());
        let sightings = proptest::collection::vec(sighting, 0..9);
        proptest::collection::vec(("[+0-9]{0,16}", any::<bool>(), sightings), 0..9)
    }

    fn encoded(listings: Listings) -> Vec<u8> {
        let sighting = |(feed, seconds, count): (String, Option<i64>, u32)| pb::Sighting {
            feed,
            last_seen: seconds.map(|seconds| prost_types::Timestamp { seconds, nanos: 1 }),
            count,
            ..Default::default()
        };
        let listing = |(subject, decided, sightings): (_, bool, Vec<_>)| pb::Listing {
            subject,
            sightings: sightings.into_iter().map(sighting).collect(),
            decision: decided.then(pb::Decision::default),
        };
        let batch = pb::ImportBatch { listings: listings.into_iter().map(listing).collect() };
        pb::ImportListingsRequest { part: Some(Part::Batch(batch)) }.encode_to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn as_many_are_counted_as_are_decoded(one in listings(), two in listings()) {
            // prost merges what comes twice.
            let bytes = [encoded(one), encoded(two)].concat();
            let entries = decoded(&bytes).unwrap_or_else(|| panic!("not decoded"));
            prop_assert_eq!(count::<pb::ImportListingsRequest>(&bytes, NONE), Ok(entries));
            if entries > 0 {
                let limits = Limits { field: usize::MAX, request: entries - 1 };
                let excess = count::<pb::ImportListingsRequest>(&bytes, limits).map_err(|excess| excess.most);
                prop_assert_eq!(excess, Err(entries - 1));
            }
        }

        #[test]
        fn broken_bytes_hide_nothing(
            one in listings(),
            broken in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4),
            cut in proptest::option::of(any::<usize>()),
        ) {
            let mut bytes = encoded(one);
            for (at, byte) in broken {
                let length = bytes.len();
                if let Some(found) = bytes.get_mut(at % length.max(1)) {
                    *found = byte;
                }
            }
            bytes.truncate(cut.map_or(usize::MAX, |cut| cut % (bytes.len() + 1)));
            let counted = count::<pb::ImportListingsRequest>(&bytes, NONE);
            if let Some(entries) = decoded(&bytes) {
                // More if the batch was followed by another part, which takes its place.
                prop_assert!(counted.as_ref().is_ok_and(|counted| *counted >= entries), "{counted:?} of {entries}");
            }
        }

        #[test]
        fn any_bytes_are_walked_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (name, shape) in shapes::all() {
                prop_assert!(entries(shape, &bytes, NONE).is_ok(), "{name}");
            }
        }
    }

    #[test]
    fn numbers_are_counted_packed_or_not() {
        let request = pb::CreateKeyRequest { scopes: vec![1, 300, 2], ..Default::default() };
        let one_by_one = [2 << 3, 1, 2 << 3, 0xac, 0x02, 2 << 3, 2];
        let bytes = [request.encode_to_vec(), one_by_one.to_vec()].concat();
        let decoded = pb::CreateKeyRequest::decode(&bytes[..]).map(|request| request.scopes.len());
        assert_eq!(decoded.ok(), Some(6));
        assert_eq!(count::<pb::CreateKeyRequest>(&bytes, NONE), Ok(6));
    }

    #[test]
    fn groups_and_lengths_that_lie_hide_nothing() {
        let entries = [1 << 3 | 2, 0].repeat(10);
        let limits = Limits { field: 9, request: 99 };
        let excess = |path: &str| Err(Excess { path: path.to_owned(), most: 9 });
        // A group of an unknown field, with another in it.
        let group = [15 << 3 | 3, 14 << 3 | 3, 1 << 3, 7, 14 << 3 | 4, 15 << 3 | 4];
        let bytes = [&group[..], &entries].concat();
        assert_eq!(count::<pb::BatchCheckNumbersRequest>(&bytes, limits), excess("requests"));
        // A batch of two bytes whose only listing is longer: prost reads it before it finds the mistake.
        let sightings = [2 << 3 | 2, 0].repeat(10);
        let bytes = [&[1 << 3 | 2, 2, 1 << 3 | 2, 20][..], &sightings].concat();
        assert!(decoded(&bytes).is_none());
        assert_eq!(count::<pb::ImportListingsRequest>(&bytes, limits), excess("batch.listings.sightings"));
        // Listings of two parts of one batch.
        let part = [&[1 << 3 | 2, 20][..], &entries].concat();
        assert_eq!(count::<pb::ImportListingsRequest>(&part, limits), excess("batch.listings"));
        // Sightings of two listings are two lists.
        let listing = [&[1 << 3 | 2, 12][..], &sightings[..12]].concat();
        let bytes = [&[1 << 3 | 2, 28][..], &listing, &listing].concat();
        assert_eq!(count::<pb::ImportListingsRequest>(&bytes, limits), Ok(14));
        // Huge lengths, a cut number, a field of number 0, a wrong wire type, groups without end.
        for broken in [
            &[1 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1][..],
            &[1 << 3 | 2, 0xff],
            &[2, 0],
            &[1 << 3 | 7],
            &[15 << 3 | 3; 1_000],
            &[15 << 3 | 4],
        ] {
            assert!(pb::BatchCheckNumbersRequest::decode(broken).is_err());
            assert!(count::<pb::BatchCheckNumbersRequest>(broken, limits).is_ok_and(|count| count <= 1));
        }
    }
}
