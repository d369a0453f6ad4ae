//! The third part of the story: who came back takes over, others hear of it, and whoever has the lost device
//! is nobody.

use super::{
    faults::Fault,
    host::{Host, Lasting},
    ledger::Truth,
    newcomer::Kind,
    setup::{Errand, GUARDED},
    table::named,
    world::{Chapter, DAY, HOUR, Task, Who, World},
};
use crate::{
    circle::Held,
    flows::{Context, Device, pair::PairError, protect::ProtectError, request::NewDevice},
    ids::{ContactId, RequestId},
    sign::Signed,
};

/// What there is to know of a device that took over.
#[derive(Default)]
pub(super) struct Succession {
    /// Identities that the owner had before.
    former: Vec<ContactId>,
    /// The request by which the one that counts came back.
    request: Option<RequestId>,
    /// The device that was lost, as it was when its owner's new one took over.
    lost: Vec<u8>,
    /// How far the fastest clock of a lost device was ahead, in seconds.
    pub(super) fastest: i64,
}

impl Succession {
    /// All identities of the owner, whose newest is `owner`, the newest first.
    pub(super) fn all(&self, owner: ContactId) -> impl Iterator<Item = ContactId> + use<> {
        let former: Vec<ContactId> = self.former.iter().rev().copied().collect();
        std::iter::once(owner).chain(former)
    }
}

impl World {
    /// Whether an identity is, or was, the owner's.
    pub(super) fn is_owners(&self, id: ContactId) -> bool {
        id == self.owner() || self.succession.former.contains(&id)
    }

    /// What a friend keeps of the owner, whichever identity of theirs it knows.
    pub(super) fn held(&self, friend: usize) -> Option<&Held> {
        let all = || self.people[friend].state.held().iter();
        let current = all().find(|held| held.card.id() == self.owner());
        current.or_else(|| all().find(|held| self.is_owners(held.card.id())))
    }

    /// As whom a friend knows the owner.
    pub(super) fn known_as(&self, friend: usize) -> ContactId {
        self.held(friend).map_or(self.owner(), |held| held.card.id())
    }

    /// The owner is back for good, or this is the end.
    pub(super) fn begin_anew(&mut self) {
        self.finish();
        let at = self.newcomers.len() - 1;
        let back = self.newcomers[at].device.take().filter(|_| self.newcomers[at].restored);
        let Some((device, known)) = back.filter(|_| self.plan.takes_over) else {
            return self.at(self.now, Task::Chapter(Chapter::End));
        };
        let delay = self.plan.delay.max(2 * DAY);
        self.at(self.now + 10 * DAY, Task::Chapter(Chapter::Rest));
        self.at(self.now + 18 * DAY + delay, Task::Chapter(Chapter::End));
        self.take_over(at, device, known);
        if self.hit(Fault::Thief) {
            self.errand(HOUR, 8 * DAY, Errand::Thief);
            self.errand(HOUR, 8 * DAY, Errand::Forge);
        }
        for friend in 1..=self.plan.contacts {
            if self.dice.chance(300) {
                self.errand(HOUR, 8 * DAY, Errand::Compare(friend));
            }
        }
        self.owner_is_busy(4, 9 * DAY);
        if self.hit(Fault::Concurrent) {
            let again = super::asking::Asking::Start(Kind::Real);
            self.errand(HOUR, 4 * DAY, Errand::Asking(again));
        }
    }

    /// As [`Device::take_over`] says: at once, before anything of what came back is kept.
    fn take_over(&mut self, at: usize, mut device: Device, known: u64) {
        self.faults.set_calm(false);
        let new = &self.newcomers[at].host;
        let (now, skew) = (self.now.saturating_add_signed(new.skew), new.skew);
        let passphrase = self.plan.passphrase;
        let cost = if passphrase.is_some() { GUARDED } else { self.options.cost };
        let mut ctx = Context { now, rng: &mut self.rng, cost };
        device.came_back(&new.state, known, now);
        let taken = device.take_over(&new.state, passphrase, &mut ctx);
        let fine = match &taken.generation {
            Ok(_) | Err(ProtectError::Policy(_) | ProtectError::Contested(_)) => true,
            // What came back may be older than the first circle.
            Err(ProtectError::NothingToRenew) => device.vault().circles.is_empty(),
            Err(_) => false,
        };
        let dealt = taken.generation;
        self.ledger.note(self.now, &format!("told {:?}, dealt {dealt:?}", taken.told));
        self.ledger.ensure(fine, || format!("taking over dealt {dealt:?}"));
        let former = self.owner();
        let old = std::mem::replace(&mut self.people[0], Host::new(device, skew));
        self.ids[0] = self.people[0].state.id();
        let fresh = former != self.owner();
        self.ledger.ensure(fresh, || "the identity stays".to_owned());
        self.succession.former.push(former);
        self.succession.request = Some(self.newcomers[at].host.state.id());
        self.succession.lost = old.state.pack();
        self.succession.fastest = self.succession.fastest.max(old.skew);
        self.note_dealt();
        (self.lost, self.counts) = (false, false);
        self.people[0].outbox = taken.step.outbox;
        self.people[0].persist();
        self.ledger.did("take over");
        self.look_after(0);
        self.something_opens();
        self.wake(Who::Person(0));
        self.soon(HOUR, 8 * HOUR, Task::Poll(Who::Person(0)));
    }

    /// The generation that a device dealt while it took over.
    fn note_dealt(&mut self) {
        let device = &self.people[0].state;
        if let Some(circle) = device.vault().circles.last() {
            let id = circle.id;
            let passphrase = self.plan.passphrase.filter(|_| circle.passphrase.is_some());
            let truth = Truth::of(device, id, passphrase);
            self.ledger.circles.insert(id, truth);
        }
    }

    /// A friend accepted another identity of the owner's: only the real one, and only if they approved the very
    /// recovery by which it came back, or compared its number.
    pub(super) fn accepted(&mut self, friend: usize) {
        let right = self.people[friend].state.held_of(self.owner()).is_some();
        let approved = self
            .succession
            .request
            .is_some_and(|request| self.ledger.approved.contains(&(self.ids[friend], request)));
        let compared = self.ledger.compared.contains(&friend);
        let fine = right && (approved || compared);
        self.ledger.ensure(fine, || format!("{friend} takes somebody else for the owner"));
        // What came from it before was passed over, and a relay takes the same message only once.
        self.people[friend].reread();
        self.ledger.did(if compared { "accept by number" } else { "accept" });
    }

    /// A friend types the number that the owner reads from the device that counts now.
    pub(super) fn compare(&mut self, friend: usize) {
        let (owner, id) = (self.owner(), self.ids[friend]);
        if self.chapter == Chapter::Rest && self.known_as(friend) != owner {
            // Whatever stands in the way now.
            self.errand(12 * HOUR, 12 * HOUR, Errand::Compare(friend));
        }
        let Some(contact) = self.people[0].state.contact(id).cloned() else { return };
        let Some(held) = self.held(friend) else { return };
        let claims = held.claims().iter().any(|claim| claim.card.id() == owner);
        let (heard, name) = (claims || held.card.id() == owner, held.name.clone());
        // Either may have another invite in mind.
        let paired = held.secret == contact.secret;
        let read =
            self.act(0, |device, ctx| device.number_with_contact(&contact, &contact.card, ctx));
        let Ok(number) = read else { return self.ledger.fail("no number to compare") };
        let before = self.people[friend].state.pack();
        self.ledger.compared.insert(friend);
        match self.act(friend, |device, ctx| device.verify(&name, &number, ctx)) {
            Ok(step) => {
                let right = self.people[friend].state.held_of(owner);
                let right = right.is_some_and(|held| held.card.id() == owner);
                self.ledger.ensure(heard && right, || "a number settled nothing".to_owned());
                if !self.commit(friend, step) {
                    self.ledger.compared.remove(&friend);
                    self.errand(HOUR, DAY, Errand::Compare(friend));
                }
            }
            Err(error) => {
                self.ledger.compared.remove(&friend);
                self.unchanged(friend, &before, "verify");
                let fine = !(heard && paired) && error == PairError::WrongNumber;
                self.ledger.ensure(fine, || format!("{friend} can't compare: {error}"));
            }
        }
    }

    /// Who has the lost device, and can use it, takes over: with a request of their own, which nobody approved, or
    /// with word of the one by which the owner came back, which they can't sign. The number that friends compare
    /// is another one.
    pub(super) fn thief(&mut self) {
        let impostor = self.newcomers.iter().position(|new| new.kind == Kind::Impostor);
        let Some(at) = impostor.or_else(|| self.arrives_impostor()) else { return };
        let Ok(mut device) = Device::decode(&self.succession.lost) else {
            return self.ledger.fail("a lost device does not start");
        };
        let host = &self.newcomers[at].host;
        let now = self.now.saturating_add_signed(host.skew);
        let Ok(mut new) = NewDevice::decode(&host.state.pack()) else {
            return self.ledger.fail("a thief's new device does not start");
        };
        let named = if self.dice.chance(500) { self.owners_request() } else { None };
        self.ledger.did(if named.is_some() { "thief by another's request" } else { "thief" });
        if let Some(request) = named {
            new.state.request = request;
        }
        let cost = if self.plan.passphrase.is_some() { GUARDED } else { self.options.cost };
        let mut ctx = Context { now, rng: &mut self.rng, cost };
        let taken = device.take_over(&new, self.plan.passphrase, &mut ctx);
        for delivery in taken.step.outbox {
            let _ = self.deliver(Who::New(at), &delivery);
        }
    }

    /// The request by which the owner came back.
    fn owners_request(&self) -> Option<Signed> {
        let id = self.succession.request?;
        let new = self.newcomers.iter().find(|new| new.host.state.id() == id)?;
        Some(new.host.state.state.request.clone())
    }

    /// The same, without anybody hearing of it: the lost device's vault is made the newest there is.
    pub(super) fn forge_vault(&mut self) {
        let Ok(mut device) = Device::decode(&self.succession.lost) else { return };
        for entry in 0..40 {
            let _ = device.add(named(&format!("forged {entry}")), b"a trap", self.now);
        }
        self.ledger.holds(device.id(), device.vault());
        for place in device.places() {
            let mut ctx = Context { now: self.now, rng: &mut self.rng, cost: self.options.cost };
            let Ok(container) = device.container(&place, &mut ctx) else { continue };
            for copy in device.copies(&place) {
                let relay = self.relay(&copy.relay);
                let found = self.relays[relay].version(copy.slot);
                let _ = self.relays[relay].put(copy.slot, container.as_slice().into(), found, None);
            }
        }
        self.ledger.did("forge");
    }

    /// Nothing goes wrong any more: friends compare numbers, the owner sees to the rest, and loses the device
    /// once more.
    pub(super) fn begin_rest(&mut self) {
        for friend in 1..=self.plan.contacts {
            self.errand(12 * HOUR, DAY, Errand::Compare(friend));
        }
        if self.dice.chance(850) {
            (4..12).for_each(|n| self.errand(n * 8 * HOUR, n * 8 * HOUR, Errand::Mend));
        }
        let last = super::asking::Asking::Start(Kind::Last);
        self.errand(4 * DAY, 4 * DAY, Errand::Asking(last));
    }

    /// The end of a life after another: everybody who is a contact and holds a piece knows the device that counts,
    /// and nothing of the former one is left to be cleared away.
    pub(super) fn is_succeeded(&mut self) {
        if self.succession.former.is_empty() {
            return;
        }
        let contacts = self.people[0].state.contacts().to_vec();
        for friend in 1..=self.plan.contacts {
            let id = self.ids[friend];
            let contact = contacts.iter().find(|contact| contact.card.id() == id);
            let Some(contact) = contact.filter(|c| !c.left && !c.contested()) else { continue };
            let Some(held) = self.held(friend) else { continue };
            // Either may have another invite in mind; or no relay carries anything to them any more.
            let boxes = contact.card.mailboxes();
            let mut alive =
                boxes.iter().map(|at| self.relays[self.relay(&at.relay)].alive(self.now));
            if held.secret != contact.secret || alive.all(|alive| alive.is_err()) {
                continue;
            }
            let (known, name) = (held.card.id() == self.owner(), contact.name.clone());
            let fine = known && contact.known.is_none();
            self.ledger.ensure(fine, || format!("{name:?} does not know the owner again"));
        }
        let device = &self.people[0].state;
        let former = device.vault().former.as_ref();
        let cleared = former.is_none_or(|f| f.circles.is_empty() && f.slots.is_empty());
        let stored = self.ledger.deceived || self.plan.relay_lost;
        let fine = cleared || device.vault().live().is_none() || stored;
        self.ledger.ensure(fine, || "a former identity's pieces are still in force".to_owned());
    }
}
