//! What the stores tell Prometheus. Redis has more to tell: `redis/metrics.rs`.

use super::redis_metrics;

/// Makes all of them, so that each is told from the start; `redis` if that store is in use.
pub fn begin(redis: bool) {
    if redis {
        redis_metrics::begin();
    }
}
