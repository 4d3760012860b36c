//! Regulators' files as they come over the wire, and what was made of them. No rules.

use tonic::{Status, Streaming};

use crate::collect::{AllocationReport, NamedFile};
use crate::core::allocation::Allocation;
use crate::core::listing::{FeedName, UnixTime};

use super::super::pb;
use super::super::pb::import_allocation_request::Part;
use super::super::status::invalid;
use super::listings::{LONGEST_AUTHOR, timestamp};

/// The most bytes of one load: North America's largest has some 80 MB.
const MOST_BYTES: usize = 256 << 20;

/// The most files of one load, and the longest name of one, in bytes.
const MOST_FILES: usize = 100;
const LONGEST_NAME: usize = 1_000;

/// A load that came whole.
pub(crate) struct Received {
    pub(crate) head: pb::AllocationHead,
    pub(crate) files: Vec<NamedFile>,
    /// Over names and bytes of the files.
    pub(crate) hasher: blake3::Hasher,
}

/// Takes in all parts; a stream that ends without a finish is refused.
pub(crate) async fn receive(mut parts: Streaming<pb::ImportAllocationRequest>) -> Result<Received, Status> {
    let mut head = None;
    let mut files: Vec<NamedFile> = Vec::new();
    let (mut received, mut hasher) = (0usize, blake3::Hasher::new());
    while let Some(part) = parts.message().await? {
        match (part.part, head.is_some()) {
            (Some(Part::Head(first)), false) => head = Some(checked(first)?),
            (Some(Part::File(name)), true) => {
                if files.len() >= MOST_FILES || name.len() > LONGEST_NAME {
                    let expected =
                        format!("expected at most {MOST_FILES}, with names of {LONGEST_NAME} bytes");
                    return Err(invalid("file", expected));
                }
                hasher.update(blake3::hash(name.as_bytes()).as_bytes());
                files.push((name, Vec::new()));
            }
            (Some(Part::Bytes(bytes)), true) => {
                received += bytes.len();
                if received > MOST_BYTES {
                    return Err(invalid("bytes", format!("more than {} MB", MOST_BYTES >> 20)));
                }
                let file =
                    files.last_mut().ok_or_else(|| invalid("file", "expected before the first bytes"))?;
                hasher.update(&bytes);
                file.1.extend(bytes);
            }
            (Some(Part::Finish(finish)), true) => {
                if finish.bytes != received as u64 {
                    let why = format!("is {}, but {received} arrived: nothing was loaded", finish.bytes);
                    return Err(invalid("finish.bytes", why));
                }
                if files.is_empty() {
                    return Err(invalid("file", "expected at least one"));
                }
                return Ok(Received { head: head.unwrap_or_default(), files, hasher });
            }
            (_, false) => return Err(invalid("head", "expected first")),
            (_, true) => return Err(invalid("part", "expected a file, bytes or a finish")),
        }
    }
    Err(invalid("finish", "the load ended without it: nothing was loaded"))
}

fn checked(head: pb::AllocationHead) -> Result<pb::AllocationHead, Status> {
    if head.author.len() > LONGEST_AUTHOR {
        let long = format!("is {} bytes long: expected at most {LONGEST_AUTHOR}", head.author.len());
        return Err(invalid("head.author", long));
    }
    Ok(head)
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
