//! Which sets are whose: one person can have had several identities.
//!
//! A contact who accepted a successor holds pieces of both, and sends them in one approval, the successor's
//! last. That alone says nothing: contacts lie. But as many contacts as could open the former identity's key
//! anyway are believed.

use super::assess::{Assessment, ShareSet};
use crate::ids::ContactId;

/// A contact says that one identity came after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vouched {
    contact: ContactId,
    former: ContactId,
    next: ContactId,
}

impl Assessment {
    /// Notes that a contact holds pieces of these owners as one person's, in this order.
    pub(super) fn vouch(&mut self, contact: ContactId, owners: &[ContactId]) {
        for (at, former) in owners.iter().enumerate() {
            for next in owners.iter().skip(at + 1) {
                self.vouched.push(Vouched { contact, former: *former, next: *next });
            }
        }
    }

    /// Whether contacts whose pieces open the key of `former` say that `next` came after.
    fn came_after(&self, former: ContactId, next: ContactId) -> bool {
        let says = |contact: ContactId, former: ContactId, next: ContactId| {
            self.vouched.contains(&Vouched { contact, former, next })
        };
        let sets = self.sets.iter().filter(|set| set.owner.id() == former);
        sets.map(|set| {
            set.of(|contact| says(contact, former, next) && !says(contact, next, former))
        })
        .any(|set| set.is_complete())
    }

    /// Whether an owner is the one that was asked for, or came after.
    fn fits(&self, pin: Option<ContactId>, owner: ContactId) -> bool {
        pin.is_none_or(|pin| pin == owner || self.came_after(pin, owner))
    }

    /// Sets that are complete and, if an owner is pinned, that owner's; the newest of each owner. A former
    /// identity gives way to its successor.
    #[must_use]
    pub fn complete(&self, pin: Option<ContactId>) -> Vec<&ShareSet> {
        let mut best: Vec<&ShareSet> = Vec::new();
        for set in self.sets.iter().filter(|set| set.is_complete()) {
            match best.iter_mut().find(|other| other.owner.id() == set.owner.id()) {
                Some(other) if other.generation >= set.generation => {}
                Some(other) => *other = set,
                None => best.push(set),
            }
        }
        let owners: Vec<ContactId> = best.iter().map(|set| set.owner.id()).collect();
        best.retain(|set| {
            let owner = set.owner.id();
            let over = owners.iter().any(|next| *next != owner && self.came_after(owner, *next));
            !over && self.fits(pin, owner)
        });
        best
    }

    /// Whose contacts answered.
    pub(super) fn owners(&self) -> Vec<ContactId> {
        let contacts = self.approvals.iter().filter(|line| line.is_contacts());
        contacts.filter_map(|line| line.owner()).collect()
    }

    /// All complete sets of an owner, the newest first; then those of the identities before, the last one first.
    #[must_use]
    pub fn complete_of(&self, owner: ContactId) -> Vec<&ShareSet> {
        let before = |set: &&ShareSet| {
            let id = set.owner.id();
            set.is_complete() && (id == owner || self.came_after(id, owner))
        };
        let mut sets: Vec<&ShareSet> = self.sets.iter().filter(before).collect();
        let owners: Vec<ContactId> = sets.iter().map(|set| set.owner.id()).collect();
        let later = |id: ContactId| {
            let later = |next: &&ContactId| **next != id && self.came_after(id, **next);
            owners.iter().filter(later).count()
        };
        sets.sort_by_key(|set| {
            let id = set.owner.id();
            (id != owner, later(id), std::cmp::Reverse(set.generation))
        });
        sets
    }

    /// The set that is nearest to being complete, newest first among equals.
    #[must_use]
    pub fn leading(&self, pin: Option<ContactId>) -> Option<&ShareSet> {
        let wanted = |set: &&ShareSet| self.fits(pin, set.owner.id());
        self.sets.iter().filter(wanted).max_by_key(|set| (set.parts.len(), set.generation))
    }
}
