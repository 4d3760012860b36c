//! All feeds that are known: the shipped ones, and those that an operator adds or puts in their place.
//!
//! Must not read files; it gets their names and texts.

use super::{Definition, DefinitionError};

macro_rules! shipped {
    ($file:literal) => {
        ($file, include_str!(concat!("../definitions/", $file)))
    };
}

/// The shipped definitions: file name and text.
pub const SHIPPED: &[(&str, &str)] = &[
    shipped!("7sim.net.toml"),
    shipped!("arcep-majnum.toml"),
    shipped!("castle.toml"),
    shipped!("cnac.toml"),
    shipped!("freephonenum.com.toml"),
    shipped!("ip1sms.toml"),
    shipped!("jiemahao.com.toml"),
    shipped!("nanpa.toml"),
    shipped!("ofcom-s7.toml"),
    shipped!("onlinesim.io.toml"),
    shipped!("quackr.io.toml"),
    shipped!("receive-sms-free.cc.toml"),
    shipped!("receive-sms-online.info.toml"),
    shipped!("receive-smss.com.toml"),
    shipped!("receivesms.co.toml"),
    shipped!("sms-online.co.toml"),
    shipped!("sms-receive.net.toml"),
    shipped!("sms24.me.toml"),
    shipped!("smstome.com.toml"),
    shipped!("temp-number.com.toml"),
    shipped!("temporary-phone-number.com.toml"),
];

/// A definition and where it is from.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The definition.
    pub definition: Definition,
    /// Its text, comments and all.
    pub text: String,
    /// The file that it is from.
    pub file: String,
    /// Whether it is the shipped one.
    pub shipped: bool,
}

/// All feeds by name.
#[derive(Debug, Clone)]
pub struct Catalogue(Vec<Entry>);

impl Catalogue {
    /// The shipped definitions, with `own` (file name and text) added or, where the name is the
    /// same, put in their place.
    pub fn new(own: &[(String, String)]) -> Result<Self, DefinitionError> {
        let mut entries: Vec<Entry> = Vec::new();
        let shipped = SHIPPED.iter().map(|(file, text)| (*file, *text, true));
        let own = own.iter().map(|(file, text)| (file.as_str(), text.as_str(), false));
        for (file, text, shipped) in shipped.chain(own) {
            let definition = Definition::parse(file, text)?;
            let entry = Entry { definition, text: text.to_owned(), file: file.to_owned(), shipped };
            let same = |known: &&mut Entry| known.definition.name == entry.definition.name;
            match entries.iter_mut().find(same) {
                Some(known) if known.shipped && !shipped => *known = entry,
                Some(known) => {
                    let reason = format!("name: {} is also in {}", known.definition.name, known.file);
                    return Err(DefinitionError { file: entry.file, reason });
                }
                None => entries.push(entry),
            }
        }
        entries.sort_by(|a, b| a.definition.name.cmp(&b.definition.name));
        Ok(Self(entries))
    }

    /// All entries, by name.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The entry of a name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.definition.name.as_str() == name)
    }
}
