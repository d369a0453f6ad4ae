//! Whom the relay calls when strangers tell it to: public addresses, and networks that its operator allows.
//!
//! Names are looked up once, and what was found is checked and then connected to, so that no second look-up can say
//! something else.

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The allowed networks beside the public ones.
#[derive(Clone)]
pub(super) struct Guard(Arc<Vec<IpNet>>);

/// What a refusal is called, wherever it comes up.
pub(super) const NOT_PUBLIC: &str = "not a public address";

impl Guard {
    pub(super) fn new(private: &[IpNet]) -> Self {
        Self(Arc::new(private.to_vec()))
    }

    /// Whether this address may be called.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.names(address)
    }

    /// Whether a URL may be called, as far as its text tells: a host that is an address is never looked up.
    /// Without encryption only what the operator named.
    pub(super) fn allows_url(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        match (url.scheme(), address) {
            ("https", None) => true,
            ("https", Some(address)) => self.allows(address),
            ("http", Some(address)) => self.names(address),
            _ => false,
        }
    }

    fn names(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            // One bad address among good ones is somebody trying.
            let found: Vec<SocketAddr> = found.collect();
            match found.iter().all(|address| guard.allows(address.ip())) {
                true => Ok(Box::new(found.into_iter()) as Addrs),
                false => Err(io::Error::new(io::ErrorKind::PermissionDenied, NOT_PUBLIC).into()),
            }
        })
    }
}

/// Whether an address is one of the public internet.
///
/// # Source
/// The special-purpose registries of RFC 6890 and its updates.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || matches!((a, b, c), (0, ..) | (240.., ..) | (192, 0, 0) | (192, 88, 99))
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b));
    !special
}

/// Only global unicast, 2000::/3; of it not the parts that stand for IPv4 addresses or documents.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global = (0x2000..0x4000).contains(&a);
    let special = matches!((a, b), (0x2001, 0..0x200 | 0xdb8) | (0x2002 | 0x3fff, _));
    global && !special
}

#[cfg(test)]
mod tests {
    use super::{Guard, is_public};

    #[test]
    fn only_the_public_internet_is_called() {
        for public in
            ["1.1.1.1", "9.255.255.255", "100.63.1.1", "198.17.0.1", "2a00::1", "2606:4700::1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn urls_with_addresses_are_checked_as_they_stand() {
        let guard = Guard::new(&["10.0.0.0/8".parse().unwrap()]);
        let allows = |url: &str| guard.allows_url(&url.parse().unwrap());
        for good in
            ["https://example.org", "https://1.1.1.1", "https://10.1.1.1", "http://10.1.1.1:8080"]
        {
            assert!(allows(good), "{good}");
        }
        for bad in [
            "http://example.org",
            "http://1.1.1.1",
            "https://127.0.0.1",
            "https://127.1",
            "https://0x7f000001",
            "https://2130706433",
            "https://0177.0.0.1",
            "https://[::1]",
            "https://[::ffff:127.0.0.1]",
            "https://[fe80::1]",
            "https://192.168.1.1",
        ] {
            assert!(!allows(bad), "{bad}");
        }
    }
}
