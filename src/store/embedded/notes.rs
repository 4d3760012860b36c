//! The table of notes: name -> revision and text.

use redb::{ReadableDatabase, ReadableTable};

use crate::store::{Note, StoreError};

use super::tables::{NOTES, Tables, unavailable};

impl Tables {
    pub(super) fn notes(&self, prefix: &str) -> Result<Vec<(String, Note)>, StoreError> {
        let read = self.database.begin_read().map_err(unavailable)?;
        let table = read.open_table(NOTES).map_err(unavailable)?;
        let mut notes = Vec::new();
        for row in table.range(prefix..).map_err(unavailable)? {
            let (name, value) = row.map_err(unavailable)?;
            if !name.value().starts_with(prefix) {
                break;
            }
            let (revision, bytes) = value.value();
            notes.push((name.value().to_owned(), Note { revision, bytes: bytes.to_vec() }));
        }
        Ok(notes)
    }

    pub(super) fn put_note(
        &self,
        name: &str,
        revision: u64,
        bytes: Option<Vec<u8>>,
    ) -> Result<bool, StoreError> {
        let write = self.database.begin_write().map_err(unavailable)?;
        {
            let mut table = write.open_table(NOTES).map_err(unavailable)?;
            let known = table.get(name).map_err(unavailable)?.map_or(0, |value| value.value().0);
            if known != revision {
                return Ok(false);
            }
            match bytes {
                Some(bytes) => table.insert(name, (revision + 1, bytes.as_slice())).map_err(unavailable)?,
                None => table.remove(name).map_err(unavailable)?,
            };
        }
        write.commit().map_err(unavailable)?;
        Ok(true)
    }
}
