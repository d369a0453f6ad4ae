//! What an owner keeps of contacts and circles, and what a contact keeps of owners.

mod held;

pub use held::*;

use crate::{
    address::{MailboxAddress, RelayUrl},
    ids::{Base, CircleId, ContactId, DrillId, RequestId},
    kdf::{KdfCost, hkdf},
    keys::Card,
    labels,
    name::Name,
    own::Own,
    package::{Package, RootKey},
    policy::Policy,
    secret::{Secret, SecretBytes},
    wire::{self, link::LinkSecret, messages::HoldPolicy},
};
use minicbor::Encode;
use rand_core::CryptoRng;
use recovery_derive::Decode;

/// The mailboxes that one side of a pair reads: one base, the relays where they were opened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Inbox {
    /// Their tokens come from here.
    #[n(0)]
    pub base: Base,
    /// Where they are.
    #[n(1)]
    pub relays: Vec<RelayUrl>,
}

impl Inbox {
    /// A fresh inbox at the first [`Card::MAILBOXES_MAX`] of `relays`: no card takes more.
    pub fn new(relays: &[RelayUrl], rng: &mut impl CryptoRng) -> Self {
        let relays = relays.iter().take(Card::MAILBOXES_MAX).cloned().collect();
        Self { base: Base::random(rng), relays }
    }

    /// Where others post.
    #[must_use]
    pub fn addresses(&self) -> Vec<MailboxAddress> {
        let address = |relay: &RelayUrl| MailboxAddress {
            relay: relay.clone(),
            id: self.base.mailbox(relay.as_str()).id(),
        };
        self.relays.iter().map(address).collect()
    }
}

/// Somebody who answered an invite: holds, or will hold, a piece of this owner's key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Contact {
    /// What the owner calls them.
    #[n(0)]
    pub name: Name,
    /// Their card.
    #[n(1)]
    pub card: Card,
    /// Cards of others who answered the same invite; while there are any, nothing is sent.
    #[n(2)]
    pub rivals: Vec<Card>,
    /// Where they write to the owner.
    #[n(3)]
    pub inbox: Inbox,
    /// The invite link's secret, for the number.
    #[n(4)]
    pub secret: LinkSecret,
    /// The number was compared.
    #[n(5)]
    pub verified: bool,
    /// Left out of the next circle.
    #[n(6)]
    pub removed: bool,
    /// Unix seconds of their last message.
    #[n(7)]
    pub seen: u64,
    /// Said farewell: holds nothing and takes nothing.
    #[n(8)]
    pub left: bool,
    /// What they were last told of the vault.
    #[n(9)]
    pub told: Told,
    /// As whom they know this owner, if not as the one that signs now.
    #[n(10)]
    pub known: Option<Known>,
    /// Cards of new devices that say to be theirs; while there are any, nothing new is dealt to them.
    #[n(11)]
    pub moved: Option<Vec<Card>>,
}

/// As whom the other one of a pair still knows this person: by an identity from before a restore.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Known {
    /// The former identity.
    #[n(0)]
    pub id: ContactId,
    /// Where they write to it.
    #[n(1)]
    pub inbox: Inbox,
}

/// What a contact was last told of the vault's version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Told {
    /// The version.
    #[n(0)]
    pub version: u64,
    /// Unix seconds.
    #[n(1)]
    pub at: u64,
}

impl Contact {
    /// Two people answered one invite, and nobody has yet settled which is the right one.
    #[must_use]
    pub fn contested(&self) -> bool {
        !self.rivals.is_empty()
    }

    /// New devices that say to be this contact's, and have not been verified.
    #[must_use]
    pub fn moves(&self) -> &[Card] {
        self.moved.as_deref().unwrap_or_default()
    }
}

/// Where one contact stands in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum MemberState {
    /// The piece is on its way.
    #[n(0)]
    Sent,
    /// A right proof came back.
    #[n(1)]
    Held,
    /// A wrong proof came back, or word that there is nothing to prove.
    #[n(2)]
    Failed,
}

/// A question for a proof that was not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Asked {
    /// What the answer has to be about.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// Unix seconds.
    #[n(1)]
    pub at: u64,
}

/// One contact in a circle. The owner keeps no share, only what checks a proof of holding it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Member {
    /// Who.
    #[n(0)]
    pub id: ContactId,
    /// Checks proofs.
    #[n(1)]
    pub audit: Secret<32>,
    /// Hash of the signed bundle, which a receipt's proof covers.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub bundle: [u8; 32],
    /// Where they stand.
    #[n(3)]
    pub state: MemberState,
    /// Unix seconds when the piece was sent.
    #[n(4)]
    pub sent: u64,
    /// Unix seconds of the last right proof.
    #[n(5)]
    pub proved: Option<u64>,
    /// The oldest question that waits for its proof.
    #[n(6)]
    pub asked: Option<Asked>,
}

/// Where a generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Stage {
    /// Dealt; not enough contacts proved that they hold it.
    #[n(0)]
    Pending,
    /// The one that counts.
    #[n(1)]
    Live,
    /// A newer one counts; kept until all of that one's contacts proved it.
    #[n(2)]
    Superseded,
}

/// A root key, and where the container under it is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Root {
    /// The key.
    #[n(0)]
    pub key: RootKey,
    /// The container's slots.
    #[n(1)]
    pub slot: Base,
}

/// A generation that was retired: who said when its pieces are deleted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Retired {
    /// Its id.
    #[n(0)]
    pub id: CircleId,
    /// Which generation.
    #[n(1)]
    pub generation: u64,
    /// Its members.
    #[n(2)]
    pub members: Vec<Deletion>,
}

/// What an owner's device keeps of the identities whose place it took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Former {
    /// Seeds that are still needed: somebody knows this person, or dealt them a piece, under one of these.
    #[n(0)]
    pub seeds: Own<Secret<32>>,
    /// The requests by which this person came back, the newest last.
    #[n(1)]
    pub requests: Own<RequestId>,
    /// Generations that open the vault as it was; gone once one of the new identity is live.
    #[n(2)]
    pub circles: Own<Retired>,
    /// Slots of that vault, as they were found.
    #[n(3)]
    pub slots: Own<Slots>,
    /// Inboxes that are not given to anybody any more.
    #[n(4)]
    pub inboxes: Own<Inbox>,
    /// Unix seconds when those are closed.
    #[n(5)]
    pub until: u64,
}

/// Slots at several relays: one base, the relays where they were written.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Slots {
    /// Their tokens come from here.
    #[n(0)]
    pub base: Base,
    /// Where they are.
    #[n(1)]
    pub relays: Vec<RelayUrl>,
}

/// When a contact deletes the pieces of a generation that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Deletion {
    /// Who.
    #[n(0)]
    pub contact: ContactId,
    /// Unix seconds, by the contact's clock, once it said so.
    #[n(1)]
    pub at: Option<u64>,
}

/// One generation of shares, as its owner keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Circle {
    /// Its id.
    #[n(0)]
    pub id: CircleId,
    /// Counts from 1.
    #[n(1)]
    pub generation: u64,
    /// Who suffices.
    #[n(2)]
    pub policy: Policy,
    /// The root key, sealed for this circle.
    #[n(3)]
    pub package: Package,
    /// Argon2id parameters, if it has a passphrase.
    #[n(4)]
    pub passphrase: Option<KdfCost>,
    /// Delay and holds.
    #[n(5)]
    pub hold: HoldPolicy,
    /// Who holds what.
    #[n(6)]
    pub members: Vec<Member>,
    /// Unix seconds when it was made.
    #[n(7)]
    pub made: u64,
    /// Where it stands.
    #[n(8)]
    pub stage: Stage,
    /// Its root key, if that is not the vault's current one.
    #[n(9)]
    pub root: Option<Root>,
    /// The owner's holds on approvals.
    #[n(10)]
    pub holds: Base,
}

impl Circle {
    /// Whether it counts, or did.
    #[must_use]
    pub fn active(&self) -> bool {
        self.stage != Stage::Pending
    }

    /// Whether everybody proved it.
    #[must_use]
    pub fn held_by_all(&self) -> bool {
        self.members.iter().all(|member| member.state == MemberState::Held)
    }

    /// Whether enough holders proved it: those that suffice, and one more where there are more.
    #[must_use]
    pub fn proved(&self) -> bool {
        let held = |id| self.members.iter().any(|m| m.id == id && m.state == MemberState::Held);
        let members = self.policy.members();
        if self.held_by_all() || planted!(LiveTooEarly) {
            return true;
        }
        // One more than suffices: any one of the holders may be missing.
        members
            .iter()
            .filter(|id| held(**id))
            .all(|spare| self.policy.suffices(|id| id != *spare && held(id)))
            && self.policy.suffices(held)
    }

    /// The member of an id.
    #[must_use]
    pub fn member(&self, id: ContactId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }
}

/// The key that checks proofs of holding these pieces.
#[must_use]
pub fn audit_key(shares: &[SecretBytes], circle: CircleId, contact: ContactId) -> Secret<32> {
    let shares = wire::encode(&shares);
    hkdf(&shares, &[], labels::AUDIT_KEY, &[circle.as_bytes(), contact.as_bytes()])
}

/// The proof in a receipt for the bundle with this hash.
#[must_use]
pub fn receipt_proof(audit: &Secret<32>, bundle: &[u8; 32]) -> [u8; 32] {
    *hkdf::<32>(audit.expose(), &[], labels::AUDIT_RECEIPT, &[bundle]).expose()
}

/// The proof in the answer to a challenge.
#[must_use]
pub fn challenge_proof(audit: &Secret<32>, nonce: &[u8; 32]) -> [u8; 32] {
    *hkdf::<32>(audit.expose(), &[], labels::AUDIT_CHALLENGE, &[nonce]).expose()
}

/// The proof in the answer to a rehearsal.
#[must_use]
pub fn drill_proof(audit: &Secret<32>, drill: DrillId) -> [u8; 32] {
    *hkdf::<32>(audit.expose(), &[], labels::AUDIT_DRILL, &[drill.as_bytes()]).expose()
}
