//! HTTP clients, made when first needed.

use super::{Timeouts, call::cause, error::RelayError, resolve::Resolver};
use recovery_core::address::RelayUrl;
use reqwest::{Client, ClientBuilder, redirect};
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

type Lazy = OnceLock<Result<Client, String>>;

/// One client for each way to reach a relay.
///
/// A system without certificates, as containers are, can still use what needs none.
pub(super) struct Clients {
    timeouts: Timeouts,
    /// To this machine: no proxy must see, or can reach, what is said to it.
    near: Client,
    near_tls: Lazy,
    /// To `.onion` hosts.
    far: Lazy,
    far_tls: Lazy,
}

impl Clients {
    pub(super) fn new(timeouts: Timeouts) -> Result<Self, RelayError> {
        let near = without_tls(builder(timeouts).no_proxy()).build();
        let near = near.map_err(|error| RelayError::Setup { why: cause(error) })?;
        let lazy = Lazy::new;
        Ok(Self { timeouts, near, near_tls: lazy(), far: lazy(), far_tls: lazy() })
    }

    /// The client for a relay.
    pub(super) fn to(&self, relay: &RelayUrl) -> Result<&Client, RelayError> {
        let (lazy, builder): (_, fn(ClientBuilder) -> ClientBuilder) =
            match (is_near(relay), is_tls(relay)) {
                (true, false) => return Ok(&self.near),
                (true, true) => (&self.near_tls, ClientBuilder::no_proxy),
                (false, false) => (&self.far, without_tls),
                (false, true) => (&self.far_tls, std::convert::identity),
            };
        let made =
            lazy.get_or_init(|| builder(self::builder(self.timeouts)).build().map_err(cause));
        made.as_ref().map_err(|why| RelayError::Setup { why: why.clone() })
    }
}

/// What all clients have in common.
fn builder(timeouts: Timeouts) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("recovery/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .http1_only()
        .dns_resolver(Arc::new(Resolver))
        .connect_timeout(timeouts.connect)
}

/// Trusts no certificate, so that none need be there.
fn without_tls(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

fn is_tls(relay: &RelayUrl) -> bool {
    relay.as_str().starts_with("https:")
}

/// Whether a relay runs on this machine.
fn is_near(relay: &RelayUrl) -> bool {
    let Ok(url) = reqwest::Url::parse(relay.as_str()) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{is_near, is_tls};

    #[test]
    fn relays_on_this_machine_are_known() {
        for (url, near, tls) in [
            ("http://127.0.0.1:8440", true, false),
            ("http://127.9.9.9:1", true, false),
            ("http://[::1]:8440", true, false),
            ("http://localhost", true, false),
            ("https://localhost:8443/prefix", true, true),
            ("https://relay.example.org", false, true),
            ("https://localhost.example.org", false, true),
            ("https://192.168.1.2", false, true),
            ("http://abcdefgh.onion", false, false),
        ] {
            let url = url.parse().unwrap();
            assert_eq!((is_near(&url), is_tls(&url)), (near, tls), "{url}");
        }
    }
}
