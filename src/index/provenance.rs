//! Which feeds stand behind a sighting, kept once per distinct set of feeds.

use std::collections::HashMap;

use crate::listing::{FeedName, Listing};

/// Who saw a subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Provenance {
    /// Feeds, in order of name.
    pub feeds: Vec<FeedName>,
    /// Seen by a second feed, or again after an hour (see [`Listing::confirmed`]).
    pub confirmed: bool,
}

impl Provenance {
    pub(super) fn of(listing: &Listing) -> Self {
        Self {
            feeds: listing.sightings().iter().map(|sighting| sighting.feed.clone()).collect(),
            confirmed: listing.confirmed(),
        }
    }
}

/// The table behind the ids in [`super::Seen`]. Only grows; a rebuild makes it anew.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenances {
    list: Vec<Provenance>,
    ids: HashMap<Provenance, u16>,
}

impl Provenances {
    pub(super) fn get(&self, id: u16) -> &Provenance {
        static NOBODY: Provenance = Provenance { feeds: Vec::new(), confirmed: false };
        self.list.get(usize::from(id)).unwrap_or(&NOBODY)
    }

    pub(super) fn list(&self) -> &[Provenance] {
        &self.list
    }

    pub(super) fn id(&self, provenance: &Provenance) -> Option<u16> {
        self.ids.get(provenance).copied()
    }

    /// The id of `provenance`, new if need be. Past 65,535 distinct sets the last one is shared:
    /// evidence would name the wrong feeds, the verdict stays right to the confirmation.
    pub(super) fn intern(&mut self, provenance: Provenance) -> u16 {
        if let Some(id) = self.id(&provenance) {
            return id;
        }
        let Ok(id) = u16::try_from(self.list.len()) else { return u16::MAX };
        self.list.push(provenance.clone());
        self.ids.insert(provenance, id);
        id
    }
}
