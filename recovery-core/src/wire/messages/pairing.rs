//! What an owner and a friend say to become one's contact.

use crate::wire::{V1, Wire};
use crate::{
    address::{MailboxAddress, RelayUrl},
    ids::PassToken,
    keys::Card,
    secret::Secret,
    sign::{Kind, Statement},
};
use minicbor::Encode;
use recovery_derive::Decode;

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
    /// Leave to open mailboxes and slots at closed relays, in the name of the owner's own pass.
    #[n(4)]
    pub passes: Option<Vec<GuestPass>>,
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

/// A pass to a closed relay, made there out of another one for whoever accepts an invite.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GuestPass {
    /// The relay that made it; no other ever sees it.
    #[n(0)]
    pub relay: RelayUrl,
    #[n(1)]
    pass: Secret<32>,
}

impl GuestPass {
    /// A pass of this relay's.
    #[must_use]
    pub fn new(relay: RelayUrl, pass: &PassToken) -> Self {
        Self { relay, pass: pass.secret().clone() }
    }

    /// What is shown to the relay.
    #[must_use]
    pub fn token(&self) -> PassToken {
        PassToken::from(self.pass.clone())
    }
}
