//! Ids and the tokens behind them.
//!
//! At a relay, the id of a thing is the hash of the token that controls it:
//! `id = SHA-256("recovery/v1/<kind>" ‖ 0x00 ‖ token)`, so the relay checks a call with one hash and
//! enrols nobody. A token belongs to one relay: it is derived from a [`Base`] and the relay's origin.

use crate::{labels, secret::Secret};
use base64ct::{Base64UrlUnpadded, Encoding};
use hkdf::Hkdf;
use minicbor::{CborLen, Decode, Decoder, Encode, Encoder, decode, encode};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// SHA-256 over `label ‖ 0x00 ‖ parts…`, 32 octets.
#[must_use]
pub fn labelled_hash(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(label.as_bytes());
    hash.update([0]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// A text is not the base64url form of an id or token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {length} octets in unpadded base64url")]
pub struct ParseIdError {
    /// How many octets were wanted.
    pub length: usize,
}

/// Parses exactly `N` octets of unpadded, canonical base64url.
fn parse<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    let mut octets = [0; N];
    match Base64UrlUnpadded::decode(text, &mut octets) {
        Ok(read) if read.len() == N => Ok(octets),
        _ => Err(ParseIdError { length: N }),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; Self::LENGTH]);

        impl $name {
            /// Length in octets.
            pub const LENGTH: usize = $length;

            /// Takes the octets as they are.
            #[must_use]
            pub const fn new(octets: [u8; Self::LENGTH]) -> Self {
                Self(octets)
            }

            /// The octets.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
                &self.0
            }
        }

        /// Unpadded base64url.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self)
            }
        }

        /// A CBOR byte string of exactly the id's length.
        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                d.bytes()?
                    .try_into()
                    .map(Self)
                    .map_err(|_| decode::Error::message(concat!("wrong length of ", stringify!($name))))
            }
        }

        impl<C> CborLen<C> for $name {
            fn cbor_len(&self, ctx: &mut C) -> usize {
                minicbor::bytes::ByteArray::from(self.0).cbor_len(ctx)
            }
        }
    };
}

id! {
    /// A person: the first 16 octets of a hash over both public keys. Not secret.
    ContactId, 16
}
id! {
    /// One generation of shares. Random, not secret.
    CircleId, 16
}
id! {
    /// A rehearsal. Random, not secret.
    DrillId, 16
}
id! {
    /// A recovery request: the hash of its octets. Not secret, but only its people know it.
    RequestId, 32
}
id! {
    /// Who knows it may post to the mailbox.
    MailboxId, 32
}
id! {
    /// Who knows it may read the slot.
    SlotId, 32
}
id! {
    /// A message may be posted under it and is then held back.
    HoldId, 32
}
id! {
    /// A closed relay's leave to open so many mailboxes and slots.
    PassId, 32
}
id! {
    /// Somebody who is told when something waits in a mailbox.
    SubscriptionId, 32
}

impl CircleId {
    /// A fresh id.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut octets = [0; Self::LENGTH];
        rng.fill_bytes(&mut octets);
        Self(octets)
    }
}

impl DrillId {
    /// A fresh id.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut octets = [0; Self::LENGTH];
        rng.fill_bytes(&mut octets);
        Self(octets)
    }
}

macro_rules! token {
    ($(#[$doc:meta])* $token:ident => $id:ident, $id_label:ident $(, $token_label:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $token(Secret<32>);

        impl $token {
            /// Takes the octets as they are.
            #[must_use]
            pub fn new(octets: [u8; 32]) -> Self {
                Self(Secret::new(octets))
            }

            /// The id this token controls.
            #[must_use]
            pub fn id(&self) -> $id {
                $id(labelled_hash(labels::$id_label, &[self.0.expose()]))
            }

            /// The token as a bearer credential: unpadded base64url. Secret.
            #[must_use]
            pub fn expose(&self) -> String {
                Base64UrlUnpadded::encode_string(self.0.expose())
            }

            $(fn derive(base: &Base, origin: &str) -> Self {
                let mut secret = Secret::new([0; 32]);
                base.expand(labels::$token_label, origin, secret.expose_mut());
                Self(secret)
            })?
        }

        impl FromStr for $token {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self::new)
            }
        }
    };
}

token! {
    /// Controls a mailbox: read, delete, close.
    MailboxToken => MailboxId, MAILBOX_ID, MAILBOX_TOKEN
}
token! {
    /// Controls a slot: write, delete.
    SlotToken => SlotId, SLOT_ID, SLOT_TOKEN
}
token! {
    /// Controls a hold: veto.
    HoldToken => HoldId, HOLD_ID, HOLD_TOKEN
}
token! {
    /// Whoever has it may open mailboxes and slots at a closed relay, up to the pass's quota. The relay draws it.
    PassToken => PassId, PASS_ID
}
impl PassToken {
    /// The octets, to be kept.
    pub(crate) fn secret(&self) -> &Secret<32> {
        &self.0
    }
}

impl From<Secret<32>> for PassToken {
    fn from(octets: Secret<32>) -> Self {
        Self(octets)
    }
}

token! {
    /// Confirms or ends a subscription: it stands in the link sent to the address. The relay draws it.
    SubscriptionToken => SubscriptionId, SUBSCRIPTION_ID
}

/// 32 secret octets from which the tokens of one thing at every relay are derived.
///
/// No two relays ever see the same token, so none can act on, or link, what another one holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(Secret<32>);

impl Base {
    /// A fresh base.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// A base that was derived from a secret of its own.
    #[must_use]
    pub fn derived(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// The mailbox token for the relay with this origin, as first written.
    #[must_use]
    pub fn mailbox(&self, origin: &str) -> MailboxToken {
        MailboxToken::derive(self, origin)
    }

    /// The slot token for the relay with this origin, as first written.
    #[must_use]
    pub fn slot(&self, origin: &str) -> SlotToken {
        SlotToken::derive(self, origin)
    }

    /// The hold token for the relay with this origin, as first written.
    #[must_use]
    pub fn hold(&self, origin: &str) -> HoldToken {
        HoldToken::derive(self, origin)
    }

    fn expand(&self, label: &str, origin: &str, out: &mut [u8; 32]) {
        let info: [&[u8]; 3] = [label.as_bytes(), &[0], origin.as_bytes()];
        // HKDF-SHA-256 gives up to 8,160 octets: 32 cannot fail.
        let _ = Hkdf::<Sha256>::new(None, self.0.expose()).expand_multi_info(&info, out);
    }
}

/// A CBOR byte string of 32 octets; only ever inside encrypted state.
impl<C> Encode<C> for Base {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.0.expose())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Base {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Secret::from_slice(d.bytes()?)
            .map(Self)
            .ok_or_else(|| decode::Error::message("wrong length of a token base"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Base, MailboxId, MailboxToken};
    use crate::secret::Secret;

    #[test]
    fn ids_have_one_text_form() {
        let id = MailboxToken::new([7; 32]).id();
        assert_eq!(id.to_string().parse::<MailboxId>(), Ok(id));
        assert_eq!(id.to_string().len(), 43);
        for wrong in
            ["", "AA", &format!("{id}="), &format!("{id}A"), &id.to_string().replace(|_| true, "*")]
        {
            assert!(wrong.parse::<MailboxId>().is_err(), "{wrong}");
        }
        // The last character of 32 octets carries two unused bits, which must be zero.
        let mut text = MailboxId::new([0; 32]).to_string();
        text.pop();
        text.push('B');
        assert!(text.parse::<MailboxId>().is_err());
    }

    #[test]
    fn every_relay_and_kind_has_its_own_token() {
        let base = Base(Secret::new([1; 32]));
        assert_ne!(base.mailbox("https://a.example"), base.mailbox("https://b.example"));
        assert_ne!(
            base.mailbox("https://a.example").expose(),
            base.slot("https://a.example").expose()
        );
        assert_ne!(
            base.hold("https://a.example").expose(),
            base.slot("https://a.example").expose()
        );
    }
}
