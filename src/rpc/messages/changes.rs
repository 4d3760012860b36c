//! Imports, deletes, undos and filters of listings <-> messages. No rules.

use prost::Message;

use crate::core::listing::{Subject, UnixTime};
use crate::operate::audit::Which;
use crate::operate::import::{RowShape, Staged};
use crate::operate::pages::{Filter, Kind};
use crate::operate::{OperateError, UndoneChange, UndoneListing};

use super::super::pb;
use super::listings;

/// Reads the subjects of a delete, one by one.
pub(crate) fn subjects(
    texts: Vec<String>,
) -> impl ExactSizeIterator<Item = Result<Subject, OperateError>> + Send {
    texts.into_iter().enumerate().map(|(at, text)| listings::subject(&format!("subjects[{at}]"), &text))
}

/// Stages a batch of an import.
pub(crate) fn stage(staged: &mut Staged, batch: &pb::ImportBatch, now: UnixTime) -> Result<(), OperateError> {
    staged.batch(batch.listings.len(), &by_day(batch.clone()).encode_to_vec())?;
    batch.listings.iter().try_for_each(|message| staged.row(|staged| stage_one(staged, message, now)))
}

/// The batch with the times of sightings cut to their days. By that an import that is asked for again is known: who sends
/// a list without times fills in the time of the moment, and that is another one each second.
fn by_day(mut batch: pb::ImportBatch) -> pb::ImportBatch {
    const DAY: i64 = 86_400;
    for sighting in batch.listings.iter_mut().flat_map(|listing| &mut listing.sightings) {
        for time in [&mut sighting.first_seen, &mut sighting.last_seen].into_iter().flatten() {
            (time.seconds, time.nanos) = (time.seconds.saturating_sub(time.seconds.rem_euclid(DAY)), 0);
        }
    }
    batch
}

fn stage_one(staged: &mut Staged, message: &pb::Listing, now: UnixTime) -> Result<(), OperateError> {
    let subject = listings::subject("subject", &message.subject)?;
    let shape = RowShape { sightings: message.sightings.len(), decided: message.decision.is_some() };
    let mut row = staged.about(subject, shape, now)?;
    for sighting in &message.sightings {
        row.seen(&listings::sighting("sightings", sighting, Some(now))?);
    }
    row.all_seen()?;
    match &message.decision {
        Some(decision) => row.decided(listings::decision("decision", decision, None)?),
        None => Ok(()),
    }
}

/// Which change is to be taken back.
pub(crate) fn which(request: &pb::UndoChangeRequest) -> Result<Which, OperateError> {
    let subject = match request.subject.as_str() {
        "" => None,
        text => Some(listings::subject("subject", text)?),
    };
    Ok(Which { line: request.line, subject })
}

pub(crate) fn undone(undone: UndoneChange) -> pb::UndoChangeResponse {
    pb::UndoChangeResponse {
        line: undone.line,
        author: undone.author,
        subjects: undone.subjects as u32,
        listings: undone.listings.iter().map(undone_listing).collect(),
        revision: undone.revision,
    }
}

fn undone_listing(UndoneListing { subject, from, to }: &UndoneListing) -> pb::UndoneListing {
    let listing = |listing| listings::listing(*subject, listing);
    pb::UndoneListing {
        subject: subject.as_e164(),
        from: from.as_ref().map(listing),
        to: to.as_ref().map(listing),
    }
}

/// Which listings are wanted.
pub(crate) fn filter(filter: Option<&pb::ListingFilter>) -> Result<Filter, OperateError> {
    let unfiltered = pb::ListingFilter::default();
    let filter = filter.unwrap_or(&unfiltered);
    let unknown = |field| OperateError::invalid(field, "is unknown");
    let kind = match pb::SubjectKind::try_from(filter.kind).map_err(|_| unknown("filter.kind"))? {
        pb::SubjectKind::Unspecified => Kind::All,
        pb::SubjectKind::Number => Kind::Numbers,
        pb::SubjectKind::Range => Kind::Ranges,
    };
    let prefix = parsed("filter.prefix", &filter.prefix)?;
    let feed = parsed("filter.feed", &filter.feed)?;
    pb::Action::try_from(filter.action).map_err(|_| unknown("filter.action"))?;
    let action = listings::action(filter.action);
    let covering = parsed("filter.covering", &filter.covering)?;
    Ok(Filter { kind, prefix, feed, action, covering, asked: filter.encode_to_vec() })
}

/// Reads a part of a filter; an empty text leaves nothing out.
fn parsed<T: std::str::FromStr<Err: ToString>>(field: &str, text: &str) -> Result<Option<T>, OperateError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: T::Err| OperateError::invalid(field, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: &str, seconds: i64) -> blake3::Hash {
        let time = Some(prost_types::Timestamp { seconds, nanos: 0 });
        let sighting = pb::Sighting {
            feed: "a".to_owned(),
            first_seen: time,
            last_seen: time,
            count: 1,
            ..Default::default()
        };
        let listing =
            pb::Listing { subject: number.to_owned(), sightings: vec![sighting], ..Default::default() };
        let mut staged = Staged::default();
        let staging = stage(&mut staged, &pb::ImportBatch { listings: vec![listing] }, UnixTime(9 * 86_400));
        staging.unwrap_or_else(|e| panic!("{e}"));
        staged.hasher().finalize()
    }

    #[test]
    fn an_import_without_times_is_the_same_request_a_second_later() {
        let first = hash("+447400123456", 86_400 + 5);
        assert_eq!(first, hash("+447400123456", 86_400 + 6));
        assert_ne!(first, hash("+447400123456", 2 * 86_400 + 5), "another day");
        assert_ne!(first, hash("+447400123457", 86_400 + 5), "another number");
    }
}
