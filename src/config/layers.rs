//! Layers of settings: later ones win, and an error names the setting and the layer that is wrong.
//!
//! Merged by hand, because it is short; crates for it (figment, config) bring a dozen others. `serde_path_to_error`
//! finds the setting that is wrong. Must not read files or the environment.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

/// Environment variables with this prefix are settings.
pub(super) const PREFIX: &str = "NUMGUARD_";

/// Where settings come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The text that we ship.
    Defaults,
    /// A file.
    File(String),
    /// The environment.
    Environment,
    /// The command line.
    Flags,
}

/// All layers, the weakest first.
#[derive(Default)]
pub(super) struct Layers(Vec<(Source, Table)>);

impl Layers {
    /// Adds a layer over those before it.
    pub(super) fn add(&mut self, source: Source, settings: Table) {
        self.0.push((source, settings));
    }

    /// The merged settings; the error is one line.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let mut merged = Table::new();
        for (_, settings) in &self.0 {
            merge(&mut merged, settings.clone());
        }
        serde_path_to_error::deserialize(Value::Table(merged)).map_err(|error| {
            let keys: Vec<String> = error.path().iter().map(key).collect();
            let mut what = error.inner().message().replace('\n', " ");
            let said =
                self.0.iter().rev().find_map(|(source, settings)| Some((source, find(settings, &keys)?)));
            let Some((source, value)) = said else { return what };
            // toml's message for a choice of the wrong type misleads.
            if what.ends_with("expected string only") {
                what = format!("invalid type: {}, expected a string", value.type_str());
            }
            source.blame(&what, &keys)
        })
    }
}

impl Source {
    fn blame(&self, what: &str, keys: &[String]) -> String {
        let setting = keys.join(".");
        match self {
            Self::Environment => format!("{what} for key {setting:?} in {}", variable(keys)),
            _ => format!("{what} for key {setting:?} in {self}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => out.write_str("the defaults"),
            Self::File(path) => out.write_str(path),
            Self::Environment => out.write_str("the environment"),
            Self::Flags => out.write_str("the flags"),
        }
    }
}

/// The settings of a TOML text; the error is one line.
pub(super) fn parse(source: &Source, text: &str) -> Result<Table, String> {
    text.parse().map_err(|error: toml::de::Error| {
        format!("{} in {source}", error.to_string().trim_end().replace('\n', " "))
    })
}

/// Puts `over` into `base`: tables are joined, everything else is replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// The environment variable of a setting.
fn variable(keys: &[String]) -> String {
    format!("{PREFIX}{}", keys.join("__").to_ascii_uppercase())
}

/// What a layer says about a setting, if anything.
pub(super) fn find<'a>(settings: &'a Table, keys: &[String]) -> Option<&'a Value> {
    let (last, tables) = keys.split_last()?;
    let inner = tables.iter().try_fold(settings, |table, key| table.get(key)?.as_table())?;
    inner.get(last)
}

fn key(segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => key.clone(),
        Segment::Enum { variant } => variant.clone(),
        Segment::Unknown => "?".to_owned(),
    }
}
