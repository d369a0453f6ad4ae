//! Slots: compare-and-swap on a version.

use super::{KeptSlot, Turn, lives};
use crate::clock::UnixMillis;
use crate::store::{
    Body, Condition, Done, Outcome, PassQuota, Refusal, Right, StoreError, Version, later,
};
use recovery_core::ids::SlotId;

impl Turn<'_> {
    pub(super) fn put_slot(
        &mut self,
        id: SlotId,
        body: &Body,
        condition: &Condition,
        (end, right): (Option<UnixMillis>, Right),
    ) -> Result<Outcome, StoreError> {
        if self.state.slots.get(&id).is_some_and(|slot| !lives(slot.end, self.now)) {
            self.remove_slot(&id);
        }
        let old = self.state.slots.get(&id);
        let current = old.map(|slot| slot.version);
        if !condition.holds(current) {
            return Ok(Err(Refusal::Mismatch(current)));
        }
        let end = old.map_or(end, |slot| later(slot.end, end));
        let right = match old.map(|slot| slot.right) {
            Some(Right::Session) | None => right,
            Some(right) => right,
        };
        if right == Right::Session && body.length() > self.quotas.session_slot {
            return Ok(Err(Refusal::SessionSlotTooLarge));
        }
        let before = old.map(|slot| (slot.right, slot.charge()));
        let slot = KeptSlot { end, right, version: Version::draw()?, body: body.octets().clone() };
        if let Some((right, charge)) = before {
            self.state.refund(right, charge);
        }
        // What is there stays under its pass, even if nothing more can be opened under that.
        let charged = match before {
            Some((same, _)) if same == right && self.state.has_room(right, slot.charge()) => {
                self.state.add(right, slot.charge());
                Ok(())
            }
            Some((same, _)) if same == right => Err(Refusal::PassUsedUp),
            _ => self.charge(right, slot.charge()),
        };
        if let Err(refusal) = charged {
            if let Some((right, charge)) = before {
                self.state.add(right, charge);
            }
            return Ok(Err(refusal));
        }
        let version = slot.version;
        self.state.slots.insert(id, slot);
        Ok(Ok(Done::Slot { version, new: current.is_none() }))
    }

    pub(super) fn remove_slot(&mut self, id: &SlotId) {
        if let Some(slot) = self.state.slots.remove(id) {
            self.state.refund(slot.right, slot.charge());
        }
    }
}

impl KeptSlot {
    /// What it counts against its pass.
    pub(super) fn charge(&self) -> PassQuota {
        PassQuota { mailboxes: 0, slots: 1, octets: self.body.len() as u64 }
    }
}
