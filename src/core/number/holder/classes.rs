//! The class of a holder by its name, for names that come from a regulator's file at run time.
//!
//! The rules are `classes.tsv`, as for the shipped names. Slow: for loading files, never for a check.

use std::sync::LazyLock;

use regex::{RegexSet, RegexSetBuilder};

use super::HolderClass;

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    // The text is part of the program, and a unit test reads it.
    Rules::read(include_str!("classes.tsv")).unwrap_or_default()
});

/// The class of whoever is called `name` and holds a range that begins with `digits`.
pub fn classify(name: &str, digits: &str) -> HolderClass {
    RULES.classify(name, digits)
}

#[derive(Default)]
struct Rules {
    /// Class and the digits that a range must begin with, in the order of the file.
    rules: Vec<(HolderClass, String)>,
    names: RegexSet,
}

impl Rules {
    /// Columns: class, prefix, names (a pattern), whose spelling, source.
    fn read(text: &str) -> Option<Self> {
        let (mut rules, mut patterns) = (Vec::new(), Vec::new());
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let &[class, prefix, holder, _, source] = fields.as_slice() else { return None };
            if source.is_empty() {
                return None;
            }
            // A row without a name is about a shipped range.
            if !holder.is_empty() {
                rules.push((HolderClass::named(class)?, prefix.to_owned()));
                patterns.push(format!("^(?:{holder})$"));
            }
        }
        let names = RegexSetBuilder::new(patterns).case_insensitive(true).build().ok()?;
        Some(Self { rules, names })
    }

    fn classify(&self, name: &str, digits: &str) -> HolderClass {
        let rules = self.names.matches(name.trim()).into_iter().filter_map(|at| self.rules.get(at));
        let mut fitting = rules.filter(|(_, prefix)| digits.starts_with(prefix.as_str()));
        fitting.next().map_or(HolderClass::Unclassified, |(class, _)| *class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_regulators_spell_them() {
        assert!(Rules::read(include_str!("classes.tsv")).is_some_and(|rules| rules.rules.len() > 30));
        for (name, digits, class) in [
            ("Citrus Telecommunications Ltd", "447418", HolderClass::Wholesale),
            ("Tismi BV", "447418", HolderClass::Cpaas),
            ("Lycamobile (UK) Limited", "447404", HolderClass::Mvno),
            ("Hutchison 3G UK Ltd", "447400", HolderClass::Unclassified),
            ("TWIL", "33757", HolderClass::Cpaas),
            ("TRAT", "33757", HolderClass::Mvno),
            ("FRTE", "33680", HolderClass::Unclassified),
            // A mnemonic of one country is somebody else's in another.
            ("TWIL", "49151", HolderClass::Unclassified),
            ("TELNYX LLC", "1202555", HolderClass::Cpaas),
            ("TWILIO INTERNATIONAL, INC.", "1202555", HolderClass::Cpaas),
            ("ONVOY, LLC - DC", "1202555", HolderClass::Wholesale),
            ("BANDWIDTH.COM CLEC, LLC - NJ", "1201201", HolderClass::Wholesale),
            ("Iristel Inc.", "1204200", HolderClass::Wholesale),
            ("NEW CINGULAR WIRELESS PCS, LLC", "1202555", HolderClass::Unclassified),
            ("Gamma Telecom", "49151", HolderClass::Unclassified),
            ("", "44", HolderClass::Unclassified),
        ] {
            assert_eq!(classify(name, digits), class, "{name} {digits}");
        }
    }
}
