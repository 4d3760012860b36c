//! Names to addresses, private ones dropped: what it returns is what is dialled.
//!
//! The client asks here for every connection and dials nothing else, so a name that is public when
//! checked and private when dialled gains nothing. Must not be asked apart from dialling.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::may_dial;

/// None of a name's addresses may be dialled.
#[derive(Debug, thiserror::Error)]
#[error("no public address")]
pub(crate) struct NotPublic;

/// Looks a name up: the system's resolver, or what a test says.
type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync>;

/// The only way from a name to an address.
pub(crate) struct Resolver {
    allow_loopback: bool,
    /// The proxy's own name: an operator may well have it on a private address.
    proxy: Option<String>,
    lookup: Lookup,
}

impl Resolver {
    /// Asks the system; `all_to` answers for every name in tests.
    pub(crate) fn new(allow_loopback: bool, proxy: Option<String>, all_to: Option<SocketAddr>) -> Self {
        let lookup: Lookup = Arc::new(move |name| {
            Box::pin(async move {
                match all_to {
                    Some(address) => Ok(vec![address]),
                    // Port 0: the client puts the URL's there.
                    None => Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()),
                }
            })
        });
        Self { allow_loopback, proxy, lookup }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let trusted = self.proxy.as_deref().is_some_and(|proxy| proxy.eq_ignore_ascii_case(name.as_str()));
        let allow_loopback = self.allow_loopback;
        let found = (self.lookup)(name.as_str().to_owned());
        Box::pin(async move {
            let mut addresses = found.await?;
            addresses.retain(|address| trusted || may_dial(address.ip(), allow_loopback));
            if addresses.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn says(answers: &'static [&'static [&'static str]], proxy: Option<&str>) -> Resolver {
        let asked = AtomicUsize::new(0);
        let lookup: Lookup = Arc::new(move |_| {
            let answer = answers[asked.fetch_add(1, Ordering::Relaxed) % answers.len()];
            let addresses =
                answer.iter().filter_map(|text| text.parse().ok()).map(|ip| SocketAddr::new(ip, 0));
            let addresses = addresses.collect();
            Box::pin(async move { Ok(addresses) })
        });
        Resolver { allow_loopback: false, proxy: proxy.map(str::to_owned), lookup }
    }

    async fn dialled(resolver: &Resolver, name: &str) -> Result<Vec<String>, String> {
        let name = name.parse().map_err(|_| "name".to_owned())?;
        let found = resolver.resolve(name).await.map_err(|error| error.to_string())?;
        Ok(found.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_that_turns_private_is_refused_when_it_does() {
        let rebinding = says(&[&["1.1.1.1"], &["127.0.0.1"], &["::ffff:10.0.0.1", "fd00::1"]], None);
        assert_eq!(dialled(&rebinding, "a.example").await, Ok(vec!["1.1.1.1".to_owned()]));
        for _ in 0..2 {
            assert_eq!(dialled(&rebinding, "a.example").await, Err("no public address".to_owned()));
        }
    }

    #[tokio::test]
    async fn private_addresses_among_public_ones_are_dropped() {
        let mixed = says(&[&["10.0.0.1", "1.1.1.1", "169.254.169.254", "2606:4700::1111"]], None);
        let expected = ["1.1.1.1", "2606:4700::1111"].map(str::to_owned).to_vec();
        assert_eq!(dialled(&mixed, "a.example").await, Ok(expected));
    }

    #[tokio::test]
    async fn the_configured_proxy_alone_may_be_private() {
        let inside = says(&[&["10.0.0.8"]], Some("proxy.internal"));
        assert_eq!(dialled(&inside, "Proxy.internal").await, Ok(vec!["10.0.0.8".to_owned()]));
        assert!(dialled(&inside, "other.internal").await.is_err());
    }
}
