//! API keys as operators make, rotate and revoke them, through a service or on the store itself.
//!
//! Each change is on record before the store is changed. The text of a key is in the answer that made it, and
//! nowhere else.

use std::sync::Arc;
use std::time::Duration;

use crate::access::{Directory, KeyId, KeyRecord, Keys, Made, Wanted};
use crate::clock::now;
use crate::core::listing::UnixTime;

use super::audit::{Asked, KeyChange, KeyIntent};
use super::{LONGEST_AUTHOR, OperateError, Pipeline};

/// Changes keys for operators. Clones are the same one.
#[derive(Clone)]
pub struct KeyChanges {
    pipeline: Pipeline,
    keys: Keys,
    directory: Option<Arc<Directory>>,
}

/// A key, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedKey {
    /// Whose.
    pub client: String,
    /// What is kept of it.
    pub record: KeyRecord,
}

/// A key that was made. Its text is shown once and kept nowhere.
pub struct NewKey {
    /// The key.
    pub key: OwnedKey,
    /// Its text.
    pub text: String,
    /// The key that it takes the place of.
    pub old: Option<OwnedKey>,
}

/// How a key is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The old key.
    pub key: KeyId,
    /// How long the old one still counts.
    pub overlap: Duration,
    /// When the new one ends; absent: it lives as long as the old one was to live when it was made.
    pub expires_at: Option<UnixTime>,
}

impl KeyChanges {
    /// Changes go through `pipeline`; `directory`, which judges calls by keys, sees them at once.
    pub fn new(pipeline: Pipeline, directory: Option<Arc<Directory>>) -> Self {
        Self { keys: Keys::new(pipeline.store().clone()), pipeline, directory }
    }

    /// The pipeline that requests go through.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Makes a key.
    pub async fn create(&self, asked: Asked, wanted: Wanted) -> Result<NewKey, OperateError> {
        let intent = KeyIntent {
            change: KeyChange::Create,
            key: String::new(),
            of: wanted.client.chars().take(LONGEST_AUTHOR).collect(),
            scopes: wanted.scopes.iter().map(ToString::to_string).collect(),
            expires_at: wanted.expires_at,
        };
        let (keys, now, client) = (self.keys.clone(), self.now(), wanted.client.clone());
        let work = async move { keys.create(wanted, now).await };
        let Made { record, text } = self.pipeline.change_key(asked, intent, work).await?;
        tracing::info!(key = %record.id, client, "an operator made an API key");
        self.refresh().await;
        Ok(NewKey { key: OwnedKey { client, record }, text, old: None })
    }

    /// Keys of a client, or of all if none is named, in order of client.
    pub async fn list(&self, client: &str) -> Result<Vec<OwnedKey>, OperateError> {
        let all = self.keys.all().await?;
        let wanted = all.into_iter().filter(|(of, _)| client.is_empty() || of == client);
        let keys = wanted.flat_map(|(client, record)| {
            record.keys.into_iter().map(move |record| OwnedKey { client: client.clone(), record })
        });
        Ok(keys.collect())
    }

    /// Makes a key that takes the place of another.
    pub async fn rotate(&self, asked: Asked, rotation: Rotation) -> Result<NewKey, OperateError> {
        let Rotation { key, overlap, expires_at } = rotation;
        let intent = about(KeyChange::Rotate, key, expires_at);
        let (keys, now) = (self.keys.clone(), self.now());
        let work = async move { keys.rotate(key, overlap, expires_at, now).await };
        let (client, made, old) = self.pipeline.change_key(asked, intent, work).await?;
        tracing::info!(old = %key, key = %made.record.id, client, "an operator rotated an API key");
        self.refresh().await;
        let old = OwnedKey { client: client.clone(), record: old };
        Ok(NewKey { key: OwnedKey { client, record: made.record }, text: made.text, old: Some(old) })
    }

    /// Ends a key.
    pub async fn revoke(&self, asked: Asked, key: KeyId) -> Result<OwnedKey, OperateError> {
        let (keys, now) = (self.keys.clone(), self.now());
        let work = async move { keys.revoke(key, now).await };
        let intent = about(KeyChange::Revoke, key, None);
        let (client, record) = self.pipeline.change_key(asked, intent, work).await?;
        tracing::info!(key = %key, client, "an operator revoked an API key");
        self.refresh().await;
        Ok(OwnedKey { client, record })
    }

    /// The time by which calls judge keys: a clock set back revives no ended key.
    fn now(&self) -> UnixTime {
        self.directory.as_ref().map_or_else(now, |directory| directory.now())
    }

    /// Others see the change within a second; this process does now.
    async fn refresh(&self) {
        if let Some(directory) = &self.directory
            && let Err(error) = directory.refresh().await
        {
            tracing::warn!(%error, "this server will see a change of keys once the store answers");
        }
    }
}

/// What is put on record about a key that there is.
fn about(change: KeyChange, id: KeyId, expires_at: Option<UnixTime>) -> KeyIntent {
    KeyIntent { change, key: id.to_string(), of: String::new(), scopes: Vec::new(), expires_at }
}

/// Reads the name of a key. A whole key is refused, so that no secret is recorded as a name.
pub fn named(text: &str) -> Result<KeyId, OperateError> {
    let name: Option<KeyId> = text.parse().ok().filter(|id: &KeyId| id.to_string() == text);
    let expected = "expected the name of a key, such as ng_0123456789ab";
    name.ok_or_else(|| OperateError::invalid("key_id", expected))
}
