//! What the platform tells about a registration beside the number, and what follows from it.
//!
//! Absent context yields no fact. None of these facts may BLOCK: people travel, firms buy abroad.
//! Must not know addresses or accounts, only what stands in [`Context`].

use crate::core::listing::{Day, ReasonCode};
use crate::core::number::{Parsed, Region, plan};

use super::{Evidence, Fact, Facts, Weights};

/// What the platform tells about a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    /// Region of the client's address; empty if not told.
    pub ip_region: Region,
    /// Whether a business registers.
    pub business: bool,
    /// When the platform last verified the number by a code, if it ever did.
    pub last_verified: Option<Day>,
}

/// The facts that follow from `context`, the last of all: one of them looks at the others.
pub(super) fn add(facts: &mut Facts<'_>, weights: &Weights, parsed: &Parsed, context: &Context) {
    if context.ip_region == Region::default() {
        return;
    }
    facts.extend(mismatch(weights, parsed.facts.region, context.ip_region));
    if context.business {
        let foreign = foreign_business(facts, weights, parsed, context.ip_region);
        facts.extend(foreign);
    }
}

/// The policy names this pair of regions.
fn mismatch(weights: &Weights, number: Region, ip: Region) -> Option<Fact<'static>> {
    let pair = weights.region_mismatch.iter().find(|pair| (pair.number, pair.ip) == (number, ip))?;
    Some(Fact {
        code: ReasonCode::RegionMismatch,
        probability: pair.weight,
        blocking: 0.0,
        shadow: pair.shadow,
        evidence: Evidence::Regions { number, ip },
    })
}

/// A business, a number of another country, and evidence that its range is virtual. Where one of the
/// two countries is not known, nothing is; regions that share a country code are not foreign.
fn foreign_business(
    facts: &Facts<'_>,
    weights: &Weights,
    parsed: &Parsed,
    ip: Region,
) -> Option<Fact<'static>> {
    use ReasonCode::{InferredRange, ListedRange, RangeHolder};
    let probability = weights.foreign_business_range;
    let (own, theirs) = (plan::country_code_of(ip), parsed.facts.country_code);
    let foreign = own != 0 && theirs != 0 && own != theirs;
    let of_range = |fact: &&Fact<'_>| matches!(fact.code, InferredRange | ListedRange | RangeHolder);
    let over = facts.iter().find(of_range).filter(|_| foreign && probability > 0.0)?.code;
    Some(Fact {
        code: ReasonCode::ForeignBusinessRange,
        probability,
        blocking: 0.0,
        shadow: false,
        evidence: Evidence::Abroad { ip, over },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::index::{Builder, Index, Position};
    use crate::core::listing::{Listing, Sighting, Subject};
    use crate::core::number::parse;
    use crate::core::policy::{Policies, Policy, Verdict};

    const TODAY: Day = Day(20_000);

    /// What a number seen on two days, the last `ago` days ago, comes to.
    fn index(number: &str, ago: u16) -> Index {
        let day = |ago: u16| Day(TODAY.0 - ago).start();
        let feed = "feed".parse().unwrap_or_else(|e| panic!("{e}"));
        let seen = Sighting::new(feed, day(ago + 1), day(ago), 2);
        let subject: Subject = number.parse().unwrap_or_else(|e| panic!("{e}"));
        let mut builder = Builder::default();
        builder.add(subject, &Listing::seen(seen));
        builder.finish(Position::default())
    }

    fn facts(
        index: &Index,
        policy: &Policy,
        number: &str,
        context: Context,
    ) -> (Verdict, Vec<(String, f32)>) {
        let parsed = parse(number, None).unwrap_or_else(|e| panic!("{e}"));
        let facts = super::super::of_number(
            index,
            &policy.weights,
            &parsed,
            &index.find(parsed.number, TODAY.start()),
            &context,
            TODAY.start(),
        );
        let judged = policy.judge(facts);
        let told = judged.facts.iter().map(|fact| {
            let trial = if fact.shadow { "?" } else { "" };
            (format!("{}{trial}", fact.code.as_str()), fact.probability)
        });
        (judged.verdict, told.collect())
    }

    fn region(text: &str) -> Region {
        if text.is_empty() {
            Region::default()
        } else {
            Region::known(text).unwrap_or_else(|| panic!("{text}"))
        }
    }

    #[test]
    fn a_business_on_a_foreign_virtual_range() {
        let (policy, index) = (Policy::default(), Index::default());
        // The first is a platform's range, the second a wholesaler's, the third a network's.
        let (cpaas, wholesale, network) = ("+33757591234", "+447418612345", "+447400123456");
        for (number, ip, business, told, verdict) in [
            (cpaas, "NG", true, true, Verdict::Challenge),
            (wholesale, "NG", true, true, Verdict::Challenge),
            (wholesale, "NG", false, false, Verdict::Allow),
            (wholesale, "", true, false, Verdict::Allow),
            (wholesale, "GB", true, false, Verdict::Allow),
            // Jersey shares Britain's country code.
            (wholesale, "JE", true, false, Verdict::Allow),
            (network, "NG", true, false, Verdict::Allow),
            ("+441481123456789", "NG", true, false, Verdict::Challenge),
        ] {
            let context = Context { ip_region: region(ip), business, last_verified: None };
            let (judged, facts) = facts(&index, &policy, number, context);
            let found = facts.iter().any(|(code, _)| code == "FOREIGN_BUSINESS_RANGE");
            assert_eq!((found, judged), (told, verdict), "{number} {ip} {business}: {facts:?}");
        }
    }

    #[test]
    fn a_pair_of_regions_is_off_until_named_and_on_trial_until_it_is_not() {
        let index = Index::default();
        let pair = |more: &str| {
            let pair =
                format!("[[weights.region_mismatch]]\nnumber = \"GB\"\nip = \"NG\"\nweight = 0.6\n{more}");
            let text = format!("{}\n{pair}", crate::core::policy::DEFAULT);
            Policies::parse(&text).unwrap_or_else(|e| panic!("{e}")).usual().clone()
        };
        for (policy, ip, told, verdict) in [
            (Policy::default(), "NG", vec![], Verdict::Allow),
            (pair(""), "NG", vec![("REGION_MISMATCH?".to_owned(), 0.6)], Verdict::Allow),
            (pair("shadow = false"), "NG", vec![("REGION_MISMATCH".to_owned(), 0.6)], Verdict::Challenge),
            (pair("shadow = false"), "GB", vec![], Verdict::Allow),
            (pair("shadow = false"), "GH", vec![], Verdict::Allow),
            (pair("shadow = false"), "", vec![], Verdict::Allow),
        ] {
            let context = Context { ip_region: region(ip), ..Context::default() };
            assert_eq!(facts(&index, &policy, "+447400123456", context), (verdict, told), "{ip}");
        }
    }

    #[test]
    fn a_verification_long_after_the_last_sighting_weakens_it_and_an_older_one_does_not() {
        let policy = Policy::default();
        for (seen, verified, weakened) in [
            (100, None, false),
            // Years before, the day of, and soon after the last sighting: an inbox that is still read.
            (100, Some(900), false),
            (100, Some(100), false),
            (100, Some(56), false),
            (100, Some(55), true),
            (100, Some(0), true),
            (44, Some(0), false),
        ] {
            let index = index("+447400123456", seen);
            let context =
                Context { last_verified: verified.map(|ago| Day(TODAY.0 - ago)), ..Context::default() };
            let (verdict, told) = facts(&index, &policy, "+447400123456", context);
            let full = policy.weights.public_inbox.probability(seen);
            let weight = told.iter().find(|(code, _)| code == "PUBLIC_INBOX").map(|(_, weight)| *weight);
            assert_eq!(weight, Some(if weakened { full * 0.5 } else { full }), "{seen} {verified:?}");
            assert_eq!(verdict == Verdict::Allow, weakened, "{seen} {verified:?}");
        }
    }
}
