//! Numbers: text in, E.164 number with region, line type and validity out.
//!
//! Pure. Must not know listings, feeds or policy, and must not print a number's digits except
//! through [`Number::as_e164`].

mod e164;
mod holder;
mod library;
mod parse;
mod parsed;
pub mod plan;
mod range;
mod reader;
mod segments;

pub use e164::{MAX_DIGITS, Number, NumberError};
pub use holder::{Holder, HolderClass, classify, holder};
pub use library::{Cold, warm_up};
pub use parse::{parse, parse_digits, parse_if_warm};
pub use parsed::{ParseError, Parsed};
pub use plan::{LineType, PlanFacts, Region, Validity};
pub use range::{Prefix, Range, RangeError, aligned};
pub use segments::Segments;
