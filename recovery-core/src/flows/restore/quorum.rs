//! From enough shares to the owner's device.

use super::{
    Approver, Assessment, RestoreError,
    assess::{Part, ShareSet},
};
use crate::{
    address::SlotAddress,
    flows::device::Device,
    ids::ContactId,
    kdf::KdfCost,
    keys::Identity,
    name::Name,
    package::{RootKey, circle_key},
    secret::Secret,
    slip39::{self, Share, Slip39Error},
    vault::Vault,
};

/// How many choices of contacts to leave out are tried: all of 16 over 8 is 12,870.
const CHOICES_MAX: usize = 20_000;

/// Enough shares of one owner and circle, combined: the share secret is known.
#[derive(Debug)]
pub struct Quorum {
    shared: Secret<32>,
    set: ShareSet,
    left_out: Vec<Approver>,
}

/// The vault that was found is older than somebody knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// The version that was found.
    pub found: u64,
    /// The version that contacts know of.
    pub known: u64,
    /// Who knows of it.
    pub by: Vec<Name>,
}

impl Rollback {
    /// "Bob knows", "Bob, Carol know".
    #[must_use]
    pub fn who(&self) -> String {
        let names: Vec<&str> = self.by.iter().map(Name::as_str).collect();
        match names.as_slice() {
            [] => "a contact knows".to_owned(),
            [one] => format!("{one} knows"),
            several => format!("{} know", several.join(", ")),
        }
    }
}

/// The owner's device again.
#[derive(Debug)]
pub struct Restored {
    /// It.
    pub device: Device,
    /// The generation whose shares gave the key.
    pub generation: u64,
    /// The vault that was found is older than this.
    pub rollback: Option<Rollback>,
}

impl Quorum {
    /// The only way here: shares that combine. SLIP-39's digest tells whether they do.
    pub(super) fn of(set: &ShareSet) -> Result<Self, RestoreError> {
        if !set.is_complete() {
            let (have, need) = set.counts();
            return Err(RestoreError::TooFew { have, need });
        }
        for left_out in 0..set.parts.len() {
            for choice in choices(set.parts.len(), left_out).take(CHOICES_MAX) {
                if let Some(shared) = combine(&set.parts, &choice) {
                    let left_out = choice.iter().filter_map(|at| set.parts.get(*at));
                    let left_out = left_out.map(|part| part.approver.clone()).collect();
                    return Ok(Self { shared, set: set.clone(), left_out });
                }
            }
        }
        Err(RestoreError::Disagree)
    }

    /// The owner's name and whose pieces did not fit.
    #[must_use]
    pub fn left_out(&self) -> &[Approver] {
        &self.left_out
    }

    /// The owner's name, as the bundles give it.
    #[must_use]
    pub fn owner(&self) -> &Name {
        self.set.owner.name()
    }

    /// The Argon2id parameters, if the circle has a passphrase.
    #[must_use]
    pub fn passphrase(&self) -> Option<KdfCost> {
        self.set.passphrase
    }

    /// Where the vault may be.
    #[must_use]
    pub fn slots(&self) -> &[SlotAddress] {
        &self.set.slots
    }

    /// The root key.
    ///
    /// # Errors
    /// [`RestoreError::PassphraseNeeded`], [`RestoreError::WrongPassphrase`], and
    /// [`RestoreError::WrongKey`] for a circle without a passphrase.
    pub fn root(&self, passphrase: Option<&str>) -> Result<RootKey, RestoreError> {
        let guarded = match (self.set.passphrase, passphrase) {
            (Some(_), None) => return Err(RestoreError::PassphraseNeeded),
            (Some(cost), Some(text)) => {
                Some((text, cost.check_stored().map_err(|_| RestoreError::WrongKey)?))
            }
            (None, _) => None,
        };
        let wrong =
            if guarded.is_some() { RestoreError::WrongPassphrase } else { RestoreError::WrongKey };
        let key = circle_key(&self.shared, self.set.circle, guarded)
            .map_err(|_| RestoreError::WrongKey)?;
        self.set.packages.iter().find_map(|package| package.open(&key).ok()).ok_or(wrong)
    }

    /// The newest vault among `found` and the contacts' copies, and its owner's device.
    ///
    /// # Errors
    /// [`RestoreError::NoVault`], [`RestoreError::WrongOwner`].
    pub fn restore(&self, root: RootKey, found: &[Vec<u8>]) -> Result<Restored, RestoreError> {
        let newest = |containers: &[Vec<u8>]| {
            let vaults = containers.iter().filter_map(|c| Vault::open(&root, c).ok());
            vaults.max_by_key(|vault| vault.version)
        };
        let known = self.set.vault_version;
        // Copies are as old as the bundles they came with: no newer than what is known.
        let vault = match newest(found) {
            Some(vault) if vault.version >= known => vault,
            older => {
                let copies = older.into_iter().chain(newest(&self.set.containers));
                copies.max_by_key(|vault| vault.version).ok_or(RestoreError::NoVault)?
            }
        };
        if Identity::from_seed(&vault.profile.seed).id() != self.set.owner.id() {
            return Err(RestoreError::WrongOwner);
        }
        let (found, by) = (vault.version, self.set.known_by.clone());
        let old = found < known && !planted!(RollbackNotSeen);
        let rollback = old.then_some(Rollback { found, known, by });
        let device = Device::from_vault(vault, root);
        Ok(Restored { device, generation: self.set.generation, rollback })
    }
}

/// Every generation of an owner whose pieces combine, the newest first.
#[derive(Debug)]
pub struct Quorums(Vec<Quorum>);

impl Quorums {
    /// Combines all complete sets of an owner.
    ///
    /// # Errors
    /// [`RestoreError`] of the newest one if none combines; [`RestoreError::TooFew`] if none is complete.
    pub fn of(assessment: &Assessment, owner: ContactId) -> Result<Self, RestoreError> {
        let (have, need) = assessment.leading(Some(owner)).map_or((0, 1), ShareSet::counts);
        let mut failed = None;
        let mut quorums = Vec::new();
        for set in assessment.complete_of(owner) {
            match set.combine() {
                Ok(quorum) => quorums.push(quorum),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match quorums.is_empty() {
            true => Err(failed.unwrap_or(RestoreError::TooFew { have, need })),
            false => Ok(Self(quorums)),
        }
    }

    /// Where the vault may be.
    #[must_use]
    pub fn slots(&self) -> Vec<SlotAddress> {
        let mut slots = Vec::new();
        for slot in self.0.iter().flat_map(Quorum::slots) {
            if !slots.contains(slot) {
                slots.push(slot.clone());
            }
        }
        slots
    }

    /// Restores with the generation that gives the newest vault. A newer generation need not: it may have
    /// been on its way when the device was lost. What the newest identity's pieces give wins over all that a
    /// former one's do: that one's device may be in other hands, and can write what vault it likes.
    ///
    /// # Errors
    /// [`RestoreError`] of the newest generation, if none gives a vault.
    pub fn restore(
        &self,
        passphrase: Option<&str>,
        found: &[Vec<u8>],
    ) -> Result<(Restored, &Quorum), RestoreError> {
        let mut best: Result<(Restored, &Quorum), RestoreError> = Err(RestoreError::NoVault);
        let mut failed = None;
        for quorum in &self.0 {
            let id = quorum.set.owner.id();
            let former = |(_, known): &(Restored, &Quorum)| known.set.owner.id() != id;
            if best.as_ref().is_ok_and(former) && !planted!(FormerVaultWins) {
                break;
            }
            let restored = quorum.root(passphrase).and_then(|root| quorum.restore(root, found));
            match (restored, &best) {
                (Ok(new), Ok((known, _)))
                    if new.device.vault().version <= known.device.vault().version
                        || planted!(NewestNotTried) => {}
                (Ok(new), _) => best = Ok((new, quorum)),
                (Err(error), _) => failed = failed.or(Some(error)),
            }
        }
        best.map_err(|none| failed.unwrap_or(none))
    }
}

/// The secret of all parts but those at `left_out`, if they give one.
fn combine(parts: &[Part], left_out: &[usize]) -> Option<Secret<32>> {
    let kept = parts.iter().enumerate().filter(|(at, _)| !left_out.contains(at));
    let shares: Vec<Share> = kept.flat_map(|(_, part)| part.shares.iter().cloned()).collect();
    let shared: Result<_, Slip39Error> = slip39::combine(&shares, "");
    Secret::from_slice(&shared.ok()?)
}

/// All ways to choose `k` of `0..n`, in order.
fn choices(n: usize, k: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut next = (k <= n).then(|| (0..k).collect::<Vec<usize>>());
    std::iter::from_fn(move || {
        let current = next.take()?;
        next = following(&current, n);
        Some(current)
    })
}

/// The next choice after `choice`.
fn following(choice: &[usize], n: usize) -> Option<Vec<usize>> {
    let k = choice.len();
    let movable = |(at, value): &(usize, &usize)| **value + k - at < n;
    let (at, value) = choice.iter().enumerate().rev().find(movable)?;
    let front = choice.iter().copied().take(at);
    Some(front.chain((value + 1..).take(k - at)).collect())
}

#[cfg(test)]
mod tests {
    use super::choices;

    #[test]
    fn choices_are_all_and_distinct() {
        assert_eq!(choices(3, 0).collect::<Vec<_>>(), [Vec::<usize>::new()]);
        let two: Vec<_> = choices(4, 2).collect();
        assert_eq!(two, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
        assert_eq!(choices(16, 8).count(), 12_870);
        assert_eq!(choices(2, 3).count(), 0);
    }
}
