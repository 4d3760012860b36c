//! Making a connection: find the master, TLS, log in, make sure that it is one.
//!
//! Done anew for every connection, so that a failover is followed whatever the driver remembers.

use std::convert::Infallible;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo,
    ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, RedisError, TlsCertificates, Value, cmd,
};
use tokio::sync::Notify;

use crate::store::StoreError;

use super::address::{Node, Topology};
use super::{RedisOptions, failure};

/// Which server is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seat {
    /// The only one, or the master.
    Master,
    /// The master of a cluster's slot.
    Slot(u16),
}

/// A connection to the server at `seat`; `lost` is told when it ends.
pub(super) async fn dial(
    options: &RedisOptions,
    seat: Seat,
    lost: &Arc<Notify>,
) -> Result<MultiplexedConnection, StoreError> {
    match &options.address.topology {
        Topology::Single(node) => master(options, node, lost).await,
        Topology::Sentinel { nodes, name } => {
            first_of(nodes, |node| async move {
                master(options, &ask_sentinel(options, node, name).await?, lost).await
            })
            .await
        }
        Topology::Cluster(nodes) => {
            let slot = match seat {
                Seat::Master => 0,
                Seat::Slot(slot) => slot,
            };
            first_of(nodes, |node| async move {
                master(options, &ask_cluster(options, node, slot).await?, lost).await
            })
            .await
        }
    }
}

/// The first connection that one of `nodes` leads to, or the last error. A node that was cut off
/// names a master of yesterday, so its word alone is not enough.
async fn first_of<'a, F>(
    nodes: &'a [Node],
    lead: impl Fn(&'a Node) -> F,
) -> Result<MultiplexedConnection, StoreError>
where
    F: Future<Output = Result<MultiplexedConnection, StoreError>>,
{
    let mut failed = StoreError::Unavailable("no Redis node is named".to_owned());
    for node in nodes {
        match lead(node).await {
            Ok(found) => return Ok(found),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// What `node` answers to `command`, within the usual time.
async fn ask<T: FromRedisValue>(
    options: &RedisOptions,
    node: &Node,
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> Result<Result<T, RedisError>, StoreError> {
    tokio::time::timeout(options.timeout, command.query_async(connection)).await.map_err(|_| silent(node))
}

fn silent(node: &Node) -> StoreError {
    StoreError::Unavailable(format!("Redis at {node} does not answer"))
}

async fn ask_sentinel(options: &RedisOptions, node: &Node, name: &str) -> Result<Node, StoreError> {
    let login = (options.sentinel_username.as_deref(), options.sentinel_password.as_ref());
    let mut sentinel = connect(options, node, login, None).await?;
    let question = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name).to_owned();
    let answer = ask::<Option<(String, u16)>>(options, node, &mut sentinel, &question).await?;
    let answer = answer.map_err(|error| match error.code() {
        Some("ERR") => StoreError::Unavailable(format!("Redis at {node} is no sentinel: use redis://")),
        _ => failure::of(&node.to_string(), &error),
    })?;
    let unknown = || StoreError::Unavailable(format!("sentinel {node} knows no master called {name}"));
    answer.map(|(host, port)| Node { host, port }).ok_or_else(unknown)
}

async fn ask_cluster(options: &RedisOptions, node: &Node, slot: u16) -> Result<Node, StoreError> {
    let mut seed = connect(options, node, login(options), None).await?;
    let question = cmd("CLUSTER").arg("SLOTS").to_owned();
    let map = ask::<Vec<Vec<Value>>>(options, node, &mut seed, &question).await?;
    let map = map.map_err(|error| failure::of(&node.to_string(), &error))?;
    let owner = map.iter().find_map(|range| match range.as_slice() {
        [Value::Int(first), Value::Int(last), master, ..] if (*first..=*last).contains(&i64::from(slot)) => {
            read_owner(master, node)
        }
        _ => None,
    });
    owner.ok_or_else(|| StoreError::Unavailable(format!("no node of the cluster serves slot {slot}")))
}

/// A node of `CLUSTER SLOTS`; one without a host is the one that was asked.
fn read_owner(master: &Value, asked: &Node) -> Option<Node> {
    let Value::Array(parts) = master else { return None };
    let host =
        parts.first().and_then(|host| redis::from_redis_value_ref::<Option<String>>(host).ok()).flatten();
    let port = parts.get(1).and_then(|port| redis::from_redis_value_ref::<u16>(port).ok())?;
    let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.host.clone());
    Some(Node { host, port })
}

fn login(options: &RedisOptions) -> (Option<&str>, Option<&super::Password>) {
    (options.username.as_deref(), options.password.as_ref())
}

/// A connection to `node`, which must be a master.
async fn master(
    options: &RedisOptions,
    node: &Node,
    lost: &Arc<Notify>,
) -> Result<MultiplexedConnection, StoreError> {
    let mut connection = connect(options, node, login(options), Some(lost)).await?;
    match ask::<Vec<Value>>(options, node, &mut connection, &cmd("ROLE")).await? {
        Ok(role) if role.first().is_some_and(|role| is(role, "slave")) => Err(StoreError::Unavailable(
            format!("Redis at {node} is a replica: name its master, or use redis-sentinel://"),
        )),
        Ok(role) if role.first().is_some_and(|role| is(role, "sentinel")) => Err(StoreError::Unavailable(
            format!("Redis at {node} is a sentinel: use redis-sentinel://.../master-name"),
        )),
        Ok(_) => Ok(connection),
        // A user may not be allowed to ask; a write would tell soon enough.
        Err(error) if error.code() == Some("NOPERM") => Ok(connection),
        Err(error) => Err(failure::of(&node.to_string(), &error)),
    }
}

/// Whether the server at the other end answers and has not become a replica.
pub(super) async fn is_still_master(mut connection: MultiplexedConnection) -> bool {
    match cmd("ROLE").query_async::<Vec<Value>>(&mut connection).await {
        Ok(role) => !role.first().is_some_and(|role| is(role, "slave")),
        Err(error) => error.code() == Some("NOPERM"),
    }
}

fn is(role: &Value, expected: &str) -> bool {
    redis::from_redis_value_ref::<String>(role).is_ok_and(|role| role == expected)
}

async fn connect(
    options: &RedisOptions,
    node: &Node,
    (user, password): (Option<&str>, Option<&super::Password>),
    lost: Option<&Arc<Notify>>,
) -> Result<MultiplexedConnection, StoreError> {
    let client =
        client(options, node, user, password).map_err(|error| failure::of(&node.to_string(), &error))?;
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.timeout))
        // Calls have their own limit; one that waits for news may take long.
        .set_response_timeout(None);
    if let Some(lost) = lost.map(Arc::clone) {
        config = config.set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                lost.notify_one();
            }
            Ok::<_, Infallible>(())
        });
    }
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    match tokio::time::timeout(options.timeout * 2, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(not_connected(options.address.tls, node, &error)),
        Err(_) => Err(silent(node)),
    }
}

/// Who speaks TLS to a server that does not, or the reverse, gets no answer that says so.
fn not_connected(tls: bool, node: &Node, error: &RedisError) -> StoreError {
    let error_says_little = if tls {
        error.is_timeout()
    } else {
        error.is_connection_dropped() && !error.is_connection_refusal()
    };
    match failure::of(&node.to_string(), error) {
        StoreError::Unavailable(reason) if error_says_little => {
            let other = if tls { "no TLS (redis" } else { "TLS only (rediss" };
            StoreError::Unavailable(format!("{reason}; does it speak {other})?"))
        }
        error => error,
    }
}

fn client(
    options: &RedisOptions,
    node: &Node,
    user: Option<&str>,
    password: Option<&super::Password>,
) -> Result<Client, RedisError> {
    let (host, port) = (node.host.clone(), node.port);
    let address = if options.address.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    // The driver tells only with this version of the protocol that a connection has ended.
    // Without its name and version, which a user with few rights may not set: each attempt would
    // stand in the server's ACL LOG.
    let mut login =
        RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    if let Some(user) = user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password.reveal());
    }
    let info = address
        .into_connection_info()?
        .set_redis_settings(login)
        .set_tcp_settings(TcpSettings::default().set_nodelay(true));
    if !options.address.tls {
        return Client::open(info);
    }
    let client_tls = options.tls.certificate.as_ref().map(|(certificate, key)| ClientTlsConfig {
        client_cert: certificate.clone(),
        client_key: key.clone(),
    });
    Client::build_with_tls(info, TlsCertificates { client_tls, root_cert: options.tls.authority.clone() })
}
