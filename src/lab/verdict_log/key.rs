//! The key under which numbers are hashed in the verdict log.
//!
//! Servers that share it write the same hash for the same number.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::core::number::Number;
use crate::random;

use super::DecisionError;

/// 32 secret bytes.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key")
    }
}

impl Key {
    /// From any secret text.
    pub fn of(secret: &str) -> Self {
        Self(blake3::derive_key("numguard decision log 2026 number key", secret.trim().as_bytes()))
    }

    /// From a file, which is made with a random key, and for its owner alone, if it is missing.
    pub fn open(path: &Path) -> Result<Self, DecisionError> {
        let failed = |what| move |error| DecisionError { what, path: path.display().to_string(), error };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(mut file) => {
                let mut bytes = [0; 32];
                random::fill(&mut bytes).map_err(std::io::Error::other).map_err(failed("make"))?;
                writeln!(file, "{}", blake3::Hash::from_bytes(bytes).to_hex()).map_err(failed("write"))?;
                file.sync_all().map_err(failed("write"))?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed("make")(error)),
        }
        let text = fs::read_to_string(path).map_err(failed("read"))?;
        if text.trim().len() < 16 {
            let short = std::io::Error::other("expected a secret of 16 characters or more");
            return Err(failed("use")(short));
        }
        Ok(Self::of(&text))
    }

    /// 128 bits of the number's hash, in hexadecimal.
    pub fn hash(&self, number: Number) -> String {
        let hash = blake3::keyed_hash(&self.0, &number.key().to_le_bytes());
        format!("blake3:{}", &hash.to_hex()[..32])
    }
}
