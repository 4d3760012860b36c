//! From counts to facts, by the policy's weights. CHALLENGE at most: nothing here may block.

use crate::core::listing::ReasonCode;
use crate::core::signal::{Burst, Bursts, Evidence, Fact};

use super::{BLOCKS, Count, Counts};

/// The facts that counts amount to; most often none.
pub fn facts<'a>(weights: &Bursts, counts: &Counts) -> impl Iterator<Item = Fact<'a>> + use<'a> {
    let minutes = counts.minutes;
    let number = reached(&weights.number, weights.other_client_percent, &counts.number)
        .map(|count| fact(ReasonCode::BurstNumber, &weights.number, Evidence::Asked { count, minutes }));
    let client = at_least(&weights.client, counts.client).map(|count| {
        fact(ReasonCode::BurstClient, &weights.client, Evidence::AskedByClient { count, minutes })
    });
    [number, range(weights, counts), client].into_iter().flatten()
}

/// One fact about the range, the strongest: a run lies in the block, so they are one piece of evidence.
fn range<'a>(weights: &Bursts, counts: &Counts) -> Option<Fact<'a>> {
    let run = at_least(&weights.run, counts.run);
    let run = run.map(|count| (&weights.run, Evidence::Run { count, minutes: counts.minutes }));
    let blocks = [&weights.hundred, &weights.thousand].into_iter().zip(&counts.blocks).zip(BLOCKS);
    let blocks = blocks.filter_map(|((burst, count), size)| {
        let count = reached(burst, weights.other_client_percent, count)?;
        Some((burst, Evidence::AskedOfBlock { size, count, minutes: counts.minutes }))
    });
    let strongest = run
        .into_iter()
        .chain(blocks)
        .reduce(|best, next| if next.0.probability > best.0.probability { next } else { best });
    strongest.map(|(burst, evidence)| fact(ReasonCode::BurstRange, burst, evidence))
}

fn reached(burst: &Burst, other_client_percent: u8, count: &Count) -> Option<u32> {
    at_least(burst, count.with_others(burst.from * u32::from(other_client_percent) / 100))
}

fn at_least(burst: &Burst, count: u32) -> Option<u32> {
    (burst.from > 0 && count >= burst.from && burst.probability > 0.0).then_some(count)
}

fn fact<'a>(code: ReasonCode, burst: &Burst, evidence: Evidence<'a>) -> Fact<'a> {
    Fact { code, probability: burst.probability, blocking: 0.0, shadow: false, evidence }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientTag, Windows};
    use super::*;
    use crate::core::listing::UnixTime;
    use crate::core::number::Number;
    use crate::core::policy::{Policy, Verdict};

    const NOW: UnixTime = UnixTime(1_780_000_200);

    fn number(low: u64) -> Number {
        Number::from_digits(447_400_123_000 + low).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Windows in which these sign-ups were counted within a minute.
    fn counted(sign_ups: &[(&str, u64)]) -> Windows {
        let windows = Windows::new(10, 42);
        for (at, (client, low)) in sign_ups.iter().enumerate() {
            let now = UnixTime(NOW.0 + (at * 60 / sign_ups.len()) as u32);
            windows.count(number(*low), ClientTag::of(client), now);
        }
        windows
    }

    /// The verdict on `low` for a client, so many seconds after the first sign-up.
    fn judged(windows: &Windows, client: &str, low: u64, seconds: u32) -> (Verdict, Vec<String>) {
        let policy = Policy::default();
        let counts = windows.look(number(low), ClientTag::of(client), UnixTime(NOW.0 + seconds));
        let facts = facts(&policy.weights.bursts, &counts).collect();
        let judgement = policy.judge(facts);
        assert_eq!(judgement.block_score, 0, "{judgement:?}");
        let told = judgement.facts.iter().map(|fact| format!("{}: {}", fact.code.as_str(), fact.evidence));
        (judgement.verdict, told.collect())
    }

    #[test]
    fn what_is_a_burst_and_what_is_life() {
        let by = |client, lows: &[u64]| lows.iter().map(|low| (client, *low)).collect::<Vec<_>>();
        let spread: Vec<u64> = (0..25).map(|i| i * 40).collect();
        for (name, sign_ups, low, verdict, told) in [
            ("nobody", vec![], 5, Verdict::Allow, ""),
            ("a form sent again and again", by("a", &[5; 7]), 5, Verdict::Allow, ""),
            (
                "one number, hammered",
                by("a", &[5; 8]),
                5,
                Verdict::Challenge,
                "BURST_NUMBER: asked about 8 times within 10 minutes",
            ),
            ("a family", by("a", &[5, 6, 7]), 7, Verdict::Allow, ""),
            (
                "a dealer's list in order",
                by("a", &[11, 12, 13, 14, 15]),
                15,
                Verdict::Challenge,
                "BURST_RANGE: 5 numbers in a row asked about within 10 minutes",
            ),
            ("neighbours by chance", by("a", &[1, 20, 33, 47, 60, 71, 90]), 33, Verdict::Allow, ""),
            (
                "a dealer's list, shuffled and thinned",
                by("a", &[1, 20, 33, 47, 60, 71, 90, 95]),
                33,
                Verdict::Challenge,
                "BURST_RANGE: 8 numbers of its 100 asked about within 10 minutes",
            ),
            (
                "spread over the 1,000",
                by("a", &spread),
                999,
                Verdict::Challenge,
                "BURST_RANGE: 25 numbers of its 1000 asked about within 10 minutes",
            ),
        ] {
            let expected: Vec<String> =
                Some(told.to_owned()).filter(|told| !told.is_empty()).into_iter().collect();
            assert_eq!(judged(&counted(&sign_ups), "a", low, 60), (verdict, expected), "{name}");
        }
    }

    #[test]
    fn an_attacker_with_one_client_reaches_nobody_elses_people() {
        let everything: Vec<(&str, u64)> = (0..1_000).flat_map(|low| [("mallory", low); 3]).collect();
        let everything = counted(&everything);
        for low in (0..1_000).step_by(37) {
            assert_eq!(judged(&everything, "acme", low, 60).0, Verdict::Allow);
        }
        // The attacker's own sign-ups are asked for a second step, which is what bursts are for.
        assert_eq!(judged(&everything, "mallory", 7, 60).0, Verdict::Challenge);
    }

    #[test]
    fn attackers_with_many_clients_cost_strangers_a_second_step_for_the_window() {
        let clients: Vec<String> = (0..50).map(|i| format!("mallory-{i}")).collect();
        let everything: Vec<(&str, u64)> =
            clients.iter().flat_map(|client| (0..200).map(|low| (client.as_str(), low))).collect();
        let everything = counted(&everything);
        // `judged` holds for each: nothing may block.
        assert_eq!(judged(&everything, "acme", 7, 60).0, Verdict::Challenge);
        assert_eq!(judged(&everything, "acme", 7, 60 + 600), (Verdict::Allow, vec![]));
    }

    #[test]
    fn more_sign_ups_never_lower_what_a_burst_weighs() {
        let mut before = 0;
        for count in (0..60u64).step_by(3) {
            let sign_ups: Vec<_> = (0..count).map(|at| ("a", at * 7 % 100)).collect();
            let facts = judged(&counted(&sign_ups), "a", 0, 61).1.len();
            assert!(facts >= before, "{count}");
            before = facts;
        }
        assert_eq!(before, 1);
    }
}
