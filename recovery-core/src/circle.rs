//! What an owner keeps of contacts and circles, and what a contact keeps of owners.

use crate::{
    address::{MailboxAddress, RelayUrl},
    ids::{Base, CircleId, ContactId, DrillId, RequestId},
    kdf::{KdfCost, hkdf},
    keys::Card,
    labels,
    name::Name,
    package::{Package, RootKey},
    policy::Policy,
    secret::{Secret, SecretBytes},
    sign::Signed,
    wire::{
        self,
        link::LinkSecret,
        messages::{Bundle, Checked, HoldBy, HoldPolicy, Pieces},
    },
};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

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
        if self.held_by_all() {
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
