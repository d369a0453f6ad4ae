//! Passes: what is opened counts against them.

use super::{State, Turn};
use crate::store::{Done, Outcome, Pass, PassQuota, Refusal, Right, Write};
use recovery_core::ids::PassId;

impl Turn<'_> {
    /// Counts something against the pass it is opened with.
    pub(super) fn charge(&mut self, right: Right, more: PassQuota) -> Result<(), Refusal> {
        if let Right::Pass(id) = right {
            let pass = self.state.passes.get(&id).filter(|pass| self.is_open(pass));
            let pass = pass.ok_or(Refusal::NoPass)?;
            if !pass.quota.fits(&pass.used, &more) {
                return Err(Refusal::PassUsedUp);
            }
            self.state.add(right, more);
        }
        Ok(())
    }

    fn is_open(&self, pass: &Pass) -> bool {
        let parent = pass.parent.and_then(|parent| self.state.passes.get(&parent));
        let open = |pass: &Pass| !pass.revoked && !pass.is_over(self.now);
        open(pass) && parent.is_none_or(open)
    }

    pub(super) fn add_pass(&mut self, write: &Write) -> Outcome {
        let Write::AddPass { id, name, quota, ttl_millis, parent } = write else {
            return Err(Refusal::NoPass);
        };
        if self.state.passes.contains_key(id) {
            return Ok(Done::Opened { new: false });
        }
        if let Some(parent) = parent {
            // A guest's guest would be anybody's.
            let is_guest = |pass: &Pass| pass.parent.is_some();
            if self.state.passes.get(parent).is_some_and(is_guest) {
                return Err(Refusal::NoPass);
            }
            self.charge(Right::Pass(*parent), *quota)?;
        }
        let pass = Pass {
            id: *id,
            name: name.clone(),
            quota: *quota,
            used: PassQuota::default(),
            made: self.now,
            ends: ttl_millis.map(|ttl| self.now.plus(ttl)),
            revoked: false,
            parent: *parent,
        };
        self.state.passes.insert(*id, pass);
        Ok(Done::Opened { new: true })
    }

    pub(super) fn revoke_pass(&mut self, id: &PassId) -> Done {
        if let Some(pass) = self.state.passes.get_mut(id) {
            pass.revoked = true;
        }
        Done::Gone
    }

    /// Removes the passes under which nothing is left and nothing can be opened: first those of guests.
    pub(super) fn end_passes(&mut self) {
        for guests in [true, false] {
            let passes = self.state.passes.values();
            let unused = |pass: &&Pass| pass.used == PassQuota::default() && !self.is_open(pass);
            let over = passes.filter(|pass| pass.parent.is_some() == guests).filter(unused);
            for id in over.map(|pass| pass.id).collect::<Vec<_>>() {
                if let Some(Pass { parent: Some(parent), quota, .. }) =
                    self.state.passes.remove(&id)
                {
                    self.state.refund(Right::Pass(parent), quota);
                }
            }
        }
    }
}

impl State {
    /// Whether the pass has room, whatever else is the matter with it: what was opened goes on.
    pub(super) fn has_room(&self, right: Right, more: PassQuota) -> bool {
        let Right::Pass(id) = right else { return true };
        self.passes.get(&id).is_none_or(|pass| pass.quota.fits(&pass.used, &more))
    }

    pub(super) fn add(&mut self, right: Right, more: PassQuota) {
        if let Right::Pass(id) = right
            && let Some(pass) = self.passes.get_mut(&id)
        {
            pass.used.mailboxes += more.mailboxes;
            pass.used.slots += more.slots;
            pass.used.octets += more.octets;
        }
    }

    pub(super) fn refund(&mut self, right: Right, less: PassQuota) {
        if let Right::Pass(id) = right
            && let Some(pass) = self.passes.get_mut(&id)
        {
            pass.used.mailboxes -= less.mailboxes;
            pass.used.slots -= less.slots;
            pass.used.octets -= less.octets;
        }
    }
}
