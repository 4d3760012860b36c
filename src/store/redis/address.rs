//! Where Redis is: one server, a Sentinel set or a cluster, plain or over TLS.
//!
//! Must not hold secrets: user and password come from the configuration, never from the URL.

use std::fmt;
use std::str::FromStr;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

/// How the servers are arranged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Topology {
    /// One server.
    Single(Node),
    /// Sentinels that know the master called `name`.
    Sentinel { nodes: Vec<Node>, name: String },
    /// Some nodes of a cluster.
    Cluster(Vec<Node>),
}

/// A Redis address: `redis://host:port`, `rediss://` (TLS), `redis-sentinel://h1,h2,h3/name`,
/// `redis-cluster://h1,h2,h3`; the last two with TLS as `rediss-sentinel`, `rediss-cluster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisAddress {
    pub(super) topology: Topology,
    pub(super) tls: bool,
}

/// Why a text is not a Redis address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisAddressError {
    /// Another scheme, or none.
    #[error(
        "expected redis://host:port, rediss://host:port, redis-sentinel://host:port,.../master-name or \
         redis-cluster://host:port,..."
    )]
    Scheme,
    /// A secret in the address would show in process lists and logs.
    #[error(
        "the address holds a user or password: set redis.username, and redis.password_file or \
         NUMGUARD_REDIS__PASSWORD instead"
    )]
    Secret,
    /// No host, or a port that is none.
    #[error("{0:?} is no host:port")]
    Node(String),
    /// Sentinels need the name of their master.
    #[error("the name of the master is missing: redis-sentinel://host:port,.../mymaster")]
    Name,
    /// numguard uses database 0, as clusters do.
    #[error("databases are not supported: give numguard a redis.prefix of its own instead")]
    Database,
}

impl FromStr for RedisAddress {
    type Err = RedisAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(RedisAddressError::Scheme)?;
        if rest.contains('@') {
            return Err(RedisAddressError::Secret);
        }
        let (nodes, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if scheme.ends_with("sentinel") { 26_379 } else { 6_379 };
        let nodes: Vec<Node> =
            nodes.split(',').map(|node| read_node(node, port)).collect::<Result<_, _>>()?;
        let tls = scheme.starts_with("rediss");
        let topology = match scheme {
            "redis" | "rediss" if nodes.len() == 1 => Topology::Single(nodes[0].clone()),
            "redis-sentinel" | "rediss-sentinel" if path.is_empty() => return Err(RedisAddressError::Name),
            "redis-sentinel" | "rediss-sentinel" => Topology::Sentinel { nodes, name: path.to_owned() },
            "redis-cluster" | "rediss-cluster" => Topology::Cluster(nodes),
            _ => return Err(RedisAddressError::Scheme),
        };
        match topology {
            Topology::Sentinel { .. } => {}
            _ if matches!(path, "" | "0") => {}
            _ => return Err(RedisAddressError::Database),
        }
        Ok(Self { topology, tls })
    }
}

fn read_node(text: &str, default_port: u16) -> Result<Node, RedisAddressError> {
    let wrong = || RedisAddressError::Node(text.to_owned());
    // [::1]:6379 has its colons inside the brackets.
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(default_port), |port| port.parse().map_err(|_| wrong()))?;
    if host.is_empty() || port == 0 {
        return Err(wrong());
    }
    Ok(Node { host: host.to_owned(), port })
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |nodes: &[Node]| nodes.iter().map(Node::to_string).collect::<Vec<_>>().join(",");
        match &self.topology {
            Topology::Single(node) => write!(out, "{node}"),
            Topology::Sentinel { nodes, name } => write!(out, "{name} of sentinels {}", list(nodes)),
            Topology::Cluster(nodes) => write!(out, "cluster {}", list(nodes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let shown =
            |text: &str| text.parse::<RedisAddress>().map(|address| (address.to_string(), address.tls));
        assert_eq!(shown("redis://cache"), Ok(("cache:6379".to_owned(), false)));
        assert_eq!(shown("rediss://[::1]:7000/0"), Ok(("::1:7000".to_owned(), true)));
        let sentinel = shown("redis-sentinel://a:1,b/mymaster");
        assert_eq!(sentinel, Ok(("mymaster of sentinels a:1,b:26379".to_owned(), false)));
        assert_eq!(shown("rediss-cluster://a,b:2"), Ok(("cluster a:6379,b:2".to_owned(), true)));
    }

    #[test]
    fn what_is_none_is_told() {
        use RedisAddressError::{Database, Name, Node, Scheme, Secret};
        for (text, expected) in [
            ("cache:6379", Scheme),
            ("http://cache", Scheme),
            ("redis://a,b", Scheme),
            ("redis://user:secret@cache", Secret),
            ("redis://", Node(String::new())),
            ("redis://cache:port", Node("cache:port".to_owned())),
            ("redis-sentinel://a,b", Name),
            ("redis://cache/5", Database),
        ] {
            assert_eq!(text.parse::<RedisAddress>(), Err(expected), "{text}");
        }
    }
}
