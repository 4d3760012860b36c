//! The numbering plan: one automaton over E.164 digits, compiled from libphonenumber's metadata by
//! `compile.py` beside this file (`./refresh VERSION` makes it anew).
//!
//! Answers country code, region, line type and validity without allocating. Where parsing might
//! rewrite the digits (a national prefix after the country code) it answers nothing, and the
//! library decides. Must not guess.

mod line_type;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::reader::Reader;

pub use line_type::{LineType, Validity};

/// The compiled automaton; format in [`Plan::read`].
static COMPILED: &[u8] = include_bytes!("plan.bin");

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    // The bytes are part of the program: a unit test reads them, so this cannot fail at run time.
    Plan::read(COMPILED).unwrap_or_else(|| Plan {
        version: "",
        regions: vec![],
        codes: vec![],
        classes: vec![],
        nodes: vec![],
        root: 0,
    })
});

/// An ISO 3166 region such as `GB`, `001` for non-geographic numbers, or empty when unknown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Region([u8; 3]);

impl Region {
    /// Takes two letters (either case) or three digits.
    pub fn new(text: &str) -> Option<Self> {
        let letters = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
        let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        let mut code = [0; 3];
        for (to, from) in code.iter_mut().zip(text.bytes()) {
            *to = from.to_ascii_uppercase();
        }
        (letters || digits).then_some(Self(code))
    }

    /// Like [`Region::new`], but only regions that the numbering plan knows.
    pub fn known(text: &str) -> Option<Self> {
        Self::new(text).filter(|region| region.is_known())
    }

    /// Whether the numbering plan knows it.
    pub fn is_known(self) -> bool {
        PLAN.regions.binary_search(&self).is_ok()
    }

    /// The code, or an empty text when unknown.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(3);
        std::str::from_utf8(&self.0[..end]).unwrap_or("")
    }
}

impl std::fmt::Debug for Region {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What the numbering plan says about one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanFacts {
    /// Country calling code, 1 to 3 digits; 0 where the digits begin no country code.
    pub country_code: u16,
    /// Region, empty where the country code has several and none fits.
    pub region: Region,
    /// Line type; `Unknown` for numbers that are not valid.
    pub line_type: LineType,
    /// Whether the plan has such a number, and if not, why.
    pub validity: Validity,
}

struct Node {
    children: [u16; 10],
    class: u16,
}

struct Plan {
    version: &'static str,
    /// Sorted.
    regions: Vec<Region>,
    /// Country codes, sorted.
    codes: Vec<u16>,
    /// Class 0 means: not sure, ask the library.
    classes: Vec<Option<PlanFacts>>,
    nodes: Vec<Node>,
    root: u16,
}

/// The metadata version the automaton was compiled from, for example `9.0.42`.
pub fn metadata_version() -> &'static str {
    PLAN.version
}

/// Facts about a number given by its ASCII digits (2 to 15, no plus), or `None` where only the
/// library can tell.
pub fn look_up(digits: &[u8]) -> Option<PlanFacts> {
    PLAN.walk(digits)?.1
}

/// The value of ASCII digits (at most 15) and, in the same pass, their facts as [`look_up`] gives
/// them; `None` if they are not all digits.
pub(super) fn walk(digits: &[u8]) -> Option<(u64, Option<PlanFacts>)> {
    PLAN.walk(digits)
}

/// The country code that E.164 digits begin with, or 0.
pub fn country_code(digits: u64) -> u16 {
    let mut lead = digits;
    while lead >= 1_000 {
        lead /= 10;
    }
    // Country codes are prefix-free: the first that the plan has is the one.
    [lead / 100, lead / 10, lead]
        .into_iter()
        .filter_map(|code| u16::try_from(code).ok())
        .find(|code| PLAN.codes.binary_search(code).is_ok())
        .unwrap_or(0)
}

/// The country code of a region, or 0 where the plan does not know the region.
pub fn country_code_of(region: Region) -> u16 {
    static CODES: LazyLock<BTreeMap<Region, u16>> = LazyLock::new(|| {
        PLAN.classes.iter().flatten().map(|facts| (facts.region, facts.country_code)).collect()
    });
    CODES.get(&region).copied().unwrap_or(0)
}

/// How many valid numbers of certain line types each region has, counted over the whole automaton.
/// Digits that only the library can judge are not counted.
pub fn number_space(wanted: impl Fn(LineType) -> bool) -> BTreeMap<Region, u64> {
    let mut space = BTreeMap::new();
    let Some(root) = PLAN.nodes.get(usize::from(PLAN.root)) else { return space };
    // Level by level: how many digit strings lead to each node.
    let mut level: BTreeMap<u16, u64> = root.children.iter().fold(BTreeMap::new(), |mut level, &child| {
        *level.entry(child).or_default() += 1;
        level
    });
    for _ in 0..15 {
        let mut next = BTreeMap::new();
        for (node, count) in level {
            let Some(node) = PLAN.nodes.get(usize::from(node)) else { continue };
            if let Some(Some(facts)) = PLAN.classes.get(usize::from(node.class))
                && facts.validity == Validity::Valid
                && wanted(facts.line_type)
            {
                *space.entry(facts.region).or_default() += count;
            }
            for &child in node.children.iter().filter(|child| **child != 0) {
                *next.entry(child).or_default() += count;
            }
        }
        level = next;
    }
    space
}

impl Plan {
    fn walk(&self, digits: &[u8]) -> Option<(u64, Option<PlanFacts>)> {
        let mut node = self.nodes.get(usize::from(self.root))?;
        let mut value = 0;
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            node = self.nodes.get(usize::from(*node.children.get(usize::from(digit))?))?;
            value = value * 10 + u64::from(digit);
        }
        Some((value, *self.classes.get(usize::from(node.class))?))
    }

    /// Reads: magic, version (length byte, text), counts of regions, classes, nodes and the root
    /// (u16 each); regions of 3 bytes; classes of country code (u16), region, line type, validity
    /// (u8 each); nodes of ten children and a class (u16 each). Little endian.
    fn read(bytes: &'static [u8]) -> Option<Self> {
        let mut rest = Reader(bytes);
        if rest.take(8)? != b"NGPLAN01" {
            return None;
        }
        let length = rest.u8()?;
        let version = std::str::from_utf8(rest.take(usize::from(length))?).ok()?;
        let (regions, classes, nodes, root) = (rest.u16()?, rest.u16()?, rest.u16()?, rest.u16()?);
        let regions: Vec<Region> =
            (0..regions).map(|_| rest.take(3)?.try_into().ok().map(Region)).collect::<Option<_>>()?;
        let mut classes: Vec<Option<PlanFacts>> = (0..classes)
            .map(|_| {
                let country_code = rest.u16()?;
                let region = *regions.get(usize::from(rest.u8()?))?;
                let line_type = *LineType::ALL.get(usize::from(rest.u8()?))?;
                let validity = *Validity::ALL.get(usize::from(rest.u8()?))?;
                Some(Some(PlanFacts { country_code, region, line_type, validity }))
            })
            .collect::<Option<_>>()?;
        *classes.first_mut()? = None;
        let mut codes: Vec<u16> = classes.iter().flatten().map(|facts| facts.country_code).collect();
        codes.sort_unstable();
        codes.dedup();
        let nodes = (0..nodes)
            .map(|_| {
                let mut children = [0; 10];
                for child in &mut children {
                    *child = rest.u16()?;
                }
                Some(Node { children, class: rest.u16()? })
            })
            .collect::<Option<_>>()?;
        rest.0.is_empty().then_some(Self { version, regions, codes, classes, nodes, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_automaton_reads_whole() {
        let plan = Plan::read(COMPILED).unwrap_or_else(|| panic!("plan.bin does not read"));
        assert!(plan.version.starts_with("9."), "{}", plan.version);
        assert!(plan.nodes.len() > 1_000 && plan.classes.len() > 500);
        assert!(Plan::read(&COMPILED[..COMPILED.len() - 1]).is_none(), "a cut file must not read");
    }

    #[test]
    fn a_few_that_a_telecom_engineer_knows() {
        let facts = |digits: &str| look_up(digits.as_bytes()).map(|f| (f.region, f.line_type, f.validity));
        let region = |code| Region::new(code).unwrap_or_default();
        for (digits, code, line_type) in [
            ("12025550123", "US", LineType::FixedLineOrMobile),
            ("447400123456", "GB", LineType::Mobile),
            ("447012345678", "GB", LineType::PersonalNumber),
            ("33912345678", "FR", LineType::Voip),
            ("358457398123", "FI", LineType::Mobile),
            ("80012345678", "001", LineType::TollFree),
            ("393123456789", "IT", LineType::Mobile),
        ] {
            assert_eq!(facts(digits), Some((region(code), line_type, Validity::Valid)), "{digits}");
        }
        // A fiction number of Ofcom's, a national prefix after the country code, no such country.
        assert_eq!(facts("447700900123").map(|f| f.2), Some(Validity::NotAssigned));
        assert_eq!(facts("4407400123456"), None);
        assert_eq!(look_up(b"21012345678").map(|f| f.country_code), Some(0));
    }
}
