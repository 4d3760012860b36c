//! The saved index: the newest file, and the one before it should that be cut or altered.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::core::index::{Index, SnapshotError};

/// The newest saved index that can be used.
pub(super) fn load(path: &Path) -> Option<Index> {
    for path in [path, &previous(path)] {
        match Index::load(path) {
            Ok(index) => return Some(index),
            Err(SnapshotError::Io(error)) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "cannot use this saved index");
            }
        }
    }
    None
}

/// Saves `index`; what was saved before stays as the previous one.
pub(super) fn save(index: &Index, path: &Path) -> Result<(), SnapshotError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension("new");
    index.save(&fresh)?;
    match fs::rename(path, previous(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(fs::rename(&fresh, path)?)
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("previous")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::index::{Builder, Position};

    #[test]
    fn a_cut_file_gives_way_to_the_one_before_it() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let path = folder.path().join("made/index.snapshot");
        assert!(load(&path).is_none());
        for epoch in [1, 2] {
            let index = Builder::default().finish(Position::single(epoch, 0));
            save(&index, &path).unwrap_or_else(|e| panic!("{e}"));
        }
        let epoch = || load(&path).map(|index| index.position().epoch);
        assert_eq!(epoch(), Some(2));
        let whole = fs::read(&path).unwrap_or_else(|e| panic!("{e}"));
        fs::write(&path, &whole[..whole.len() - 1]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(epoch(), Some(1));
    }
}
