//! Notes: what numguard keeps next to the listings, such as the state of a feed; and leases, so that
//! one process at a time works on a thing.
//!
//! Must not know what a note says.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// A named text with a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Increases with every write; 0 is no note.
    pub revision: u64,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Leave to work on a thing until the lease ends. A holder that was slow and has lost the lease
/// cannot write any more: the store compares the token with each fenced write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is worked on.
    pub name: String,
    /// Increases with every new holder.
    pub token: u64,
}

/// How long a lease holds after it was taken or renewed.
pub const LEASE: Duration = Duration::from_secs(15);

/// A store of notes, leases and boards.
#[async_trait]
pub trait NoteStore: Send + Sync + 'static {
    /// Takes or renews the lease on `name` for `holder`; nothing if another has it.
    async fn lease(&self, name: &str, holder: &str) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back.
    async fn give_back(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Notes whose names begin with `prefix`, in order of name.
    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Note)>, StoreError>;

    /// Writes a note, or deletes it, if it still has the revision (0: if there is none) and the
    /// lease, if given, is in force. Answers whether it did.
    async fn put_note(
        &self,
        name: &str,
        revision: u64,
        bytes: Option<Vec<u8>>,
        lease: Option<&Lease>,
    ) -> Result<bool, StoreError>;

    /// Leaves on a board what `seat` has to say, in place of what it said there before, and answers
    /// what others said. All of it goes `keep` after the last of them. A store of one process has no
    /// others.
    async fn exchange(
        &self,
        board: &str,
        seat: &str,
        said: Vec<u8>,
        keep: Duration,
    ) -> Result<Vec<Vec<u8>>, StoreError>;
}

/// What is to become of a note after a look at it, and what to answer then.
#[derive(Debug)]
pub enum NoteEdit<T> {
    /// It says this from now on.
    Write(Vec<u8>, T),
    /// It goes, if there is one.
    Delete(T),
    /// It stays as it is.
    Keep(T),
}

/// Why a note was not updated.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E> {
    /// Others wrote the note between each look and each write.
    #[error("others keep writing the note")]
    Conflict,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The edit refused the note as it is.
    #[error("{0}")]
    Refused(E),
}

impl<E: From<StoreError>> UpdateError<E> {
    /// The caller's error, with its word for a conflict.
    pub fn or_conflict(self, conflict: impl FnOnce() -> E) -> E {
        match self {
            Self::Conflict => conflict(),
            Self::Store(error) => error.into(),
            Self::Refused(error) => error,
        }
    }
}

/// Reads a note, lets `edit` decide what it says next, and writes that with the revision that was read:
/// what others wrote meanwhile is never overwritten. When another was faster, all of it is done again, up
/// to `attempts` times; so `edit` must not do anything but decide.
pub async fn update<T, E>(
    store: &dyn NoteStore,
    name: &str,
    lease: Option<&Lease>,
    attempts: usize,
    mut edit: impl FnMut(Option<&[u8]>) -> Result<NoteEdit<T>, E>,
) -> Result<T, UpdateError<E>> {
    for _ in 0..attempts {
        let known = read(store, name).await?;
        let edited = edit(known.as_ref().map(|note| note.bytes.as_slice())).map_err(UpdateError::Refused)?;
        let (bytes, answer) = match edited {
            NoteEdit::Keep(answer) => return Ok(answer),
            NoteEdit::Delete(answer) if known.is_none() => return Ok(answer),
            NoteEdit::Delete(answer) => (None, answer),
            NoteEdit::Write(bytes, answer) => (Some(bytes), answer),
        };
        let revision = known.map_or(0, |note| note.revision);
        if store.put_note(name, revision, bytes, lease).await? {
            return Ok(answer);
        }
    }
    Err(UpdateError::Conflict)
}

/// A note by its whole name.
pub async fn read(store: &dyn NoteStore, name: &str) -> Result<Option<Note>, StoreError> {
    let found = store.notes(name).await?;
    Ok(found.into_iter().find(|(found, _)| found == name).map(|(_, note)| note))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const NAME: &str = "n";

    /// One note, and writes of others that come first.
    #[derive(Default)]
    struct One {
        note: Mutex<Option<Note>>,
        /// How many of the next writes find that another was faster.
        others: Mutex<usize>,
        /// Writes that were tried, and with which lease.
        tried: Mutex<Vec<Option<String>>>,
        down: bool,
    }

    fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(|e| panic!("{e}"))
    }

    impl One {
        fn saying(text: &str) -> Self {
            let note = Note { revision: 3, bytes: text.as_bytes().to_vec() };
            Self { note: Mutex::new(Some(note)), ..Self::default() }
        }

        fn text(&self) -> Option<String> {
            let note = locked(&self.note);
            note.as_ref().map(|note| String::from_utf8_lossy(&note.bytes).into_owned())
        }
    }

    #[async_trait]
    impl NoteStore for One {
        async fn lease(&self, _: &str, _: &str) -> Result<Option<Lease>, StoreError> {
            Ok(None)
        }
        async fn give_back(&self, _: &Lease) -> Result<(), StoreError> {
            Ok(())
        }
        async fn notes(&self, _: &str) -> Result<Vec<(String, Note)>, StoreError> {
            if self.down {
                return Err(StoreError::Unavailable("down".to_owned()));
            }
            let longer = ("n2".to_owned(), Note { revision: 9, bytes: b"another".to_vec() });
            let note = locked(&self.note).clone().map(|note| (NAME.to_owned(), note));
            Ok(note.into_iter().chain([longer]).collect())
        }
        async fn put_note(
            &self,
            _: &str,
            revision: u64,
            bytes: Option<Vec<u8>>,
            lease: Option<&Lease>,
        ) -> Result<bool, StoreError> {
            locked(&self.tried).push(lease.map(|lease| lease.name.clone()));
            let (mut note, mut others) = (locked(&self.note), locked(&self.others));
            let known = note.as_ref().map_or(0, |note| note.revision);
            if *others > 0 {
                *others -= 1;
                *note = Some(Note { revision: known + 1, bytes: format!("other{others}").into_bytes() });
                return Ok(false);
            }
            assert_eq!(revision, known, "written with the revision that was read");
            *note = bytes.map(|bytes| Note { revision: known + 1, bytes });
            Ok(true)
        }
        async fn exchange(
            &self,
            _: &str,
            _: &str,
            _: Vec<u8>,
            _: Duration,
        ) -> Result<Vec<Vec<u8>>, StoreError> {
            Ok(Vec::new())
        }
    }

    type Edited<T> = Result<NoteEdit<T>, String>;

    /// Adds an x, and answers how long the note was.
    fn longer(known: Option<&[u8]>) -> Edited<usize> {
        let known = known.unwrap_or_default();
        Ok(NoteEdit::Write([known, b"x"].concat(), known.len()))
    }

    #[tokio::test]
    async fn a_note_is_begun_and_changed() {
        let store = One::default();
        assert_eq!(update(&store, NAME, None, 1, longer).await.ok(), Some(0));
        assert_eq!(update(&store, NAME, None, 1, longer).await.ok(), Some(1));
        assert_eq!(store.text().as_deref(), Some("xx"));
    }

    #[tokio::test]
    async fn when_another_was_faster_its_text_is_what_is_changed() {
        let store = One { others: Mutex::new(1), ..One::saying("mine") };
        let lease = Lease { name: "feed:a".to_owned(), token: 1 };
        assert_eq!(update(&store, NAME, Some(&lease), 2, longer).await.ok(), Some(6));
        assert_eq!(store.text().as_deref(), Some("other0x"));
        assert_eq!(*locked(&store.tried), vec![Some("feed:a".to_owned()); 2], "each write names the lease");
    }

    #[tokio::test]
    async fn after_so_many_attempts_it_is_given_up() {
        let store = One { others: Mutex::new(usize::MAX), ..One::default() };
        let given_up = update(&store, NAME, None, 5, longer).await;
        assert!(matches!(given_up, Err(UpdateError::Conflict)));
        assert_eq!(locked(&store.tried).len(), 5);
    }

    #[tokio::test]
    async fn what_stays_as_it_is_is_not_written() {
        let store = One::saying("mine");
        let kept = update(&store, NAME, None, 1, |known| -> Edited<usize> {
            Ok(NoteEdit::Keep(known.map_or(0, <[u8]>::len)))
        });
        assert_eq!(kept.await.ok(), Some(4));
        assert!(locked(&store.tried).is_empty());
    }

    #[tokio::test]
    async fn a_deleted_note_is_gone_and_none_is_not_deleted_again() {
        let store = One::saying("mine");
        let delete = |_: Option<&[u8]>| -> Edited<()> { Ok(NoteEdit::Delete(())) };
        for _ in 0..2 {
            assert!(update(&store, NAME, None, 1, delete).await.is_ok());
            assert_eq!(store.text(), None);
        }
        assert_eq!(locked(&store.tried).len(), 1);
    }

    #[tokio::test]
    async fn an_edit_that_refuses_writes_nothing_and_the_stores_error_passes() {
        let store = One::saying("mine");
        let refused = update(&store, NAME, None, 3, |_| -> Edited<()> { Err("unreadable".to_owned()) }).await;
        assert!(matches!(refused, Err(UpdateError::Refused(why)) if why == "unreadable"));
        assert!(locked(&store.tried).is_empty());
        let store = One { down: true, ..One::default() };
        let failed = update(&store, NAME, None, 3, longer).await;
        assert!(matches!(failed, Err(UpdateError::Store(StoreError::Unavailable(_)))));
    }
}
