//! The feeds in force: the shipped definitions, and those of a folder added or in their place.
//!
//! Every `*.toml` of the folder is a definition; one that is wrong refuses all of them by name.

use std::path::Path;

use crate::feed::{Catalogue, Definition};

use super::{ConfigError, read};

/// The shipped feeds with those of `folder`.
pub fn feeds(folder: Option<&Path>) -> Result<Catalogue, ConfigError> {
    let mut own = Vec::new();
    if let Some(folder) = folder {
        let named = |error| ConfigError::File { path: folder.display().to_string(), error };
        for entry in std::fs::read_dir(folder).map_err(named)? {
            let path = entry.map_err(named)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                own.push((path.display().to_string(), read(&path)?));
            }
        }
        own.sort();
    }
    Ok(Catalogue::new(&own)?)
}

/// One definition from a file of any name.
pub fn feed(file: &Path) -> Result<(Definition, String), ConfigError> {
    let text = read(file)?;
    let definition = Definition::parse(&file.display().to_string(), &text)?;
    Ok((definition, text))
}
