//! The text of an API key, and what is kept of it.
//!
//! `ng_` + 12 hexadecimal digits that name it + `_` + 32 random bytes in hexadecimal. Only a keyed
//! hash of the 32 bytes is kept. Must not show a secret but on being made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::random;

const PREFIX: &str = "ng_";
const ID: usize = 6;
const SECRET: usize = 32;

/// What a key's hash is bound to, so that it is of no use elsewhere.
const CONTEXT: &str = "numguard 2026-11 API key at rest";

/// The part of a key that may be seen: it names the key in lists, logs and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID]);

/// A whole key.
pub struct ApiKey {
    /// Its name.
    pub id: KeyId,
    secret: [u8; SECRET],
}

/// What is kept of a key's secret: a hash under a key of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKey {
    salt: [u8; SECRET],
    hash: [u8; SECRET],
    /// Made from the salt once, and not on every call.
    under: [u8; SECRET],
}

/// A text that is no key. The text itself is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected ng_, 12 hexadecimal digits, _ and 64 more: copy it again, whole")]
pub struct NoKey;

impl ApiKey {
    /// A new key, and its text, which is shown once; `None` if the system has no randomness.
    pub fn make() -> Option<(Self, String)> {
        let mut drawn = [0; ID + SECRET];
        random::fill(&mut drawn).ok()?;
        let (mut id, mut secret) = ([0; ID], [0; SECRET]);
        id.copy_from_slice(&drawn[..ID]);
        secret.copy_from_slice(&drawn[ID..]);
        let key = Self { id: KeyId(id), secret };
        let text = format!("{}_{}", key.id, hex(&key.secret));
        Some((key, text))
    }

    /// Reads a key's text.
    pub fn read(text: &[u8]) -> Result<Self, NoKey> {
        let rest = text.strip_prefix(PREFIX.as_bytes()).ok_or(NoKey)?;
        let (id, rest) = rest.split_at_checked(2 * ID).ok_or(NoKey)?;
        let secret = rest.strip_prefix(b"_").ok_or(NoKey)?;
        Ok(Self { id: KeyId(bytes(id)?), secret: bytes(secret)? })
    }

    /// What is to be kept of it; `None` if the system has no randomness.
    pub fn keep(&self) -> Option<KeptKey> {
        let mut salt = [0; SECRET];
        random::fill(&mut salt).ok()?;
        let under = blake3::derive_key(CONTEXT, &salt);
        Some(KeptKey { salt, hash: *blake3::keyed_hash(&under, &self.secret).as_bytes(), under })
    }
}

impl KeptKey {
    /// Whether this is the key, in a time that does not tell how much of it is right.
    pub fn is(&self, key: &ApiKey) -> bool {
        let hash = blake3::keyed_hash(&self.under, &key.secret);
        hash.as_bytes().ct_eq(&self.hash).into()
    }

    /// Salt and hash, for a store.
    pub(super) fn to_text(&self) -> String {
        format!("{}{}", hex(&self.salt), hex(&self.hash))
    }

    pub(super) fn from_text(text: &str) -> Result<Self, NoKey> {
        let (salt, hash) = text.as_bytes().split_at_checked(2 * SECRET).ok_or(NoKey)?;
        let salt = bytes(salt)?;
        Ok(Self { salt, hash: bytes(hash)?, under: blake3::derive_key(CONTEXT, &salt) })
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}{}", hex(&self.0))
    }
}

impl FromStr for KeyId {
    type Err = NoKey;

    /// Reads a name, or the name of a whole key.
    fn from_str(text: &str) -> Result<Self, NoKey> {
        let id = text.strip_prefix(PREFIX).ok_or(NoKey)?.split('_').next().unwrap_or_default();
        bytes(id.as_bytes()).map(Self)
    }
}

impl Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for KeptKey {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for KeptKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_text(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower-case digits only, so that a key has one text.
fn bytes<const N: usize>(text: &[u8]) -> Result<[u8; N], NoKey> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(NoKey),
    };
    if text.len() != 2 * N {
        return Err(NoKey);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_text_alone() {
        let (key, text) = ApiKey::make().unwrap_or_else(|| panic!("no randomness"));
        let kept = key.keep().unwrap_or_else(|| panic!("no randomness"));
        assert_eq!((text.len(), &text[..3]), (3 + 12 + 1 + 64, "ng_"));
        assert_eq!(text.parse(), Ok(key.id), "a whole key also names itself");
        let kept = KeptKey::from_text(&kept.to_text()).unwrap_or_else(|e| panic!("{e}"));
        assert!(!kept.to_text().contains(&text[16..]), "the secret is not kept");
        let read = ApiKey::read(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert!(kept.is(&read));
        let (other, _) = ApiKey::make().unwrap_or_else(|| panic!("no randomness"));
        assert!(!kept.is(&other));
        assert_ne!(key.keep(), key.keep(), "two hashes of one key have nothing in common");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let (_, text) = ApiKey::make().unwrap_or_else(|| panic!("no randomness"));
        let upper = text.to_uppercase().replace("NG_", "ng_");
        for wrong in
            ["", "ng_", &text[..79], &format!("{text}0"), &text.replace("ng_", "xx_"), "ng_é", &upper]
        {
            // An upper-case text may hold digits alone, once in many runs of the universe.
            assert!(ApiKey::read(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
