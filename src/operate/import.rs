//! One import: rows are staged, and stored in one step when the import ends.
//!
//! An import that breaks off, miscounts its rows or holds a wrong row stores nothing.

use std::collections::HashMap;

use crate::core::listing::{Decision, Listing, Sighting, Subject, UnixTime};
use crate::store::Change;

use super::OperateError;

/// Different subjects of one import; more would not fit the memory of a small server.
const MOST_SUBJECTS: usize = 20_000_000;

/// Listings of one batch.
const LARGEST_BATCH: usize = 10_000;

/// Feeds that may have seen one subject. Real lists have a handful.
const MOST_FEEDS: usize = 64;

/// What has arrived of an import.
#[derive(Default)]
pub struct Staged {
    listings: HashMap<Subject, Listing>,
    received: u64,
    hasher: blake3::Hasher,
}

/// What a row brings, as far as it is counted before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowShape {
    /// How many sightings it has.
    pub sightings: usize,
    /// Whether it has a decision.
    pub decided: bool,
}

/// The row that is being staged.
pub struct Row<'a> {
    listing: &'a mut Listing,
    now: UnixTime,
}

impl Staged {
    /// Rows that have arrived.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// A hash over all batches: two imports with equal finish messages still differ.
    pub fn hasher(&self) -> &blake3::Hasher {
        &self.hasher
    }

    /// Begins a batch of `count` listings, which came as these bytes.
    pub fn batch(&mut self, count: usize, bytes: &[u8]) -> Result<(), OperateError> {
        if count > LARGEST_BATCH {
            let expected = format!("{count} listings: expected at most {LARGEST_BATCH}");
            return Err(OperateError::invalid("batch.listings", expected));
        }
        self.hasher.update(bytes);
        Ok(())
    }

    /// Stages the next row, which `read` reads part by part; an error names the row's place in the import.
    pub fn row(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), OperateError>,
    ) -> Result<(), OperateError> {
        // The place is counted over the whole import, so that a client can find its row.
        let at = self.received;
        read(self).map_err(|error| {
            let message = error.to_string();
            let OperateError::Invalid { field, .. } = error else { return error };
            let part = field.split('.').next().unwrap_or_default();
            OperateError::invalid(format!("batch.listings[{at}].{part}"), message)
        })?;
        self.received += 1;
        Ok(())
    }

    /// The row's listing, if there is room for it and it says something.
    pub fn about(
        &mut self,
        subject: Subject,
        shape: RowShape,
        now: UnixTime,
    ) -> Result<Row<'_>, OperateError> {
        if self.listings.len() >= MOST_SUBJECTS && !self.listings.contains_key(&subject) {
            let expected = format!("more than {MOST_SUBJECTS} different subjects: split the import");
            return Err(OperateError::invalid("subject", expected));
        }
        if shape.sightings == 0 && !shape.decided {
            return Err(OperateError::invalid("sightings", "expected a sighting or a decision"));
        }
        let row = Row { listing: self.listings.entry(subject).or_default(), now };
        if shape.sightings > MOST_FEEDS { Err(too_many_feeds()) } else { Ok(row) }
    }

    /// The changes to store, if as many rows arrived as `said`, the sender's own count.
    pub(super) fn finish(self, said: u64) -> Result<Vec<Change>, OperateError> {
        if said != self.received {
            let expected = format!("says {said} but {} arrived: nothing was stored", self.received);
            return Err(OperateError::invalid("finish.listings", expected));
        }
        Ok(self.listings.into_iter().map(|(subject, listing)| Change::Merge(subject, listing)).collect())
    }
}

impl Row<'_> {
    /// A feed saw the subject. Sightings of one feed about one subject add up.
    pub fn seen(&mut self, sighting: &Sighting) {
        self.listing.add_report(sighting);
    }

    /// Checks the sightings of the row once all are in.
    pub fn all_seen(&self) -> Result<(), OperateError> {
        if self.listing.sightings().len() > MOST_FEEDS { Err(too_many_feeds()) } else { Ok(()) }
    }

    /// An operator decided about the subject; the newest decision wins.
    pub fn decided(&mut self, decision: Decision) -> Result<(), OperateError> {
        let possible = decision.check(self.now);
        possible.map_err(|reason| OperateError::invalid("decision.decided_at", reason))?;
        self.listing.merge(&Listing::decided(decision));
        Ok(())
    }
}

fn too_many_feeds() -> OperateError {
    OperateError::invalid("sightings", format!("more than {MOST_FEEDS} feeds saw it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_row_is_named_by_its_place_in_the_import() {
        let mut staged = Staged::default();
        assert!(staged.batch(LARGEST_BATCH, b"").is_ok());
        let subject: Subject = "+447400123456".parse().unwrap_or_else(|e| panic!("{e}"));
        let row = |staged: &mut Staged, sightings: usize, decided: bool| {
            staged.row(|staged| staged.about(subject, RowShape { sightings, decided }, UnixTime(1)).map(drop))
        };
        assert!(row(&mut staged, 1, false).is_ok());
        assert!(row(&mut staged, 0, true).is_ok());
        let said = |done: Result<(), OperateError>| done.err().map(|error| error.to_string());
        assert_eq!(
            said(row(&mut staged, 0, false)).as_deref(),
            Some("batch.listings[2].sightings: sightings: expected a sighting or a decision")
        );
        let part = staged.row(|_| Err(OperateError::invalid("decision.action", "is unknown")));
        let expected = "batch.listings[2].decision: decision.action: is unknown";
        assert_eq!(said(part).as_deref(), Some(expected), "a wrong row does not count");
        assert_eq!(
            said(staged.batch(LARGEST_BATCH + 1, b"")).as_deref(),
            Some("batch.listings: 10001 listings: expected at most 10000")
        );
        let short = staged.finish(3).err().map(|error| error.to_string());
        assert_eq!(short.as_deref(), Some("finish.listings: says 3 but 2 arrived: nothing was stored"));
    }
}
