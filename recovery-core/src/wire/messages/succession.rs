//! What is said after a restore: which identity takes the place of which.

use crate::wire::{V1, Wire};
use crate::{
    ids::{ContactId, RequestId},
    keys::{Card, PublicKeys},
    sign::{Kind, Signed, Statement},
};
use minicbor::Encode;
use recovery_derive::Decode;

/// An owner's new device takes the place of a former one, signed by the former identity for one contact: the
/// vault was opened. What it signs is itself signed by the request with which the device came back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Successor {
    #[n(0)]
    pub(crate) version: V1,
    /// The former identity's keys.
    #[n(1)]
    pub former: PublicKeys,
    /// A [`Succession`].
    #[n(2)]
    pub succession: Signed,
}
message!(Successor, "word of a new device", 12_288, Successor);

/// Who comes after whom, signed by the request's keys for one contact: it is the device whose number was typed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Succession {
    #[n(0)]
    pub(crate) version: V1,
    /// The former identity.
    #[n(1)]
    pub former: ContactId,
    /// The successor, with the mailboxes for this contact.
    #[n(2)]
    pub card: Card,
    /// The request's hash.
    #[n(3)]
    pub request: RequestId,
    /// Unix seconds.
    #[n(4)]
    pub made: u64,
}
message!(Succession, "word of a new device", 8_192, Succession);

/// A contact has a new device, signed by its former identity for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Moved {
    #[n(0)]
    pub(crate) version: V1,
    /// The contact, with the mailboxes for this owner.
    #[n(1)]
    pub card: Card,
    /// Unix seconds.
    #[n(2)]
    pub made: u64,
}
message!(Moved, "word of a contact's new device", 8_192, Moved);
