//! What really happened, kept by nobody in the world: the invariants are held against it.

use super::relay::{Body, Hash, hash};
use crate::{
    circle::OpenedState,
    flows::restore::Verdict,
    ids::{CircleId, ContactId, MailboxId, RequestId},
    name::Name,
    policy::Policy,
    vault::Vault,
    wire::{
        limits::{MESSAGE_SIZES, SLOT_SIZES},
        link::LinkSecret,
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
}

/// A contact's shares of one circle.
pub(super) type Gift = (ContactId, CircleId, ContactId);

/// What a message to a new device must be taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) request: RequestId,
    /// `None` for what is not even kept.
    pub(super) assessed: Option<(Option<Name>, Verdict)>,
    pub(super) gifts: Vec<Gift>,
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
    violation: Option<String>,
    posted: BTreeMap<MailboxId, BTreeSet<Hash>>,
    seals: BTreeMap<Hash, Hash>,
    states: BTreeMap<(usize, RequestId), OpenedState>,
    versions: BTreeMap<u64, Entries>,
    version: u64,
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

    /// Where a request stands on a friend's device: what is final stays.
    pub(super) fn stands(&mut self, who: usize, request: RequestId, state: OpenedState) {
        let before = self.states.insert((who, request), state).unwrap_or(OpenedState::Open);
        let fine = before == OpenedState::Open || before == state;
        self.ensure(fine, || format!("{who}: {before:?} became {state:?}"));
    }

    /// What the owner's vault holds at a version: always the same.
    pub(super) fn holds(&mut self, vault: &Vault) {
        if self.version == vault.version {
            return;
        }
        self.version = vault.version;
        let entries = entries(vault);
        let known = self.versions.entry(vault.version).or_insert_with(|| entries.clone());
        let same = *known == entries;
        self.ensure(same, || format!("two vaults of version {}", vault.version));
    }

    /// Whether a restored vault is the one of its version.
    pub(super) fn knows(&self, vault: &Vault) -> bool {
        self.versions.get(&vault.version).is_some_and(|known| *known == entries(vault))
    }
}

fn entries(vault: &Vault) -> Entries {
    let entry = |entry: &crate::vault::Entry| (entry.label.clone(), hash(entry.content.expose()));
    vault.entries.iter().map(entry).collect()
}
