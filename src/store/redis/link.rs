//! One connection that is kept alive in the background.
//!
//! A call uses the connection there is, within a time limit, or fails at once: no caller ever waits
//! on a reconnect. Whoever finds it broken says so, and the keeper dials again, with growing pauses.
//! The keeper also looks itself, every now and then: a server may have gone without a word, and a
//! master that has become a replica answers reads as if nothing had happened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, ScriptInvocation};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::store::StoreError;

use super::dial::{Seat, dial, is_still_master};
use super::{RedisOptions, failure, metrics};

/// Pauses between attempts to connect: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How often the keeper looks whether a connection still leads to a master.
const LOOK: Duration = Duration::from_secs(2);

/// How long a question for news may wait in Redis; every other answer on that connection waits behind it.
pub(super) const NEWS_WAIT: Duration = Duration::from_secs(2);

#[derive(Clone)]
enum State {
    /// Nothing has been tried yet: the one state that calls wait in, and not for long.
    New,
    Up(MultiplexedConnection, u64),
    Down(String),
}

/// Why a call has no answer.
enum Failed {
    /// It was not sent, or refused.
    Known(StoreError),
    /// It was sent, and what became of it is not known.
    Silent(StoreError),
}

impl Failed {
    fn known(self) -> StoreError {
        match self {
            Self::Known(error) | Self::Silent(error) => error,
        }
    }
}

/// A kept connection.
pub(super) struct Link {
    place: String,
    timeout: Duration,
    state: watch::Receiver<State>,
    broken: Arc<Broken>,
    keeper: JoinHandle<()>,
}

/// How callers tell the keeper that a connection is of no use.
#[derive(Default)]
struct Broken {
    generation: AtomicU64,
    /// What the last of them saw.
    reason: Mutex<Option<String>>,
    told: Notify,
}

impl Link {
    /// Begins to connect to `seat`.
    pub(super) fn open(options: Arc<RedisOptions>, seat: Seat) -> Self {
        let (sender, state) = watch::channel(State::New);
        let broken = Arc::<Broken>::default();
        let (place, timeout) = (options.address.to_string(), options.timeout);
        let keeper = tokio::spawn(keep(options, seat, sender, Arc::clone(&broken)));
        Self { place, timeout, state, broken, keeper }
    }

    /// Sends a command and reads its answer within the usual time.
    pub(super) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.run_within(self.timeout, command).await
    }

    /// As [`Link::run`], for commands that wait on the server's side.
    pub(super) async fn run_within<T: FromRedisValue>(
        &self,
        limit: Duration,
        command: &Cmd,
    ) -> Result<T, StoreError> {
        let run = |mut connection| async move { command.query_async(&mut connection).await };
        self.call(limit, run).await.map_err(Failed::known)
    }

    /// Runs a script, by its hash where the server has it. Scripts write: what was sent and not
    /// answered may be done all the same.
    pub(super) async fn run_script<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let run = |mut connection| async move { script.invoke_async(&mut connection).await };
        self.call(self.timeout, run).await.map_err(|failed| match failed {
            Failed::Silent(error) => StoreError::Unconfirmed(format!("{error}; the write may be done")),
            failed => failed.known(),
        })
    }

    /// Sends several commands at once.
    pub(super) async fn run_all<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, StoreError> {
        let run = |mut connection| async move {
            pipeline.query_async(&mut connection).await.map_err(failure::first_of_several)
        };
        self.call(self.timeout, run).await.map_err(Failed::known)
    }

    async fn call<T, F: Future<Output = Result<T, RedisError>>>(
        &self,
        limit: Duration,
        call: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Failed> {
        metrics::CALLS.inc();
        let (connection, generation) = self.connection().await.map_err(|error| {
            metrics::ERRORS_UNREACHABLE.inc();
            Failed::Known(error)
        })?;
        match tokio::time::timeout(limit, call(connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                metrics::failed(error.code().is_some());
                if failure::ends_connection(&error) {
                    self.broken.tell(generation, failure::of(&self.place, &error));
                }
                let ours = failure::of(&self.place, &error);
                Err(if error.code().is_some() { Failed::Known(ours) } else { Failed::Silent(ours) })
            }
            Err(_) => {
                metrics::ERRORS_TIMEOUT.inc();
                let reason = format!("Redis at {} did not answer within {limit:?}", self.place);
                self.broken.tell(generation, StoreError::Unavailable(reason.clone()));
                Err(Failed::Silent(StoreError::Unavailable(reason)))
            }
        }
    }

    /// Which connection it is; another number means that it was made anew.
    pub(super) async fn generation(&self) -> Result<u64, StoreError> {
        self.connection().await.map(|(_, generation)| generation)
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), StoreError> {
        let mut state = self.state.clone();
        let tried = state.wait_for(|state| !matches!(state, State::New));
        let Ok(state) = tokio::time::timeout(self.timeout * 2, tried).await else {
            return Err(StoreError::Unavailable(format!("Redis at {} has not answered yet", self.place)));
        };
        match state.as_deref() {
            Ok(State::Up(connection, generation)) => Ok((connection.clone(), *generation)),
            Ok(State::Down(reason)) => Err(StoreError::Unavailable(reason.clone())),
            Ok(State::New) | Err(_) => Err(StoreError::Unavailable("the store is closed".to_owned())),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Broken {
    fn tell(&self, generation: u64, error: StoreError) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(said(error));
        self.generation.fetch_max(generation, Ordering::AcqRel);
        self.told.notify_one();
    }

    async fn wait(&self, generation: u64) {
        while self.generation.load(Ordering::Acquire) < generation {
            self.told.notified().await;
        }
    }
}

/// The words of an error, to be told again.
fn said(error: StoreError) -> String {
    match error {
        StoreError::Unavailable(reason) => reason,
        other => other.to_string(),
    }
}

async fn keep(options: Arc<RedisOptions>, seat: Seat, state: watch::Sender<State>, broken: Arc<Broken>) {
    let _wanted = metrics::Wanted::new();
    let mut generation = 0;
    let mut pause = PAUSE.0;
    loop {
        let lost = Arc::<Notify>::default();
        match dial(&options, seat, &lost).await {
            Ok(connection) => {
                generation += 1;
                metrics::CONNECTS.inc();
                let up = metrics::Up::new();
                state.send_replace(State::Up(connection.clone(), generation));
                let since = tokio::time::Instant::now();
                tokio::select! {
                    () = broken.wait(generation) => {}
                    () = lost.notified() => {}
                    () = look(&connection, options.timeout) => {}
                }
                drop(up);
                // A connection that breaks at once must not be dialled in a tight loop.
                pause = if since.elapsed() > PAUSE.1 { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
                let reason = broken.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
                let lost = || format!("the connection to Redis at {} was lost", options.address);
                state.send_replace(State::Down(reason.unwrap_or_else(lost)));
            }
            Err(error) => {
                metrics::CONNECT_FAILURES.inc();
                state.send_replace(State::Down(said(error)));
                pause = (pause * 2).min(PAUSE.1);
            }
        }
        tokio::time::sleep(pause / 2).await;
    }
}

/// Returns when the connection has died, or no longer leads to a master.
async fn look(connection: &MultiplexedConnection, timeout: Duration) {
    loop {
        tokio::time::sleep(LOOK).await;
        // The answer may have to wait behind a question for news.
        let limit = NEWS_WAIT + timeout;
        match tokio::time::timeout(limit, is_still_master(connection.clone())).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return,
        }
    }
}
