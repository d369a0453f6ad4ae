//! What really happened, kept by nobody in the world: the invariants are held against it.

use super::relay::{Body, Hash, hash};
use crate::{
    circle::OpenedState,
    flows::{Delivery, restore::Verdict},
    ids::{CircleId, ContactId, MailboxId, RequestId},
    name::Name,
    policy::Policy,
    vault::Vault,
    wire::limits::{MESSAGE_SIZES, SLOT_SIZES},
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Alerts that a person sent about a request: those that were posted, and those that came.
    pub(super) alerts: BTreeSet<(ContactId, RequestId)>,
    violation: Option<String>,
    posted: BTreeMap<MailboxId, BTreeSet<Hash>>,
    seals: BTreeMap<Hash, Hash>,
    states: BTreeMap<(usize, RequestId), OpenedState>,
    versions: BTreeMap<u64, Entries>,
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

    /// What a relay sees of a call: only the allowed sizes, and no nonce or encapsulated key twice.
    pub(super) fn observe(&mut self, delivery: &Delivery) {
        let (sizes, body, seal): (&[usize], _, _) = match delivery {
            Delivery::Post { to, body } => {
                self.posted.entry(to.id).or_default().insert(hash(body));
                (&MESSAGE_SIZES, body, body.get(1..1_121))
            }
            Delivery::PutSlot { body, .. } => (&SLOT_SIZES, body, body.get(..24)),
            _ => return,
        };
        self.observe_sealed(sizes, body, seal);
    }

    /// The same for a vault's container.
    pub(super) fn observe_container(&mut self, body: &[u8]) {
        self.observe_sealed(&SLOT_SIZES, body, body.get(..24));
    }

    fn observe_sealed(&mut self, sizes: &[usize], body: &[u8], seal: Option<&[u8]>) {
        let fine = sizes.contains(&body.len());
        self.ensure(fine, || format!("a relay sees {} octets", body.len()));
        let Some(seal) = seal else { return };
        let body = hash(body);
        let first = *self.seals.entry(hash(seal)).or_insert(body);
        self.ensure(first == body, || "a nonce or an encapsulated key was used twice".to_owned());
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
