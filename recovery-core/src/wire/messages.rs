//! Every message, one struct each: what people, devices and slots say to each other.

use super::{V1, Wire, limits};
use crate::{
    address::{HoldAddress, MailboxAddress, SlotAddress},
    ids::{CircleId, ContactId, RequestId, labelled_hash},
    kdf::KdfCost,
    keys::Card,
    labels,
    name::Name,
    package::Package,
    secret::SecretBytes,
    sign::{Kind, Signed, Statement},
};
use minicbor::{Decode, Encode};

macro_rules! message {
    ($name:ident, $text:literal, $max:expr $(, $kind:ident)?) => {
        impl Wire for $name {
            const NAME: &'static str = $text;
            const MAX: usize = $max;
        }
        $(impl Statement for $name {
            const KIND: Kind = Kind::$kind;
        })?
    };
}

/// What an invite's slot holds, boxed under the link's secret.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Invite {
    #[n(0)]
    pub(crate) version: V1,
    /// The owner's card, with the mailboxes for this contact alone.
    #[n(1)]
    pub card: Card,
    /// Where the answer goes: mailboxes made for this invite alone.
    #[n(2)]
    pub answers: Vec<MailboxAddress>,
    /// Unix seconds after which the invite is no longer taken.
    #[n(3)]
    pub expires: u64,
}
message!(Invite, "an invitation", 8_192);

/// A friend's answer to an invite, signed for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    #[n(0)]
    pub(crate) version: V1,
    /// The friend's card, with the mailboxes for this owner alone.
    #[n(1)]
    pub card: Card,
    /// HKDF(link secret, label ‖ 0x00 ‖ card): its sender read the link.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub proof: [u8; 32],
}
message!(Answer, "an answer to an invitation", 4_096, Answer);

/// How long approvals are held back, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct HoldPolicy {
    /// Seconds between an approval and its release; 0 for none.
    #[n(0)]
    pub delay: u64,
    /// Relays whose hold counts, with the owner's hold there.
    #[n(1)]
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
    /// [`Pieces::hash`] of the contact's pieces.
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
}
message!(Bundle, "a piece of a key", 16_384, Bundle);

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
}
message!(Pieces, "a piece of a key", limits::MESSAGE_MAX);

impl Pieces {
    /// Pieces of version 1.
    #[must_use]
    pub fn new(shares: Vec<SecretBytes>, container: Option<Vec<u8>>) -> Self {
        Self { version: V1, shares, container }
    }

    /// The hash of the shares that stands in the signed bundle; the container is not part of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        labelled_hash(labels::PIECES_HASH, &[super::encode(&self.shares).as_slice()])
    }
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

/// A recovery request, signed by the new device for itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Request {
    #[n(0)]
    pub(crate) version: V1,
    /// The new device: the name it claims, its keys, its session mailboxes.
    #[n(1)]
    pub card: Card,
    /// What it says it is: "laptop", "Pixel 9".
    #[n(2)]
    pub device: Option<Name>,
    /// Unix seconds when it was made.
    #[n(3)]
    pub made: u64,
}
message!(Request, "a recovery request", 4_096, Request);

/// The new device takes its request back, signed for that request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Cancel {
    #[n(0)]
    pub(crate) version: V1,
    /// Unix seconds.
    #[n(1)]
    pub made: u64,
}
message!(Cancel, "a cancellation", 64, Cancel);

/// What a request's slot holds, boxed under the link's secret.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RequestSlot {
    #[n(0)]
    version: V1,
    /// The request.
    #[n(1)]
    pub request: Signed,
    /// Its cancellation, once there is one.
    #[n(2)]
    pub cancel: Option<Signed>,
}
message!(RequestSlot, "a recovery request", 8_192);

impl RequestSlot {
    /// A slot of version 1.
    #[must_use]
    pub fn new(request: Signed, cancel: Option<Signed>) -> Self {
        Self { version: V1, request, cancel }
    }
}

/// How a friend made sure that the request is the one on the person's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Checked {
    /// The 15 digits were typed.
    #[n(0)]
    Number,
    /// The QR code was read off the screen.
    #[n(1)]
    Scanned,
}

/// A friend's yes, signed for the request: the bundles with their pieces.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Approval {
    #[n(0)]
    pub(crate) version: V1,
    /// The request's hash.
    #[n(1)]
    pub request: RequestId,
    /// The friend.
    #[n(2)]
    pub card: Card,
    /// How the request was checked.
    #[n(3)]
    pub checked: Checked,
    /// Each held generation, at most two.
    #[n(4)]
    pub holdings: Vec<Holding>,
    /// The newest container copy that the friend has.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub container: Option<Vec<u8>>,
}
message!(Approval, "an approval", crate::seal::LETTER_MAX, Approval);

/// One generation as a contact holds it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Holding {
    /// The owner's signed bundle.
    #[n(0)]
    pub bundle: Signed,
    /// SLIP-39 shares in their compact form.
    #[n(1)]
    pub shares: Vec<SecretBytes>,
}

/// A friend's no, signed for the request; only sent once the number was right.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Decline {
    #[n(0)]
    pub(crate) version: V1,
    /// The request's hash.
    #[n(1)]
    pub request: RequestId,
    /// The friend.
    #[n(2)]
    pub card: Card,
    /// The owner's signed bundle, without its pieces: the friend is a contact.
    #[n(3)]
    pub bundle: Option<Signed>,
}
message!(Decline, "a decline", 16_384, Decline);

/// What a contact tells the owner about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AlertKind {
    /// Opened it.
    #[n(0)]
    Opened,
    /// Typed three wrong numbers.
    #[n(1)]
    WrongNumbers,
    /// Approved it.
    #[n(2)]
    Approved,
    /// Declined it.
    #[n(3)]
    Declined,
}

/// A contact's word to the owner that somebody asks for the owner's key, signed for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Alert {
    #[n(0)]
    pub(crate) version: V1,
    /// The request's hash.
    #[n(1)]
    pub request: RequestId,
    /// What happened.
    #[n(2)]
    pub kind: AlertKind,
    /// Whom the new device claims to belong to.
    #[n(3)]
    pub claims: Name,
    /// What the new device says it is.
    #[n(4)]
    pub device: Option<Name>,
    /// Where approvals go.
    #[n(5)]
    pub session: Vec<MailboxAddress>,
    /// Unix seconds.
    #[n(6)]
    pub made: u64,
    /// The contact's own words.
    #[n(7)]
    pub reason: Option<Name>,
}
message!(Alert, "an alert", 4_096, Alert);
