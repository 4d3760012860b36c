//! The saved index: the newest file, and the one before it should that be cut or altered.
//!
//! A file is written under a temporary name, synced and renamed. Must not know the format: that is `index`'s.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, ErrorKind, IntoInnerError};
use std::path::{Path, PathBuf};

use crate::core::index::{Index, SnapshotError};

/// The newest saved index that can be used.
pub(super) fn load(path: &Path) -> Option<Index> {
    for path in [path, &previous(path)] {
        match read(path) {
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
pub fn save(index: &Index, path: &Path) -> Result<(), SnapshotError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension("new");
    write(index, &fresh)?;
    match fs::rename(path, previous(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(fs::rename(&fresh, path)?)
}

/// Reads one saved index.
pub fn read(path: &Path) -> Result<Index, SnapshotError> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Index::read_snapshot(BufReader::new(file), length)
}

/// Writes `index` to a file that survives a crash under its name, or not at all.
fn write(index: &Index, path: &Path) -> Result<(), SnapshotError> {
    let temporary = path.with_extension("tmp");
    let mut out = BufWriter::new(File::create(&temporary)?);
    index.write_snapshot(&mut out)?;
    out.into_inner().map_err(IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
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
