//! Who appears in the vectors, and how they sign: Ed25519 and HKDF by hand, keys from seeds.

use crate::cbor::{Cbor, array, bytes, text, uint};
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use recovery_core::{hpke_suite::SealingKey, keys::Identity, secret::Secret};
use sha2::{Digest, Sha256};

pub(crate) const RELAY: &str = "https://relay.example.org";
pub(crate) const OTHER_RELAY: &str = "https://b.example.net:8443/recovery";
pub(crate) const NEAR_RELAY: &str = "http://127.0.0.1:8440";
/// Seconds at which everything happens.
pub(crate) const NOW: u64 = 1_800_000_000;

/// Somebody with a seed of 32 equal octets.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) seed: [u8; 32],
}

pub(crate) const ANNA: Person = Person { name: "Anna Ångström", seed: [0x11; 32] };
pub(crate) const BOB: Person = Person { name: "Bob", seed: [0x22; 32] };
pub(crate) const CAROL: Person = Person { name: "卡萝尔", seed: [0x33; 32] };
pub(crate) const MALLORY: Person = Person { name: "Anna Ångström", seed: [0xEE; 32] };
/// Anna and Bob on the devices that came back.
pub(crate) const NEXT_ANNA: Person = Person { name: "Anna Ångström", seed: [0x12; 32] };
pub(crate) const NEXT_BOB: Person = Person { name: "Bob", seed: [0x23; 32] };
pub(crate) const DEVICE: Person = Person { name: "Anna Ångström", seed: [0x99; 32] };

impl Person {
    pub(crate) fn identity(self) -> Identity {
        Identity::from_seed(&Secret::new(self.seed))
    }

    pub(crate) fn sealing(self) -> SealingKey {
        self.identity().public().sealing.clone()
    }

    pub(crate) fn signing(self) -> [u8; 32] {
        self.signing_key().verifying_key().to_bytes()
    }

    fn signing_key(self) -> SigningKey {
        let mut seed = [0; 32];
        Hkdf::<Sha256>::new(None, &self.seed)
            .expand(b"recovery/v1/signing-seed", &mut seed)
            .unwrap();
        SigningKey::from_bytes(&seed)
    }

    pub(crate) fn id(self) -> [u8; 16] {
        let sealing = self.sealing();
        let parts: [&[u8]; 2] = [&self.signing(), sealing.as_bytes()];
        hash("recovery/v1/contact-id", &parts)[..16].try_into().unwrap()
    }

    /// `[Ed25519 key, X-Wing key]`
    pub(crate) fn keys(self) -> Cbor {
        array([bytes(self.signing()), bytes(self.sealing().as_bytes())])
    }

    /// The body of a card.
    pub(crate) fn card_body(self, mailboxes: &[Cbor]) -> Cbor {
        array([uint(1), text(self.name), self.keys(), array(mailboxes)])
    }

    pub(crate) fn card(self, mailboxes: &[Cbor]) -> Cbor {
        self.sign(Kind::Card, &self.id(), &self.card_body(mailboxes).encode()).signed()
    }

    /// A card with one mailbox.
    pub(crate) fn usual_card(self) -> Cbor {
        self.card(&[mailbox(RELAY, self.seed[0])])
    }

    pub(crate) fn sign(self, kind: Kind, audience: &[u8], body: &[u8]) -> Statement {
        Statement {
            label: kind.label(),
            kind: uint(kind as u64),
            signer: self,
            sender: self.id(),
            audience: audience.to_vec(),
            body: body.to_vec(),
        }
    }
}

/// `[relay, id]` of a mailbox whose id is made of equal octets.
pub(crate) fn mailbox(relay: &str, octet: u8) -> Cbor {
    array([text(relay), bytes([octet; 32])])
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Card,
    Answer,
    Bundle,
    Receipt,
    Request,
    Cancel,
    Approval,
    Decline,
    Alert,
    Challenge,
    Proof,
    Forget,
    Forgotten,
    Leave,
    Newest,
    Stop,
    Due,
    Drill,
    DrillAnswer,
    Successor,
    Succession,
    Moved,
}

impl Kind {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Card => "recovery/v1/sign-card",
            Self::Answer => "recovery/v1/sign-answer",
            Self::Bundle => "recovery/v1/sign-bundle",
            Self::Receipt => "recovery/v1/sign-receipt",
            Self::Request => "recovery/v1/sign-request",
            Self::Cancel => "recovery/v1/sign-cancel",
            Self::Approval => "recovery/v1/sign-approval",
            Self::Decline => "recovery/v1/sign-decline",
            Self::Alert => "recovery/v1/sign-alert",
            Self::Challenge => "recovery/v1/sign-challenge",
            Self::Proof => "recovery/v1/sign-proof",
            Self::Forget => "recovery/v1/sign-forget",
            Self::Forgotten => "recovery/v1/sign-forgotten",
            Self::Leave => "recovery/v1/sign-leave",
            Self::Newest => "recovery/v1/sign-newest",
            Self::Stop => "recovery/v1/sign-stop",
            Self::Due => "recovery/v1/sign-due",
            Self::Drill => "recovery/v1/sign-drill",
            Self::DrillAnswer => "recovery/v1/sign-drill-answer",
            Self::Successor => "recovery/v1/sign-successor",
            Self::Succession => "recovery/v1/sign-succession",
            Self::Moved => "recovery/v1/sign-moved",
        }
    }
}

/// What a signature is made of; each part can be made wrong on its own.
#[derive(Clone)]
pub(crate) struct Statement {
    pub(crate) label: &'static str,
    pub(crate) kind: Cbor,
    pub(crate) signer: Person,
    pub(crate) sender: [u8; 16],
    pub(crate) audience: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Statement {
    pub(crate) fn signature(&self) -> [u8; 64] {
        let parts: [&[u8]; 5] =
            [self.label.as_bytes(), &[0], &self.sender, &self.audience, &self.body];
        self.signer.signing_key().sign(&parts.concat()).to_bytes()
    }

    pub(crate) fn signed(&self) -> Cbor {
        self.signed_with(self.signature())
    }

    pub(crate) fn signed_with(&self, signature: [u8; 64]) -> Cbor {
        let (sender, body) = (bytes(self.sender), bytes(&self.body));
        array([uint(1), self.kind.clone(), sender, body, bytes(signature)])
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.signed().encode()
    }
}

/// The same signature with the group's order added to its second half.
pub(crate) fn malleable(mut signature: [u8; 64]) -> [u8; 64] {
    const ORDER: [u8; 32] = [
        0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (octet, order) in signature[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*octet) + u16::from(order);
        *octet = carry as u8;
        carry >>= 8;
    }
    signature
}

/// SHA-256(label ‖ 0x00 ‖ parts…)
pub(crate) fn hash(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest([&[label.as_bytes(), &[0]], parts].concat().concat()).into()
}

/// HKDF-SHA-256 without salt.
pub(crate) fn hkdf(secret: &[u8], label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut info = label.as_bytes().to_vec();
    if !parts.is_empty() {
        info.push(0);
        info.extend(parts.concat());
    }
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(None, secret).expand(&info, &mut out).unwrap();
    out
}
