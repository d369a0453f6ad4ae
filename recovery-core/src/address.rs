//! Where things are at relays: a relay's URL, and (relay, id) pairs.

use crate::ids::{HoldId, MailboxId, SlotId};
use minicbor::{
    Decoder, Encode, Encoder,
    decode::{self, Decode},
    encode,
};
use recovery_derive::Decode;
use std::{fmt, str::FromStr};

/// The URL of a relay, in one spelling: `https://host[:port][/prefix]`, ASCII, lower-case host, no
/// trailing slash. Plain `http` only to this machine and to `.onion` hosts. At most 255 octets.
///
/// Tokens are derived from this text, so it is kept as first written.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayUrl(String);

/// Why a text is no relay URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayUrlError {
    /// Neither `https://` nor `http://` stands in front.
    #[error("a relay's address starts with https:// (or http:// on this machine)")]
    Scheme,
    /// Plain HTTP to another machine.
    #[error("plain http:// is only for a relay on this machine or an .onion address; use https://")]
    PlainHttp,
    /// Longer than 255 octets.
    #[error("a relay's address has at most 255 characters")]
    TooLong,
    /// Host or port are missing or malformed, or a character has no place in an address.
    #[error("this is no address of a relay; it looks like https://relay.example.org")]
    Malformed,
}

impl RelayUrl {
    /// Longest URL, in octets.
    pub const MAX: usize = 255;

    /// The address that stands for no relay: what would lie there travels as files. No such host can exist
    /// (RFC 6761, section 6.4).
    pub const FILES: &str = "https://files.invalid";

    /// Whether it stands for no relay at all.
    #[must_use]
    pub fn is_files(&self) -> bool {
        self.0 == Self::FILES
    }

    /// The text, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RelayUrl {
    type Err = RelayUrlError;

    fn from_str(text: &str) -> Result<Self, RelayUrlError> {
        if text.len() > Self::MAX {
            return Err(RelayUrlError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(RelayUrlError::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err(RelayUrlError::Scheme);
        }
        let rest = rest.trim_end_matches('/');
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority.to_ascii_lowercase();
        let host = host_of(&authority).ok_or(RelayUrlError::Malformed)?;
        if !prefix.split('/').skip(1).all(is_segment) {
            return Err(RelayUrlError::Malformed);
        }
        if scheme == "http" && !is_near(host) {
            return Err(RelayUrlError::PlainHttp);
        }
        Ok(Self(format!("{scheme}://{authority}{prefix}")))
    }
}

/// The host of `host[:port]`, if both are well-formed.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inner, port) = rest.split_once(']')?;
            inner.parse::<std::net::Ipv6Addr>().ok()?;
            (
                authority.get(..inner.len() + 2)?,
                port.strip_prefix(':').or(port.is_empty().then_some("1"))?,
            )
        }
        None => authority.split_once(':').unwrap_or((authority, "1")),
    };
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let host_fine = host.starts_with('[')
        || (!host.is_empty()
            && host.chars().all(name)
            && !host.starts_with(['.', '-'])
            && !host.contains(".."));
    let port_fine = port.parse::<u16>().is_ok_and(|p| p != 0) && !port.starts_with(['+', '0']);
    (host_fine && port_fine).then_some(host)
}

/// One part of a path, of characters that need no escaping and mean nothing special.
fn is_segment(segment: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(fine)
}

/// This machine, or a host whose transport is encrypted and authenticated by its name.
fn is_near(host: &str) -> bool {
    let loopback_v4 = host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    loopback_v4 || host == "localhost" || host == "[::1]" || host.ends_with(".onion")
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelayUrl({})", self.0)
    }
}

impl<C> Encode<C> for RelayUrl {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for RelayUrl {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let text = d.str()?;
        match text.parse::<Self>() {
            Ok(url) if url.as_str() == text => Ok(url),
            _ => Err(decode::Error::message("not the address of a relay")),
        }
    }
}

macro_rules! address {
    ($(#[$doc:meta])* $name:ident, $id:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
        pub struct $name {
            /// The relay.
            #[n(0)]
            pub relay: RelayUrl,
            /// The id there.
            #[n(1)]
            pub id: $id,
        }
    };
}

address! {
    /// A mailbox at a relay: enough to post to it.
    MailboxAddress, MailboxId
}
address! {
    /// A slot at a relay: enough to read it.
    SlotAddress, SlotId
}
address! {
    /// A hold at a relay: enough to post under it.
    HoldAddress, HoldId
}

#[cfg(test)]
mod tests {
    use super::{RelayUrl, RelayUrlError};

    #[test]
    fn one_spelling() {
        for (written, kept) in [
            ("https://relay.example.org", "https://relay.example.org"),
            ("HTTPS://Relay.Example.org/", "https://relay.example.org"),
            ("https://relay.example.org:8443/recovery/", "https://relay.example.org:8443/recovery"),
            ("http://127.0.0.1:8440", "http://127.0.0.1:8440"),
            ("http://[::1]:8440", "http://[::1]:8440"),
            ("http://localhost:1", "http://localhost:1"),
            ("http://abc.onion", "http://abc.onion"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ] {
            assert_eq!(
                written.parse::<RelayUrl>().map(|url| url.to_string()),
                Ok(kept.to_string())
            );
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, error) in [
            ("", RelayUrlError::Scheme),
            ("relay.example.org", RelayUrlError::Scheme),
            ("javascript://alert", RelayUrlError::Scheme),
            ("file:///etc/passwd", RelayUrlError::Scheme),
            ("http://relay.example.org", RelayUrlError::PlainHttp),
            ("http://127.0.0.1.example.org", RelayUrlError::PlainHttp),
            ("https://", RelayUrlError::Malformed),
            ("https://user@relay.example.org", RelayUrlError::Malformed),
            ("https://relay.example.org?x=1", RelayUrlError::Malformed),
            ("https://relay.example.org#x", RelayUrlError::Malformed),
            ("https://relay.example.org/../x", RelayUrlError::Malformed),
            ("https://relay.example.org//x", RelayUrlError::Malformed),
            ("https://relay.example.org:0", RelayUrlError::Malformed),
            ("https://relay.example.org:65536", RelayUrlError::Malformed),
            ("https://relay.example.org:", RelayUrlError::Malformed),
            ("https://rel\u{430}y.example.org", RelayUrlError::Malformed),
            ("https://a b", RelayUrlError::Malformed),
            ("https://[::1", RelayUrlError::Malformed),
            ("https://a\n", RelayUrlError::Malformed),
        ] {
            assert_eq!(text.parse::<RelayUrl>(), Err(error), "{text}");
        }
        assert_eq!(
            format!("https://{}", "a".repeat(255)).parse::<RelayUrl>(),
            Err(RelayUrlError::TooLong)
        );
    }
}
