//! Links: what people send each other.
//!
//! `<relay>/i#<slot id>.<secret>[+<relay>/<slot id>]…` invites a contact;
//! `<relay>/r#<slot id>.<secret>[.<request id>][+<relay>/<slot id>]…` asks for an approval. What
//! follows `#` never reaches a relay. The third part stands only in the QR code on the new device's own
//! screen: a link that was sent can't stand in for meeting.

use crate::{
    address::{RelayUrl, SlotAddress},
    ids::{RequestId, SlotId},
    secret::Secret,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use rand_core::CryptoRng;
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// The 16 secret octets of a link.
pub type LinkSecret = Secret<16>;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Become somebody's contact: `/i`.
    Invite,
    /// Help somebody recover: `/r`.
    Request,
}

impl LinkKind {
    fn letter(self) -> &'static str {
        match self {
            Self::Invite => "i",
            Self::Request => "r",
        }
    }
}

/// A link: the same box in a slot at one or more relays, and the secret that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is for.
    pub kind: LinkKind,
    /// Where the box is; never empty.
    pub slots: Vec<SlotAddress>,
    /// Opens the box.
    pub secret: LinkSecret,
    /// The request's hash, if the link was read off the new device's own screen.
    pub request: Option<RequestId>,
}

/// Why a text is no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Longer than any link.
    #[error("too long for a link")]
    TooLong,
    /// Nothing after `#`, or no `#`: the secret part is missing.
    #[error("the part after # is missing")]
    NoSecret,
    /// A messenger or mail program wrote `%23` or the like into it.
    #[error("a program on its way changed characters of the link")]
    Mangled,
    /// The relay's address in it is no such address.
    #[error("the link names no relay that this program would talk to")]
    Relay,
    /// Anything else.
    #[error("this is no link of this program, or a part of it is missing")]
    Malformed,
}

impl Link {
    /// Longest link in octets.
    pub const MAX: usize = 4_096;
    /// Most relays in a link.
    pub const SLOTS_MAX: usize = 8;

    /// A fresh secret.
    pub fn secret(rng: &mut impl CryptoRng) -> LinkSecret {
        Secret::random(rng)
    }

    /// The link as text. Secret.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(Self::MAX));
        let mut slots = self.slots.iter();
        if let Some(first) = slots.next() {
            let secret = Zeroizing::new(Base64UrlUnpadded::encode_string(self.secret.expose()));
            for part in [first.relay.as_str(), "/", self.kind.letter(), "#"] {
                text.push_str(part);
            }
            text.push_str(&format!("{}.", first.id));
            text.push_str(&secret);
        }
        if let Some(request) = self.request {
            text.push_str(&format!(".{request}"));
        }
        for slot in slots {
            text.push_str(&format!("+{}/{}", slot.relay, slot.id));
        }
        text
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        if text.len() > Self::MAX {
            return Err(LinkError::TooLong);
        }
        if text.contains('%') {
            return Err(LinkError::Mangled);
        }
        let (place, fragment) = text.split_once('#').ok_or(LinkError::NoSecret)?;
        let (relay, kind) = place.rsplit_once('/').ok_or(LinkError::Malformed)?;
        let kind = match kind {
            "i" => LinkKind::Invite,
            "r" => LinkKind::Request,
            _ => return Err(LinkError::Malformed),
        };
        if fragment.is_empty() {
            return Err(LinkError::NoSecret);
        }
        let mut places = fragment.split('+');
        let mut first = places.next().unwrap_or_default().split('.');
        let id = first.next().unwrap_or_default().parse().map_err(|_| LinkError::Malformed)?;
        let secret = parse_secret(first.next().ok_or(LinkError::NoSecret)?)?;
        let request = first.next().map(str::parse::<RequestId>).transpose();
        let request = request.map_err(|_| LinkError::Malformed)?;
        let mut slots = vec![SlotAddress { relay: parse_relay(relay)?, id }];
        for place in places {
            slots.push(parse_place(place)?);
        }
        let misplaced = request.is_some() && kind == LinkKind::Invite;
        if first.next().is_some() || misplaced || slots.len() > Self::SLOTS_MAX {
            return Err(LinkError::Malformed);
        }
        Ok(Self { kind, slots, secret, request })
    }
}

fn parse_relay(text: &str) -> Result<RelayUrl, LinkError> {
    text.parse().map_err(|_| LinkError::Relay)
}

fn parse_place(text: &str) -> Result<SlotAddress, LinkError> {
    let (relay, id) = text.rsplit_once('/').ok_or(LinkError::Malformed)?;
    let id: SlotId = id.parse().map_err(|_| LinkError::Malformed)?;
    Ok(SlotAddress { relay: parse_relay(relay)?, id })
}

fn parse_secret(text: &str) -> Result<LinkSecret, LinkError> {
    let mut secret = LinkSecret::new([0; 16]);
    match Base64UrlUnpadded::decode(text, secret.expose_mut()) {
        Ok(read) if read.len() == 16 => Ok(secret),
        _ => Err(LinkError::Malformed),
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invite => "an invitation",
            Self::Request => "a recovery request",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Link, LinkError, LinkKind, LinkSecret};
    use crate::{
        address::SlotAddress,
        ids::{RequestId, SlotId},
    };
    use proptest::prelude::*;

    fn link(slots: usize, request: bool) -> Link {
        let place = |n: usize| SlotAddress {
            relay: format!("https://relay{n}.example.org").parse().unwrap(),
            id: SlotId::new([u8::try_from(n).unwrap(); 32]),
        };
        Link {
            kind: LinkKind::Request,
            slots: (0..slots).map(place).collect(),
            secret: LinkSecret::new([9; 16]),
            request: request.then(|| RequestId::new([3; 32])),
        }
    }

    #[test]
    fn text_and_back() {
        for slots in 1..=8 {
            for request in [false, true] {
                let link = link(slots, request);
                assert_eq!(link.expose().parse(), Ok(link));
            }
        }
        assert!(link(9, false).expose().parse::<Link>().is_err());
    }

    #[test]
    fn what_chat_programs_do_to_links_is_told() {
        let good = link(1, false).expose().to_string();
        let (place, fragment) = good.split_once('#').unwrap();
        for (text, error) in [
            (place.to_owned(), LinkError::NoSecret),
            (format!("{place}#"), LinkError::NoSecret),
            (format!("{place}%23{fragment}"), LinkError::Mangled),
            (good[..good.len() - 1].to_owned(), LinkError::Malformed),
            (format!("{good}."), LinkError::Malformed),
            (good.replace("/r#", "/x#"), LinkError::Malformed),
            (good.replace("https://", "http://"), LinkError::Relay),
            (good.replace("https://", "javascript:"), LinkError::Relay),
            (String::new(), LinkError::NoSecret),
            ("a".repeat(4_097), LinkError::TooLong),
        ] {
            assert_eq!(text.parse::<Link>(), Err(error), "{text}");
        }
        assert!(format!(" {good}\n").parse::<Link>().is_ok());
    }

    proptest! {
        #[test]
        fn whatever_parses_has_one_text(text in "https://[a-c.]{1,5}/[ir]#[A-Za-z0-9_.+/-]{0,80}") {
            if let Ok(link) = text.parse::<Link>() {
                let exposed = link.expose();
                prop_assert_eq!(exposed.as_str(), text.as_str());
            }
        }
    }
}
