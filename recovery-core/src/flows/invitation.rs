//! An invite while it may be answered: what its owner keeps of it.

use super::{Delivery, Step, pair::INVITE_SECONDS};
use crate::{
    address::{RelayUrl, SlotAddress},
    circle::Inbox,
    ids::{Base, ContactId, SlotId},
    name::Name,
    wire::{
        link::{Link, LinkKind, LinkSecret},
        messages::GuestPass,
    },
};
use minicbor::Encode;
use recovery_derive::Decode;

/// An invite that may still be answered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Invitation {
    /// What the owner calls whom they invited.
    #[n(0)]
    pub name: Name,
    /// The link's secret.
    #[n(1)]
    pub secret: LinkSecret,
    /// Where the invite is.
    #[n(2)]
    pub slot: Base,
    /// Where answers come.
    #[n(3)]
    pub answers: Inbox,
    /// Where the contact will write.
    #[n(4)]
    pub inbox: Inbox,
    /// Unix seconds after which it is forgotten.
    #[n(5)]
    pub expires: u64,
    /// Who answered first.
    #[n(6)]
    pub answered: Option<ContactId>,
    /// What it lets the friend open at closed relays.
    #[n(7)]
    pub passes: Option<Vec<GuestPass>>,
}

impl Invitation {
    /// The invite's slots.
    #[must_use]
    pub fn slots(&self) -> Vec<SlotAddress> {
        let slot = |relay: &RelayUrl| SlotAddress {
            relay: relay.clone(),
            id: self.slot.slot(relay.as_str()).id(),
        };
        self.inbox.relays.iter().map(slot).collect()
    }

    /// What is sent to the friend.
    #[must_use]
    pub fn link(&self) -> Link {
        let (slots, secret) = (self.slots(), self.secret.clone());
        Link { kind: LinkKind::Invite, slots, secret, request: None }
    }

    /// Fills its slot at one of its relays.
    pub(super) fn put(&self, relay: &RelayUrl, body: &[u8]) -> Delivery {
        let (base, relay, body) = (self.slot.clone(), relay.clone(), body.to_vec());
        Delivery::PutSlot { base, relay, body, ttl: Some(INVITE_SECONDS) }
    }

    /// Its relays for which it has no pass.
    pub fn without_pass(&self) -> impl Iterator<Item = &RelayUrl> {
        let passes = self.passes.as_deref().unwrap_or_default();
        self.inbox.relays.iter().filter(|relay| passes.iter().all(|pass| pass.relay != **relay))
    }

    /// Takes away what is left of it at its relays; what an answer made a contact's stays.
    pub(super) fn close(self) -> Step {
        let mut step = Step::default();
        for relay in self.inbox.relays {
            let base = self.answers.base.clone();
            step.outbox.push(Delivery::CloseMailbox { base, relay: relay.clone() });
            if self.answered.is_none() {
                let base = self.slot.clone();
                step.outbox.push(Delivery::DeleteSlot { base, relay: relay.clone() });
                let base = self.inbox.base.clone();
                step.outbox.push(Delivery::CloseMailbox { base, relay });
            }
        }
        step
    }

    /// Names the invite: the id of its slot at its first relay.
    pub(crate) fn key(&self) -> Option<SlotId> {
        self.slots().first().map(|slot| slot.id)
    }
}
