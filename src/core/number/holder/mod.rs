//! Who holds a number's range, and what the holder does with numbers.
//!
//! From libphonenumber's carrier names and `classes.tsv` (reviewed, a source per row), compiled by
//! `compile.py` into `holder.bin`. The holder is whom the range was first given to, not the network
//! after porting; country code 1 has none. Must not weigh a class: that is the policy's business.

mod classes;

use std::sync::LazyLock;

use super::Number;
use super::reader::Reader;

pub use classes::classify;

/// The compiled ranges; format in `compile.py`.
static COMPILED: &[u8] = include_bytes!("holder.bin");

static HOLDERS: LazyLock<Holders> = LazyLock::new(|| {
    // The bytes are part of the program: a unit test reads them, so this cannot fail at run time.
    Holders::read(COMPILED).unwrap_or_default()
});

/// Digits that ranges are told apart by.
const DIGITS: u32 = 9;
/// Numbers per slot of the direct index: one for each first four digits, 40 KB.
const SLOT: u32 = 100_000;

/// What a holder does with numbers, in the order of `compile.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HolderClass {
    /// Not reviewed, or a network of people's phones: never weighed by name.
    Unclassified,
    /// Numbers for messages between applications and people, in bulk.
    A2p,
    /// A platform that rents numbers by API.
    Cpaas,
    /// Sells ranges on, to whom is not known.
    Wholesale,
    /// A network without masts: people's phones, known to be sold in bulk as well.
    Mvno,
    /// An app that gives a number to whoever asks for one.
    App,
}

impl HolderClass {
    /// All classes, in the order of the compiled file.
    pub const ALL: [Self; 6] =
        [Self::Unclassified, Self::A2p, Self::Cpaas, Self::Wholesale, Self::Mvno, Self::App];

    /// The class of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// The name in policy files, answers and docs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unclassified => "UNCLASSIFIED",
            Self::A2p => "A2P",
            Self::Cpaas => "CPAAS",
            Self::Wholesale => "WHOLESALE",
            Self::Mvno => "MVNO",
            Self::App => "APP",
        }
    }
}

/// The holder of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder<'a> {
    /// Its name; empty where only the class is known.
    pub name: &'a str,
    /// What it does.
    pub class: HolderClass,
}

/// The holder of the number's range, if it is known.
pub fn holder(number: Number) -> Option<Holder<'static>> {
    HOLDERS.find(number)
}

#[derive(Default)]
struct Holders {
    owners: Vec<Holder<'static>>,
    starts: Vec<u32>,
    /// Owner of each start; 0 is nobody.
    owner_of: Vec<u16>,
    /// For each slot, how many segments start before it.
    direct: Vec<u32>,
}

impl Holders {
    fn find(&self, number: Number) -> Option<Holder<'static>> {
        let length = number.len();
        let lead = match length.checked_sub(DIGITS) {
            Some(more) => number.key() / 10u64.pow(more),
            None => number.key() * 10u64.pow(DIGITS - length),
        };
        let lead = u32::try_from(lead).ok()?;
        let slot = (lead / SLOT) as usize;
        let (from, to) = (*self.direct.get(slot)? as usize, *self.direct.get(slot + 1)? as usize);
        let after = from + self.starts.get(from..to)?.partition_point(|&start| start <= lead);
        let owner = usize::from(*self.owner_of.get(after.checked_sub(1)?)?);
        if owner == 0 { None } else { self.owners.get(owner).copied() }
    }

    fn read(bytes: &'static [u8]) -> Option<Self> {
        let mut rest = Reader(bytes);
        if rest.take(8)? != b"NGHOLD01" {
            return None;
        }
        // Both files come from one release, by one script; a test holds that they do.
        if rest.text()? != super::plan::metadata_version() {
            return None;
        }
        let names: Vec<&'static str> = (0..rest.u16()?).map(|_| rest.text()).collect::<Option<_>>()?;
        let owners = (0..rest.u16()?)
            .map(|_| {
                let name = *names.get(usize::from(rest.u16()?))?;
                Some(Holder { name, class: *HolderClass::ALL.get(usize::from(rest.u8()?))? })
            })
            .collect::<Option<_>>()?;
        let count = u32::from(rest.u16()?) | u32::from(rest.u16()?) << 16;
        let (mut starts, mut owner_of, mut start) = (Vec::new(), Vec::new(), 0u32);
        for _ in 0..count {
            start = start.checked_add(rest.leb128()?)?;
            starts.push(start);
            owner_of.push(rest.u16()?);
        }
        let slots = 10u32.pow(DIGITS) / SLOT;
        let before = |slot: u32| starts.partition_point(|&start| start < slot * SLOT) as u32;
        let direct = (0..=slots).map(before).collect();
        rest.0.is_empty().then_some(Self { owners, starts, owner_of, direct })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_reads_whole_and_is_of_the_plans_version() {
        let holders = Holders::read(COMPILED).unwrap_or_else(|| panic!("holder.bin does not read"));
        assert!(holders.starts.len() > 10_000 && holders.owners.len() > 1_000);
        assert!(Holders::read(&COMPILED[..COMPILED.len() - 1]).is_none(), "a cut file must not read");
    }

    #[test]
    fn holders_that_a_telecom_engineer_knows() {
        for (number, expected) in [
            ("+46726401234", Some(("SPIRIUS AB", HolderClass::A2p))),
            ("+46731291234", Some(("SPIRIUS AB", HolderClass::A2p))),
            // One block of an island's network; its other blocks are people's.
            ("+358457398543", Some(("AMT", HolderClass::A2p))),
            ("+358457012345", Some(("AMT", HolderClass::Unclassified))),
            ("+3197010123456", Some(("", HolderClass::A2p))),
            ("+33757591234", Some(("Twilio Ireland Limited", HolderClass::Cpaas))),
            ("+447418612345", Some(("Ace Call", HolderClass::Wholesale))),
            ("+447400123456", Some(("Three", HolderClass::Unclassified))),
            ("+12025550123", None),
            ("+442071838750", None),
            ("+12", None),
            ("+999999999999999", None),
        ] {
            let found = holder(number.parse().unwrap_or_else(|e| panic!("{e}")));
            assert_eq!(found.map(|holder| (holder.name, holder.class)), expected, "{number}");
        }
    }
}
