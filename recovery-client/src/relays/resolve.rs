//! Names to addresses, with two names that must not leave this machine.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The system's resolver, except that `localhost` is this machine (RFC 6761) and an `.onion` name is
/// never looked up (RFC 7686): whoever answered would get, in the clear, what only Tor may carry.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().trim_end_matches('.').to_ascii_lowercase();
        Box::pin(async move {
            let addresses: Addrs = if name == "localhost" {
                let here = [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
                Box::new(here.into_iter())
            } else if name.ends_with(".onion") {
                return Err(io::Error::other(
                    "an .onion address needs Tor: set ALL_PROXY=socks5h://127.0.0.1:9050",
                )
                .into());
            } else {
                let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
                Box::new(found.into_iter())
            };
            Ok(addresses)
        })
    }
}
