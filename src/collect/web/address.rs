//! Which URLs and addresses may be asked at all.
//!
//! An outside page or definition must not make us ask what only we can reach. Addresses are judged
//! by what is allowed (public unicast), so that a new special block is refused before it is known
//! here. Must not resolve names: `resolver` does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use super::FetchError;
use super::shown::{shown, shown_text};

/// No page that we want has a longer URL.
const MAX_URL_BYTES: usize = 2_048;

/// IPv4 blocks that are not public, from the IANA special-purpose registry: first address, prefix.
const NOT_PUBLIC_V4: [([u8; 4], u32); 14] = [
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // carrier-grade NAT
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, cloud metadata
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // 6to4 relays
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 3),     // multicast, reserved, broadcast
];

/// What of 2000::/3, the public IPv6 unicast space, is not public after all.
const NOT_PUBLIC_V6: [(u128, u32); 4] = [
    (0x2001 << 112, 23),     // protocol assignments: Teredo, ORCHID, benchmarks
    (0x2001_0db8 << 96, 32), // documentation
    (0x2002 << 112, 16),     // 6to4: an IPv4 address within
    (0x3fff << 112, 20),     // documentation
];

/// Whether the address is on the public internet. IPv4 addresses in IPv6 clothes (mapped,
/// compatible, NAT64, 6to4) are not, whatever they hold.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let within = |&(first, prefix): &([u8; 4], u32)| {
                let mask = u32::MAX << (32 - prefix);
                u32::from(address) & mask == u32::from(Ipv4Addr::from(first))
            };
            !NOT_PUBLIC_V4.iter().any(within)
        }
        IpAddr::V6(address) => {
            let within =
                |first: u128, prefix: u32| u128::from(address) & (u128::MAX << (128 - prefix)) == first;
            within(u128::from(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), 3)
                && !NOT_PUBLIC_V6.iter().any(|&(first, prefix)| within(first, prefix))
        }
    }
}

/// Whether the address may be dialled.
pub(crate) fn may_dial(address: IpAddr, allow_loopback: bool) -> bool {
    is_public(address) || (allow_loopback && address.is_loopback())
}

/// The URL, if it may be asked for as far as it can be told without resolving its name.
pub(crate) fn read_url(text: &str, allow_loopback: bool) -> Result<Url, FetchError> {
    let why = "expected a whole http or https URL";
    let url = Url::parse(text).map_err(|_| FetchError::Url { url: shown_text(text), why })?;
    check_url(&url, allow_loopback)?;
    Ok(url)
}

/// Whether the URL may be asked for as far as it can be told without resolving its name.
pub(crate) fn check_url(url: &Url, allow_loopback: bool) -> Result<(), FetchError> {
    let refused = |why| Err(FetchError::Url { url: shown(url), why });
    if !matches!(url.scheme(), "http" | "https") {
        return refused("only http and https are");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("it holds a log-in");
    }
    if url.as_str().len() > MAX_URL_BYTES {
        return refused("it is longer than 2048 bytes");
    }
    if !allow_loopback && !matches!(url.port_or_known_default(), Some(80 | 443)) {
        return refused("only ports 80 and 443 are");
    }
    let Some(host) = url.host_str() else { return refused("it has no host") };
    // The client dials literal addresses without asking the resolver.
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if !may_dial(address, allow_loopback) => Err(FetchError::Address { url: shown(url) }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_unicast_addresses_are_public() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert_eq!(private.parse().map(is_public), Ok(false), "{private}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.1.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert_eq!(public.parse().map(is_public), Ok(true), "{public}");
        }
    }

    #[test]
    fn loopback_is_dialled_in_tests_only_and_nothing_else_private_ever() {
        let dialled = |text: &str, tests: bool| text.parse().map(|address| may_dial(address, tests));
        assert_eq!(dialled("127.0.0.1", true), Ok(true));
        assert_eq!(dialled("::1", true), Ok(true));
        assert_eq!(dialled("127.0.0.1", false), Ok(false));
        for never in ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0"] {
            assert_eq!(dialled(never, true), Ok(false), "{never}");
        }
    }
}
