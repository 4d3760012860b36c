//! Listed numbers close by: the number is likely from the same virtual range.
//!
//! Odds that add up: every listed number around adds to the odds that this one is virtual, more the
//! smaller the block that both share and the fresher it was seen. See `core/policy/default.toml` for
//! where the odds come from. The blocks nest, so this is one piece of evidence, never several.

use crate::core::index::{BLOCK_SIZES, BlockCount, Index};
use crate::core::listing::{ReasonCode, UnixTime};
use crate::core::number::Number;

use super::{Evidence, Fact, Weights};

/// What the listed numbers around `number` say.
pub fn range(index: &Index, weights: &Weights, number: Number, now: UnixTime) -> Option<Fact<'static>> {
    let model = &weights.inferred_range;
    let fading = model.fading(now.day());
    let blocks = index.block_weights(number, &fading);
    if blocks.iter().all(|block| block.seen == 0) {
        return None;
    }
    let (mut odds, mut odds_to_block) = (0.0, 0.0);
    let (mut strongest, mut strongest_odds) = (0, 0.0);
    for (at, (block, per_number)) in blocks.iter().zip(model.odds).enumerate() {
        let fresh = |percent: u32| percent as f32 / 100.0;
        let of_block = per_number * fresh(block.seen);
        odds += of_block;
        // An invented number is cheap, and so is a new sighting of an old one. Where strangers could be
        // blocked, a number counts by its second independent sighting, and it must hold even if some of
        // those are wrong.
        odds_to_block += per_number * (fresh(block.corroborated) - model.doubted).max(0.0);
        if of_block > strongest_odds {
            (strongest, strongest_odds) = (at, of_block);
        }
    }
    if odds / (1.0 + odds) < model.least {
        return None;
    }
    // Looked up only here: most numbers have no listed ones around them.
    let counted = index.verified(number, &model.verified.limits(now.day())).min(model.verified.most);
    let divisor = 1.0 + model.verified.each * counted as f32;
    (odds, odds_to_block) = (odds / divisor, odds_to_block / divisor);
    let probability = odds / (1.0 + odds);
    if probability < model.least {
        return None;
    }
    let BlockCount { count, newest } = index.block_count(number, strongest, &fading);
    Some(Fact {
        code: ReasonCode::InferredRange,
        probability,
        blocking: odds_to_block / (1.0 + odds_to_block),
        shadow: false,
        evidence: Evidence::Block { size: BLOCK_SIZES[strongest], count, newest, verified: counted },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::index::{Builder, Position};
    use crate::core::listing::{Day, Listing, Sighting, Subject};
    use crate::core::policy::{Policy, Verdict};

    const TODAY: Day = Day(20_000);

    /// A sighting: how far from the number in question, how long ago first and last.
    type Near = (i64, u16, u16);

    fn judged(near: &[Near]) -> (Verdict, u8) {
        let by_feed: Vec<_> = near.iter().map(|near| ("feed", *near)).collect();
        judged_by(&by_feed)
    }

    fn judged_by(near: &[(&str, Near)]) -> (Verdict, u8) {
        let mut listings = std::collections::BTreeMap::<Number, Listing>::new();
        for &(feed, (distance, first, last)) in near {
            let number = Number::from_digits(447_400_150_555u64.wrapping_add_signed(distance));
            let number = number.unwrap_or_else(|e| panic!("{e}"));
            let day = |ago: u16| Day(TODAY.0 - ago).start();
            let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
            let (first_seen, last_seen) = (day(first.max(last)), day(last.min(first)));
            let seen = Listing::seen(Sighting::new(feed, first_seen, last_seen, 1));
            listings.entry(number).or_default().merge(&seen);
        }
        let mut builder = Builder::default();
        for (number, listing) in &listings {
            builder.add(Subject::Number(*number), listing);
        }
        let (index, policy) = (builder.finish(Position::default()), Policy::default());
        let number = Number::from_digits(447_400_150_555).unwrap_or_else(|e| panic!("{e}"));
        let fact = range(&index, &policy.weights, number, TODAY.start());
        let judgement = policy.judge(fact.into_iter().collect());
        (judgement.verdict, judgement.risk_score)
    }

    fn near() -> impl Strategy<Value = (&'static str, Near)> {
        let feed =
            prop_oneof![Just("feed"), Just("other"), Just("client.a__reports"), Just("client.b__reports")];
        let distance = prop_oneof![-5i64..=4, -55i64..45, -555i64..445, -50_555i64..49_445];
        let distance = distance.prop_filter("itself", |distance| *distance != 0);
        (feed, (distance, 0u16..500, 0u16..500))
    }

    proptest! {
        #[test]
        fn one_more_sighting_around_never_lowers_the_risk(
            around in proptest::collection::vec(near(), 0..12),
            more in near(),
        ) {
            let before = judged_by(&around);
            let after = judged_by(&[around, vec![more]].concat());
            prop_assert!(after.0 >= before.0 && after.1 >= before.1, "{before:?} {after:?}");
        }
    }

    #[test]
    fn nearer_fresher_and_twice_seen_numbers_weigh_more() {
        for (near, verdict) in [
            (vec![], Verdict::Allow),
            // One: in the same 10,000, 1,000, 100; and long ago.
            (vec![(4_000, 1, 1)], Verdict::Allow),
            (vec![(400, 1, 1)], Verdict::Challenge),
            (vec![(400, 300, 300)], Verdict::Allow),
            (vec![(40, 300, 300)], Verdict::Challenge),
            (vec![(4, 400, 400)], Verdict::Allow),
            // Several in the same 10,000.
            (vec![(4_000, 1, 1), (4_001, 1, 1), (3_000, 1, 1)], Verdict::Challenge),
            // Two corroborated ones in the same 100 block; a single one of them never does, nor do many
            // that one run of one feed may have invented.
            (vec![(40, 9, 1)], Verdict::Challenge),
            (vec![(40, 9, 1), (41, 9, 1)], Verdict::Block),
            ((-5..0).map(|distance| (distance, 1, 1)).collect(), Verdict::Challenge),
        ] {
            assert_eq!(judged(&near).0, verdict, "{near:?}");
        }
    }

    #[test]
    fn strangers_are_blocked_only_by_a_second_independent_sighting() {
        /// What is said of thirty numbers, of which three are in the same hundred.
        fn thirty(said: &[(&'static str, u16)]) -> Vec<(&'static str, Near)> {
            let numbers = (-30i64..0).map(|at| if at < -3 { at * 20 } else { at * 10 });
            numbers.flat_map(|at| said.iter().map(move |&(feed, ago)| (feed, (at, ago, ago)))).collect()
        }
        for (name, said, verdict) in [
            ("old public numbers", vec![("old", 800)], Verdict::Allow),
            ("the same, seen by a new feed", vec![("old", 800), ("new", 0)], Verdict::Challenge),
            ("the same, seen twice by it", vec![("old", 800), ("new", 1), ("new", 0)], Verdict::Block),
            ("seen by two feeds", vec![("one", 1), ("other", 1)], Verdict::Block),
            ("reported by a client", vec![("old", 800), ("client.a__reports", 0)], Verdict::Challenge),
            (
                "invented by two clients on two days",
                vec![("client.a__reports", 1), ("client.b__reports", 0)],
                Verdict::Challenge,
            ),
        ] {
            assert_eq!(judged_by(&thirty(&said)).0, verdict, "{name}");
        }
        let far = |feed: &'static str| (0..9).map(|at| (feed, (-400 - at, 0, 0))).collect::<Vec<_>>();
        assert_eq!(judged_by(&far("client.a__reports")).0, Verdict::Allow, "one client, out of the hundred");
        assert_eq!(judged_by(&far("feed")).0, Verdict::Challenge);
        let two = [far("client.a__reports"), far("client.b__reports")].concat();
        assert_eq!(judged_by(&two).0, Verdict::Challenge, "two clients");
    }
}
