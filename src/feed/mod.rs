//! Feeds: bytes in, rows out. Lists in the forms that people have them in, pages of sites as their
//! definitions describe them and regulators' files; and what feeds add to each other.
//!
//! Must not fetch, store or judge. A bad row is reported with its place and reason and the rest
//! goes on; a file that is not whole (cut gzip, broken JSON) and a page that is not built as expected
//! give nothing.

mod csv_rows;
pub mod definition;
mod exported;
mod format;
mod holders;
mod json_object;
mod overlap;
pub mod page;
mod row;
mod text_lines;
mod walk;

pub use definition::{Catalogue, Definition, DefinitionError, Shape, State, Trust};
pub use exported::{ExportedDecision, ExportedListing, ExportedSighting};
pub use format::{Format, read, read_texts};
pub use holders::{HolderRow, Holders, HoldersError, read_holders};
pub use overlap::{FeedPair, FeedShare, Overlap, OverlapReport};
pub use page::{DropReason, Dropped, Page, PageError, PageRow, ReadOptions, Verdict, When};
pub use row::{BadLine, FileError, Reading, Row};
pub use walk::{Step, Walk};
