//! The checker for embedders: an index and a policy in one value, and checks in the caller's process.
//!
//! It adds no rule to `check`. Must not open files and must not read a clock: the caller gives bytes and the time.

use std::io::Read;

use super::check::{self, Answer, Part};
use super::index::{Index, SnapshotError};
use super::listing::UnixTime;
use super::number::Region;
use super::policy::{Policies, PolicyError};
use super::signal::Context;
use super::starter::{self, StarterError};

/// Judges numbers by one index and one policy. Immutable, so threads can share it; to take in newer data, make
/// another one.
#[derive(Debug, Clone, Default)]
pub struct Checker {
    index: Index,
    policies: Policies,
}

impl Checker {
    /// A checker with the starter list, which is part of the crate and ends in 2024: for a first look. Sightings
    /// dated more than a day after `now` are skipped (a clock that is years behind). Takes some 50 ms and 2 MB.
    ///
    /// # Errors
    /// The list in the crate cannot be read, which is a fault of the build.
    pub fn starter(now: UnixTime) -> Result<Self, StarterError> {
        Ok(Self { index: starter::index(now)?, policies: Policies::default() })
    }

    /// A checker with the index that a server has saved: `index.snapshot` in its data folder, of the same version of
    /// numguard. `length` is that of the input in bytes. Buffer the input: it is read in small parts.
    ///
    /// # Errors
    /// The input cannot be read, is of another version, or is cut or altered.
    pub fn from_snapshot(input: impl Read, length: u64) -> Result<Self, SnapshotError> {
        Ok(Self { index: Index::read_snapshot(input, length)?, policies: Policies::default() })
    }

    /// This checker with the policy of a policy file's text (TOML) in place of the one in use.
    ///
    /// # Errors
    /// Every setting that is out of its bounds, with its line.
    pub fn with_policy(self, text: &str) -> Result<Self, PolicyError> {
        Ok(Self { policies: Policies::parse(text)?, ..self })
    }

    /// Judges `text`, a number as a person typed it, at the time `now`.
    ///
    /// `region` is assumed for numbers in national form; without it numbers must begin with `+`. What is known about
    /// the registration goes into `context`; an empty one costs nothing. A text that is no number is an answer
    /// (`INVALID_NUMBER`), not an error. The first number of some regions compiles patterns of the number library, which
    /// takes up to 50 ms; all others take microseconds.
    pub fn check(&self, text: &str, region: Option<Region>, context: &Context, now: UnixTime) -> Answer<'_> {
        check::check(&self.index, self.policies.usual(), text, region, context, now)
    }

    /// Each fact of an answer, and what the verdict would be without it.
    pub fn explain<'a>(&self, answer: &Answer<'a>) -> Vec<Part<'a>> {
        check::explain(self.policies.usual(), &answer.judgement)
    }

    /// How many numbers are listed.
    pub fn numbers(&self) -> u64 {
        self.index.stats().numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::{DEFAULT, Verdict};

    const NOW: UnixTime = UnixTime(1_780_272_000);

    #[test]
    fn a_saved_index_answers_as_the_one_that_was_saved() {
        let starter = Checker::starter(NOW).unwrap_or_else(|e| panic!("{e}"));
        let mut bytes = Vec::new();
        starter.index.write_snapshot(&mut bytes).unwrap_or_else(|e| panic!("{e}"));
        let saved = Checker::from_snapshot(&bytes[..], bytes.len() as u64).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(saved.numbers(), starter.numbers());
        for text in ["+46200231000", "+447400123456", "+12025550123", "no number"] {
            let [one, other] = [&starter, &saved].map(|it| it.check(text, None, &Context::default(), NOW));
            assert_eq!(one.judgement, other.judgement, "{text}");
        }
        assert!(Checker::from_snapshot(&bytes[1..], bytes.len() as u64).is_err());
    }

    #[test]
    fn a_policy_decides_and_a_wrong_one_is_refused_with_its_line() {
        let checker = Checker::starter(NOW).unwrap_or_else(|e| panic!("{e}"));
        let text = DEFAULT.replace("challenge = 50", "challenge = 1");
        let strict = checker.with_policy(&text).unwrap_or_else(|e| panic!("{e}"));
        let answer = strict.check("+442079460000", None, &Context::default(), NOW);
        let parts = strict.explain(&answer);
        assert_eq!(parts.len(), answer.judgement.facts.len());
        let refused = strict.clone().with_policy(&DEFAULT.replace("challenge = 50", "challenge = 200"));
        assert!(refused.is_err_and(|error| error.to_string().contains("thresholds.challenge")));
    }

    #[test]
    fn national_numbers_need_a_region() {
        let checker = Checker::default();
        let check = |region| checker.check("020 7946 0000", region, &Context::default(), NOW);
        assert!(check(None).parsed.is_err());
        assert_eq!(check(None).judgement.verdict, Verdict::Block);
        let region = Region::known("GB").unwrap_or_default();
        assert!(check(Some(region)).parsed.is_ok());
    }
}
