//! Slots: compare-and-swap on a version.

use super::database::{Database, Fields};
use super::mailboxes::columns;
use super::rows::SlotRow;
use super::turn::Turn;
use super::{Fault, lives};
use crate::clock::UnixMillis;
use crate::store::{Body, Condition, Done, PassQuota, Refusal, Right, StoreError, Version, later};
use recovery_core::ids::{PassId, SlotId};

/// A slot that is there, and the length of its body.
type Kept = (SlotRow, i64);

impl<D: Database> Turn<'_, D> {
    /// Writes a slot if the condition holds.
    pub(super) fn put_slot(
        &mut self,
        id: &SlotId,
        body: &Body,
        condition: &Condition,
        (ends, right): (Option<i64>, Right),
    ) -> Result<Done, Fault> {
        for _ in 0..2 {
            let old = self.living_slot(id)?;
            let current = old.map(|(slot, _)| Version(slot.version.cast_unsigned()));
            if !condition.holds(current) {
                return Err(Refusal::Mismatch(current).into());
            }
            let right = match old.map(|(slot, _)| slot.right()) {
                Some(Right::Session) | None => right,
                Some(right) => right,
            };
            self.may_put(old.as_ref(), right, body.length())?;
            let version = Version::draw()?;
            let (session, pass) = columns(right);
            let slot = SlotRow {
                name: *id.as_bytes(),
                version: version.0.cast_signed(),
                ends: match &old {
                    Some((old, _)) => {
                        later(old.ends.map(UnixMillis), ends.map(UnixMillis)).map(|ends| ends.0)
                    }
                    None => ends,
                },
                session,
                pass,
                hash: *body.hash(),
            };
            let sql = if old.is_some() { SlotRow::UPDATE } else { SlotRow::INSERT };
            if self.db.execute(sql, &slot.values(&slot.seal(), body.octets()))? == 1 {
                if let Some((old, octets)) = old {
                    self.charge(old.right(), 0, -1, -octets)?;
                }
                self.charge(right, 0, 1, body.length().cast_signed())?;
                return Ok(Done::Slot { version, new: current.is_none() });
            }
            // Another process was faster: now it can be read.
        }
        Err(StoreError::Failed("a slot is there and is not".into()).into())
    }

    /// The slot, unless its time is over; then it is removed.
    pub(super) fn living_slot(&mut self, id: &SlotId) -> Result<Option<Kept>, Fault> {
        let read = |row: &dyn Fields| Ok((SlotRow::read(row)?, row.number(7)?));
        let slots = self.db.all_locked(SlotRow::BY_NAME, &[id.as_bytes().into()], read)?;
        let slot = slots.into_iter().next();
        if slot.is_some_and(|(slot, _)| !lives(slot.ends, self.now)) {
            self.delete_slot(id)?;
            return Ok(None);
        }
        Ok(slot)
    }

    /// Whether quota and pass allow a body of that size.
    fn may_put(&mut self, old: Option<&Kept>, right: Right, length: u64) -> Result<(), Fault> {
        if right == Right::Session && length > self.quotas.session_slot {
            return Err(Refusal::SessionSlotTooLarge.into());
        }
        match old {
            // What is there stays under its pass, even if nothing more can be opened under that.
            Some((slot, octets)) if slot.right() == right => {
                let octets = length.saturating_sub(octets.cast_unsigned());
                let more = PassQuota { octets, ..PassQuota::default() };
                // One that takes no more room is taken even if the pass has less by now.
                match octets == 0 || self.has_room(right, &more)? {
                    true => Ok(()),
                    false => Err(Refusal::PassUsedUp.into()),
                }
            }
            _ => self.may_charge(right, &PassQuota { mailboxes: 0, slots: 1, octets: length }),
        }
    }

    /// Empties a slot, damaged or not.
    pub(super) fn delete_slot(&mut self, id: &SlotId) -> Result<Done, Fault> {
        let sql = "SELECT pass, length(body) FROM slots WHERE name = ?1";
        let read = |row: &dyn Fields| Ok((row.maybe_array(0).unwrap_or_default(), row.number(1)?));
        let found = self.db.all_locked(sql, &[id.as_bytes().into()], read)?;
        self.db.execute("DELETE FROM slots WHERE name = ?1", &[id.as_bytes().into()])?;
        if let Some((Some(pass), octets)) = found.into_iter().next() {
            self.charge(Right::Pass(PassId::new(pass)), 0, -1, -octets)?;
        }
        Ok(Done::Gone)
    }
}
