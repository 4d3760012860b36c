//! One import: batches are staged, and stored in one step when the finish arrives.
//!
//! Nothing of an import that breaks off, lies about its length or holds a wrong row is stored.

use std::collections::HashMap;

use prost::Message;
use tonic::Status;

use crate::core::listing::{Listing, Subject, UnixTime};
use crate::store::Change;

use super::messages::listings;
use super::once::Streamed;
use super::pb;
use super::status::invalid;

/// Different subjects of one import; more would not fit the memory of a small server.
const MOST_SUBJECTS: usize = 20_000_000;

/// Listings of one batch.
const LARGEST_BATCH: usize = 10_000;

/// Feeds that may have seen one subject. Real lists have a handful.
const MOST_FEEDS: usize = 64;

/// What has arrived of an import.
#[derive(Default)]
pub(super) struct Staged {
    listings: HashMap<Subject, Listing>,
    received: u64,
    hasher: blake3::Hasher,
}

impl Staged {
    /// Rows that have arrived.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// What tells this import from another that ends in the same words.
    pub(super) fn request(&self, finish: &pb::ImportFinish) -> Streamed {
        Streamed::of(finish, &self.hasher)
    }

    /// Takes in a batch. Sightings of one feed about one subject add up.
    pub(super) fn add(&mut self, batch: &pb::ImportBatch, now: UnixTime) -> Result<(), Status> {
        let count = batch.listings.len();
        if count > LARGEST_BATCH {
            return Err(invalid(
                "batch.listings",
                format!("{count} listings: expected at most {LARGEST_BATCH}"),
            ));
        }
        self.hasher.update(&batch.encode_to_vec());
        for message in &batch.listings {
            // The place is counted over the whole import, so that a client can find its row.
            let at = self.received;
            self.add_one(message, now).map_err(|(part, status)| {
                invalid(format!("batch.listings[{at}].{part}"), status.message())
            })?;
            self.received += 1;
        }
        Ok(())
    }

    fn add_one(&mut self, message: &pb::Listing, now: UnixTime) -> Result<(), (&'static str, Status)> {
        let subject = listings::subject("subject", &message.subject).map_err(|status| ("subject", status))?;
        if self.listings.len() >= MOST_SUBJECTS && !self.listings.contains_key(&subject) {
            let status =
                invalid("subject", format!("more than {MOST_SUBJECTS} different subjects: split the import"));
            return Err(("subject", status));
        }
        if message.sightings.is_empty() && message.decision.is_none() {
            return Err(("sightings", invalid("sightings", "expected a sighting or a decision")));
        }
        let listing = self.listings.entry(subject).or_default();
        let most = || ("sightings", invalid("sightings", format!("more than {MOST_FEEDS} feeds saw it")));
        if message.sightings.len() > MOST_FEEDS {
            return Err(most());
        }
        for sighting in &message.sightings {
            let sighting = listings::sighting("sightings", sighting, Some(now));
            listing.add_report(&sighting.map_err(|status| ("sightings", status))?);
        }
        if listing.sightings().len() > MOST_FEEDS {
            return Err(most());
        }
        if let Some(decision) = &message.decision {
            let decision =
                listings::decision("decision", decision, None).map_err(|status| ("decision", status))?;
            decision.check(now).map_err(|reason| ("decision", invalid("decision.decided_at", reason)))?;
            listing.merge(&Listing::decided(decision));
        }
        Ok(())
    }

    /// The changes to store, if the import is as long as its finish says.
    pub(super) fn finish(self, finish: &pb::ImportFinish) -> Result<Vec<Change>, Status> {
        if finish.listings != self.received {
            return Err(invalid(
                "finish.listings",
                format!("says {} but {} arrived: nothing was stored", finish.listings, self.received),
            ));
        }
        Ok(self.listings.into_iter().map(|(subject, listing)| Change::Merge(subject, listing)).collect())
    }
}
