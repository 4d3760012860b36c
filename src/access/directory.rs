//! All keys in memory, for calls on their way to a service; read again from the store every second,
//! so that a revoked key ends on every server.
//!
//! A store that is out of reach changes nothing: keys count as they did. What it has lost is put back.
//! They are saved beside the index (hashes, no secrets), so that a server starts without the store.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::core::listing::UnixTime;

use super::client::{Client, Limits};
use super::denied::Denied;
use super::key::{ApiKey, KeyId};
use super::keys::{KeyError, Keys};
use super::metrics;
use super::record::{ClientRecord, KeyRecord};
use super::refusals::Refusals;
use super::scope::{self, Scope};

/// How often the store is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Where keys are saved, in the data folder.
const FILE: &str = "keys.snapshot";

/// A key, and whose.
struct Owned {
    client: Client,
    record: KeyRecord,
}

/// All keys at one moment.
struct All {
    clients: Vec<(String, ClientRecord)>,
    keys: HashMap<KeyId, Owned>,
}

/// Knows all keys.
pub struct Directory {
    keys: Keys,
    limits: Arc<Limits>,
    clock: fn() -> UnixTime,
    /// The latest time that the clock has told.
    latest: AtomicU32,
    file: PathBuf,
    all: ArcSwapOption<All>,
    /// How often they have changed.
    changes: AtomicU64,
    refusals: Refusals,
}

impl Directory {
    /// Reads the keys: from the store, else as they were saved in `data_dir`.
    pub async fn open(
        keys: Keys,
        limits: Arc<Limits>,
        data_dir: &std::path::Path,
        clock: fn() -> UnixTime,
    ) -> Self {
        let (file, all) = (data_dir.join(FILE), ArcSwapOption::empty());
        let latest = AtomicU32::new(0);
        let (changes, refusals) = (AtomicU64::new(0), Refusals::default());
        let directory = Self { keys, limits, clock, latest, file, all, changes, refusals };
        if let Err(error) = directory.refresh().await {
            let saved = directory.saved();
            let clients = saved.as_ref().map(Vec::len);
            tracing::warn!(%error, clients, "API keys cannot be read from the store; those saved count until then");
            if let Some(clients) = saved {
                directory.take(clients);
            }
        }
        directory
    }

    /// Takes it that it is not earlier than `time`, as a record from before the start tells.
    #[must_use]
    pub fn not_before(self, time: UnixTime) -> Self {
        self.latest.fetch_max(time.0, Ordering::Relaxed);
        self
    }

    /// The time, but a clock that was set back gives no key its life back.
    pub fn now(&self) -> UnixTime {
        let latest = UnixTime(self.latest.load(Ordering::Relaxed));
        let now = (self.clock)().in_order_after(latest);
        // Written once a second, not by every call.
        if now > latest {
            self.latest.fetch_max(now.0, Ordering::Relaxed);
        } else if now < latest {
            self.latest.store(now.0, Ordering::Relaxed);
        }
        now
    }

    /// Whose key this is, if it is good for `needs`. `shown` is the metadata `authorization`.
    pub fn client(&self, shown: Option<&[u8]>, needs: Scope) -> Result<Client, Denied> {
        let all = self.all.load();
        let all = all.as_ref().ok_or(Denied::NotLoaded)?;
        let shown = shown.ok_or(Denied::Missing)?;
        let text = shown.strip_prefix(b"Bearer ").or_else(|| shown.strip_prefix(b"bearer ")).unwrap_or(shown);
        let key = ApiKey::read(text).map_err(Denied::Unreadable)?;
        let known = all.keys.get(&key.id).filter(|known| known.record.secret.is(&key));
        // Whoever does not have the secret is not told what became of the key.
        let Owned { client, record } = known.ok_or(Denied::Unknown(key.id))?;
        if scope::cover(&record.scopes, needs) && record.revoked_at.is_none() && record.expires_at.is_none() {
            return Ok(client.clone());
        }
        if let Some(what) = record.ended(self.now()) {
            return Err(Denied::Ended { key: key.id, client: client.name().to_owned(), what });
        }
        if scope::cover(&record.scopes, needs) {
            return Ok(client.clone());
        }
        let (client, has) = (client.name().to_owned(), scope::told(&record.scopes));
        Err(Denied::Scope { key: key.id, client, has, needs })
    }

    /// How often keys have changed: while it is the same, only time can end a key.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Tells the log of a refusal, each kind of each key or address once an hour.
    pub fn tell(&self, denied: &Denied, peer: IpAddr, method: &str) {
        metrics::denied(denied);
        self.refusals.tell(denied, peer, method);
    }

    /// Reads the store again, now.
    pub async fn refresh(&self) -> Result<(), KeyError> {
        let mut clients = self.keys.all().await?;
        if self.mend(&clients).await? {
            clients = self.keys.all().await?;
        }
        if self.all.load().as_ref().is_none_or(|all| all.clients != clients) {
            self.save(&clients);
            self.take(clients);
        }
        Ok(())
    }

    /// Puts back what the store has lost since it was last read, as a Redis that came back empty or a
    /// failover that lost a revocation. Otherwise nobody could call, or somebody whose key has ended. While
    /// that fails, what was lost is not taken over.
    async fn mend(&self, stored: &[(String, ClientRecord)]) -> Result<bool, KeyError> {
        let (known, now) = (self.all.load_full(), self.now());
        let mut mended = false;
        for (client, record) in known.iter().flat_map(|all| &all.clients) {
            let found = stored.iter().find(|(name, _)| name == client).map(|(_, found)| found.clone());
            let found = found.unwrap_or_default();
            if found.mended(record, now).keys == found.keys {
                continue;
            }
            self.keys.mend(client, record, now).await?;
            mended = true;
            tracing::warn!(client, "the store had lost keys, or the end of one: put back as known here");
        }
        Ok(mended)
    }

    /// Follows the store until `stopped`.
    pub async fn follow(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            match self.refresh().await {
                Ok(()) => failed = false,
                Err(error) if !failed => {
                    failed = true;
                    tracing::warn!(%error, "API keys cannot be read from the store, or put back into it; they count as they did");
                }
                Err(_) => {}
            }
        }
    }

    /// Makes these the keys that count. What a client has left of its limit stays.
    fn take(&self, clients: Vec<(String, ClientRecord)>) {
        let before = self.all.load();
        let before: HashMap<&str, &Client> = before
            .iter()
            .flat_map(|all| all.keys.values())
            .map(|known| (known.client.name(), &known.client))
            .collect();
        let mut keys = HashMap::new();
        for (name, record) in &clients {
            let client =
                before.get(name.as_str()).map_or_else(|| self.limits.client(name), |&client| client.clone());
            for key in &record.keys {
                keys.insert(key.id, Owned { client: client.clone(), record: key.clone() });
            }
        }
        self.all.store(Some(Arc::new(All { clients, keys })));
        // After that: who sees the new count finds the new keys.
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn saved(&self) -> Option<Vec<(String, ClientRecord)>> {
        let bytes = std::fs::read(&self.file).ok()?;
        serde_json::from_slice(&bytes)
            .inspect_err(
                |error| tracing::error!(file = %self.file.display(), %error, "saved keys do not read"),
            )
            .ok()
    }

    /// Saves in a file of its owner's alone, whole or not at all.
    fn save(&self, clients: &[(String, ClientRecord)]) {
        let saved = || {
            let fresh = self.file.with_extension("fresh");
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&fresh)?;
            serde_json::to_writer(&mut file, clients)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &self.file)
        };
        if let Err(error) = saved() {
            tracing::warn!(file = %self.file.display(), %error, "keys cannot be saved; a start without the store will know none");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::access::{LimitOptions, Wanted};
    use crate::store::{Embedded, EmbeddedOptions, Store};

    fn clock() -> UnixTime {
        UnixTime(1_000_000)
    }

    async fn directory(folder: &std::path::Path) -> (Keys, Directory) {
        let options = EmbeddedOptions { data_dir: folder.to_owned(), cache_bytes: 1 << 20 };
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&options).unwrap_or_else(|e| panic!("{e}")));
        let keys = Keys::new(store);
        let limits = Limits::new(LimitOptions { per_second: None, burst: NonZeroU32::MIN });
        let directory = Directory::open(keys.clone(), Arc::new(limits), folder, clock).await;
        (keys, directory)
    }

    fn wanted(scope: Scope, expires_at: Option<u32>) -> Wanted {
        Wanted { client: "shop".to_owned(), scopes: vec![scope], expires_at: expires_at.map(UnixTime) }
    }

    #[tokio::test]
    async fn each_refusal_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (keys, directory) = directory(folder.path()).await;
        let before = UnixTime(clock().0 - 100);
        let made = keys.create(wanted(Scope::Check, None), before).await.unwrap_or_else(|e| panic!("{e}"));
        let short = keys
            .create(wanted(Scope::Admin, Some(clock().0)), before)
            .await
            .unwrap_or_else(|e| panic!("{e}"));
        directory.refresh().await.unwrap_or_else(|e| panic!("{e}"));
        let said = |shown: Option<&str>, scope| {
            let found = directory.client(shown.map(str::as_bytes), scope);
            found.map(|client| client.name().to_owned()).map_err(|denied| denied.to_string())
        };
        let bearer = format!("Bearer {}", made.text);
        assert_eq!(said(Some(&bearer), Scope::Check).as_deref(), Ok("shop"));
        assert_eq!(said(Some(&made.text), Scope::Check).as_deref(), Ok("shop"), "without the word");
        let mut forged = made.text.clone();
        forged.replace_range(16..20, "0000");
        for (shown, scope, words) in [
            (None, Scope::Check, ["wants an API key", "authorization: Bearer ng_"]),
            (Some("Basic abc"), Scope::Check, ["does not read", "copy it again"]),
            (Some(forged.as_str()), Scope::Check, ["is not known here", "copied wrongly"]),
            (Some(short.text.as_str()), Scope::Check, ["of shop expired at 1970-01-12", "for a new one"]),
            (Some(bearer.as_str()), Scope::Admin, ["is for check", "needs admin"]),
        ] {
            let error = said(shown, scope).err().unwrap_or_default();
            assert!(words.iter().all(|word| error.contains(word)), "{error:?} does not say {words:?}");
            assert!(!error.contains(&made.text[20..]), "a secret is told");
        }
        keys.revoke(made.record.id, before).await.unwrap_or_else(|e| panic!("{e}"));
        directory.refresh().await.unwrap_or_else(|e| panic!("{e}"));
        assert!(said(Some(&bearer), Scope::Check).is_err_and(|error| error.contains("was revoked at")));
    }

    #[tokio::test]
    async fn two_live_keys_a_client_and_no_more() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (keys, _) = directory(folder.path()).await;
        let first = keys.create(wanted(Scope::Check, None), clock()).await.unwrap_or_else(|e| panic!("{e}"));
        let day = Duration::from_secs(86_400);
        let (client, second, old) =
            keys.rotate(first.record.id, day, None, clock()).await.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((client.as_str(), &second.record.scopes), ("shop", &vec![Scope::Check]));
        assert_eq!(old.expires_at, Some(UnixTime(clock().0 + 86_400)), "the old one ends by itself");
        for again in [
            keys.create(wanted(Scope::Check, None), clock()).await.err(),
            keys.rotate(second.record.id, day, None, clock()).await.err(),
        ] {
            let error = again.map(|error| error.to_string()).unwrap_or_default();
            assert!(
                error.contains("two live keys") && error.contains(&first.record.id.to_string()),
                "{error}"
            );
        }
        let later = UnixTime(clock().0 + 86_400);
        assert!(keys.create(wanted(Scope::Check, None), later).await.is_ok(), "the old one has ended");
        let again = keys.revoke(first.record.id, later).await.err().map(|error| error.to_string());
        assert!(again.is_some_and(|error| error.contains("expired at")));
        for at in 0..20 {
            let all = keys.all().await.unwrap_or_else(|e| panic!("{e}"));
            assert!(all[0].1.keys.len() <= 10, "the oldest are forgotten");
            let live: Vec<KeyId> = all[0].1.live(UnixTime(later.0 + at)).map(|key| key.id).collect();
            keys.revoke(live[0], UnixTime(later.0 + at)).await.unwrap_or_else(|e| panic!("{e}"));
            keys.create(wanted(Scope::Check, None), UnixTime(later.0 + at))
                .await
                .unwrap_or_else(|e| panic!("{e}"));
        }
    }

    #[tokio::test]
    async fn what_the_store_has_lost_is_put_back() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (keys, known) = directory(folder.path()).await;
        let made = keys.create(wanted(Scope::Check, None), clock()).await.unwrap_or_else(|e| panic!("{e}"));
        known.refresh().await.unwrap_or_else(|e| panic!("{e}"));
        let mut before = keys.all().await.unwrap_or_else(|e| panic!("{e}"));

        // A store that came back empty.
        let empty = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (fresh, _) = directory(empty.path()).await;
        let lost = Directory { keys: fresh.clone(), ..known };
        lost.refresh().await.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(fresh.all().await.unwrap_or_else(|e| panic!("{e}")), before);
        assert!(lost.client(Some(made.text.as_bytes()), Scope::Check).is_ok());

        // One that has lost a revocation that is known here.
        before[0].1.keys[0].revoked_at = Some(clock());
        lost.take(before.clone());
        lost.refresh().await.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(fresh.all().await.unwrap_or_else(|e| panic!("{e}")), before);
        assert!(lost.client(Some(made.text.as_bytes()), Scope::Check).is_err());
    }

    #[tokio::test]
    async fn saved_keys_count_when_the_store_is_away() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let (keys, directory) = directory(folder.path()).await;
        let made = keys.create(wanted(Scope::Check, None), clock()).await.unwrap_or_else(|e| panic!("{e}"));
        directory.refresh().await.unwrap_or_else(|e| panic!("{e}"));
        let saved = directory.saved().unwrap_or_default();
        assert_eq!(saved, keys.all().await.unwrap_or_else(|e| panic!("{e}")));
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap_or_else(|e| panic!("{e}"));
        assert!(!text.contains(&made.text[16..]), "secrets are not saved");
        #[cfg(unix)]
        {
            let kept = std::fs::metadata(folder.path().join(FILE)).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&kept.permissions()) & 0o777, 0o600);
        }
    }
}
