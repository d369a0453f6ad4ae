//! At each point some whole generation opens, and what was acknowledged is there.

use super::{
    host::Lasting,
    ledger::Truth,
    relay::{Octets, Relay},
    world::{DAY, World},
};
use crate::{
    circle::{Circle, HeldBundle, Member, MemberState, Stage},
    flows::{Device, Event, Step},
    ids::{CircleId, ContactId},
    seal,
    sign::Kind,
    vault::Vault,
};
use std::collections::BTreeMap;

/// Containers that were looked at, by the circle whose key was tried and where they lie in memory.
pub(super) type Opens = BTreeMap<(CircleId, usize), (Octets, bool)>;

impl World {
    /// Every piece that its contact acknowledged is still there, unchanged: of the generation that counts
    /// and of the newest, and of others unless newer ones took their place.
    pub(super) fn pieces_are_held(&mut self) {
        let circles = &self.people[0].state.vault().circles;
        let newest = circles.last().map(|circle| circle.id);
        let mut gone = None;
        for circle in circles {
            let surplus = circle.stage == Stage::Superseded && Some(circle.id) != newest;
            let held = circle.members.iter().filter(|m| m.state == MemberState::Held);
            for member in held {
                if !self.is_held(circle, member, surplus) {
                    gone = Some(circle.generation);
                }
            }
        }
        self.ledger.ensure(gone.is_none(), || format!("a piece of {gone:?} is gone"));
    }

    fn is_held(&self, circle: &Circle, member: &Member, surplus: bool) -> bool {
        let Some(holder) = self.ids.iter().position(|id| *id == member.id) else { return false };
        if self.ledger.left.contains(&holder) {
            let contact = self.people[0].state.contact(member.id);
            let heard = contact.is_some_and(|contact| contact.left);
            return !heard;
        }
        let held = self.held(holder);
        let bundles = held.map(|held| held.bundles.as_slice()).unwrap_or_default();
        match bundles.iter().find(|bundle| bundle.circle == circle.id) {
            Some(bundle) => {
                let shares = &bundle.pieces.shares;
                crate::circle::audit_key(shares, circle.id, member.id) == member.audit
            }
            // Newer ones that were not known to count took its place.
            None => {
                let newer = |b: &&HeldBundle| !b.counted && b.generation > circle.generation;
                surplus && bundles.iter().filter(newer).count() >= 2
            }
        }
    }

    /// A contact that rightly says not to have what it is asked for does not lie.
    pub(super) fn note_lacking(&mut self, who: usize, step: &Step) {
        if !step.events.iter().any(|event| matches!(event, Event::Proved { holds: false, .. })) {
            return;
        }
        let held = self.held(who);
        let has = |id| held.is_some_and(|held| held.bundles.iter().any(|b| b.circle == id));
        let circles = self.ledger.circles.iter().filter(|(_, truth)| self.is_owners(truth.owner));
        let lacked = circles.filter(|(id, _)| !has(**id)).map(|(_, truth)| (who, truth.generation));
        let lacked: Vec<_> = lacked.collect();
        self.ledger.lacked.extend(lacked);
    }

    /// A repeated message changed something. It may tell which generation counts, and have come before that
    /// generation's pieces; or ask, and have come when by the clocks it was not yet made. Who takes over may not
    /// have heard that they are accepted: they are told again. Anything else is wrong.
    pub(super) fn is_excused(
        &mut self,
        who: usize,
        before: &[u8],
        (message, why): (&[u8], &'static str),
        step: &Step,
    ) {
        let kind = seal::open(&self.people[who].state.identity, message);
        let kind = kind.map(|letter| letter.signed.kind).ok();
        let counted = |device: &Device| -> usize {
            let bundles = device.held().iter().flat_map(|held| &held.bundles);
            bundles.filter(|bundle| bundle.counted).count()
        };
        let known = Device::decode(before).map_or(0, |device| counted(&device));
        let counts = step.outbox.is_empty() && known < counted(&self.people[who].state);
        let clocks = self.people.iter().map(|other| other.skew).chain([self.succession.fastest]);
        let apart = clocks.max() > Some(self.people[who].skew + DAY as i64);
        let told = kind == Some(Kind::Successor) && self.people[who].state.pack() == before;
        // What was waiting for a relay to have the vault is done with the next message, whichever it is.
        let retires = |event: &Event| matches!(event, Event::CircleRetired { .. });
        let due = !step.events.is_empty() && step.events.iter().all(retires);
        let fine = counts || told || due || kind == Some(Kind::Challenge) && apart;
        self.ledger.ensure(fine, || {
            format!(
                "{who}: {why} changed something: {kind:?} {:?}, {} sent",
                step.events,
                step.outbox.len()
            )
        });
    }

    /// A generation is given up only for one that contacts have proved who suffice; and, unless the owner wants
    /// it so, only when all of them have, or for another one that is kept beside it.
    pub(super) fn is_rightly_retired(&mut self) {
        let vault = self.people[0].state.vault();
        let fresh: Vec<_> =
            vault.retired.iter().filter(|old| !self.retired.contains(&old.id)).collect();
        let fresh: Vec<(CircleId, u64)> =
            fresh.iter().map(|old| (old.id, old.generation)).collect();
        for (id, generation) in fresh {
            self.retired.insert(id);
            self.ledger.did("retire");
            let device = &self.people[0].state;
            let left = |id| device.contact(id).is_some_and(|contact| contact.left);
            let held = |live: &Circle, id: ContactId| {
                let held = live.member(id).is_some_and(|member| member.state == MemberState::Held);
                // A farewell that came with what made the new one count came after it.
                if left(id) { !self.farewells.contains(&id) } else { held }
            };
            let live = device.vault().live();
            // A former identity's are given up as soon as others count.
            let truth = self.ledger.circles.get(&id);
            let former = truth.is_some_and(|truth| truth.owner != self.owner());
            let kept =
                device.vault().circles.iter().any(|circle| {
                    circle.stage == Stage::Superseded && circle.generation > generation
                });
            let fine = live.is_some_and(|live| {
                let mut all = live.members.iter().map(|member| held(live, member.id));
                live.generation > generation
                    && live.policy.suffices(|id| held(live, id))
                    && (self.finishing || kept || former || all.all(|held| held))
            });
            self.ledger.ensure(fine, || format!("{generation} was given up for less"));
        }
        let contacts = self.people[0].state.contacts().iter();
        self.farewells = contacts.filter(|c| c.left).map(|contact| contact.card.id()).collect();
    }

    /// Once the key was safe, the holders of some generation suffice, and there is a vault for its key.
    pub(super) fn something_opens(&mut self) {
        if !self.safe {
            return;
        }
        let circles = self.ledger.circles.iter().filter(|(_, truth)| self.is_owners(truth.owner));
        let whole: Vec<CircleId> =
            circles.filter(|(id, truth)| self.is_whole(**id, truth)).map(|(id, _)| *id).collect();
        self.ledger.ensure(!whole.is_empty(), || "no generation is whole".to_owned());
        let excused = self.ledger.deceived || self.plan.relay_lost;
        let opens = excused || whole.iter().rev().any(|id| self.is_stored(*id));
        self.ledger.ensure(opens, || "nothing opens".to_owned());
    }

    /// Contacts hold enough of a generation, counting those that left.
    fn is_whole(&self, circle: CircleId, truth: &Truth) -> bool {
        truth.policy.suffices(|id| {
            let who = self.ids.iter().position(|known| *known == id);
            who.is_some_and(|who| {
                let held = self.people[who].state.held_of(truth.owner);
                let held = held.is_some_and(|h| h.bundles.iter().any(|b| b.circle == circle));
                held || self.ledger.left.contains(&who)
            })
        })
    }

    /// A relay or a contact has a vault that the key of a generation opens.
    fn is_stored(&mut self, circle: CircleId) -> bool {
        let Some(truth) = self.ledger.circles.get(&circle) else { return false };
        let slot = |at: &Relay| at.get(truth.slot.slot(at.url.as_str()).id()).cloned();
        for container in self.relays.iter().filter_map(slot) {
            // As long as it is kept here, nothing else has its address.
            let key = (circle, container.as_ptr() as usize);
            let known = self.opens.entry(key).or_insert_with(|| {
                let opens = Vault::open(&truth.root, &container).is_ok();
                (container, opens)
            });
            if known.1 {
                return true;
            }
        }
        let held = self.people.iter().filter_map(|host| host.state.held_of(truth.owner));
        let bundles = held.flat_map(|held| &held.bundles);
        let mut copies = bundles.filter_map(|bundle| bundle.pieces.container.as_ref());
        copies.any(|container| Vault::open(&truth.root, container).is_ok())
    }
}
