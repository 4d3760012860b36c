//! Feeds: bytes in, rows out. The formats that lists of numbers come in, and the starter list.
//!
//! Must not fetch, store or judge. A bad row is reported with its line and reason and the rest
//! goes on; a file that is not whole (cut gzip, broken JSON) is refused whole.

mod csv_rows;
mod exported;
mod format;
mod json_object;
mod row;
pub mod starter;
mod text_lines;

pub use exported::{ExportedDecision, ExportedListing, ExportedSighting};
pub use format::{Format, read, read_texts};
pub use row::{BadLine, FileError, Reading, Row};
