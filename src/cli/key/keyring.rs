//! The calls of `numguard key`: to a service, or with `--offline` to the store itself, on record alike.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Config, Flags, RedisFlags};
use crate::operate::audit::{Asked, Audit};
use crate::operate::keys::{KeyChanges, named};
use crate::operate::once::Form;
use crate::operate::{OperateError, Pipeline, Turns};
use crate::rpc::messages::asked::{Write, whole, written};
use crate::rpc::messages::keys;
use crate::rpc::pb;
use crate::store::{Embedded, Redis, Store, StoreError};
use anyhow::{Context, Result};

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
    Store(Box<KeyChanges>),
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
        let pipeline = Pipeline::new(store, Arc::new(audit), Turns::default());
        Ok(Keyring::Store(Box::new(KeyChanges::new(pipeline, None))))
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

/// A change on the store itself, done once as a service does it; nobody showed a key.
async fn once<Q: Write, A: Send + 'static, W>(
    changes: &KeyChanges,
    request: Q,
    form: Form<A>,
    work: impl FnOnce(KeyChanges, Q, Asked) -> W,
) -> Result<A>
where
    W: Future<Output = Result<A, OperateError>> + Send + 'static,
{
    let work = |request, asked| work(changes.clone(), request, asked);
    let done = written(changes.pipeline(), String::new(), request, form, work).await;
    done.map_err(|error| failed(error.into()))
}

impl Keyring {
    pub(crate) async fn create(&self, request: pb::CreateKeyRequest) -> Result<pb::CreateKeyResponse> {
        let changes = match self {
            Self::Service(client) => return client.create_key(request).await,
            Self::Store(changes) => changes,
        };
        let create = |changes: KeyChanges, request, asked| async move {
            Ok(keys::created(changes.create(asked, keys::wanted(request)?).await?))
        };
        once(changes, request, keys::CREATED, create).await
    }

    pub(crate) async fn list(&self, request: pb::ListKeysRequest) -> Result<Vec<pb::Key>> {
        match self {
            Self::Service(client) => client.list_keys(request).await,
            Self::Store(changes) => {
                let found = changes.list(&request.client).await.map_err(|error| failed(error.into()))?;
                Ok(found.iter().map(keys::key).collect())
            }
        }
    }

    pub(crate) async fn rotate(&self, request: pb::RotateKeyRequest) -> Result<pb::RotateKeyResponse> {
        let changes = match self {
            Self::Service(client) => return client.rotate_key(request).await,
            Self::Store(changes) => changes,
        };
        let rotate = |changes: KeyChanges, request, asked| async move {
            Ok(keys::rotated(changes.rotate(asked, keys::rotation(request)?).await?))
        };
        once(changes, request, keys::ROTATED, rotate).await
    }

    pub(crate) async fn revoke(&self, request: pb::RevokeKeyRequest) -> Result<pb::RevokeKeyResponse> {
        let changes = match self {
            Self::Service(client) => return client.revoke_key(request).await,
            Self::Store(changes) => changes,
        };
        let revoke = |changes: KeyChanges, request: pb::RevokeKeyRequest, asked| async move {
            let ended = changes.revoke(asked, named(&request.key_id)?).await?;
            Ok(pb::RevokeKeyResponse { key: Some(keys::key(&ended)) })
        };
        once(changes, request, whole(), revoke).await
    }
}
