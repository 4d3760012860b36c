//! How many calls may be open at a time: permits, counted over all callers and for each of them.
//!
//! One rule gives every caller its share. Must not wait, lock or look anything up: each call takes one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::metrics::Uses;

/// What a permit is for. Each has a separate limit, so that calls of one weight never take what those of
/// another need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// A check of one number that is here: a matter of microseconds.
    Light,
    /// The same while its request has not arrived.
    Arriving,
    /// Many numbers or listings, or the store: its answer may be large.
    Heavy,
    /// As long as both sides like.
    Stream,
    /// Health, of which anybody may ask: so it takes no permit that a client with a key may want.
    Probe,
    /// A call that is refused, while the rest of its request arrives.
    Refused,
}

impl Weight {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Light, Self::Arriving, Self::Heavy, Self::Stream, Self::Probe, Self::Refused];

    /// The word of metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Arriving => "arriving",
            Self::Heavy => "heavy",
            Self::Stream => "stream",
            Self::Probe => "probe",
            Self::Refused => "refused",
        }
    }
}

const WEIGHTS: usize = Weight::ALL.len();

/// How many calls of a weight may be open, from all callers and from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrencyLimit {
    /// From all callers.
    pub most: usize,
    /// From one caller. `None`: a caller that has `had` may have one more while `had x most < 2 x free²`. One
    /// caller alone gets half, two get 30 % each, three 22 %. The square leaves more to newcomers than "fewer than
    /// are free", which halves the rest with every caller: of 1,000 permits, ten callers would leave none; by this
    /// rule the forty-first still gets one.
    pub share: Option<usize>,
}

impl ConcurrencyLimit {
    /// Whether a caller that has `had` of them may have one more when `taken` are taken in all.
    fn admits(self, taken: usize, had: usize) -> bool {
        let free = self.most.saturating_sub(taken);
        match self.share {
            Some(share) => free > 0 && had < share,
            None => had.saturating_mul(self.most) < free.saturating_mul(free).saturating_mul(2),
        }
    }
}

/// The permits of one server.
#[derive(Debug)]
pub struct Permits {
    limits: [ConcurrencyLimit; WEIGHTS],
    taken: [AtomicUsize; WEIGHTS],
}

/// Whose permits are counted together: the owner of an API key with all its connections, or one connection
/// without a key.
pub struct Caller {
    pub(super) name: Arc<str>,
    pub(super) uses: Arc<Uses>,
    open: [AtomicUsize; WEIGHTS],
}

impl Caller {
    pub(super) fn new(name: Arc<str>, uses: Arc<Uses>) -> Self {
        Self { name, uses, open: Default::default() }
    }

    /// Its name in metrics: its own, or one that is shared when very many clients have called.
    pub fn label(&self) -> &str {
        &self.uses.label
    }
}

/// The right to have a call open; given back when dropped.
pub struct Permit {
    permits: Arc<Permits>,
    caller: Arc<Caller>,
    weight: Weight,
}

impl Permits {
    /// As many of each weight as `limit` says.
    pub fn new(limit: impl Fn(Weight) -> ConcurrencyLimit) -> Self {
        Self { limits: Weight::ALL.map(limit), taken: Default::default() }
    }

    /// A permit, unless all are taken or the caller has its share.
    pub fn take(self: &Arc<Self>, weight: Weight, caller: &Arc<Caller>) -> Option<Permit> {
        let at = weight as usize;
        let taken = self.taken[at].fetch_add(1, Ordering::Relaxed);
        let had = caller.open[at].fetch_add(1, Ordering::Relaxed);
        let permit = Permit { permits: Arc::clone(self), caller: Arc::clone(caller), weight };
        self.limits[at].admits(taken, had).then_some(permit)
    }
}

impl Permit {
    /// One of another weight for the same caller.
    pub fn another(&self, weight: Weight) -> Option<Self> {
        self.permits.take(weight, &self.caller)
    }

    /// Who has it.
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let at = self.weight as usize;
        self.permits.taken[at].fetch_sub(1, Ordering::Relaxed);
        self.caller.open[at].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::metrics::of_client;

    fn permits(most: usize, share: Option<usize>) -> Arc<Permits> {
        Arc::new(Permits::new(|_| ConcurrencyLimit { most, share }))
    }

    fn caller() -> Arc<Caller> {
        Arc::new(Caller::new("shop".into(), of_client("shop")))
    }

    /// As many permits as a caller gets at once.
    fn all(permits: &Arc<Permits>, caller: &Arc<Caller>) -> Vec<Permit> {
        std::iter::from_fn(|| permits.take(Weight::Light, caller)).collect()
    }

    #[test]
    fn callers_that_take_all_they_get_leave_some_for_the_next() {
        for (most, callers) in [(1_024, 40), (64, 10), (1, 1)] {
            let permits = permits(most, None);
            let first = caller();
            let mut taken = vec![all(&permits, &first)];
            assert_eq!(taken[0].len(), most.div_ceil(2), "one alone gets half");
            for _ in 1..callers {
                let next = all(&permits, &caller());
                assert!(!next.is_empty(), "{} callers took all {most}", taken.len());
                taken.push(next);
            }
            assert!(permits.take(Weight::Light, &first).is_none(), "a caller over its share gets none");
            assert!(permits.take(Weight::Heavy, &first).is_some(), "weights are counted apart");
            drop(taken);
            assert_eq!(all(&permits, &first).len(), most.div_ceil(2), "all are given back");
            for at in 0..WEIGHTS {
                assert_eq!(permits.taken[at].load(Ordering::Relaxed), 0);
                assert_eq!(first.open[at].load(Ordering::Relaxed), 0);
            }
        }
    }

    #[test]
    fn callers_that_come_and_go_level_out() {
        for (callers, share) in [(2, 304), (3, 222), (9, 88)] {
            let permits = permits(1_000, None);
            let callers: Vec<_> = (0..callers).map(|_| caller()).collect();
            let mut open: Vec<Vec<Permit>> = callers.iter().map(|caller| all(&permits, caller)).collect();
            for _ in 0..2_000 {
                for (caller, open) in callers.iter().zip(&mut open) {
                    drop(open.pop());
                    open.extend(all(&permits, caller));
                }
            }
            let counts: Vec<usize> = open.iter().map(Vec::len).collect();
            assert!(counts.iter().all(|count| count.abs_diff(share) <= 3), "{counts:?} instead of {share}");
        }
    }

    #[test]
    fn a_fixed_share_is_kept() {
        let permits = permits(25, Some(10));
        let taken: Vec<_> = (0..3).map(|_| all(&permits, &caller())).collect();
        assert_eq!(taken.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    }
}
