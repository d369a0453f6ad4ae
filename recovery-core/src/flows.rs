//! Who says what, and when: the story, one chapter a file.
//!
//! Flows are pure: input, time and randomness come in as arguments, and what should happen comes out
//! as a [`Step`]. Who drives them sends the outbox in order, keeps what could not be sent, and shows
//! the events. Handling the same message twice changes nothing.

pub mod approve;
mod delay;
pub mod device;
pub mod drill;
pub mod hear;
pub mod invitation;
pub mod keep;
pub mod pair;
pub mod places;
pub mod protect;
pub mod recovery;
pub mod renew;
pub mod request;
pub mod restore;
pub(crate) mod slots;
pub mod stop;
pub mod succession;
pub mod takeover;
mod verify;

use crate::{
    address::{MailboxAddress, RelayUrl},
    ids::{Base, ContactId, DrillId, HoldId, RequestId},
    kdf::KdfCost,
    name::Name,
    wire::messages::AlertKind,
};
use minicbor::Encode;
use rand_core::CryptoRng;
use recovery_derive::Decode;

pub use device::Device;
pub use places::VaultCopy;
pub use recovery::Recovery;

/// What a flow needs from outside: the time, randomness, and what Argon2id may cost.
pub struct Context<'a> {
    /// Unix seconds.
    pub now: u64,
    /// A cryptographic random source.
    pub rng: &'a mut dyn CryptoRng,
    /// [`KdfCost::STANDARD`], but for tests.
    pub cost: KdfCost,
}

/// What should happen next.
#[derive(Debug, Default)]
#[must_use]
pub struct Step {
    /// To be done at relays, in order.
    pub outbox: Vec<Delivery>,
    /// To be told.
    pub events: Vec<Event>,
}

impl Step {
    /// Nothing but an event.
    fn event(event: Event) -> Self {
        Self { outbox: Vec::new(), events: vec![event] }
    }

    /// Puts `later` after this step.
    pub fn then(&mut self, later: Self) {
        self.outbox.extend(later.outbox);
        self.events.extend(later.events);
    }

    /// The same message to every address.
    fn post(&mut self, to: &[MailboxAddress], body: &[u8]) {
        let post = |to: &MailboxAddress| Delivery::Post { to: to.clone(), body: body.to_vec() };
        self.outbox.extend(to.iter().map(post));
    }
}

/// One call to one relay. Doing it twice is the same as doing it once.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Delivery {
    /// Open a mailbox, for `ttl` seconds or until closed.
    #[n(0)]
    OpenMailbox {
        /// Its base.
        #[n(0)]
        base: Base,
        /// Where.
        #[n(1)]
        relay: RelayUrl,
        /// Seconds, if it is to end by itself.
        #[n(2)]
        ttl: Option<u64>,
    },
    /// Close a mailbox.
    #[n(1)]
    CloseMailbox {
        /// Its base.
        #[n(0)]
        base: Base,
        /// Where.
        #[n(1)]
        relay: RelayUrl,
    },
    /// Post a message.
    #[n(2)]
    Post {
        /// Where.
        #[n(0)]
        to: MailboxAddress,
        /// The message.
        #[cbor(n(1), with = "minicbor::bytes")]
        body: Vec<u8>,
    },
    /// Post a message that the relay shows only after a delay.
    #[n(5)]
    PostHeld {
        /// Where.
        #[n(0)]
        to: MailboxAddress,
        /// The message.
        #[cbor(n(1), with = "minicbor::bytes")]
        body: Vec<u8>,
        /// Under which holds, at most two: who has the token of one can drop it before.
        #[n(2)]
        holds: Vec<HoldId>,
        /// Seconds.
        #[n(3)]
        delay: u64,
    },
    /// Drop what is held under a hold for one mailbox, and refuse more.
    #[n(6)]
    Veto {
        /// The hold's base.
        #[n(0)]
        base: Base,
        /// The mailbox, and where.
        #[n(1)]
        mailbox: MailboxAddress,
    },
    /// Write a slot, whatever stands there.
    #[n(3)]
    PutSlot {
        /// Its base.
        #[n(0)]
        base: Base,
        /// Where.
        #[n(1)]
        relay: RelayUrl,
        /// What.
        #[cbor(n(2), with = "minicbor::bytes")]
        body: Vec<u8>,
        /// Seconds, if it is to end by itself.
        #[n(3)]
        ttl: Option<u64>,
    },
    /// Delete a slot.
    #[n(4)]
    DeleteSlot {
        /// Its base.
        #[n(0)]
        base: Base,
        /// Where.
        #[n(1)]
        relay: RelayUrl,
    },
}

impl Delivery {
    /// The relay that is called.
    #[must_use]
    pub fn relay(&self) -> &RelayUrl {
        match self {
            Self::OpenMailbox { relay, .. }
            | Self::CloseMailbox { relay, .. }
            | Self::PutSlot { relay, .. }
            | Self::DeleteSlot { relay, .. } => relay,
            Self::Post { to, .. } | Self::PostHeld { to, .. } => &to.relay,
            Self::Veto { mailbox, .. } => &mailbox.relay,
        }
    }
}

/// What happened, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody answered an invite and is a contact now.
    ContactAccepted {
        /// The name the owner gave.
        name: Name,
    },
    /// A second person answered the same invite.
    ContactContested {
        /// The name the owner gave.
        name: Name,
    },
    /// An owner's new device took the place of their former one.
    OwnerMoved {
        /// Whose.
        owner: Name,
    },
    /// A new device says to be an owner's: the number has to be compared with them.
    OwnerClaimed {
        /// Whose.
        owner: Name,
    },
    /// A new device says to be a contact's: the number has to be compared with them.
    ContactMoved {
        /// The contact.
        contact: Name,
    },
    /// A contact knows this owner's new device now.
    ContactKnows {
        /// The contact.
        contact: Name,
    },
    /// Another device took this one's place.
    Replaced,
    /// Somebody who is a contact already answered another invite.
    SamePerson {
        /// The name of this invite.
        name: Name,
        /// The contact they are.
        contact: Name,
    },
    /// A contact proved that it holds its piece.
    PieceHeld {
        /// The contact.
        contact: Name,
        /// Of which generation.
        generation: u64,
    },
    /// A contact sent a wrong proof, or has nothing to prove any more.
    ProofFailed {
        /// The contact.
        contact: Name,
        /// Of which generation.
        generation: u64,
    },
    /// Enough contacts hold their pieces.
    CircleActive {
        /// Which generation.
        generation: u64,
    },
    /// A generation is gone: a newer one has taken its place.
    CircleRetired {
        /// Which generation.
        generation: u64,
    },
    /// A contact says when it deletes the pieces of a generation that is gone.
    PieceForgotten {
        /// The contact.
        contact: Name,
        /// Of which generation.
        generation: u64,
        /// Unix seconds, by the contact's clock.
        at: u64,
    },
    /// A contact holds nothing any more.
    ContactLeft {
        /// The contact.
        contact: Name,
        /// Unix seconds, by the contact's clock.
        made: u64,
    },
    /// This device proved to an owner that it holds their pieces, or said that it does not.
    Proved {
        /// Whose.
        owner: Name,
        /// Whether there was something to prove.
        holds: bool,
    },
    /// Superseded pieces were deleted, as was said.
    PieceDeleted {
        /// Whose.
        owner: Name,
        /// Of which generation.
        generation: u64,
    },
    /// An owner stopped a recovery.
    Stopped {
        /// Whose key it was about.
        owner: Name,
        /// The request.
        request: RequestId,
        /// Whether an approval of this device was taken back.
        withdrawn: bool,
    },
    /// An approval that was held back is on its way.
    Released {
        /// Whose key it is about.
        owner: Name,
        /// The request.
        request: RequestId,
    },
    /// An owner asks this person to rehearse.
    DrillAsked {
        /// Who.
        owner: Name,
        /// The rehearsal.
        drill: DrillId,
    },
    /// A contact rehearsed.
    DrillAnswered {
        /// The contact.
        contact: Name,
        /// The rehearsal.
        drill: DrillId,
        /// The number they typed was right.
        number: bool,
        /// Their pieces open.
        opened: bool,
    },
    /// A piece of somebody's key came and is stored.
    PieceStored {
        /// Whose.
        owner: Name,
        /// Of which generation.
        generation: u64,
    },
    /// A piece came that can't be right; nothing of it was kept.
    PieceRefused {
        /// Whose.
        owner: Name,
        /// Why.
        why: &'static str,
    },
    /// A contact says that somebody asks for this owner's key.
    Alert {
        /// The contact.
        contact: Name,
        /// The request.
        request: RequestId,
        /// What the contact did.
        kind: AlertKind,
        /// Whom the request claims to be from.
        claims: Name,
    },
    /// A message came that is not what its place is for; it was passed over.
    Ignored {
        /// Where it came from, if that is known.
        from: Option<Name>,
        /// Why.
        why: &'static str,
    },
}

/// A mailbox that a device reads, and what comes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// What comes there.
    pub source: Source,
    /// Its base.
    pub base: Base,
    /// Where it is.
    pub relay: RelayUrl,
}

/// Who writes to a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Whoever has this invite's link; counts through the device's invites.
    Invite(crate::ids::SlotId),
    /// A contact of this owner.
    Contact(ContactId),
    /// An owner whose pieces this person holds.
    Owner(ContactId),
}
