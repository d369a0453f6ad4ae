//! What an owner and a friend say to become one's contact.

use crate::wire::{V1, Wire};
use crate::{
    address::MailboxAddress,
    keys::Card,
    sign::{Kind, Statement},
};
use recovery_derive::{Decode, Encode};

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
