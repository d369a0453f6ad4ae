//! Passes: what is opened counts against them.

use super::Fault;
use super::database::{Database, Fields};
use super::rows::PassRow;
use super::turn::{Touched, Turn};
use crate::store::{Done, Pass, PassQuota, Refusal, Right};
use recovery_core::ids::PassId;

/// How many passes one collection looks at.
const PASSES_AT_ONCE: i64 = 1_000;

impl<D: Database> Turn<'_, D> {
    /// The pass as the batch has left it.
    fn pass(&mut self, id: &PassId) -> Result<Option<PassRow>, Fault> {
        if let Some(touched) = self.passes.get(id) {
            return Ok(Some(touched.row.clone()));
        }
        let found = self.db.pass(id)?;
        if let Some(row) = &found {
            self.passes.insert(*id, Touched { row: row.clone(), changed: false });
        }
        Ok(found)
    }

    /// Whether something may be opened under it.
    fn is_open(&mut self, pass: &Pass) -> Result<bool, Fault> {
        let now = self.now;
        let open = |pass: &Pass| !pass.revoked && !pass.is_over(now);
        let parent = match pass.parent {
            Some(parent) => self.pass(&parent)?.is_some_and(|parent| open(&parent.pass)),
            None => true,
        };
        Ok(open(pass) && parent)
    }

    /// Whether something may be opened by this right; if not, why.
    pub(super) fn may_charge(&mut self, right: Right, more: &PassQuota) -> Result<(), Fault> {
        let Right::Pass(id) = right else {
            return Ok(());
        };
        let row = self.pass(&id)?.ok_or(Refusal::NoPass)?;
        if !self.is_open(&row.pass)? {
            return Err(Refusal::NoPass.into());
        }
        match row.pass.quota.fits(&row.pass.used, more) {
            true => Ok(()),
            false => Err(Refusal::PassUsedUp.into()),
        }
    }

    /// Whether the pass has room, whatever else is the matter with it: what was opened goes on.
    pub(super) fn has_room(&mut self, right: Right, more: &PassQuota) -> Result<bool, Fault> {
        let Right::Pass(id) = right else {
            return Ok(true);
        };
        Ok(self.pass(&id)?.is_none_or(|row| row.pass.quota.fits(&row.pass.used, more)))
    }

    /// Counts, or with negative numbers gives back.
    pub(super) fn charge(
        &mut self,
        right: Right,
        mailboxes: i64,
        slots: i64,
        octets: i64,
    ) -> Result<(), Fault> {
        let Right::Pass(id) = right else {
            return Ok(());
        };
        // A pass that is damaged must not keep what was opened with it from being closed.
        let found = match self.pass(&id) {
            Err(Fault::Damaged(_)) => None,
            found => found?,
        };
        if let Some(mut row) = found {
            let used = &mut row.pass.used;
            used.mailboxes = used.mailboxes.saturating_add_signed(mailboxes);
            used.slots = used.slots.saturating_add_signed(slots);
            used.octets = used.octets.saturating_add_signed(octets);
            self.passes.insert(id, Touched { row, changed: true });
        }
        Ok(())
    }

    pub(super) fn add_pass(
        &mut self,
        (id, name): (PassId, &str),
        quota: PassQuota,
        ttl: Option<i64>,
        parent: Option<PassId>,
    ) -> Result<Done, Fault> {
        if self.pass(&id)?.is_some() {
            return Ok(Done::Opened { new: false });
        }
        let taken = (quota.mailboxes.cast_signed(), quota.slots.cast_signed());
        if let Some(parent) = parent {
            // A guest's guest would be anybody's.
            if self.pass(&parent)?.is_some_and(|row| row.pass.parent.is_some()) {
                return Err(Refusal::NoPass.into());
            }
            self.may_charge(Right::Pass(parent), &quota)?;
        }
        let (made, ends) = (self.now, ttl.map(|ttl| self.now.plus(ttl)));
        let (name, used) = (name.to_owned(), PassQuota::default());
        let pass = Pass { id, name, quota, used, made, ends, revoked: false, parent };
        let row = PassRow { pass };
        let new = self.db.execute(PassRow::INSERT, &row.values(&row.seal()))? == 1;
        if let (true, Some(parent)) = (new, parent) {
            self.charge(Right::Pass(parent), taken.0, taken.1, quota.octets.cast_signed())?;
        }
        Ok(Done::Opened { new })
    }

    pub(super) fn revoke_pass(&mut self, id: &PassId) -> Result<Done, Fault> {
        if let Some(mut row) = self.pass(id)? {
            row.pass.revoked = true;
            self.passes.insert(*id, Touched { row, changed: true });
        }
        Ok(Done::Gone)
    }

    /// Removes the passes under which nothing is left and nothing can be opened: first those of guests.
    pub(super) fn end_passes(&mut self) -> Result<(), Fault> {
        let values = [self.now.0.into(), PASSES_AT_ONCE.into()];
        // Damaged ones stay, for the operator to see.
        let read = |row: &dyn Fields| Ok(PassRow::read(row).ok());
        let unused = self.db.all(PassRow::UNUSED, &values, read)?;
        for id in unused.into_iter().flatten().map(|row| row.pass.id) {
            self.end_pass(&id)?;
        }
        // Those from which something was taken back just now, last of all by the end of a guest pass.
        let mut touched: Vec<_> = self.passes.keys().copied().collect();
        touched.sort_unstable();
        for id in touched {
            self.end_pass(&id)?;
        }
        Ok(())
    }

    fn end_pass(&mut self, id: &PassId) -> Result<(), Fault> {
        let Some(PassRow { pass }) = self.pass(id)? else {
            return Ok(());
        };
        if pass.used != PassQuota::default() || self.is_open(&pass)? {
            return Ok(());
        }
        self.passes.remove(id);
        self.db.execute("DELETE FROM passes WHERE name = ?1", &[id.as_bytes().into()])?;
        if let Some(parent) = pass.parent {
            let back = |number: u64| number.cast_signed().saturating_neg();
            let PassQuota { mailboxes, slots, octets } = pass.quota;
            self.charge(Right::Pass(parent), back(mailboxes), back(slots), back(octets))?;
        }
        Ok(())
    }
}
