//! Numbers for fixtures, as digits with their country code.

/// Area codes whose 555-01xx numbers are reserved for fiction.
const AREAS: [&str; 8] = ["202", "212", "305", "312", "415", "512", "617", "281"];

/// United States, 800 of them.
pub(crate) fn us(at: usize) -> String {
    format!("1{}55501{:02}", AREAS[at / 100 % AREAS.len()], at % 100)
}

/// Sweden: 46 70 174 06 05 to 06 99.
pub(crate) fn se(at: usize) -> String {
    format!("467017406{:02}", 5 + at % 95)
}

/// Germany: 49 171 39200 00 to 99.
pub(crate) fn de(at: usize) -> String {
    format!("4917139200{:02}", at % 100)
}

/// Finland; loopback only.
pub(crate) fn fi(at: usize) -> String {
    format!("358457300{:04}", 1 + at)
}

/// The Netherlands, machine numbers in sequence; loopback only.
pub(crate) fn nl(at: usize) -> String {
    format!("3197058{:06}", 12_000 + at)
}

/// United Kingdom; loopback only.
pub(crate) fn gb(at: usize) -> String {
    format!("447400{:06}", 123_000 + at)
}

#[test]
fn the_library_takes_them_all() {
    use numguard::core::number::{Validity, parse_digits};
    for at in 0..95 {
        for digits in [us(at * 8), se(at), de(at), fi(at), nl(at), gb(at)] {
            let parsed = parse_digits(&digits).unwrap();
            assert_eq!(parsed.facts.validity, Validity::Valid, "{digits}");
        }
    }
}
