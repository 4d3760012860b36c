//! Random bytes, from the operating system: the one place that asks for them.
//!
//! Keys need [`fill`], which fails if the system has none; names, seeds and jitter take [`number`],
//! which always gives one. `core/` must not use this file: what it needs is given to it as a seed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no randomness")]
pub(crate) struct NoRandomness;

/// Fills `bytes` with random ones that nobody can guess.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(bytes).map_err(|_| NoRandomness)
}

/// A random number for a name, a seed or a jitter. If the system gives none, it is made of the process
/// id, the time since boot and a count: still different from all others, but easier to guess.
pub(crate) fn number() -> u64 {
    getrandom::u64().unwrap_or_else(|error| {
        static LOGGED: Once = Once::new();
        LOGGED.call_once(|| {
            tracing::warn!(%error, "the system has no randomness: names and seeds can be guessed");
        });
        substitute()
    })
}

fn substitute() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut hasher = DefaultHasher::new();
    (std::process::id(), Instant::now(), COUNT.fetch_add(1, Ordering::Relaxed)).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_differ_with_and_without_the_system() {
        let drawn: HashSet<u64> = (0..1_000).flat_map(|_| [number(), substitute()]).collect();
        assert_eq!(drawn.len(), 2_000);
    }

    #[test]
    fn all_bytes_are_filled() {
        let mut seen = [0u8; 32];
        for _ in 0..64 {
            let mut bytes = [0; 32];
            assert_eq!(fill(&mut bytes), Ok(()));
            seen.iter_mut().zip(bytes).for_each(|(seen, byte)| *seen |= byte);
        }
        assert_eq!(seen, [0xff; 32], "64 draws set each bit at least once");
    }
}
