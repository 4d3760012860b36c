//! The calls of `numguard key`: to a service, or with `--offline` to the store itself, on record alike.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tonic::Request;

use crate::config::{Config, Flags, RedisFlags};
use crate::operate::audit::Audit;
use crate::rpc::pb::key_service_server::KeyService;
use crate::rpc::{KeyRpc, pb};
use crate::store::{Embedded, Redis, Store, StoreError};

use super::super::connection::Client;
use super::super::connection::channel::ServerArg;
use super::super::connection::client::failed;

/// How long a shared store may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the keys are.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyringArg {
    /// Work on the store itself: how the first key is made. An embedded store must not be in use
    #[arg(long)]
    offline: bool,
    /// With --offline: folder of the store [default: numguard-data]
    #[arg(long, value_name = "DIR", requires = "offline")]
    data_dir: Option<PathBuf>,
    /// With --offline: shared store, as for `numguard serve`
    #[arg(long, value_name = "URL", requires = "offline")]
    redis: Option<String>,
    /// With --offline: configuration file, as for `numguard serve`
    #[arg(long, value_name = "FILE", requires = "offline")]
    config: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArg,
}

/// Calls about keys.
pub(crate) enum Keyring {
    Service(Box<Client>),
    Store(Box<KeyRpc>),
}

impl KeyringArg {
    pub(crate) async fn open(&self) -> Result<Keyring> {
        if !self.offline {
            return Ok(Keyring::Service(Box::new(Client::connect(&self.server).await?)));
        }
        let flags = Flags {
            data_dir: self.data_dir.clone(),
            redis: self.redis.clone().map(|url| RedisFlags { url }),
            ..Flags::default()
        };
        let config = Config::load(self.config.as_deref(), &flags)?;
        let store: Arc<dyn Store> = match config.redis()? {
            Some(options) => answering(Redis::open(options)).await?,
            None => {
                let open = Embedded::open(&config.embedded());
                Arc::new(open.context("a numguard that runs has the keys: leave out --offline")?)
            }
        };
        let audit = Audit::open(&config.data_dir).context("each change of a key is put on record")?;
        Ok(Keyring::Store(Box::new(KeyRpc::new(store, Arc::new(audit), None))))
    }
}

/// It dials in the background; there is nothing to do before it answers.
async fn answering(store: Redis) -> Result<Arc<dyn Store>> {
    let began = Instant::now();
    loop {
        match store.stats().await {
            Ok(_) => return Ok(Arc::new(store)),
            Err(StoreError::Unavailable(_)) if began.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Keyring {
    pub(crate) async fn create(&self, request: pb::CreateKeyRequest) -> Result<pb::CreateKeyResponse> {
        match self {
            Self::Service(client) => client.create_key(request).await,
            Self::Store(keys) => {
                Ok(keys.create_key(Request::new(request)).await.map_err(failed)?.into_inner())
            }
        }
    }

    pub(crate) async fn list(&self, request: pb::ListKeysRequest) -> Result<Vec<pb::Key>> {
        match self {
            Self::Service(client) => client.list_keys(request).await,
            Self::Store(keys) => {
                Ok(keys.list_keys(Request::new(request)).await.map_err(failed)?.into_inner().keys)
            }
        }
    }

    pub(crate) async fn rotate(&self, request: pb::RotateKeyRequest) -> Result<pb::RotateKeyResponse> {
        match self {
            Self::Service(client) => client.rotate_key(request).await,
            Self::Store(keys) => {
                Ok(keys.rotate_key(Request::new(request)).await.map_err(failed)?.into_inner())
            }
        }
    }

    pub(crate) async fn revoke(&self, request: pb::RevokeKeyRequest) -> Result<pb::RevokeKeyResponse> {
        match self {
            Self::Service(client) => client.revoke_key(request).await,
            Self::Store(keys) => {
                Ok(keys.revoke_key(Request::new(request)).await.map_err(failed)?.into_inner())
            }
        }
    }
}
