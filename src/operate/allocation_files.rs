//! A regulator's files as they arrive, part by part: all of them within bounds, or none is loaded.

use crate::collect::NamedFile;

use super::OperateError;

/// The most bytes of one load: North America's largest has some 80 MB.
const MOST_BYTES: usize = 256 << 20;

/// The most files of one load, and the longest name of one, in bytes.
const MOST_FILES: usize = 100;
const LONGEST_NAME: usize = 1_000;

/// What has arrived of a load.
#[derive(Default)]
pub struct ArrivingFiles {
    files: Vec<NamedFile>,
    received: usize,
    hasher: blake3::Hasher,
}

/// A load that came whole.
pub struct ArrivedFiles {
    /// The files.
    pub files: Vec<NamedFile>,
    /// Over their names and bytes.
    pub hasher: blake3::Hasher,
}

impl ArrivingFiles {
    /// A file begins.
    pub fn begin(&mut self, name: String) -> Result<(), OperateError> {
        if self.files.len() >= MOST_FILES || name.len() > LONGEST_NAME {
            let expected = format!("expected at most {MOST_FILES}, with names of {LONGEST_NAME} bytes");
            return Err(OperateError::invalid("file", expected));
        }
        self.hasher.update(blake3::hash(name.as_bytes()).as_bytes());
        self.files.push((name, Vec::new()));
        Ok(())
    }

    /// More bytes of the file that began last.
    pub fn add(&mut self, bytes: Vec<u8>) -> Result<(), OperateError> {
        self.received += bytes.len();
        if self.received > MOST_BYTES {
            return Err(OperateError::invalid("bytes", format!("more than {} MB", MOST_BYTES >> 20)));
        }
        let file = self.files.last_mut();
        let file = file.ok_or_else(|| OperateError::invalid("file", "expected before the first bytes"))?;
        self.hasher.update(&bytes);
        file.1.extend(bytes);
        Ok(())
    }

    /// All have arrived, if they have as many bytes as `said`, the sender's own count.
    pub fn finish(self, said: u64) -> Result<ArrivedFiles, OperateError> {
        let received = self.received;
        if said != received as u64 {
            let why = format!("is {said}, but {received} arrived: nothing was loaded");
            return Err(OperateError::invalid("finish.bytes", why));
        }
        if self.files.is_empty() {
            return Err(OperateError::invalid("file", "expected at least one"));
        }
        Ok(ArrivedFiles { files: self.files, hasher: self.hasher })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_whole_or_refused() {
        let said =
            |done: Result<(), OperateError>| done.err().map(|error| error.to_string()).unwrap_or_default();
        let mut files = ArrivingFiles::default();
        assert_eq!(said(files.add(vec![1])), "file: expected before the first bytes");
        let mut files = ArrivingFiles::default();
        assert_eq!(
            said(files.begin("a".repeat(1_001))),
            "file: expected at most 100, with names of 1000 bytes"
        );
        assert_eq!(said(files.begin("a.csv".to_owned())), "");
        assert_eq!(said(files.add(vec![1, 2])), "");
        let short = said(files.finish(3).map(drop));
        assert_eq!(short, "finish.bytes: is 3, but 2 arrived: nothing was loaded");
        let none = said(ArrivingFiles::default().finish(0).map(drop));
        assert_eq!(none, "file: expected at least one");
    }
}
