//! The hot path allocates nothing on ALLOW: only the answer's own strings do, later, in rpc.

#![allow(clippy::unwrap_used)]

use numguard::core::burst::{ClientTag, Windows};
use numguard::core::check::{check, with_bursts};
use numguard::core::index::{Builder, Index, Position};
use numguard::core::listing::{Listing, Sighting, Subject, UnixTime};
use numguard::core::policy::{Policy, Verdict};
use numguard::core::signal::Context;

const NOW: UnixTime = UnixTime(1_780_000_000);

/// Some hundred listings, one range among them, around and away from what is checked.
fn index() -> Index {
    let mut builder = Builder::default();
    let listing =
        |feed: &str| Listing::seen(Sighting::new(feed.parse().unwrap(), UnixTime(NOW.0 - 90_000), NOW, 2));
    for i in 0..500u64 {
        let subject: Subject = format!("+4474{:08}", i * 20_011).parse().unwrap();
        builder.add(subject, &listing("a"));
    }
    builder.add("+4473*".parse().unwrap(), &listing("b"));
    builder.finish(Position::default())
}

#[test]
fn an_allowed_number_costs_no_allocation() {
    let (index, policy) = (index(), Policy::default());
    let judged = |text: &str| check(&index, &policy, text, None, &Context::default(), NOW).judgement.verdict;
    for text in ["+447911123456", "+447400030000", "+12025550123", "+33612345678", "+33912345678"] {
        assert_eq!(judged(text), Verdict::Allow, "the first check also loads the plan");
        let counted = allocation_counter::measure(|| assert_eq!(judged(text), Verdict::Allow));
        assert_eq!(counted.count_total, 0, "{text} allocated {} bytes", counted.bytes_total);
    }
}

#[test]
fn nor_does_a_flagged_one_before_its_answer_is_written() {
    let (index, policy) = (index(), Policy::default());
    let judged = |text: &str| check(&index, &policy, text, None, &Context::default(), NOW).judgement.verdict;
    for text in ["+447400000000", "+447312345678"] {
        assert_eq!(judged(text), Verdict::Block);
        let counted = allocation_counter::measure(|| assert_eq!(judged(text), Verdict::Block));
        assert_eq!(counted.count_total, 0, "{text} allocated {} bytes", counted.bytes_total);
    }
}

#[test]
fn nor_does_counting_a_sign_up() {
    let (index, policy, windows) = (index(), Policy::default(), Windows::new(10, 42));
    let client = ClientTag::of("acme");
    let judged = |text: &str| {
        let answer = check(&index, &policy, text, None, &Context::default(), NOW);
        let counts = windows.count(answer.parsed.as_ref().unwrap().number, client, NOW);
        with_bursts(&policy, answer, &counts).judgement.verdict
    };
    // The first one of a thread also registers it as a reader of what other processes counted.
    judged("+447911999999");
    for last in 1..=20 {
        let text = format!("+4479111234{last:02}");
        let counted = allocation_counter::measure(|| {
            judged(&text);
        });
        assert_eq!(counted.count_total, 0, "{last} allocated {} bytes", counted.bytes_total);
    }
    assert_eq!(judged("+447911123421"), Verdict::Challenge, "it was a burst");
}
