//! What a contact keeps: of owners whose pieces it holds, and of requests that were opened on its device.

use super::{Inbox, Known, audit_key};
use crate::{
    ids::{Base, CircleId, ContactId, RequestId},
    keys::Card,
    name::Name,
    secret::Secret,
    sign::Signed,
    wire::{
        link::LinkSecret,
        messages::{Bundle, Checked, HoldBy, Pieces},
    },
};
use minicbor::Encode;
use recovery_derive::Decode;

/// A generation that a contact holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeldBundle {
    /// The owner's signed bundle.
    #[n(0)]
    pub signed: Signed,
    /// Its circle.
    #[n(1)]
    pub circle: CircleId,
    /// Its generation.
    #[n(2)]
    pub generation: u64,
    /// The shares and the vault's copy.
    #[n(3)]
    pub pieces: Pieces,
    /// Unix seconds when it was stored.
    #[n(4)]
    pub stored: u64,
    /// Unix seconds when it is deleted: the owner said that it is superseded.
    #[n(5)]
    pub until: Option<u64>,
    /// The owner once said that it counts: from then on it is deleted only 30 days after being superseded.
    #[n(6)]
    pub counted: bool,
}

impl HeldBundle {
    /// The bundle; `None` never happens for what was checked before it was stored.
    #[must_use]
    pub fn bundle(&self) -> Option<Bundle> {
        self.signed.peek().ok()
    }

    /// What checks proofs of holding it.
    #[must_use]
    pub fn audit(&self) -> Option<Secret<32>> {
        Some(audit_key(&self.pieces.shares, self.circle, self.contact()?))
    }

    /// As whom this person was given it: an identity of theirs, perhaps a former one.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        self.bundle().map(|bundle| bundle.contact)
    }
}

/// Somebody whose pieces this person holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Held {
    /// What this person calls them: the name on their card, unless changed.
    #[n(0)]
    pub name: Name,
    /// Their card.
    #[n(1)]
    pub card: Card,
    /// Where they write to this person.
    #[n(2)]
    pub inbox: Inbox,
    /// The invite link's secret, for the number.
    #[n(3)]
    pub secret: LinkSecret,
    /// The number was compared.
    #[n(4)]
    pub verified: bool,
    /// What only this person knows of how to reach and test them.
    #[n(5)]
    pub reach: Reach,
    /// Generations, the newest last.
    #[n(6)]
    pub bundles: Vec<HeldBundle>,
    /// Unix seconds of their last message.
    #[n(7)]
    pub seen: u64,
    /// Their newest word of their vault's version.
    #[n(8)]
    pub newest: Option<Signed>,
    /// Requests that they stopped, newest last.
    #[n(9)]
    pub stopped: Vec<Stopped>,
    /// When the last challenge that was answered was made, by the owner's clock.
    #[n(10)]
    pub asked: u64,
    /// Circles that the owner called superseded, the newest last: their pieces are not taken any more.
    #[n(11)]
    pub forgotten: Vec<CircleId>,
    /// As whom they know this person, if not as the one that signs now.
    #[n(12)]
    pub known: Option<Known>,
    /// Which identities of theirs there were, and which say to come next.
    #[n(13)]
    pub succession: Option<Succeeded>,
}

/// The identities of an owner, as a contact knows of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Succeeded {
    /// Identities that were replaced, the oldest first: nothing that they sign is taken any more.
    #[n(0)]
    pub former: Vec<ContactId>,
    /// When the last succession that was accepted was made.
    #[n(1)]
    pub made: u64,
    /// New devices that wait for the number to be compared.
    #[n(2)]
    pub claims: Vec<Claim>,
}

/// A new device that says to be an owner's.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Claim {
    /// The identity that vouched for it.
    #[n(0)]
    pub by: ContactId,
    /// Its card.
    #[n(1)]
    pub card: Card,
    /// Its [`Succession`](crate::wire::messages::Succession), not yet checked.
    #[n(2)]
    pub signed: Signed,
}

/// Where an owner stands with a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody says anything else.
    Current,
    /// A new device says to be theirs, and waits for its number to be compared.
    Claimed,
    /// Several do.
    Contested,
}

impl Held {
    /// Whether an identity is, or was, this owner's.
    #[must_use]
    pub fn is(&self, id: ContactId) -> bool {
        self.card.id() == id || self.was(id)
    }

    /// Whether an identity of this owner's was replaced.
    #[must_use]
    pub fn was(&self, id: ContactId) -> bool {
        self.succession.as_ref().is_some_and(|known| known.former.contains(&id))
    }

    /// New devices that wait for the number to be compared.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        self.succession.as_ref().map(|known| known.claims.as_slice()).unwrap_or_default()
    }

    /// Whether the identity that is known said itself that it has a successor. From then on it can't change
    /// anything: it may be in a thief's hands.
    #[must_use]
    pub fn frozen(&self) -> bool {
        self.claims().iter().any(|claim| claim.by == self.card.id())
    }

    /// Where this owner stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.claims() {
            [] => Standing::Current,
            [_] => Standing::Claimed,
            _ => Standing::Contested,
        }
    }
}

/// A request that its owner stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Stopped {
    /// The request.
    #[n(0)]
    pub request: RequestId,
    /// Unix seconds, by the owner's clock.
    #[n(1)]
    pub made: u64,
}

/// How a friend reaches the owner without trusting a message: kept by the friend alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Reach {
    /// A way the friend trusts.
    #[n(0)]
    pub way: Option<Name>,
    /// A second way, in case the phone is what gets lost.
    #[n(1)]
    pub second: Option<Name>,
    /// A question only the two can answer.
    #[n(2)]
    pub question: Option<Name>,
}

/// What a friend's device knows of a recovery request that was opened on it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Opened {
    /// Its hash.
    #[n(0)]
    pub id: RequestId,
    /// Its octets as first seen; number, signature and sealing use these.
    #[n(1)]
    pub request: Signed,
    /// The link's secret.
    #[n(2)]
    pub secret: LinkSecret,
    /// Whom the friend takes it to be from, once they said.
    #[n(3)]
    pub owner: Option<ContactId>,
    /// Wrong numbers that are left.
    #[n(4)]
    pub tries_left: u8,
    /// Where it stands.
    #[n(5)]
    pub state: OpenedState,
    /// Unix seconds when it was opened.
    #[n(6)]
    pub opened: u64,
    /// The number was right. A code that was scanned has to be shown each time.
    #[n(7)]
    pub checked: bool,
    /// The friend's own hold, to take an approval back as long as a relay holds it.
    #[n(8)]
    pub withdraw: Base,
    /// An approval that is held back.
    #[n(9)]
    pub held: Option<HeldBack>,
    /// Warnings of other contacts: Unix seconds, newest last.
    #[n(10)]
    pub alarms: Vec<u64>,
    /// Unix seconds when the friend said that it is an impostor's.
    #[n(11)]
    pub reported: Option<u64>,
    /// An approval is out.
    #[n(12)]
    pub released: bool,
    /// It went against the owner's stop.
    #[n(13)]
    pub overrode: bool,
    /// A successor was accepted by it: it does not make another one.
    #[n(14)]
    pub succeeded: bool,
}

impl Opened {
    /// Whether an approval is out of this friend's hands: sent, or released by a relay.
    #[must_use]
    pub fn is_out(&self, now: u64) -> bool {
        let by_relay = |held: HeldBack| held.by == HoldBy::Relay && held.due <= now;
        let out = self.released || self.held.is_none_or(by_relay);
        self.state == OpenedState::Approved && out
    }

    /// When an approval that is held back is released.
    #[must_use]
    pub fn release_at(&self, now: u64) -> Option<u64> {
        let waits = self.state == OpenedState::Approved && !self.is_out(now);
        self.held.filter(|_| waits).map(|held| held.due)
    }
}

/// An approval that waits until it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeldBack {
    /// Unix seconds when it is released.
    #[n(0)]
    pub due: u64,
    /// By whom.
    #[n(1)]
    pub by: HoldBy,
    /// How the request was checked.
    #[n(2)]
    pub checked: Checked,
    /// It travels as a file, so nothing is posted when it is due.
    #[n(3)]
    pub by_file: bool,
}

/// Where a request stands on a friend's device. `Open` and `Approved` go on, and a stopped one can be
/// approved by a friend who met the person; the others are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum OpenedState {
    /// Waiting for the friend.
    #[n(0)]
    Open,
    /// Approved.
    #[n(1)]
    Approved,
    /// Declined.
    #[n(2)]
    Declined,
    /// Three wrong numbers.
    #[n(3)]
    Burnt,
    /// Taken back by the new device.
    #[n(4)]
    Cancelled,
    /// Stopped by the owner.
    #[n(5)]
    Vetoed,
    /// The friend said that it is not from the person it claims.
    #[n(6)]
    Impostor,
}
