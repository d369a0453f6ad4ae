//! What really happened, kept by nobody in the world: the invariants are held against it.

use super::{
    holding::{Holding, Wait},
    lines::Line,
    relay::{Body, Hash, hash},
};
use crate::{
    address::RelayUrl,
    flows::Device,
    ids::{Base, CircleId, ContactId, MailboxId, RequestId},
    name::Name,
    package::RootKey,
    policy::Policy,
    vault::Vault,
    wire::{
        limits::{MESSAGE_SIZES, SLOT_SIZES},
        link::LinkSecret,
        messages::HoldBy,
    },
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// A circle as its owner made it.
#[derive(Clone)]
pub(super) struct Truth {
    pub(super) owner: ContactId,
    pub(super) generation: u64,
    pub(super) policy: Policy,
    pub(super) version: u64,
    pub(super) passphrase: Option<&'static str>,
    pub(super) root: RootKey,
    /// Seconds for which approvals are held back.
    pub(super) delay: u64,
    pub(super) hold_by: HoldBy,
    pub(super) hold_relays: Vec<RelayUrl>,
    /// The owner's holds.
    pub(super) holds: Base,
    /// Where its container is.
    pub(super) slot: Base,
}

impl Truth {
    /// What an owner's device has just dealt.
    pub(super) fn of(device: &Device, id: CircleId, passphrase: Option<&'static str>) -> Self {
        let vault = device.vault();
        let circle = vault.circles.iter().find(|circle| circle.id == id).expect("a circle");
        let own = circle.root.as_ref();
        Self {
            owner: device.id(),
            generation: circle.generation,
            policy: circle.policy.clone(),
            version: vault.version,
            passphrase,
            root: own.map_or(&device.state.root, |root| &root.key).clone(),
            delay: circle.hold.delay,
            hold_by: circle.hold.by,
            hold_relays: circle.hold.holds.iter().map(|hold| hold.relay.clone()).collect(),
            holds: circle.holds.clone(),
            slot: own.map_or(&vault.slot, |root| &root.slot).clone(),
        }
    }
}

/// A contact's shares of one circle.
pub(super) type Gift = (ContactId, CircleId, ContactId);

/// What a message to a new device must be taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) request: RequestId,
    /// `None` for what is not even kept.
    pub(super) assessed: Option<Line>,
    pub(super) gifts: Vec<Gift>,
    /// The newest version of the vault that an identity of the owner's told its sender of.
    pub(super) told: Option<(ContactId, u64)>,
    /// It must not come before.
    pub(super) wait: Option<Wait>,
}

/// The entries of a vault: labels and hashes.
type Entries = Vec<(Name, Hash)>;

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) circles: BTreeMap<CircleId, Truth>,
    pub(super) letters: BTreeMap<Hash, Expected>,
    /// Who typed the right number, or read the code, of which request.
    pub(super) checked: BTreeSet<(usize, RequestId)>,
    /// Wrong numbers that somebody typed for a request.
    pub(super) wrong: BTreeMap<(usize, RequestId), u8>,
    /// Answers to invites: the link's secret, and who gave it.
    pub(super) answers: BTreeMap<Hash, (LinkSecret, ContactId)>,
    pub(super) holding: Holding,
    /// What a contact was asked to prove and rightly said not to hold.
    pub(super) lacked: BTreeSet<(usize, u64)>,
    /// When a contact stored a piece, by its clock: whose, and which generation.
    pub(super) stored: BTreeMap<(usize, Name, u64), u64>,
    /// Generations that a contact was told to forget and deleted.
    pub(super) deleted: BTreeSet<(usize, u64)>,
    /// Contacts that left.
    pub(super) left: BTreeSet<usize>,
    /// Who approved which request.
    pub(super) approved: BTreeSet<(ContactId, RequestId)>,
    /// Who typed the right number of which request.
    pub(super) typed: BTreeSet<(usize, RequestId)>,
    /// Friends who compared the number of the device that counts now.
    pub(super) compared: BTreeSet<usize>,
    /// A relay said to have written what it has not.
    pub(super) deceived: bool,
    /// How often people did what they can do.
    pub(super) deeds: BTreeMap<&'static str, u64>,
    violation: Option<String>,
    posted: BTreeMap<MailboxId, BTreeSet<Hash>>,
    seals: BTreeMap<Hash, Hash>,
    versions: BTreeMap<(ContactId, u64), Entries>,
    version: Option<(ContactId, u64)>,
    trace: Sha256,
    steps: u64,
    log: Option<Vec<String>>,
}

impl Ledger {
    pub(super) fn new(log: bool) -> Self {
        Self { log: log.then(Vec::new), ..Self::default() }
    }

    /// Notes something for the trace.
    pub(super) fn note(&mut self, now: u64, what: &str) {
        self.steps += 1;
        self.trace.update(now.to_be_bytes());
        self.trace.update(what.as_bytes());
        if let Some(log) = &mut self.log {
            log.push(format!("{:>8} {what}", now.saturating_sub(super::table::START)));
        }
    }

    /// An invariant does not hold; the first one is kept.
    pub(super) fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        if let Some(log) = &mut self.log {
            log.push(format!("VIOLATED: {what}"));
        }
        self.violation.get_or_insert(what);
    }

    /// [`Ledger::fail`]s unless `holds`.
    pub(super) fn ensure(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what());
        }
    }

    pub(super) fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    pub(super) fn finish(self) -> (u64, Hash, Option<Vec<String>>) {
        (self.steps, self.trace.finalize().into(), self.log)
    }

    /// What a relay sees of a message: an allowed size, and no encapsulated key twice.
    pub(super) fn observe_message(&mut self, to: MailboxId, body: &Body) {
        self.posted.entry(to).or_default().insert(body.hash);
        self.observe(&MESSAGE_SIZES, &body.octets, 1..1_121);
    }

    /// What a relay sees of a slot: an allowed size, and no nonce twice.
    pub(super) fn observe_slot(&mut self, octets: &[u8]) {
        self.observe(&SLOT_SIZES, octets, 0..24);
    }

    fn observe(&mut self, sizes: &[usize], octets: &[u8], unique: Range<usize>) {
        let fine = sizes.contains(&octets.len());
        self.ensure(fine, || format!("a relay sees {} octets", octets.len()));
        let (Some(unique), Some(tail)) = (octets.get(unique), octets.last_chunk::<64>()) else {
            return;
        };
        // The end of two different ciphertexts is different.
        let tail = hash(tail);
        let first = *self.seals.entry(hash(unique)).or_insert(tail);
        self.ensure(first == tail, || "a nonce or an encapsulated key was used twice".to_owned());
    }

    /// Whether somebody posted this to one of these mailboxes.
    pub(super) fn was_posted(&self, to: &[MailboxId], body: &Body) -> bool {
        to.iter().any(|id| self.posted.get(id).is_some_and(|bodies| bodies.contains(&body.hash)))
    }

    /// Somebody did something that people do.
    pub(super) fn did(&mut self, deed: &'static str) {
        *self.deeds.entry(deed).or_default() += 1;
    }

    /// What the vault of an identity of the owner's holds at a version: always the same.
    pub(super) fn holds(&mut self, id: ContactId, vault: &Vault) {
        let version = (id, vault.version);
        if self.version.replace(version) == Some(version) {
            return;
        }
        let entries = entries(vault);
        let known = self.versions.entry(version).or_insert_with(|| entries.clone());
        let same = *known == entries;
        self.ensure(same, || format!("two vaults of version {}", vault.version));
    }

    /// Whether a restored vault is the one of its version.
    pub(super) fn knows(&self, id: ContactId, vault: &Vault) -> bool {
        self.versions.get(&(id, vault.version)).is_some_and(|known| *known == entries(vault))
    }
}

fn entries(vault: &Vault) -> Entries {
    let entry = |entry: &crate::vault::Entry| (entry.label.clone(), hash(entry.content.expose()));
    vault.entries.iter().map(entry).collect()
}
