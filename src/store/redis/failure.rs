//! The driver's error becomes ours at this door: one line that says what to do.
//!
//! Must not quote arguments of a command: they hold numbers.

use redis::RedisError;

use crate::core::listing::codec::CodecError;
use crate::store::StoreError;

/// What Redis says by the first word of its answer, and what that means for an operator.
const ANSWERS: [(&str, &str); 19] = [
    ("WRONGPASS", "refuses the user or password: set redis.username and redis.password_file"),
    ("NOAUTH", "asks for a password: set redis.password_file, or NUMGUARD_REDIS__PASSWORD"),
    ("NOPERM", "does not let this user do that: the README has the ACL line that numguard needs"),
    ("WRONGTYPE", "holds a key of another type under our prefix: give numguard a redis.prefix of its own"),
    (
        "DAMAGED",
        "has lost a part of our data (evicted, or deleted behind our back): restore a backup, or empty the \
         prefix and import again; nothing was changed",
    ),
    ("LAYOUT", "holds data of another numguard version: upgrade this one, or use another redis.prefix"),
    ("READONLY", "is read-only (a replica, or a failover is going on): writes wait for a master"),
    ("OOM", "is full: raise its maxmemory; nothing was changed"),
    ("MISCONF", "cannot save to its disk and refuses writes: mend that; nothing was changed"),
    ("LOADING", "is loading its data: it will answer when it is done"),
    ("MASTERDOWN", "is a replica without its master"),
    ("NOREPLICAS", "has too few replicas to accept writes safely (min-replicas-to-write)"),
    ("CLUSTERDOWN", "has a part of the cluster down"),
    ("MOVED", "has this shard on another node: a cluster needs a redis-cluster:// address, which follows"),
    ("ASK", "is moving this shard to another node"),
    ("TRYAGAIN", "is moving this shard to another node"),
    ("CROSSSLOT", "is a cluster: use a redis-cluster:// address"),
    ("BUSY", "is busy with somebody's long script"),
    ("UNBLOCKED", "has changed its role"),
];

/// What TLS says, and what that means for an operator.
const TLS: [(&str, &str); 8] = [
    ("UnknownIssuer", ": set redis.tls_authority to the PEM file of who signed its certificate"),
    ("BadSignature", ": set redis.tls_authority to the PEM file of who signed its certificate"),
    ("NotValidForName", ": its certificate names another host than the address"),
    ("not valid for name", ": its certificate names another host than the address"),
    ("CertificateRequired", ": it asks for our certificate: set redis.tls_certificate and redis.tls_key"),
    ("HandshakeFailure", ": it may ask for our certificate: set redis.tls_certificate and redis.tls_key"),
    ("InvalidContentType", ": it does not speak TLS there: the address may have to begin with redis"),
    ("InvalidMessage", ": it does not speak TLS there: the address may have to begin with redis"),
];

/// Answers after which the connection leads to the wrong place and is made anew.
const ELSEWHERE: [&str; 8] =
    ["READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "MOVED", "ASK", "UNBLOCKED", "NOAUTH"];

/// Our error for the driver's.
pub(super) fn of(place: &str, error: &RedisError) -> StoreError {
    let code = error.code();
    let known = code.and_then(|code| ANSWERS.iter().find(|(known, _)| *known == code));
    StoreError::Unavailable(match (known, code) {
        (Some((_, meaning)), _) => format!("Redis at {place} {meaning}"),
        (None, Some(code)) => format!("Redis at {place} answered {code}: {}", first_words(error)),
        (None, None) => {
            let text = first_words(error);
            let hint = TLS.iter().find(|(part, _)| text.contains(part)).map_or("", |(_, hint)| hint);
            format!("no answer from Redis at {place}: {text}{hint}")
        }
    })
}

/// The first error of several commands that were sent together; the driver's own has no code.
pub(super) fn first_of_several(error: RedisError) -> RedisError {
    let first = error.clone().into_server_errors().and_then(|errors| errors.first().cloned());
    first.map_or(error, |(_, first)| first.into())
}

/// Our error for stored bytes that cannot be read. It may be mended while we wait.
pub(super) fn unreadable(key: &str, error: CodecError) -> StoreError {
    StoreError::Unavailable(format!("Redis key {key}: {error}"))
}

/// Our error for an answer of a shape that our commands do not have.
pub(super) fn odd(what: &str) -> StoreError {
    StoreError::Unavailable(format!("Redis gave an answer that is no {what}"))
}

/// Whether the connection is of no more use.
pub(super) fn ends_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || error.code().is_some_and(|code| ELSEWHERE.contains(&code))
}

fn first_words(error: &RedisError) -> String {
    let text = error.detail().map_or_else(|| error.to_string(), str::to_owned).replace(['\n', '\r'], " ");
    let text = text.split("with args").next().unwrap_or_default();
    text.trim_end_matches([' ', ',']).chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_to_do_and_quotes_no_arguments() {
        let error =
            |code: &str, detail: &str| redis::make_extension_error(code.to_owned(), Some(detail.to_owned()));
        let said = of("127.0.0.1:6379", &error("LAYOUT", "2")).to_string();
        assert!(said.contains("127.0.0.1:6379 holds data of another numguard version"), "{said}");
        let said =
            of("x", &error("ODD", "unknown command, with args beginning with: '+447400123456'")).to_string();
        assert!(said.contains("ODD") && !said.contains("4474"), "{said}");
    }
}
