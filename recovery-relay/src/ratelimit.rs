//! How often an address may call: a token bucket for each address and kind of call.
//!
//! An IPv4 address counts by itself, IPv6 addresses by their /64, which is what one customer gets. What is kept is
//! bounded: when too many addresses come at once, they share buckets until the oldest are forgotten.

use axum::http::HeaderMap;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::IpNet;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Most addresses that have a bucket of their own, in each kind.
const ADDRESSES_MAX: usize = 100_000;
/// How many buckets the others share.
const SHARED: u64 = 4_096;

/// How often an address may make calls of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls a minute, and at once after a rest; 0: any number.
    pub a_minute: u32,
    /// Whether callers on this machine are counted too.
    pub on_loopback: bool,
}

/// The rates of all kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Opening mailboxes, writing slots, asking for passes and for word. 120 a minute.
    pub open: Rate,
    /// Posting, vetoing, deleting. 600 a minute.
    pub post: Rate,
    /// Reading. 1,200 a minute.
    pub read: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        let rate = |a_minute| Rate { a_minute, on_loopback: false };
        Self { open: rate(120), post: rate(600), read: rate(1_200) }
    }
}

/// The kinds of calls that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What makes the store grow for long.
    Open,
    /// What changes something.
    Post,
    /// What changes nothing.
    Read,
}

/// Who counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Caller {
    V4([u8; 4]),
    V6([u8; 8]),
    Shared(u64),
}

type Buckets = RateLimiter<Caller, DashMapStateStore<Caller>, DefaultClock>;

/// The buckets of one kind of call.
struct Counter {
    buckets: Buckets,
    on_loopback: bool,
}

/// All buckets, and whom to believe about addresses.
pub(crate) struct Limiter {
    open: Option<Counter>,
    post: Option<Counter>,
    read: Option<Counter>,
    trusted: Vec<IpNet>,
    /// Somebody who is not trusted sent X-Forwarded-For, and the log says so.
    warned: AtomicBool,
    spread: RandomState,
}

impl Limiter {
    pub(crate) fn new(rates: &Rates, trusted: &[IpNet]) -> Self {
        let counter = |rate: Rate| {
            let quota = Quota::per_minute(NonZeroU32::new(rate.a_minute)?);
            Some(Counter { buckets: RateLimiter::dashmap(quota), on_loopback: rate.on_loopback })
        };
        Self {
            open: counter(rates.open),
            post: counter(rates.post),
            read: counter(rates.read),
            trusted: trusted.to_vec(),
            warned: AtomicBool::new(false),
            spread: RandomState::new(),
        }
    }

    /// Counts a call; if it is one too many, how long to wait.
    pub(crate) fn count(
        &self,
        kind: Kind,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(), Duration> {
        let counter = match kind {
            Kind::Open => &self.open,
            Kind::Post => &self.post,
            Kind::Read => &self.read,
        };
        let client = self.client(peer.to_canonical(), headers);
        match counter {
            Some(counter) if counter.on_loopback || !client.is_loopback() => {
                let caller = self.caller(client, &counter.buckets);
                let now = counter.buckets.clock().now();
                counter.buckets.check_key(&caller).map_err(|early| early.wait_time_from(now))
            }
            _ => Ok(()),
        }
    }

    /// Forgets callers who have not called for long enough to have full buckets again.
    pub(crate) fn forget(&self) {
        for counter in [&self.open, &self.post, &self.read].into_iter().flatten() {
            counter.buckets.retain_recent();
            counter.buckets.shrink_to_fit();
        }
    }

    fn caller(&self, client: IpAddr, buckets: &Buckets) -> Caller {
        if buckets.len() >= ADDRESSES_MAX {
            return Caller::Shared(self.spread.hash_one(network(client)) % SHARED);
        }
        network(client)
    }

    /// Who calls: the peer, or whom trusted proxies name.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted =
            |address: &IpAddr| self.trusted.iter().any(|network| network.contains(address));
        let fields = headers.get_all("x-forwarded-for");
        let mut client = peer;
        // Each proxy appends whom it heard from, so the way back begins at the end.
        for field in fields.iter().rev() {
            for named in field.to_str().unwrap_or_default().rsplit(',') {
                if !trusted(&client) {
                    self.warn(client == peer);
                    return client;
                }
                let Some(address) = address(named.trim()) else { return client };
                client = address;
            }
        }
        client
    }

    fn warn(&self, is_peer: bool) {
        if is_peer && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "X-Forwarded-For came from an address that is not in trusted_proxies, and is not believed"
            );
        }
    }
}

fn network(client: IpAddr) -> Caller {
    match client {
        IpAddr::V4(address) => Caller::V4(address.octets()),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            Caller::V6([a, b, c, d, e, f, g, h])
        }
    }
}

/// An address as proxies write it, some with a port.
fn address(text: &str) -> Option<IpAddr> {
    let address = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::{ADDRESSES_MAX, Kind, Limiter, Rate, Rates, SHARED};
    use axum::http::{HeaderMap, HeaderValue};
    use proptest::{collection::vec, prelude::*};
    use std::net::{IpAddr, Ipv4Addr};

    fn limiter(a_minute: u32, on_loopback: bool, trusted: &[&str]) -> Limiter {
        let rate = Rate { a_minute, on_loopback };
        let trusted: Vec<_> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        Limiter::new(&Rates { open: rate, post: rate, read: rate }, &trusted)
    }

    fn calls(limiter: &Limiter, from: &str, forwarded: &[&str]) -> u32 {
        let mut headers = HeaderMap::new();
        for field in forwarded {
            headers.append("x-forwarded-for", field.parse().unwrap());
        }
        let call = || limiter.count(Kind::Post, from.parse().unwrap(), &headers).is_ok();
        (0..100).take_while(|_| call()).count() as u32
    }

    #[test]
    fn each_address_and_kind_has_a_bucket() {
        let limiter = limiter(3, false, &[]);
        assert_eq!(calls(&limiter, "192.0.2.1", &[]), 3);
        assert_eq!(calls(&limiter, "192.0.2.1", &[]), 0);
        assert_eq!(calls(&limiter, "::ffff:192.0.2.1", &[]), 0, "the same one");
        assert_eq!(calls(&limiter, "192.0.2.2", &[]), 3);
        assert_eq!(calls(&limiter, "2001:db8::1", &[]), 3);
        assert_eq!(calls(&limiter, "2001:db8::2", &[]), 0, "the same /64");
        assert_eq!(calls(&limiter, "2001:db8:0:1::1", &[]), 3);
        let at = "192.0.2.1".parse().unwrap();
        assert!(limiter.count(Kind::Read, at, &HeaderMap::new()).is_ok(), "another kind");
        let wait = limiter.count(Kind::Post, at, &HeaderMap::new()).unwrap_err();
        assert!(wait.as_secs() < 20, "a third of a minute for one of three: {wait:?}");
    }

    #[test]
    fn this_machine_is_counted_only_if_asked_for() {
        assert_eq!(calls(&limiter(3, false, &[]), "127.0.0.1", &[]), 100);
        assert_eq!(calls(&limiter(3, true, &[]), "::1", &[]), 3);
        assert_eq!(calls(&limiter(0, true, &[]), "192.0.2.1", &[]), 100, "0 is no limit");
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let limiter = limiter(1, true, &["10.0.0.0/8", "127.0.0.1/32"]);
        assert_eq!(calls(&limiter, "192.0.2.1", &["198.51.100.1"]), 1);
        assert_eq!(calls(&limiter, "192.0.2.1", &["198.51.100.2"]), 0, "not believed");
        assert_eq!(calls(&limiter, "127.0.0.1", &["198.51.100.1"]), 1);
        assert_eq!(calls(&limiter, "127.0.0.1", &["198.51.100.3, 198.51.100.1"]), 0, "the last");
        assert_eq!(calls(&limiter, "127.0.0.1", &["198.51.100.4, 10.1.1.1"]), 1, "through two");
        assert_eq!(calls(&limiter, "127.0.0.1", &["198.51.100.4", "10.1.1.1"]), 0, "in two fields");
        assert_eq!(calls(&limiter, "127.0.0.1", &["[2001:db8::1]:443"]), 1);
        assert_eq!(calls(&limiter, "127.0.0.1", &["2001:db8::9"]), 0);
        assert_eq!(calls(&limiter, "10.9.9.9", &["unknown"]), 1, "then the proxy itself counts");
        assert_eq!(calls(&limiter, "10.9.9.9", &[]), 0);
    }

    #[test]
    fn the_memory_for_buckets_is_bounded() {
        let limiter = limiter(1, false, &[]);
        let none = HeaderMap::new();
        for n in 0..(ADDRESSES_MAX as u32 + 20_000) {
            let _ = limiter.count(Kind::Open, IpAddr::V4(Ipv4Addr::from(n | 1 << 30)), &none);
        }
        let kept = limiter.open.as_ref().unwrap().buckets.len();
        assert!(kept > ADDRESSES_MAX && kept <= ADDRESSES_MAX + SHARED as usize, "{kept}");
        limiter.forget();
        assert_eq!(limiter.open.as_ref().unwrap().buckets.len(), kept, "all called just now");
    }

    proptest! {
        /// Whatever the header says, only a proxy that is trusted is believed, and it names an address or nobody.
        #[test]
        fn no_header_makes_a_stranger_believed(
            peer in any::<[u8; 4]>(),
            fields in vec("([0-9a-f.:, \\[\\]]|\\PC){0,60}", 0..4),
        ) {
            let limiter = limiter(1, true, &["192.0.2.0/24"]);
            let mut headers = HeaderMap::new();
            for field in fields.iter().filter_map(|field| HeaderValue::from_bytes(field.as_bytes()).ok()) {
                headers.append("x-forwarded-for", field);
            }
            let peer = IpAddr::from(peer);
            if !peer.to_string().starts_with("192.0.2.") {
                prop_assert_eq!(limiter.client(peer, &headers), peer);
            }
            let _ = limiter.client(IpAddr::from([192, 0, 2, 1]), &headers);
        }
    }
}
