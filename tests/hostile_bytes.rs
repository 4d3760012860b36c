//! Bytes from outside, arbitrary and nearly right: everything that reads them answers, and nothing
//! panics.

#![allow(clippy::unwrap_used)]

use numguard::core::index::{Builder, Index, Position};
use numguard::core::listing::{Listing, Sighting, Subject, UnixTime, codec};
use numguard::core::number::{self, Region, Validity};
use numguard::core::policy::Policies;
use numguard::feed::{self, Reading};
use proptest::prelude::*;

/// Text made of what such inputs are made of, so that random cases reach deep.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => proptest::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|parts| parts.concat())
}

const LISTS: &[&str] = &[
    "e164",
    "seen_on",
    "count",
    ",",
    ";",
    "\t",
    "\n",
    "\r\n",
    "\"",
    "{",
    "}",
    "[",
    ":",
    "+44740012345",
    "6",
    "0",
    "2026-05-31",
    "\"subject\"",
    "\"sightings\":[",
    "]",
    "\"12025550123\": \"2024-01-05\"",
    "*",
    "..",
    "\u{feff}",
    "#",
    " ",
    "99999999999",
    "{\"subject\":\"+4474*\"",
    "\x1f\u{8b}",
];

const NUMBERS: &[&str] = &[
    "+", "00", "0", "1", "44", "7400", "123456", "(", ")", " ", "-", "\u{a0}", "\u{200d}", "٤", "４", "x",
    "*", "#", "ext", ";", "tel:", "999999", "\u{ff0b}", "१",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn lists(bytes in pieces(LISTS)) {
        let reading = Reading { feed: "f".parse().unwrap(), default_region: None, now: UnixTime(1_780_000_000) };
        let _ = feed::read(bytes.as_slice(), &reading, &mut |row| {
            if let Ok(row) = row {
                assert!(row.listing != Listing::default(), "an empty listing came out");
            }
        });
        let _ = feed::read_texts(bytes.as_slice(), true, &mut |_| {});
    }

    #[test]
    fn numbers(bytes in pieces(NUMBERS), region in proptest::sample::select(&["", "GB", "US", "IT", "AR", "ZZ"][..])) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(parsed) = number::parse(&text, Region::new(region)) {
            // A valid number reads back as itself; others may lose another national prefix.
            if parsed.facts.validity != Validity::Valid {
                return Ok(());
            }
            let again = number::parse(&parsed.number.as_e164(), None);
            prop_assert_eq!(again.map(|again| again.number), Ok(parsed.number), "{}", text);
        }
    }

    #[test]
    fn subjects_and_listings(bytes in proptest::collection::vec(any::<u8>(), 0..60), version in any::<bool>()) {
        let mut bytes = bytes;
        if version && !bytes.is_empty() {
            bytes[0] = 1;
        }
        let _ = codec::read_subject(&bytes);
        let _ = codec::read_record(&mut bytes.as_slice());
        if let Ok(listing) = codec::read_listing(&bytes) {
            let mut again = Vec::new();
            codec::write_listing(&listing, &mut again);
            prop_assert_eq!(codec::read_listing(&again), Ok(listing));
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = text.parse::<Subject>();
        let _ = text.parse::<UnixTime>();
        let _ = Policies::parse(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn snapshot_files(at in 0usize..2_000, byte in any::<u8>(), cut in proptest::option::of(0usize..2_000)) {
        let mut builder = Builder::default();
        for i in 0..50u32 {
            let sighting = Sighting::new("f".parse().unwrap(), UnixTime(i), UnixTime(i * 90_000), 1);
            builder.add(format!("+44740012{:04}", i * 3).parse().unwrap(), &Listing::seen(sighting));
        }
        let mut good = Vec::new();
        builder.finish(Position::default()).write_snapshot(&mut good).unwrap();
        let mut bad = good.clone();
        let at = at % bad.len();
        bad[at] = byte;
        bad.truncate(cut.unwrap_or(usize::MAX));
        prop_assert_eq!(Index::read_snapshot(&bad[..], bad.len() as u64).is_ok(), bad == good);
    }
}
