//! What the people of one seed are like, and what they mean to do.

use super::world::{DAY, HOUR};
use super::{
    dice::Dice,
    faults::{Fault, Faults},
};
use crate::{
    ids::ContactId,
    policy::{Group, Policy, PolicyError},
    wire::messages::HoldBy,
};
use std::collections::BTreeSet;

/// How a policy is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Any k of them.
    Any,
    /// The first one counts twice.
    Weighted,
    /// Two groups of people.
    Groups,
}

/// The cast and their intentions. Person 0 is the owner, then the contacts, then a stranger and
/// somebody else who has a circle too.
pub(super) struct Plan {
    pub(super) contacts: usize,
    pub(super) relays: usize,
    /// The second relay goes away for good.
    pub(super) relay_lost: bool,
    threshold: usize,
    shape: Shape,
    pub(super) byzantine: BTreeSet<usize>,
    /// Honest contacts that will approve.
    pub(super) willing: BTreeSet<usize>,
    /// Contacts whose invite a stranger has too.
    pub(super) contested: BTreeSet<usize>,
    /// After the first troubles the owner sees to it that all is well.
    pub(super) mends: bool,
    /// The owner's old device goes on working during the recovery.
    pub(super) found: bool,
    pub(super) passphrase: Option<&'static str>,
    pub(super) other_owner: bool,
    /// Seconds for which approvals are held back.
    pub(super) delay: u64,
    pub(super) hold_by: HoldBy,
    /// Relays may show early what they should hold back: nothing is claimed of them.
    pub(super) dishonest: bool,
    /// Seconds of quiet between the changes and the loss.
    pub(super) gap: u64,
    /// New devices use a relay that the owner does not.
    pub(super) foreign: bool,
    /// Who came back at last takes over.
    pub(super) takes_over: bool,
}

/// The passphrase, where there is one.
const PASSPHRASE: &str = "the cat sat on the mat";

impl Plan {
    pub(super) fn draw(dice: &mut Dice, faults: &mut Faults, standard: bool) -> Self {
        // What goes wrong goes wrong in small worlds, and those are cheap; large ones are for what is not.
        let most = match dice.below(100) {
            0..85 => 4,
            85..97 => 6,
            _ => 9,
        };
        let contacts = dice.between(2, most) as usize;
        let threshold = dice.between(2, contacts as u64) as usize;
        let shape = match dice.below(10) {
            0 | 1 if contacts >= 4 => Shape::Groups,
            2 => Shape::Weighted,
            _ => Shape::Any,
        };
        let relays = dice.between(1, 2) as usize;
        let mut plan = Self {
            contacts,
            relays,
            relay_lost: relays == 2 && faults.hit(Fault::Dead, dice) && dice.chance(500),
            threshold,
            shape,
            byzantine: BTreeSet::new(),
            willing: BTreeSet::new(),
            contested: BTreeSet::new(),
            mends: dice.chance(850),
            found: dice.chance(400),
            passphrase: dice.chance(if standard { 300 } else { 15 }).then_some(PASSPHRASE),
            other_owner: dice.chance(300),
            delay: if dice.chance(600) { dice.between(2 * HOUR, 5 * DAY) } else { 0 },
            hold_by: dice.pick(&[HoldBy::Relay, HoldBy::Contacts]),
            dishonest: faults.hit(Fault::Early, dice),
            gap: if dice.chance(300) { dice.between(20, 50) * DAY } else { 0 },
            foreign: dice.chance(150),
            takes_over: dice.chance(500),
        };
        plan.cast(dice, faults);
        plan
    }

    /// Gives each contact a part.
    fn cast(&mut self, dice: &mut Dice, faults: &mut Faults) {
        let mut order: Vec<usize> = (1..=self.contacts).collect();
        dice.shuffle(&mut order);
        // Whoever counts twice is not among the liars, who must not suffice.
        let liars = order.iter().filter(|who| self.shape == Shape::Any || **who != 1);
        for who in liars.take(self.threshold - 1) {
            if faults.hit(Fault::Byzantine, dice) {
                self.byzantine.insert(*who);
            }
        }
        let honest: Vec<usize> =
            order.into_iter().filter(|who| !self.byzantine.contains(who)).collect();
        let k = self.threshold as u64;
        let approving = match dice.below(4) {
            0 => k.saturating_sub(1),
            1 => k,
            2 => k + 1,
            _ => dice.below(self.contacts as u64 + 1),
        };
        self.willing = honest.into_iter().take(approving as usize).collect();
        for who in 1..=self.contacts {
            if faults.hit(Fault::Contested, dice) {
                self.contested.insert(who);
            }
        }
    }

    /// A policy over these contacts, with a threshold that can be met.
    pub(super) fn policy(&self, ids: &[ContactId]) -> Result<Policy, PolicyError> {
        let threshold = |n: usize| self.threshold.clamp(n.min(2), n.max(1)) as u8;
        match self.shape {
            Shape::Weighted if ids.len() >= 2 => {
                let mut members = ids.to_vec();
                members.push(ids[0]);
                Policy::any(threshold(members.len()).max(3), members)
            }
            Shape::Groups if ids.len() >= 4 => {
                let (one, other) = ids.split_at(ids.len() / 2);
                let group = |members: &[ContactId]| Group {
                    name: None,
                    threshold: threshold(members.len()),
                    members: members.to_vec(),
                };
                let needed = if self.threshold.is_multiple_of(2) { 1 } else { 2 };
                Policy::groups_of(needed, vec![group(one), group(other)])
            }
            _ => Policy::any(threshold(ids.len()), ids.to_vec()),
        }
    }

    /// The stranger.
    pub(super) fn stranger(&self) -> usize {
        self.contacts + 1
    }

    /// Somebody else who has a circle of the same contacts.
    pub(super) fn other(&self) -> usize {
        self.contacts + 2
    }

    pub(super) fn is_honest(&self, who: usize) -> bool {
        who <= self.contacts && !self.byzantine.contains(&who)
    }
}
