//! What an owner and the contacts say about the pieces of the key.

use crate::wire::{self, V1, Wire, limits};
use crate::{
    address::{HoldAddress, RelayUrl, SlotAddress},
    ids::{Base, CircleId, ContactId, RequestId, SlotId, labelled_hash},
    kdf::KdfCost,
    keys::Card,
    labels,
    package::Package,
    secret::{Secret, SecretBytes},
    sign::{Kind, Statement},
};
use minicbor::Encode;
use recovery_derive::Decode;

/// Who holds approvals back until they are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum HoldBy {
    /// A relay whose hold counts; the contact's own device if the new device uses none of those.
    #[default]
    #[n(0)]
    Relay,
    /// The contact's own device.
    #[n(1)]
    Contacts,
}

/// How long approvals are held back, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct HoldPolicy {
    /// Seconds between an approval and its release; 0 for none.
    #[n(0)]
    pub delay: u64,
    /// Who holds them back.
    #[n(1)]
    pub by: HoldBy,
    /// Relays whose hold counts, with the owner's hold there.
    #[n(2)]
    pub holds: Vec<HoldAddress>,
}

/// A contact's part of a circle, signed by the owner for that contact. It names no other contact.
///
/// The share itself travels beside it and is named by hash, so that a contact can show that it is one
/// without giving its share away.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Bundle {
    #[n(0)]
    pub(crate) version: V1,
    /// The circle.
    #[n(1)]
    pub circle: CircleId,
    /// Which generation of shares, from 1.
    #[n(2)]
    pub generation: u64,
    /// The owner.
    #[n(3)]
    pub owner: Card,
    /// The contact.
    #[n(4)]
    pub contact: ContactId,
    /// [`pieces_hash`] of the contact's pieces.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub pieces: [u8; 32],
    /// The root key, sealed to what the circle's share secret opens.
    #[n(6)]
    pub package: Package,
    /// Argon2id parameters, if the circle has a passphrase.
    #[n(7)]
    pub passphrase: Option<KdfCost>,
    /// Where the vault container is.
    #[n(8)]
    pub vault: Vec<SlotAddress>,
    /// The container's version when this was made.
    #[n(9)]
    pub vault_version: u64,
    /// How long approvals are held back.
    #[n(10)]
    pub hold: HoldPolicy,
    /// Unix seconds when it was made.
    #[n(11)]
    pub made: u64,
    /// The circle that counts as long as this one does not: its pieces are kept beside these.
    #[n(12)]
    pub live: Option<CircleId>,
    /// [`Alarm::hash`] of what came beside it.
    #[cbor(n(13), with = "minicbor::bytes")]
    pub alarm: [u8; 32],
}
message!(Bundle, "a piece of a key", 16_384, Bundle);

/// How the contacts of a circle warn each other without knowing each other: each has slots of its own
/// and reads those of all others. Nobody but contacts ever gets it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Alarm {
    /// The boxes in the slots are under this.
    #[n(0)]
    pub key: Secret<32>,
    /// The contact's own slots.
    #[n(1)]
    pub own: Base,
    /// Where slots are, and the other contacts' there.
    #[n(2)]
    pub places: Vec<AlarmPlace>,
}

/// The other contacts' alarm slots at one relay.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AlarmPlace {
    /// The relay.
    #[n(0)]
    pub relay: RelayUrl,
    /// One slot for each other contact.
    #[n(1)]
    pub others: Vec<SlotId>,
}

impl Alarm {
    /// The hash that stands in the signed bundle.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        labelled_hash(labels::ALARM_HASH, &[wire::encode(self).as_slice()])
    }
}

/// What an alarm slot holds, boxed under the circle's alarm key. It names no contact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Alarms {
    #[n(0)]
    pub(crate) version: V1,
    /// Requests that are not from the person they claim, newest last.
    #[n(1)]
    pub impostors: Vec<Impostor>,
}
message!(Alarms, "a warning", 4_096);

/// A contact says: this request is not from the person it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Impostor {
    /// The request.
    #[n(0)]
    pub request: RequestId,
    /// Unix seconds.
    #[n(1)]
    pub made: u64,
}

/// What a contact holds beside its bundle: the pieces, and a copy of the vault if it is small.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Pieces {
    #[n(0)]
    version: V1,
    /// SLIP-39 shares in their compact form; one, or more for a contact that counts more.
    #[n(1)]
    pub shares: Vec<SecretBytes>,
    /// The vault container as it was, at most 32 KiB; its own key protects it.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub container: Option<Vec<u8>>,
    /// How to warn the others.
    #[n(3)]
    pub alarm: Alarm,
}
message!(Pieces, "a piece of a key", limits::MESSAGE_MAX);

impl Pieces {
    /// Pieces of version 1.
    #[must_use]
    pub fn new(shares: Vec<SecretBytes>, container: Option<Vec<u8>>, alarm: Alarm) -> Self {
        Self { version: V1, shares, container, alarm }
    }
}

/// The hash of a contact's shares that stands in its signed bundle.
#[must_use]
pub fn pieces_hash(shares: &[SecretBytes]) -> [u8; 32] {
    labelled_hash(labels::PIECES_HASH, &[wire::encode(&shares).as_slice()])
}

/// A contact stored a bundle durably, signed for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    #[n(0)]
    pub(crate) version: V1,
    /// The circle.
    #[n(1)]
    pub circle: CircleId,
    /// HKDF(audit key, label ‖ 0x00 ‖ hash of the signed bundle).
    #[cbor(n(2), with = "minicbor::bytes")]
    pub proof: [u8; 32],
}
message!(Receipt, "a receipt", 256, Receipt);

/// The owner asks a contact to prove that it still holds its pieces, signed for the contact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    #[n(0)]
    pub(crate) version: V1,
    /// The circles whose pieces it should hold.
    #[n(1)]
    pub circles: Vec<CircleId>,
    /// Random octets; the same until they were answered.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// Unix seconds, by the owner's clock: a relay's repetition asks nothing.
    #[n(3)]
    pub made: u64,
}
message!(Challenge, "a question for a proof", 256, Challenge);

/// A contact's answer to a challenge, signed for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Proof {
    #[n(0)]
    pub(crate) version: V1,
    /// The challenge's.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// One for each circle of the challenge.
    #[n(2)]
    pub proofs: Vec<CircleProof>,
    /// Unix seconds, by the contact's clock.
    #[n(3)]
    pub made: u64,
}
message!(Proof, "a proof of holding", 512, Proof);

/// The proof for one circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CircleProof {
    /// The circle.
    #[n(0)]
    pub circle: CircleId,
    /// HKDF(audit key, label ‖ 0x00 ‖ nonce); `None` if the contact has no such pieces (any more).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub proof: Option<[u8; 32]>,
}

/// The owner tells a contact which pieces are superseded, signed for the contact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Forget {
    #[n(0)]
    pub(crate) version: V1,
    /// The circles.
    #[n(1)]
    pub circles: Vec<CircleId>,
}
message!(Forget, "word that pieces are superseded", 256, Forget);

/// A contact's answer to that, signed for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Forgotten {
    #[n(0)]
    pub(crate) version: V1,
    /// The circles.
    #[n(1)]
    pub circles: Vec<CircleId>,
    /// Unix seconds when the pieces are deleted.
    #[n(2)]
    pub at: u64,
}
message!(Forgotten, "word that pieces are forgotten", 256, Forgotten);

/// A contact holds no piece any more and will take none, signed for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Leave {
    #[n(0)]
    pub(crate) version: V1,
    /// Unix seconds.
    #[n(1)]
    pub made: u64,
}
message!(Leave, "a farewell", 64, Leave);

/// The newest version of the vault, and the circle that counts, signed by the owner for a contact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Newest {
    #[n(0)]
    pub(crate) version: V1,
    /// The container's version.
    #[n(1)]
    pub vault_version: u64,
    /// Unix seconds.
    #[n(2)]
    pub made: u64,
    /// The circle that counts.
    #[n(3)]
    pub live: Option<CircleId>,
}
message!(Newest, "word of a newer vault", 64, Newest);
