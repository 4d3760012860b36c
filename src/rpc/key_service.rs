//! `KeyService`: operators make, list, rotate and revoke API keys.
//!
//! Converts; the rules are those of `operate::keys`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::access::Directory;
use crate::operate::audit::Audit;
use crate::operate::keys::{KeyChanges, named};
use crate::operate::{Pipeline, Turns};
use crate::store::Store;

use super::messages::keys;
use super::pb;
use super::written::{written, written_as};

/// Serves the keys of a store.
#[derive(Clone)]
pub struct KeyRpc {
    keys: KeyChanges,
}

impl KeyRpc {
    /// Serves the keys of `store` and records that in `audit`; `directory` sees changes at once.
    pub fn new(store: Arc<dyn Store>, audit: Arc<Audit>, directory: Option<Arc<Directory>>) -> Self {
        // No undo takes a key back, so nobody waits for these turns.
        Self { keys: KeyChanges::new(Pipeline::new(store, audit, Turns::default()), directory) }
    }
}

#[tonic::async_trait]
impl pb::key_service_server::KeyService for KeyRpc {
    async fn create_key(
        &self,
        request: Request<pb::CreateKeyRequest>,
    ) -> Result<Response<pb::CreateKeyResponse>, Status> {
        let keys = self.keys.clone();
        let work = |request, asked| async move {
            Ok(keys::created(keys.create(asked, keys::wanted(request)?).await?))
        };
        written_as(self.keys.pipeline(), request, keys::CREATED, work).await
    }

    async fn list_keys(
        &self,
        request: Request<pb::ListKeysRequest>,
    ) -> Result<Response<pb::ListKeysResponse>, Status> {
        let keys = self.keys.list(&request.get_ref().client).await?;
        Ok(Response::new(pb::ListKeysResponse { keys: keys.iter().map(keys::key).collect() }))
    }

    async fn rotate_key(
        &self,
        request: Request<pb::RotateKeyRequest>,
    ) -> Result<Response<pb::RotateKeyResponse>, Status> {
        let keys = self.keys.clone();
        let work = |request, asked| async move {
            Ok(keys::rotated(keys.rotate(asked, keys::rotation(request)?).await?))
        };
        written_as(self.keys.pipeline(), request, keys::ROTATED, work).await
    }

    async fn revoke_key(
        &self,
        request: Request<pb::RevokeKeyRequest>,
    ) -> Result<Response<pb::RevokeKeyResponse>, Status> {
        let keys = self.keys.clone();
        let work = |request: pb::RevokeKeyRequest, asked| async move {
            let ended = keys.revoke(asked, named(&request.key_id)?).await?;
            Ok(pb::RevokeKeyResponse { key: Some(keys::key(&ended)) })
        };
        written(self.keys.pipeline(), request, work).await
    }
}
