//! What is said in a recovery, and in the rehearsal of one.

use super::CircleProof;
use crate::wire::{V1, Wire, link::LinkSecret};
use crate::{
    ids::{DrillId, RequestId},
    keys::Card,
    name::Name,
    secret::SecretBytes,
    sign::{Kind, Signed, Statement},
};
use minicbor::Encode;
use recovery_derive::Decode;

/// The owner stops a recovery; signed for a contact, and once for the request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Stop {
    #[n(0)]
    pub(crate) version: V1,
    /// The request's hash.
    #[n(1)]
    pub request: RequestId,
    /// The owner.
    #[n(2)]
    pub owner: Card,
    /// Unix seconds.
    #[n(3)]
    pub made: u64,
}
message!(Stop, "a stop", 4_096, Stop);

/// The owner asks a contact to rehearse, signed for the contact. Nothing in it, or in its answer, is of any
/// use in a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Drill {
    #[n(0)]
    pub(crate) version: V1,
    /// Its id.
    #[n(1)]
    pub id: DrillId,
    /// The number that the owner reads out comes from this and the id.
    #[n(2)]
    pub secret: LinkSecret,
    /// Unix seconds.
    #[n(3)]
    pub made: u64,
}
message!(Drill, "a rehearsal", 256, Drill);

/// A contact rehearsed, signed for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DrillAnswer {
    #[n(0)]
    pub(crate) version: V1,
    /// The rehearsal.
    #[n(1)]
    pub id: DrillId,
    /// The number that was typed was right.
    #[n(2)]
    pub number: bool,
    /// For each circle held, HKDF(audit key, label ‖ 0x00 ‖ id): the pieces open.
    #[n(3)]
    pub proofs: Vec<CircleProof>,
    /// Unix seconds.
    #[n(4)]
    pub made: u64,
}
message!(DrillAnswer, "an answer to a rehearsal", 512, DrillAnswer);

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
    /// Each held generation, the newest last, at most eight.
    #[n(4)]
    pub holdings: Vec<Holding>,
    /// The owner's newest [`Newest`](super::Newest) for this contact.
    #[n(5)]
    pub newest: Option<Signed>,
    /// The owner had stopped the request; the friend met the person who asks, and approves all the same.
    #[n(6)]
    pub overrides: bool,
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
    /// The copy of the vault that came with them, where it fits.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub container: Option<Vec<u8>>,
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

/// A friend's yes that is held back, signed for the request: the approval itself comes later.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Due {
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
    pub bundle: Signed,
    /// Unix seconds when the approval is released, by the friend's clock.
    #[n(4)]
    pub at: u64,
}
message!(Due, "word of an approval", 16_384, Due);

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
    /// Says that it is not from the person it claims.
    #[n(4)]
    Impostor,
    /// Met the person who asks, and approved although the owner had stopped it.
    #[n(5)]
    Overridden,
}

impl AlertKind {
    /// What can only follow what: of one second, the graver is the later.
    #[must_use]
    pub fn gravity(self) -> u8 {
        match self {
            Self::Opened => 0,
            Self::WrongNumbers => 1,
            Self::Approved => 2,
            Self::Declined => 3,
            Self::Overridden => 4,
            Self::Impostor => 5,
        }
    }
}

/// A contact's word to the owner that somebody asks for the owner's key, signed for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Alert {
    #[n(0)]
    pub(crate) version: V1,
    /// The request: whom it claims to be from, its keys, and where approvals go.
    #[n(1)]
    pub request: Signed,
    /// What happened.
    #[n(2)]
    pub kind: AlertKind,
    /// Unix seconds.
    #[n(3)]
    pub made: u64,
    /// The contact's own words.
    #[n(4)]
    pub reason: Option<Name>,
    /// Unix seconds when an approval that is held back is released, by the contact's clock.
    #[n(5)]
    pub due: Option<u64>,
}
message!(Alert, "an alert", 8_192, Alert);
