//! What an owner sees to, and what must hold of every device after each of its steps.

use super::{
    relay::hash,
    world::{DAY, HOUR, World},
};
use crate::{
    circle::{Circle, Contact},
    flows::{Delivery, Step},
    wire::link::Link,
};

impl World {
    /// The owner asks everybody and repairs what is not as it should be.
    pub(super) fn mend(&mut self) {
        for friend in 1..=self.plan.contacts {
            self.mend_friend(friend);
        }
        let circles = &self.people[0].state.vault().circles;
        let now = self.clock_of(0);
        let waits = circles.last().is_some_and(|c| c.active() || c.made + 12 * HOUR > now);
        if !waits {
            self.protect();
        }
        self.sync(0);
    }

    /// After mending, everybody is a contact again who did not already hold a piece when they were
    /// removed, and the key is safe.
    pub(super) fn is_mended(&mut self) {
        if !self.plan.mends {
            return;
        }
        let device = &self.people[0].state;
        for friend in 1..=self.plan.contacts {
            let contact = device.contact(self.ids[friend]);
            let fine = contact.is_some_and(|contact| !contact.removed && !contact.contested());
            let fine = fine || !self.gifts(friend).is_empty();
            self.ledger.ensure(fine, || format!("{friend} is lost to the owner"));
        }
        // A liar can throw the piece away every time.
        let fine = self.safe || !self.plan.byzantine.is_empty();
        self.ledger.ensure(fine, || "there is no active circle".to_owned());
    }

    fn mend_friend(&mut self, friend: usize) {
        let id = self.ids[friend];
        let owner = self.known_as(friend);
        let device = &self.people[0].state;
        let theirs = |c: &&Contact| !c.removed && (0..9).any(|n| c.name == Self::calls(friend, n));
        let contacts: Vec<Contact> = device.contacts().iter().filter(theirs).cloned().collect();
        // Who has not answered for a day gets another one.
        let fresh = self.clock_of(0) + 6 * DAY;
        let open = device.invites().iter().any(|invite| {
            let theirs = (0..9).any(|n| invite.name == Self::calls(friend, n));
            theirs && invite.answered.is_none() && invite.expires > fresh
        });
        for contact in &contacts {
            let read_out = self.act(friend, |device, ctx| {
                let held = device.held_of(owner)?;
                device.number_with_owner(held, ctx).ok()
            });
            let named = contact.name.clone();
            let right = read_out
                .map(|number| self.act(0, |device, ctx| device.verify(&named, &number, ctx)));
            let settled = self.people[0].state.contact_named(&contact.name).cloned();
            let settled = settled.is_some_and(|c| c.card.id() == id && !c.contested());
            match right {
                Some(Ok(_)) => {
                    self.ledger.ensure(settled, || "a number settled nothing".to_owned());
                }
                // The stranger was first, or the friend has another invite in mind.
                _ if !settled => {
                    let removed =
                        self.act(0, |device, ctx| device.remove_contact(&contact.name, ctx.now));
                    self.ledger.ensure(removed.is_ok(), || "can't be removed".to_owned());
                }
                _ => {}
            }
            self.commit(0, Step::default());
        }
        let contacts = self.people[0].state.contacts();
        if !open && !contacts.iter().any(|c| !c.removed && c.card.id() == id) {
            self.invite(friend);
        }
    }

    /// What must hold of a device after each of its steps.
    pub(super) fn look_after(&mut self, who: usize) {
        let now = self.clock_of(who);
        for opened in self.people[who].state.opened() {
            self.ledger.stands(who, opened, now);
        }
        if who == 0 {
            self.ledger.holds(self.owner(), self.people[0].state.vault());
            self.answers_are_known();
            self.is_rightly_retired();
        }
        if who <= self.plan.stranger() {
            self.pieces_are_held();
        }
        let active = self.people[0].state.vault().circles.iter().any(Circle::active);
        self.ledger.ensure(active || !self.counts, || "a safe key is not safe any more".to_owned());
        self.counts |= active;
        self.safe |= active;
    }

    pub(super) fn note_answer(&mut self, who: usize, link: &Link, step: &Step) {
        for delivery in &step.outbox {
            if let Delivery::Post { body, .. } = delivery {
                let answer = (link.secret.clone(), self.ids[who]);
                self.ledger.answers.insert(hash(body), answer);
            }
        }
    }

    /// Until the owner has settled it by number, a contact is contested by everybody who answered
    /// the same invite, and by nobody else.
    fn answers_are_known(&mut self) {
        let handled = &self.people[0].notes.handled;
        let contacts = self.people[0].state.contacts();
        for contact in contacts.iter().filter(|contact| !contact.verified) {
            let cards = std::iter::once(&contact.card).chain(&contact.rivals);
            let ids: Vec<_> = cards.map(|card| card.id()).collect();
            let ours = self.ledger.answers.iter().filter(|(_, (s, _))| *s == contact.secret);
            let ours: Vec<_> =
                ours.map(|(hash, (_, who))| (handled.contains(hash), *who)).collect();
            let all = ours.iter().all(|(came, who)| !came || ids.contains(who));
            let only = ids.iter().all(|id| ours.iter().any(|(_, who)| who == id));
            self.ledger.ensure(all && only, || format!("{:?}: who answered?", contact.name));
        }
    }
}
