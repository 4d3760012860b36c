//! The policies of one file: the one that judges what names none, and those for other uses.
//!
//! A named policy is the file with its `[policy.NAME]` table laid over; it comes from one text, so
//! that complaints about it have a line. Must not read files.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::problem::{Complaints, line, of_form};
use super::{DEFAULT, Policy, PolicyError, Problem, doubt, file};

/// All policies in force.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policies {
    usual: Policy,
    named: BTreeMap<String, Policy>,
}

/// What a file's text came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The policies, unless a problem refuses them.
    pub policies: Option<Policies>,
    /// What is wrong or doubtful, by line.
    pub problems: Vec<Problem>,
}

/// The name of the policy that judges what names none.
pub const USUAL: &str = "default";

/// The longest name of a policy.
const LONGEST_NAME: usize = 48;

/// Most named policies of a file, and the longest text (bytes): each policy is read with all of the text.
const MOST_NAMED: usize = 100;
const LONGEST_TEXT: usize = 256 << 10;

impl From<Policy> for Policies {
    fn from(usual: Policy) -> Self {
        Self { usual, named: BTreeMap::new() }
    }
}

impl Policies {
    /// Reads a policy file's text; problems that do not refuse it are left unsaid ([`read`] tells).
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let Reading { policies, problems } = read(text);
        policies.ok_or_else(|| PolicyError(problems.into_iter().filter(|problem| problem.refused).collect()))
    }

    /// The policy that judges what names none.
    pub fn usual(&self) -> &Policy {
        &self.usual
    }

    /// The policy of a name; the usual one if the name is empty or `default`.
    pub fn get(&self, name: &str) -> Option<&Policy> {
        if name.is_empty() || name == USUAL { Some(&self.usual) } else { self.named.get(name) }
    }

    /// Names and policies, the usual one first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Policy)> {
        let named = self.named.iter().map(|(name, policy)| (name.as_str(), policy));
        [(USUAL, &self.usual)].into_iter().chain(named)
    }
}

/// Reads a policy file's text, with everything that can be said about it.
pub fn read(text: &str) -> Reading {
    if text.len() > LONGEST_TEXT {
        let what = format!("the text has {} bytes: expected at most {LONGEST_TEXT}", text.len());
        return Reading { policies: None, problems: vec![refused(1, what)] };
    }
    let (policies, mut problems) = match DeTable::parse(text) {
        Ok(table) => of_table(text, table),
        Err(error) => (None, vec![of_form(text, &error)]),
    };
    problems.sort_by_key(|problem| problem.line);
    let refused = problems.iter().any(|problem| problem.refused);
    Reading { policies: policies.filter(|_| !refused), problems }
}

fn of_table<'i>(text: &'i str, mut whole: Spanned<DeTable<'i>>) -> (Option<Policies>, Vec<Problem>) {
    let overlays = whole.get_mut().remove("policy");
    let (usual, mut problems) = one(text, &whole, String::new());
    let Some(usual) = usual else { return (None, problems) };
    let mut policies = Policies::from(usual);
    let Some(overlays) = overlays else { return (Some(policies), problems) };
    let refuse = |at: usize, what: String| refused(line(text, at), what);
    let DeValue::Table(overlays) = overlays.get_ref() else {
        let what = "policy: expected tables such as [policy.payout]".to_owned();
        return (None, [problems, vec![refuse(overlays.span().start, what)]].concat());
    };
    if overlays.len() > MOST_NAMED {
        let what = format!("{} named policies: expected at most {MOST_NAMED}", overlays.len());
        return (None, [problems, vec![refused(1, what)]].concat());
    }
    for (key, overlay) in overlays {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let good = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(letter);
        if !good || name == USUAL {
            let what = format!("policy.{name}: expected a name of a-z, 0-9, - and _, other than {USUAL}");
            problems.push(refuse(at, what));
            continue;
        }
        let DeValue::Table(changes) = overlay.get_ref() else {
            problems.push(refuse(at, format!("policy.{name}: expected a table [policy.{name}]")));
            continue;
        };
        if let Some((key, _)) = changes.get_key_value("version") {
            let what =
                format!("policy.{name}.version: leave it out, answers name the file's version and {name}");
            problems.push(refuse(key.span().start, what));
            continue;
        }
        let mut merged = whole.clone();
        lay_over(merged.get_mut(), changes);
        let (policy, found) = one(text, &merged, format!("policy.{name}."));
        // What the file says for all is told once.
        problems.extend(
            found
                .into_iter()
                .filter(|new| problems.iter().all(|old| old.line != new.line))
                .collect::<Vec<_>>(),
        );
        if let Some(mut policy) = policy {
            if policy == policies.usual {
                let what = "changes nothing: leave it out".to_owned();
                let setting = format!("policy.{name}");
                problems.push(Problem { line: line(text, at), setting, what, refused: false });
            }
            policy.version = format!("{}/{name}", policies.usual.version);
            policies.named.insert(name.to_owned(), policy);
        }
    }
    (Some(policies), problems)
}

fn refused(line: usize, what: String) -> Problem {
    Problem { line, setting: String::new(), what, refused: true }
}

/// One policy and what is to be said about it.
fn one<'i>(text: &'i str, table: &Spanned<DeTable<'i>>, prefix: String) -> (Option<Policy>, Vec<Problem>) {
    match Policy::deserialize(Deserializer::from(table.clone())) {
        Ok(policy) => {
            let mut complaints = Complaints::new(text, table.get_ref(), prefix);
            file::check(&policy, &mut complaints);
            if complaints.found.is_empty() {
                doubt::check(&policy, &mut complaints);
            }
            (Some(policy), complaints.found)
        }
        Err(error) => (None, vec![of_form(text, &error)]),
    }
}

/// Tables merge, all else is replaced.
fn lay_over<'i>(base: &mut DeTable<'i>, changes: &DeTable<'i>) {
    for (key, change) in changes {
        if let DeValue::Table(changes) = change.get_ref()
            && let Some(DeValue::Table(base)) = base.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut)
        {
            lay_over(base, changes);
            continue;
        }
        // Taken out first, because a map keeps its old key, and with it the old place.
        base.remove(key.get_ref().as_ref());
        base.insert(key.clone(), change.clone());
    }
}

impl Default for Policy {
    fn default() -> Self {
        match Policies::parse(DEFAULT) {
            Ok(policies) => policies.usual,
            // The text is part of the program and a test parses it.
            Err(error) => unreachable!("the default policy does not parse: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_would_take_long_is_refused_at_once() {
        let many: String = (0..=MOST_NAMED).map(|at| format!("policy.a{at}={{}}\n")).collect();
        let told = problems(&format!("{many}{DEFAULT}"));
        assert!(
            matches!(&told[..], [only] if only.contains("101 named policies: expected at most 100")),
            "{told:?}"
        );
        let long = format!("{DEFAULT}#{}", "x".repeat(LONGEST_TEXT));
        assert!(matches!(&problems(&long)[..], [only] if only.contains("expected at most 262144")));
    }

    fn problems(text: &str) -> Vec<String> {
        read(text).problems.iter().map(Problem::to_string).collect()
    }

    /// The line of the default policy, from 1, that begins with `start`.
    fn line_of(start: &str) -> usize {
        let at = DEFAULT.lines().position(|line| line.starts_with(start));
        at.unwrap_or_else(|| panic!("{start}")) + 1
    }

    #[test]
    fn a_named_policy_is_the_file_with_some_settings_changed() {
        let text = format!(
            "{DEFAULT}\n[policy.payout]\nshadow = [\"LINE_TYPE\"]\nthresholds.challenge = 30\n\
             [policy.payout.weights.line_types]\nVOIP = 0.3\n[policy.watch]\nthresholds.block = 101\n"
        );
        let policies = Policies::parse(&text).unwrap_or_else(|e| panic!("{e}"));
        let names: Vec<_> = policies.iter().map(|(name, policy)| (name, policy.version.as_str())).collect();
        assert_eq!(
            names,
            [("default", "default-3"), ("payout", "default-3/payout"), ("watch", "default-3/watch")]
        );
        let usual = Policy::default();
        for name in ["", "default"] {
            assert_eq!(policies.get(name), Some(&usual));
        }
        assert_eq!(policies.get("Payout"), None);
        let mut expected = usual.clone();
        expected.version = "default-3/payout".to_owned();
        expected.thresholds.challenge = 30;
        expected.shadow = vec![crate::core::listing::ReasonCode::LineType];
        expected.weights.line_types.voip = 0.3;
        assert_eq!(policies.get("payout"), Some(&expected), "all else is taken over");
        assert_eq!(Policies::parse(&expected.to_toml()).map(|read| read.usual().clone()), Ok(expected));
    }

    #[test]
    fn complaints_name_line_setting_and_what_to_do() {
        let end = DEFAULT.lines().count();
        for (from, to, expected) in [
            (
                "challenge = 50",
                "challenge = 90",
                vec![(line_of("block ="), "thresholds.block is 85: expected at least")],
            ),
            ("challenge = 50", "challenge = 0", vec![(line_of("challenge ="), "thresholds.challenge is 0")]),
            (
                "shadow = []",
                "shadow = [\"PUBLIC_INBOX\",\n\"BLOCK_LISTED\"]",
                vec![(line_of("shadow =") + 1, "shadow[1] is BLOCK_LISTED: expected codes of signals")],
            ),
            ("shadow = []", "shadow = [\"RANGE\"]", vec![(line_of("shadow ="), "unknown reason code RANGE")]),
            (
                "percent = 20",
                "percent = 90",
                vec![(line_of("    { within_days = 90"), "weights.inferred_range.ages[2].percent is 90")],
            ),
            // All that is wrong is told at once.
            (
                "fresh = 0.97\nfloor = 0.6",
                "fresh = 1.97\nfloor = -0.6",
                vec![
                    (line_of("fresh = 0.97"), "fresh is 1.97"),
                    (line_of("fresh = 0.97") + 1, "floor is -0.6"),
                ],
            ),
        ] {
            assert!(DEFAULT.contains(from), "{from}");
            let found = problems(&DEFAULT.replacen(from, to, 1));
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, (line, what)) in found.iter().zip(expected) {
                assert!(found.starts_with(&format!("line {line}: ")) && found.contains(what), "{found}");
            }
        }
        for (added, line, what) in [
            ("[policy.a]\nthresholds.block = 20", 2, "policy.a.thresholds.block is 20: expected at least"),
            ("[policy.a]\nthresholds.blok = 20", 2, "unknown field `blok`"),
            ("[policy.a]\nversion = \"x\"", 2, "policy.a.version: leave it out"),
            ("[policy.A]\nthresholds.block = 90", 1, "policy.A: expected a name"),
            ("[policy.default]\nthresholds.block = 90", 1, "other than default"),
            ("[policy]\na = 1", 2, "policy.a: expected a table"),
            ("[policy.a]\nthresholds.block = 85", 1, "policy.a changes nothing"),
            ("[policy.a.policy.b]\nthresholds.block = 90", 1, "unknown field `policy`"),
        ] {
            let found = problems(&format!("{DEFAULT}{added}\n"));
            let start = format!("line {}: ", end + line);
            assert!(
                found.len() == 1 && found[0].starts_with(&start) && found[0].contains(what),
                "{added}: {found:?}"
            );
        }
    }
}
