//! Regulators' files as they come over the wire, and what was made of them. No rules.

use tonic::{Status, Streaming};

use crate::collect::AllocationReport;
use crate::core::allocation::Allocation;
use crate::core::listing::{FeedName, UnixTime};
use crate::operate::{ArrivedFiles, ArrivingFiles, LONGEST_AUTHOR, at_most};

use super::super::pb;
use super::super::pb::import_allocation_request::Part;
use super::super::status::invalid;
use super::listings::timestamp;

/// A load that came whole.
pub(crate) struct Received {
    pub(crate) head: pb::AllocationHead,
    pub(crate) arrived: ArrivedFiles,
}

/// Takes in all parts; a stream that ends without a finish is refused.
pub(crate) async fn receive(mut parts: Streaming<pb::ImportAllocationRequest>) -> Result<Received, Status> {
    let mut head = None;
    let mut files = ArrivingFiles::default();
    while let Some(part) = parts.message().await? {
        match (part.part, head.is_some()) {
            (Some(Part::Head(first)), false) => {
                at_most("head.author", &first.author, LONGEST_AUTHOR)?;
                head = Some(first);
            }
            (Some(Part::File(name)), true) => files.begin(name)?,
            (Some(Part::Bytes(bytes)), true) => files.add(bytes)?,
            (Some(Part::Finish(finish)), true) => {
                let arrived = files.finish(finish.bytes)?;
                return Ok(Received { head: head.unwrap_or_default(), arrived });
            }
            (_, false) => return Err(invalid("head", "expected first")),
            (_, true) => return Err(invalid("part", "expected a file, bytes or a finish")),
        }
    }
    Err(invalid("finish", "the load ended without it: nothing was loaded"))
}

pub(crate) fn message(allocation: &Allocation) -> pb::Allocation {
    let stats = allocation.stats();
    pb::Allocation {
        feed: allocation.source().to_string(),
        loaded_at: Some(timestamp(allocation.loaded_at())),
        held_ranges: stats.held_ranges,
        free_ranges: stats.free_ranges,
        holders: stats.holders,
    }
}

pub(crate) fn report(feed: &FeedName, done: AllocationReport, at: UnixTime) -> pb::ImportAllocationResponse {
    pb::ImportAllocationResponse {
        allocation: Some(pb::Allocation {
            feed: feed.to_string(),
            loaded_at: Some(timestamp(at)),
            held_ranges: done.stats.held_ranges,
            free_ranges: done.stats.free_ranges,
            holders: done.stats.holders,
        }),
        rows: done.rows,
        left_out: done.left_out,
        doubts: done.doubts,
        loaded: done.stored,
    }
}
