//! Which feeds stand behind a sighting, kept once per distinct set of feeds.

use std::collections::HashMap;

use crate::core::listing::{Confirmation, FeedName, Listing};

/// Who saw a subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Provenance {
    /// Feeds, in order of name.
    pub feeds: Vec<FeedName>,
    /// Whether there was a second look ([`Listing::confirmation`]).
    pub confirmed: Confirmation,
}

impl Provenance {
    pub(super) fn of(listing: &Listing) -> Self {
        Self {
            feeds: listing.seen_by().map(|sighting| sighting.feed.clone()).collect(),
            confirmed: listing.confirmation(),
        }
    }
}

/// The ids shared by what does not fit the table.
const OVERFLOW: u16 = u16::MAX - 1;
const OVERFLOW_CONFIRMED: u16 = u16::MAX;

/// The table behind the ids in [`super::Seen`]. Only grows; a rebuild makes it anew.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenances {
    list: Vec<Provenance>,
    ids: HashMap<Provenance, u16>,
}

impl Provenances {
    pub(super) fn get(&self, id: u16) -> &Provenance {
        static MANY: [Provenance; 2] = [
            Provenance { feeds: Vec::new(), confirmed: Confirmation::None },
            Provenance { feeds: Vec::new(), confirmed: Confirmation::Independent },
        ];
        self.list.get(usize::from(id)).unwrap_or(&MANY[usize::from(id == OVERFLOW_CONFIRMED)])
    }

    pub(super) fn list(&self) -> &[Provenance] {
        &self.list
    }

    pub(super) fn id(&self, provenance: &Provenance) -> Option<u16> {
        self.ids.get(provenance).copied()
    }

    /// The id of `provenance`, new if need be. Past 65,534 distinct sets the rest share two ids
    /// without feeds: evidence is poorer, and confirmation stays right.
    pub(super) fn intern(&mut self, provenance: Provenance) -> u16 {
        if let Some(id) = self.id(&provenance) {
            return id;
        }
        let id = match u16::try_from(self.list.len()) {
            Ok(id) if id < OVERFLOW => id,
            _ if provenance.confirmed > Confirmation::None => return OVERFLOW_CONFIRMED,
            _ => return OVERFLOW,
        };
        self.list.push(provenance.clone());
        self.ids.insert(provenance, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_keeps_its_confirmation() {
        let mut table = Provenances::default();
        let feed = |i: u32| format!("f{i}").parse().unwrap_or_else(|e| panic!("{e}"));
        for i in 0..66_000 {
            for confirmed in [Confirmation::Independent, Confirmation::None] {
                let id = table.intern(Provenance { feeds: vec![feed(i)], confirmed });
                assert_eq!(table.get(id).confirmed, confirmed, "set {i}");
            }
        }
    }
}
