//! What must hold for every number, listing, context and policy, whatever the figures: by chance and
//! over the whole of [`check`].

use proptest::prelude::*;

use super::check;
use crate::core::index::{Builder, Index, Position};
use crate::core::listing::{Action, Day, Decision, Listing, ReasonCode, Sighting, Subject, UnixTime};
use crate::core::number::{Number, Region};
use crate::core::policy::{Policies, Policy, Verdict};
use crate::core::signal::Context;

const TODAY: Day = Day(20_000);

/// A range of a wholesaler, so that the holder has a say too.
const ASKED: u64 = 447_418_650_555;

/// Who saw which number: distance from the one that is asked about, days ago first and last, feed. The last
/// two feeds are clients' reports.
type Seen = (i64, u16, u16, u8);

fn seen() -> impl Strategy<Value = Seen> {
    let distance = prop_oneof![2 => Just(0i64), 1 => -5i64..=4, 1 => -55i64..45, 1 => -50_555i64..49_445];
    (distance, 0u16..500, 0u16..500, 0u8..5)
}

fn context() -> impl Strategy<Value = Context> {
    let region = |text| Region::new(text).unwrap_or_default();
    let regions = prop_oneof![Just(Region::default()), Just(region("GB")), Just(region("NG"))];
    let verified = proptest::option::of((0u16..600).prop_map(|ago| Day(TODAY.0 - ago)));
    (regions, any::<bool>(), verified).prop_map(|(ip_region, business, last_verified)| Context {
        ip_region,
        business,
        last_verified,
    })
}

/// A policy with some signals on trial, and a pair of regions that is not.
fn policy(shadow: &[ReasonCode]) -> Policy {
    let pair = "[[weights.region_mismatch]]\nnumber = \"GB\"\nip = \"NG\"\nweight = 0.3\nshadow = false\n";
    let text =
        format!("{}\n{pair}", crate::core::policy::DEFAULT.split("# [policy").next().unwrap_or_default());
    let policies = Policies::parse(&text).unwrap_or_else(|e| panic!("{e}"));
    Policy { shadow: shadow.to_vec(), ..policies.usual().clone() }
}

fn signals() -> impl Strategy<Value = Vec<ReasonCode>> {
    use ReasonCode::{AllowListed, BlockListed, InvalidNumber};
    let signals = ReasonCode::ALL.into_iter();
    let signals: Vec<_> =
        signals.filter(|code| ![AllowListed, BlockListed, InvalidNumber].contains(code)).collect();
    proptest::sample::subsequence(signals.clone(), 0..=signals.len())
}

fn index(sightings: &[Seen], decisions: &[(bool, Action)]) -> Index {
    let mut listings = std::collections::BTreeMap::<Subject, Listing>::new();
    for &(distance, one, other, feed) in sightings {
        let number =
            Number::from_digits(ASKED.wrapping_add_signed(distance)).unwrap_or_else(|e| panic!("{e}"));
        let day = |ago: u16| Day(TODAY.0 - ago).start();
        let feed = if feed < 3 { format!("feed{feed}") } else { format!("client.{feed}__reports") };
        let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
        let sighting = Sighting::new(feed, day(one.max(other)), day(one.min(other)), 1);
        listings.entry(Subject::Number(number)).or_default().merge(&Listing::seen(sighting));
    }
    for &(range, action) in decisions {
        let subject = if range { "+4474186*" } else { "+447418650555" };
        let subject: Subject = subject.parse().unwrap_or_else(|e| panic!("{e}"));
        let decided = Decision {
            decided_at: UnixTime(1),
            action,
            expires_at: None,
            reason: String::new(),
            author: String::new(),
        };
        listings.entry(subject).or_default().merge(&Listing::decided(decided));
    }
    let mut builder = Builder::default();
    for (subject, listing) in &listings {
        builder.add(*subject, listing);
    }
    builder.finish(Position::default())
}

/// Verdict, score, block score, and whether anything is told.
fn judged(index: &Index, policy: &Policy, context: &Context) -> (Verdict, u8, u8) {
    let answer = check(index, policy, &format!("+{ASKED}"), None, context, TODAY.start());
    (answer.judgement.verdict, answer.judgement.risk_score, answer.judgement.block_score)
}

proptest! {
    #[test]
    fn one_more_sighting_of_a_number_or_around_it_never_lowers_its_risk(
        sightings in proptest::collection::vec(seen(), 0..10),
        more in seen(),
        context in context(),
        shadow in signals(),
    ) {
        let policy = policy(&shadow);
        let before = judged(&index(&sightings, &[]), &policy, &context);
        let after = judged(&index(&[sightings, vec![more]].concat(), &[]), &policy, &context);
        prop_assert!(after.0 >= before.0 && after.1 >= before.1 && after.2 >= before.2, "{before:?} {after:?}");
    }

    #[test]
    fn an_allow_listing_always_wins_and_a_block_listing_over_the_rest(
        sightings in proptest::collection::vec(seen(), 0..10),
        allowed in any::<bool>(),
        blocked in proptest::option::of(any::<bool>()),
        context in context(),
        shadow in signals(),
    ) {
        let policy = policy(&shadow);
        let block = blocked.filter(|range| *range != allowed).map(|range| (range, Action::Block));
        let decisions: Vec<_> = [(allowed, Action::Allow)].into_iter().chain(block).collect();
        let with = judged(&index(&sightings, &decisions), &policy, &context);
        prop_assert_eq!(with, (Verdict::Allow, 0, 0));
        let with = judged(&index(&sightings, &[(allowed, Action::Block)]), &policy, &context);
        prop_assert_eq!(with, (Verdict::Block, 100, 100));
    }

    #[test]
    fn a_rule_in_shadow_never_changes_a_verdict_and_is_told(
        sightings in proptest::collection::vec(seen(), 0..10),
        context in context(),
        shadow in signals(),
    ) {
        let index = index(&sightings, &[]);
        let text = format!("+{ASKED}");
        let all = check(&index, &policy(&[]), &text, None, &context, TODAY.start()).judgement;
        let trial = check(&index, &policy(&shadow), &text, None, &context, TODAY.start()).judgement;
        let codes = |facts: &crate::core::signal::Facts<'_>| facts.iter().map(|fact| fact.code).collect::<Vec<_>>();
        prop_assert_eq!(codes(&all.facts), codes(&trial.facts));
        let rest = all.facts.into_iter().filter(|fact| !shadow.contains(&fact.code)).collect();
        let without = policy(&[]).judge(rest);
        prop_assert_eq!(
            (trial.verdict, trial.risk_score, trial.block_score),
            (without.verdict, without.risk_score, without.block_score)
        );
    }

    #[test]
    fn a_verification_never_raises_a_risk(
        sightings in proptest::collection::vec(seen(), 0..10),
        context in context(),
    ) {
        let (index, policy) = (index(&sightings, &[]), policy(&[]));
        let never = Context { last_verified: None, ..context };
        let (with, without) = (judged(&index, &policy, &context), judged(&index, &policy, &never));
        prop_assert!(with.0 <= without.0 && with.1 <= without.1 && with.2 <= without.2, "{with:?} {without:?}");
    }
}
