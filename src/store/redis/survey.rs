//! Looks once at the Redis that was found, and warns of what will hurt later.

use std::sync::Arc;
use std::time::Duration;

use redis::cmd;

use crate::core::listing::UnixTime;
use crate::store::StoreError;

use super::Redis;

/// Pause before a Redis that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(5);

/// The oldest version with the commands that numguard uses.
const OLDEST: (u32, u32) = (6, 2);

/// In the background, until it has answered once.
pub(super) fn look(store: &Redis) {
    let inner = Arc::downgrade(&store.0);
    tokio::spawn(async move {
        while let Some(inner) = inner.upgrade() {
            match ask(&Redis(inner)).await {
                Ok(warnings) => return warnings.iter().for_each(|warning| tracing::warn!("{warning}")),
                Err(error) => tracing::debug!(%error, "cannot ask Redis about itself yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    });
}

/// What will hurt later.
pub(super) async fn ask(store: &Redis) -> Result<Vec<String>, StoreError> {
    let link = &store.route(0).reads;
    let mut info = String::new();
    for section in ["server", "memory"] {
        info.push_str(&link.run::<String>(cmd("INFO").arg(section)).await?);
    }
    Ok(warnings(&info))
}

/// The clock of the first server.
pub(super) async fn clock(store: &Redis) -> Result<Option<UnixTime>, StoreError> {
    let info: String = store.route(0).reads.run(cmd("INFO").arg("server")).await?;
    let micros = info.lines().find_map(|line| line.strip_prefix("server_time_usec:"));
    let seconds =
        micros.and_then(|micros| micros.trim().parse::<u64>().ok()).map(|micros| micros / 1_000_000);
    Ok(seconds.and_then(|seconds| u32::try_from(seconds).ok()).map(UnixTime))
}

/// What to say about the answers to `INFO`.
fn warnings(info: &str) -> Vec<String> {
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.split_once(':').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    };
    let mut warnings = Vec::new();
    if let Some(policy) = field("maxmemory_policy").filter(|policy| policy.starts_with("allkeys-")) {
        warnings.push(format!(
            "Redis has maxmemory-policy {policy}: when it is full it will throw listings away; set noeviction"
        ));
    }
    let version = field("redis_version").unwrap_or_default();
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    if let (Some(major), Some(minor)) = (parts.next(), parts.next())
        && (major, minor) < OLDEST
    {
        warnings.push(format!("Redis {version} is too old: numguard needs 6.2 or later, or any Valkey"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::warnings;

    #[test]
    fn eviction_and_old_versions_are_told() {
        let told = |version: &str, policy: &str| {
            warnings(&format!("# Server\r\nredis_version:{version}\r\nmaxmemory_policy:{policy}\r\n"))
                .join("; ")
        };
        assert_eq!(told("6.2.0", "noeviction"), "");
        assert_eq!(told("7.2.4", "volatile-lru"), "", "only what expires anyway");
        assert!(told("8.0.1", "allkeys-lru").contains("allkeys-lru: when it is full"));
        assert!(told("6.0.16", "noeviction").contains("6.0.16 is too old"));
        assert_eq!(warnings(""), Vec::<String>::new());
    }
}
