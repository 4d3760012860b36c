//! Clients that call at a rate, whether or not earlier calls have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use numguard::rpc::pb;
use pb::check_service_client::CheckServiceClient;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// Callers that never rest, to find how much can be asked.
const CALLERS: usize = 16;

/// Clients with keys, spread over the replicas.
#[derive(Clone)]
pub(crate) struct Clients(Arc<Spread>);

struct Spread {
    replicas: Vec<CheckServiceClient<Channel>>,
    keys: Vec<AsciiMetadataValue>,
}

/// What became of calls.
#[derive(Default)]
pub(crate) struct Seen {
    /// Of each answered call: milliseconds from when it was due.
    millis: Vec<f64>,
    /// RESOURCE_EXHAUSTED.
    pub(crate) refused: usize,
    /// Every other error, by what it said.
    lost: BTreeMap<String, usize>,
    /// Calls that were tried again after UNAVAILABLE.
    pub(crate) retries: usize,
}

impl Seen {
    pub(crate) fn answered(&self) -> usize {
        self.millis.len()
    }

    pub(crate) fn lost(&self) -> usize {
        self.lost.values().sum()
    }

    pub(crate) fn all(&self) -> usize {
        self.answered() + self.refused + self.lost()
    }

    pub(crate) fn at(&self, share: f64) -> f64 {
        let last = self.millis.len().saturating_sub(1);
        self.millis.get(((self.millis.len() as f64 * share) as usize).min(last)).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn told(&self) -> String {
        format!("{:.2} / {:.2} / {:.2}", self.at(0.5), self.at(0.99), self.at(0.999))
    }
}

impl Clients {
    pub(crate) fn new(addresses: &[&str], keys: &[String]) -> Self {
        let connect = |address: &&str| {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            CheckServiceClient::new(endpoint.tcp_nodelay(true).connect_lazy())
        };
        let bearer = |key: &String| format!("Bearer {key}").parse().unwrap();
        let (replicas, keys) = (addresses.iter().map(connect).collect(), keys.iter().map(bearer).collect());
        Self(Arc::new(Spread { replicas, keys }))
    }

    /// One check; UNAVAILABLE is tried again on the next replica.
    async fn ask(self, at: usize) -> (Result<(), Status>, usize) {
        let Spread { replicas, keys } = &*self.0;
        let mut retries = 0;
        loop {
            let number = format!("+4479{:08}", at * 7_919 % 100_000_000);
            let mut request = Request::new(pb::CheckNumberRequest { number, ..Default::default() });
            request.metadata_mut().insert("authorization", keys[at % keys.len()].clone());
            let mut replica = replicas[(at + retries) % replicas.len()].clone();
            match replica.check_number(request).await {
                Ok(_) => return (Ok(()), retries),
                Err(status) if status.code() == Code::Unavailable && retries < 50 => {
                    retries += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(status) => return (Err(status), retries),
            }
        }
    }

    /// Calls per second of callers that never rest.
    pub(crate) async fn capacity(&self, span: Duration) -> f64 {
        let began = Instant::now();
        let callers = (0..CALLERS).map(|caller| {
            let clients = self.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while began.elapsed() < span {
                    let (answer, _) = clients.clone().ask(caller + done * CALLERS).await;
                    assert!(answer.is_ok(), "{answer:?}");
                    done += 1;
                }
                done
            })
        });
        let mut done = 0;
        for caller in callers.collect::<Vec<_>>() {
            done += caller.await.unwrap();
        }
        done as f64 / began.elapsed().as_secs_f64()
    }

    /// Calls begin when they are due, and their time counts from then: what waits in the client waits too.
    pub(crate) async fn at_rate(&self, rate: f64, span: Duration) -> Seen {
        let began = Instant::now();
        let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
        for at in 0..(rate * span.as_secs_f64()) as usize {
            let due = began + Duration::from_secs_f64(at as f64 / rate);
            // Timers tick once a millisecond, which would send calls in bursts.
            while Instant::now() < due {
                tokio::task::yield_now().await;
            }
            let (clients, sender) = (self.clone(), sender.clone());
            tokio::spawn(async move {
                let (answer, retries) = clients.ask(at).await;
                let _ = sender.send((answer, retries, due.elapsed().as_secs_f64() * 1e3));
            });
        }
        drop(sender);
        let mut seen = Seen::default();
        while let Some((answer, retries, millis)) = received.recv().await {
            seen.retries += retries;
            match answer {
                Ok(()) => seen.millis.push(millis),
                Err(status) if status.code() == Code::ResourceExhausted => seen.refused += 1,
                Err(status) => {
                    *seen.lost.entry(format!("{:?}: {}", status.code(), status.message())).or_default() += 1
                }
            }
        }
        if !seen.lost.is_empty() {
            eprintln!("lost: {:?}", seen.lost);
        }
        seen.millis.sort_by(f64::total_cmp);
        seen
    }
}
