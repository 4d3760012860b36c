//! A panic is a bug of numguard: one line in the log that says where, and a count.
//!
//! Must not tell digits: a panic may quote the text that was being read.

use std::panic::{PanicHookInfo, set_hook};
use std::sync::LazyLock;

use crate::metric::{Counter, counter};

/// As many digits in all may be a number's.
const DIGITS: usize = 6;

static PANICS: LazyLock<Counter> =
    LazyLock::new(|| counter("numguard_panics_total", "Panics: bugs of numguard. The log says where."));

/// Makes the metric, so that it is told from the start.
pub(super) fn begin() {
    LazyLock::force(&PANICS);
}

/// From now on panics go to the log.
pub(super) fn hear() {
    set_hook(Box::new(|panic| {
        PANICS.inc();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a bug, please report it: panicked: {}", said(panic));
    }));
}

fn said(panic: &PanicHookInfo<'_>) -> String {
    hidden(panic.payload_as_str().unwrap_or("with nothing to say"))
}

/// The text; without its digits if there are enough of them.
fn hidden(text: &str) -> String {
    if text.chars().filter(|c| c.is_numeric()).count() < DIGITS {
        return text.to_owned();
    }
    text.chars().map(|c| if c.is_numeric() { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_quotes_has_no_digits() {
        let quoted = "end byte index 5 is not a char boundary; it is inside 'é' of `+447é00123456`";
        assert!(
            !hidden(quoted).contains(|c: char| c.is_ascii_digit())
                && hidden(quoted).contains("char boundary")
        );
        assert!(!hidden("٤٤٧٤٠٠١٢٣٤٥٦").contains(char::is_numeric), "digits of other scripts");
        let plain = "index out of bounds: the len is 3 but the index is 10";
        assert_eq!(hidden(plain), plain);
    }
}
