//! Renewing: a new generation takes the place of the one that counts, and the old one is retired.
//!
//! Dealt → *pending* → enough contacts proved it → *live*; the one before is then *superseded*, and
//! gone once all contacts of the new one proved theirs. Every generation that is not gone has its root
//! key, its slots and its shares whole, and every change of the vault goes to all of them: so at each
//! point in between one whole generation opens the newest vault.

use super::{
    Context, Delivery, Event, Step,
    device::Device,
    protect::{Plan, ProtectError, Protected},
};
use crate::{
    address::RelayUrl,
    circle::{Circle, Contact, Deletion, Member, MemberState, Retired, Root, Stage},
    ids::{Base, CircleId, ContactId},
    package::RootKey,
    policy::{Group, Policy},
    sign::Statement,
    vault::Vault,
    wire::{
        V1,
        messages::{Forget, Forgotten, Newest},
    },
};
use rand_core::CryptoRng;

/// Retired generations that are remembered.
const RETIRED_MAX: usize = 4;

impl Root {
    /// A fresh key and slots.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self { key: RootKey::random(rng), slot: Base::random(rng) }
    }
}

impl Vault {
    /// The generation that counts.
    #[must_use]
    pub fn live(&self) -> Option<&Circle> {
        self.circles.iter().rev().find(|circle| circle.stage == Stage::Live)
    }

    /// The vault as it travels under the root key of the generation `id`, and that key: with that key as the
    /// current one, and without the keys of newer generations.
    #[must_use]
    pub fn seen_with(&self, id: CircleId, current: &RootKey) -> (RootKey, Self) {
        let mut vault = self.without_copies();
        let circle = vault.circles.iter().find(|circle| circle.id == id);
        let Some(generation) = circle.filter(|c| c.root.is_some()).map(|c| c.generation) else {
            // A newer generation with a key of its own is not for who has only this one.
            vault.circles.retain(|circle| circle.stage != Stage::Pending || circle.root.is_none());
            return (current.clone(), vault);
        };
        vault.circles.retain(|circle| circle.generation <= generation);
        let key = vault.promote(id, current).unwrap_or_else(|| current.clone());
        (key, vault)
    }

    /// Makes the generation `id` the one that counts, and its root key the current one, which is given.
    fn promote(&mut self, id: CircleId, current: &RootKey) -> Option<RootKey> {
        let promoted = self.circles.iter_mut().find(|circle| circle.id == id)?;
        promoted.stage = Stage::Live;
        let root = promoted.root.take();
        let before = Root { key: current.clone(), slot: self.slot.clone() };
        for other in self.circles.iter_mut().filter(|circle| circle.id != id) {
            other.stage = Stage::Superseded;
            if root.is_some() && other.root.is_none() {
                other.root = Some(before.clone());
            }
        }
        let Root { key, slot } = root?;
        self.slot = slot;
        Some(key)
    }
}

impl Device {
    /// Deals fresh shares to the same people, without those who were removed or left.
    ///
    /// # Errors
    /// [`ProtectError`]; nothing is changed then.
    pub fn renew(
        &mut self,
        passphrase: Option<&str>,
        ctx: &mut Context<'_>,
    ) -> Result<Protected, ProtectError> {
        let newest = self.vault().circles.last().ok_or(ProtectError::NothingToRenew)?;
        if newest.passphrase.is_some() && passphrase.is_none() {
            return Err(ProtectError::PassphraseNeeded);
        }
        let policy = self.remaining(&newest.policy, |_| true)?;
        let (delay, hold_by) = (newest.hold.delay, newest.hold.by);
        self.protect(Plan { policy, passphrase, delay, hold_by }, ctx)
    }

    /// The policy without those who were removed or left, or do not fit.
    pub(crate) fn remaining(
        &self,
        policy: &Policy,
        fits: impl Fn(&Contact) -> bool,
    ) -> Result<Policy, ProtectError> {
        let stays = |contact: &Contact| !contact.removed && !contact.left && fits(contact);
        let stays = |id: &ContactId| self.contact(*id).is_some_and(stays);
        let group = |group: &Group| {
            let members: Vec<ContactId> = group.members.iter().copied().filter(stays).collect();
            Group { members, ..group.clone() }
        };
        let groups = policy.groups().iter().map(group).filter(|group| !group.members.is_empty());
        Ok(Policy::groups_of(policy.needed(), groups.collect())?)
    }

    /// Goes on with a renewal as far as the proofs that are here allow. To be called after anything came.
    pub fn settle(&mut self, ctx: &mut Context<'_>) -> Step {
        let mut step = Step::default();
        let ready = |circle: &&Circle| {
            circle.stage == Stage::Pending && circle.proved() && self.is_stored(circle)
        };
        if let Some(id) = self.vault().circles.iter().find(ready).map(|circle| circle.id) {
            step.then(self.go_live(id, ctx));
        }
        let complete = self.vault().live().is_some_and(Circle::held_by_all);
        let superseded = self.vault().circles.iter().filter(|c| c.stage == Stage::Superseded);
        let superseded: Vec<CircleId> = superseded.map(|circle| circle.id).collect();
        // One that is superseded is kept while the live one is not complete; not two.
        let complete = complete || planted!(RetiredTooEarly);
        let kept = usize::from(!complete).min(superseded.len());
        for id in superseded.iter().take(superseded.len() - kept) {
            step.then(self.retire(*id, ctx));
        }
        step.then(self.retire_former(ctx));
        step
    }

    /// The owner's explicit choice: a pending generation counts as soon as its holders suffice, and the one
    /// before it is retired although not everybody proved the new one.
    ///
    /// # Errors
    /// [`ProtectError::TooFewProofs`], [`ProtectError::NothingToRenew`]; nothing is changed then.
    pub fn finish_renewal(&mut self, ctx: &mut Context<'_>) -> Result<Step, ProtectError> {
        let newest = self.vault().circles.last().ok_or(ProtectError::NothingToRenew)?;
        let held = |id| newest.member(id).is_some_and(|m| m.state == MemberState::Held);
        if !newest.policy.suffices(held) || !self.is_stored(newest) {
            return Err(ProtectError::TooFewProofs);
        }
        let (id, mut step) = (newest.id, Step::default());
        if newest.stage == Stage::Pending {
            step.then(self.go_live(id, ctx));
        }
        let old = self.vault().circles.iter().filter(|c| c.id != id).map(|c| c.id);
        for id in old.collect::<Vec<_>>() {
            step.then(self.retire(id, ctx));
        }
        Ok(step)
    }

    /// Whether a relay has the container of this generation, if it has a key of its own.
    pub(crate) fn is_stored(&self, circle: &Circle) -> bool {
        let Some(root) = &circle.root else { return true };
        let at = |relay: &RelayUrl| root.slot.slot(relay.as_str()).id();
        self.state.copies.iter().any(|copy| copy.version > 0 && copy.slot == at(&copy.relay))
    }

    fn go_live(&mut self, id: CircleId, ctx: &mut Context<'_>) -> Step {
        let vault = &mut self.state.vault;
        if let Some(key) = vault.promote(id, &self.state.root) {
            self.state.root = key;
        }
        vault.touch(ctx.now);
        let live = self.vault().live().map(|live| live.generation);
        let event = live.map(|generation| Event::CircleActive { generation });
        let mut step = Step { outbox: Vec::new(), events: event.into_iter().collect() };
        // From now on contacts keep it, whatever is dealt on top of it.
        let members = self.vault().live().map(|live| live.members.clone()).unwrap_or_default();
        for member in members {
            let told = self.contact(member.id).map_or(0, |contact| contact.told.version);
            let newest = Newest { version: V1, vault_version: told, made: ctx.now, live: Some(id) };
            step.then(self.tell(member.id, &newest, ctx));
        }
        step
    }

    /// Takes a superseded generation away and tells its contacts.
    fn retire(&mut self, id: CircleId, ctx: &mut Context<'_>) -> Step {
        let vault = &mut self.state.vault;
        let Some(old) = vault.circles.extract_if(.., |circle| circle.id == id).next() else {
            return Step::default();
        };
        vault.touch(ctx.now);
        let gone = |member: &Member| Deletion { contact: member.id, at: None };
        let members = old.members.iter().map(gone).collect();
        self.remember_retired(Retired { id, generation: old.generation, members });
        let mut step = Step::event(Event::CircleRetired { generation: old.generation });
        if let Some(Root { slot, .. }) = old.root {
            let at = |relay: &RelayUrl| slot.slot(relay.as_str()).id();
            let copies = self.state.copies.extract_if(.., |copy| copy.slot == at(&copy.relay));
            let delete = |relay| Delivery::DeleteSlot { base: slot.clone(), relay };
            step.outbox.extend(copies.map(|copy| delete(copy.relay)));
        }
        for member in old.members {
            let forget = Forget { version: V1, circles: vec![id] };
            step.then(self.tell(member.id, &forget, ctx));
        }
        step
    }

    pub(crate) fn remember_retired(&mut self, retired: Retired) {
        let known = &mut self.state.vault.retired;
        known.push(retired);
        let surplus = known.len().saturating_sub(RETIRED_MAX);
        known.drain(..surplus);
    }

    /// Owner: a statement to one contact; nothing to one who does not know this identity yet.
    pub(crate) fn tell<T: Statement>(
        &self,
        contact: ContactId,
        body: &T,
        ctx: &mut Context<'_>,
    ) -> Step {
        let contact = self.contact(contact).filter(|c| !c.left && c.known.is_none());
        let told = contact
            .and_then(|contact| self.say(body, contact.card.id().as_bytes(), &contact.card, ctx));
        told.unwrap_or_default()
    }

    pub(crate) fn on_forgotten(&mut self, contact: &Contact, said: &Forgotten, now: u64) -> Step {
        let (id, vault) = (contact.card.id(), &mut self.state.vault);
        let mut step = Step::default();
        for retired in vault.retired.iter_mut().filter(|old| said.circles.contains(&old.id)) {
            let member = retired.members.iter_mut().find(|m| m.contact == id && m.at.is_none());
            if let Some(member) = member {
                member.at = Some(said.at);
                let (contact, generation) = (contact.name.clone(), retired.generation);
                step.events.push(Event::PieceForgotten { contact, generation, at: said.at });
            }
        }
        if !step.events.is_empty() {
            vault.touch(now);
        }
        step
    }
}
