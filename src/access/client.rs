//! Who calls, as services see it, and what of their limit is left.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::metrics::{self, Uses};
use super::permits::Caller;
use super::record::ANONYMOUS;

/// Addresses that are remembered at a time; those that have paid off are forgotten first.
const ADDRESSES: usize = 10_000;

/// What one client may use. A number checked or an outcome reported costs 1, and so does any other
/// call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitOptions {
    /// Numbers per second in the long run; nothing: no limit.
    pub per_second: Option<NonZeroU32>,
    /// Numbers at once, after a pause.
    pub burst: NonZeroU32,
}

/// The limit is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exceeded {
    /// It passes after this time.
    Wait(Duration),
    /// It never passes: so many numbers at once are more than the burst.
    Never {
        /// The burst.
        burst: u32,
    },
}

type ByAddress = DefaultKeyedRateLimiter<IpAddr>;

/// A client's limit.
#[derive(Clone, Default)]
enum Limit {
    #[default]
    None,
    Own(Arc<DefaultDirectRateLimiter>, u32),
    OfAddress(Arc<ByAddress>, IpAddr, u32),
}

/// Who calls: the owner of the API key, or anonymous. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    caller: Arc<Caller>,
    limit: Limit,
}

/// Makes clients with their limits.
pub struct Limits {
    options: LimitOptions,
    by_address: Arc<ByAddress>,
    anonymous: Arc<str>,
    uses: Arc<Uses>,
}

impl Limits {
    /// Limits as `options` say.
    pub fn new(options: LimitOptions) -> Self {
        let quota = options.quota().unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX));
        let uses = metrics::of_client(ANONYMOUS);
        Self { options, by_address: Arc::new(RateLimiter::keyed(quota)), anonymous: ANONYMOUS.into(), uses }
    }

    /// Whether there are any.
    pub fn are_set(&self) -> bool {
        self.options.per_second.is_some()
    }

    /// A client with a limit of its own.
    pub fn client(&self, name: &str) -> Client {
        let limit = match self.options.quota() {
            None => Limit::None,
            Some(quota) => Limit::Own(Arc::new(RateLimiter::direct(quota)), self.options.burst.get()),
        };
        Client { caller: Arc::new(Caller::new(name.into(), metrics::of_client(name))), limit }
    }

    /// The caller of one connection without a key. What it may use is counted by its address (a /64 of IPv6 is
    /// one), what it has open by the connection.
    pub fn anonymous(&self, address: IpAddr) -> Client {
        let limit = if self.are_set() {
            if self.by_address.len() >= ADDRESSES {
                self.by_address.retain_recent();
            }
            // All that do not fit share one.
            let address =
                if self.by_address.len() >= ADDRESSES { IpAddr::from([0, 0, 0, 0]) } else { address };
            Limit::OfAddress(Arc::clone(&self.by_address), network(address), self.options.burst.get())
        } else {
            Limit::None
        };
        let caller = Caller::new(Arc::clone(&self.anonymous), Arc::clone(&self.uses));
        Client { caller: Arc::new(caller), limit }
    }
}

impl LimitOptions {
    fn quota(&self) -> Option<Quota> {
        Some(Quota::per_second(self.per_second?).allow_burst(self.burst))
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut parts = address.segments();
            parts[4..].fill(0);
            IpAddr::from(parts)
        }
        v4 => v4,
    }
}

impl Client {
    /// The name of the key's owner, or `anonymous`.
    pub fn name(&self) -> &str {
        &self.caller.name
    }

    /// Whose permits its calls take.
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// Takes `numbers` from the client's limit; nothing is taken if they do not fit.
    pub fn charge(&self, numbers: usize) -> Result<(), Exceeded> {
        let count = u32::try_from(numbers).unwrap_or(u32::MAX);
        let Some(count) = NonZeroU32::new(count) else { return Ok(()) };
        let (checked, burst) = match &self.limit {
            Limit::None => {
                self.caller.uses.numbers.inc_by(count.get().into());
                return Ok(());
            }
            Limit::Own(own, burst) => (own.check_n(count), *burst),
            Limit::OfAddress(all, address, burst) => (all.check_key_n(address, count), *burst),
        };
        let exceeded = match checked {
            Ok(Ok(())) => {
                self.caller.uses.numbers.inc_by(count.get().into());
                return Ok(());
            }
            Ok(Err(until)) => Exceeded::Wait(until.wait_time_from(DefaultClock::default().now())),
            Err(_) => Exceeded::Never { burst },
        };
        self.caller.uses.limited.inc();
        Err(exceeded)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Client({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_second: u32, burst: u32) -> Limits {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Limits::new(LimitOptions { per_second: NonZeroU32::new(per_second), burst })
    }

    #[test]
    fn a_batch_costs_its_numbers() {
        let limits = limits(1, 100);
        let client = limits.client("shop");
        assert_eq!(client.charge(60), Ok(()));
        assert!(matches!(client.charge(60), Err(Exceeded::Wait(after)) if after > Duration::from_secs(10)));
        assert_eq!(client.charge(40), Ok(()), "what was refused cost nothing");
        assert_eq!(client.charge(101), Err(Exceeded::Never { burst: 100 }));
        assert_eq!(limits.client("other").charge(100), Ok(()), "each client has its own");
        assert_eq!(client.charge(0), Ok(()));
    }

    #[test]
    fn addresses_are_limited_apart_and_forgotten() {
        let limits = limits(1, 10);
        let at = |text: &str| limits.anonymous(text.parse().unwrap_or_else(|e| panic!("{e}")));
        assert_eq!(at("192.0.2.1").charge(10), Ok(()));
        assert!(at("192.0.2.1").charge(1).is_err(), "also on a new connection");
        assert!(at("::ffff:192.0.2.1").charge(1).is_err(), "the same address in IPv6's form");
        assert_eq!(at("192.0.2.2").charge(10), Ok(()));
        assert_eq!(at("2001:db8::1").charge(10), Ok(()));
        assert!(at("2001:db8::2").charge(1).is_err(), "one network");
        for n in 0..2 * ADDRESSES as u32 {
            let _ = limits.anonymous(IpAddr::from(n.to_be_bytes())).charge(10);
        }
        assert!(limits.by_address.len() <= ADDRESSES + 1, "{} remembered", limits.by_address.len());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let limits = limits(0, 1);
        assert_eq!(limits.client("shop").charge(usize::MAX), Ok(()));
        assert_eq!(limits.anonymous(IpAddr::from([127, 0, 0, 1])).charge(1_000_000), Ok(()));
        assert_eq!(limits.by_address.len(), 0);
    }
}
