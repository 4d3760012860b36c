//! `KeyService`: operators make, list, rotate and revoke API keys.
//!
//! Each change is on record before the store is asked. The text of a key stands in one answer, and not
//! in that of a repeated request.

use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status};

use crate::access::{Directory, KeyId, KeyRecord, Keys, Scope, Wanted};
use crate::clock::now;
use crate::core::listing::UnixTime;
use crate::operate::audit::{Asked, Audit, KeyChange, KeyIntent};
use crate::store::Store;

use super::messages::listings::{self, LONGEST_AUTHOR};
use super::once::{written, written_without};
use super::status::{invalid, of_store};
use super::{pb, recorded};

/// Serves the keys of a store.
#[derive(Clone)]
pub struct KeyRpc {
    store: Arc<dyn Store>,
    keys: Keys,
    audit: Arc<Audit>,
    directory: Option<Arc<Directory>>,
}

impl KeyRpc {
    /// Serves the keys of `store` and records that in `audit`; `directory` is told of changes at once.
    pub fn new(store: Arc<dyn Store>, audit: Arc<Audit>, directory: Option<Arc<Directory>>) -> Self {
        Self { keys: Keys::new(store.clone()), store, audit, directory }
    }

    async fn create(
        self,
        request: pb::CreateKeyRequest,
        asked: Asked,
    ) -> Result<pb::CreateKeyResponse, Status> {
        let scopes = scopes(&request.scopes)?;
        let expires_at = listings::time("expires_at", request.expires_at.as_ref())?;
        let of = request.client;
        let intent = KeyIntent {
            change: KeyChange::Create,
            key: String::new(),
            of: of.chars().take(LONGEST_AUTHOR).collect(),
            scopes: names(&scopes),
            expires_at,
        };
        let wanted = Wanted { client: of.clone(), scopes, expires_at };
        let (keys, now) = (self.keys.clone(), self.now());
        let work = async move { keys.create(wanted, now).await };
        let made = recorded::change_key(&self.audit, asked, intent, work).await?;
        tracing::info!(key = %made.record.id, client = of, "an operator made an API key");
        self.refresh().await;
        Ok(pb::CreateKeyResponse { key: Some(key(&of, &made.record)), api_key: made.text })
    }

    async fn rotate(
        self,
        request: pb::RotateKeyRequest,
        asked: Asked,
    ) -> Result<pb::RotateKeyResponse, Status> {
        let id = key_id(&request.key_id)?;
        let expires_at = listings::time("expires_at", request.expires_at.as_ref())?;
        let overlap = request.overlap.unwrap_or_default();
        let overlap =
            Duration::try_from(overlap).map_err(|_| invalid("overlap", "expected 0 or more seconds"))?;
        let intent = intent(KeyChange::Rotate, id, expires_at);
        let (keys, now) = (self.keys.clone(), self.now());
        let work = async move { keys.rotate(id, overlap, expires_at, now).await };
        let (of, made, old) = recorded::change_key(&self.audit, asked, intent, work).await?;
        tracing::info!(old = %id, key = %made.record.id, client = of, "an operator rotated an API key");
        self.refresh().await;
        let (new, old) = (Some(key(&of, &made.record)), Some(key(&of, &old)));
        Ok(pb::RotateKeyResponse { key: new, api_key: made.text, old })
    }

    async fn revoke(
        self,
        request: pb::RevokeKeyRequest,
        asked: Asked,
    ) -> Result<pb::RevokeKeyResponse, Status> {
        let id = key_id(&request.key_id)?;
        let (keys, now) = (self.keys.clone(), self.now());
        let work = async move { keys.revoke(id, now).await };
        let intent = intent(KeyChange::Revoke, id, None);
        let (of, ended) = recorded::change_key(&self.audit, asked, intent, work).await?;
        tracing::info!(key = %id, client = of, "an operator revoked an API key");
        self.refresh().await;
        Ok(pb::RevokeKeyResponse { key: Some(key(&of, &ended)) })
    }

    /// The time, as calls with a key find it: a clock that was set back makes no ended key count.
    fn now(&self) -> UnixTime {
        self.directory.as_ref().map_or_else(now, |directory| directory.now())
    }

    /// Others see the change within a second; this server does now.
    async fn refresh(&self) {
        if let Some(directory) = &self.directory
            && let Err(error) = directory.refresh().await
        {
            tracing::warn!(%error, "this server will see a change of keys once the store answers");
        }
    }
}

fn key(client: &str, record: &KeyRecord) -> pb::Key {
    pb::Key {
        key_id: record.id.to_string(),
        client: client.to_owned(),
        scopes: record.scopes.iter().map(|scope| pb_scope(*scope).into()).collect(),
        created_at: Some(listings::timestamp(record.created_at)),
        expires_at: record.expires_at.map(listings::timestamp),
        revoked_at: record.revoked_at.map(listings::timestamp),
    }
}

fn pb_scope(scope: Scope) -> pb::Scope {
    match scope {
        Scope::Check => pb::Scope::Check,
        Scope::Report => pb::Scope::Report,
        Scope::Read => pb::Scope::Read,
        Scope::Admin => pb::Scope::Admin,
    }
}

fn scopes(scopes: &[i32]) -> Result<Vec<Scope>, Status> {
    let known = |(at, scope): (usize, &i32)| {
        let found = Scope::ALL.into_iter().find(|known| i32::from(pb_scope(*known)) == *scope);
        found.ok_or_else(|| invalid(format!("scopes[{at}]"), "expected CHECK, REPORT, READ or ADMIN"))
    };
    scopes.iter().enumerate().map(known).collect()
}

fn key_id(text: &str) -> Result<KeyId, Status> {
    // A whole key is refused, so that none stands where names do.
    let name: Option<KeyId> = text.parse().ok().filter(|id: &KeyId| id.to_string() == text);
    name.ok_or_else(|| invalid("key_id", "expected the name of a key, such as ng_0123456789ab"))
}

fn names(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(ToString::to_string).collect()
}

#[tonic::async_trait]
impl pb::key_service_server::KeyService for KeyRpc {
    async fn create_key(
        &self,
        request: Request<pb::CreateKeyRequest>,
    ) -> Result<Response<pb::CreateKeyResponse>, Status> {
        let rpc = self.clone();
        let untold =
            |made: &pb::CreateKeyResponse| pb::CreateKeyResponse { api_key: String::new(), ..made.clone() };
        written_without(&self.store, request, untold, |request, asked| rpc.create(request, asked)).await
    }

    async fn list_keys(
        &self,
        request: Request<pb::ListKeysRequest>,
    ) -> Result<Response<pb::ListKeysResponse>, Status> {
        let only = request.into_inner().client;
        let all = self.keys.all().await.map_err(|error| of_store(&error))?;
        let wanted = all.iter().filter(|(client, _)| only.is_empty() || *client == only);
        let keys = wanted.flat_map(|(client, record)| record.keys.iter().map(|one| key(client, one)));
        Ok(Response::new(pb::ListKeysResponse { keys: keys.collect() }))
    }

    async fn rotate_key(
        &self,
        request: Request<pb::RotateKeyRequest>,
    ) -> Result<Response<pb::RotateKeyResponse>, Status> {
        let rpc = self.clone();
        let untold =
            |made: &pb::RotateKeyResponse| pb::RotateKeyResponse { api_key: String::new(), ..made.clone() };
        written_without(&self.store, request, untold, |request, asked| rpc.rotate(request, asked)).await
    }

    async fn revoke_key(
        &self,
        request: Request<pb::RevokeKeyRequest>,
    ) -> Result<Response<pb::RevokeKeyResponse>, Status> {
        let rpc = self.clone();
        written(&self.store, request, |request, asked| rpc.revoke(request, asked)).await
    }
}

/// What is put on record about a key that there is.
fn intent(change: KeyChange, id: KeyId, expires_at: Option<UnixTime>) -> KeyIntent {
    KeyIntent { change, key: id.to_string(), of: String::new(), scopes: Vec::new(), expires_at }
}
