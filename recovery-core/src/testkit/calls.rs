//! Between devices and relays: every call, and what goes wrong with it.

use super::{
    dice::{Dice, Rate},
    faults::Fault,
    host::Lasting,
    relay::{Body, Fate, Refused},
    world::{Chapter, DAY, HOUR, Task, Who, World},
};
use crate::{
    address::{RelayUrl, SlotAddress},
    flows::{Delivery, Event, Source, Step, VaultCopy, Watch, places::Place},
    ids::{MailboxId, SlotId},
    wire::limits::{MESSAGE_SIZES, SLOT_SIZES},
};

/// How many of 1,000 messages that had their effect are handled once more; opening one is what a world
/// spends most of its time on.
const REPEATS: Rate = 200;

impl World {
    pub(super) fn relay(&self, url: &RelayUrl) -> usize {
        self.relays.iter().position(|relay| relay.url == *url).expect("a relay of this world")
    }

    /// A device sends what waits, in order; what a relay does not take now stays.
    pub(super) fn send(&mut self, who: Who) {
        let mut left = Vec::new();
        for delivery in std::mem::take(self.outbox(who)) {
            if let Err(refused) = self.deliver(who, &delivery) {
                // Nobody will open a closed session or an ended invite again.
                let gone = refused == Refused::NotThere && self.faults.calm();
                if !gone && refused != Refused::Vetoed {
                    left.push(delivery);
                }
            }
            if self.hit(Fault::Crash) {
                // What was sent is still in the outbox on disk: it is sent again.
                *self.sending(who) = false;
                return self.restart_any(who);
            }
        }
        let waits = !left.is_empty();
        *self.outbox(who) = left;
        *self.sending(who) = waits;
        match who {
            Who::Person(who) => self.people[who].persist(),
            Who::New(at) => self.newcomers[at].host.persist(),
        }
        if waits {
            self.soon(2 * HOUR, 6 * HOUR, Task::Send(who));
        }
    }

    fn outbox(&mut self, who: Who) -> &mut Vec<Delivery> {
        match who {
            Who::Person(who) => &mut self.people[who].outbox,
            Who::New(at) => &mut self.newcomers[at].host.outbox,
        }
    }

    fn sending(&mut self, who: Who) -> &mut bool {
        match who {
            Who::Person(who) => &mut self.people[who].sending,
            Who::New(at) => &mut self.newcomers[at].host.sending,
        }
    }

    fn restart_any(&mut self, who: Who) {
        match who {
            Who::Person(who) => self.restart(who),
            Who::New(at) => self.restart_new(at),
        }
    }

    pub(super) fn deliver(&mut self, who: Who, delivery: &Delivery) -> Result<(), Refused> {
        let at = self.relay(delivery.relay());
        let message = match delivery {
            Delivery::Post { body, .. } | Delivery::PostHeld { body, .. } => Some(Body::new(body)),
            _ => None,
        };
        match (delivery, &message) {
            (Delivery::Post { to, .. } | Delivery::PostHeld { to, .. }, Some(body)) => {
                self.ledger.observe_message(to.id, body)
            }
            (Delivery::PutSlot { body, .. }, _) => self.ledger.observe_slot(body),
            _ => {}
        }
        self.relays[at].alive(self.now)?;
        let ends = |ttl: &Option<u64>| ttl.map(|ttl| self.now + ttl);
        match delivery {
            Delivery::OpenMailbox { base, relay, ttl } => {
                let ends = ends(ttl);
                self.relays[at].open(base.mailbox(relay.as_str()).id(), ends);
            }
            Delivery::CloseMailbox { base, relay } => {
                self.relays[at].close(base.mailbox(relay.as_str()).id());
            }
            Delivery::Post { to, .. } => {
                if let Some(body) = message {
                    let fate = self.fate(&body.octets);
                    return self.relays[at].post(to.id, body, fate);
                }
            }
            Delivery::PostHeld { to, holds, delay, .. } => {
                if let Some(body) = message {
                    let due = self.now + delay;
                    self.ledger.is_held_until(at, &body, due);
                    let fate = self.fate(&body.octets);
                    return self.relays[at].post_held(to.id, body, (holds, due), fate);
                }
            }
            Delivery::Veto { base, mailbox } => {
                let hold = base.hold(mailbox.relay.as_str()).id();
                if let (true, Who::Person(who)) = (self.relays[at].veto(hold, mailbox.id), who) {
                    self.relay_heard(who, at, base, mailbox.id);
                }
            }
            Delivery::PutSlot { base, relay, body, ttl } => {
                let (id, ends) = (base.slot(relay.as_str()).id(), ends(ttl));
                if !self.hit(Fault::Drop) {
                    let version = self.relays[at].version(id);
                    let body = body.as_slice().into();
                    return self.relays[at].put(id, body, version, ends).map(drop);
                }
            }
            Delivery::DeleteSlot { base, relay } => {
                self.relays[at].delete(base.slot(relay.as_str()).id());
            }
        }
        Ok(())
    }

    /// What becomes of a message that a relay takes.
    fn fate(&mut self, body: &[u8]) -> Fate {
        if self.hit(Fault::Drop) {
            Fate::Lose
        } else if self.hit(Fault::Delay) {
            let most = if self.dice.chance(200) { 30 * DAY } else { 4 * DAY };
            Fate::Later(self.now + self.dice.between(HOUR, most))
        } else if self.hit(Fault::Double) {
            Fate::Copies(self.dice.between(2, 5))
        } else {
            let damaged = self.damaged(body);
            damaged.map_or(Fate::Keep, |octets| Fate::Instead(Body::new(&octets)))
        }
    }

    /// Octets with a bit changed or the end missing, if that happens.
    fn damaged(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        if self.hit(Fault::Corrupt) {
            Some(flipped(body, &mut self.dice))
        } else if self.hit(Fault::Truncate) {
            // Also to what would be a size of its own.
            let length = match self.dice.below(3) {
                0 => self.dice.pick(&MESSAGE_SIZES).min(body.len() - 1),
                _ => self.dice.index(body.len()),
            };
            Some(body[..length].to_vec())
        } else {
            None
        }
    }

    /// What a relay shows of a mailbox, and moves the cursor past it.
    pub(super) fn read(&mut self, at: usize, id: MailboxId, after: u64) -> Vec<(u64, Body)> {
        let now = self.now;
        if self.relays[at].alive(now).is_err() {
            return Vec::new();
        }
        let mut listed = self.relays[at].read(id, after, now).unwrap_or_default();
        if !listed.is_empty() && self.hit(Fault::Omit) {
            let omitted = self.dice.index(listed.len());
            listed.remove(omitted);
        }
        if listed.len() > 1 && self.hit(Fault::Reorder) {
            self.dice.shuffle(&mut listed);
        }
        listed
    }

    /// What a relay shows somebody of a slot.
    pub(super) fn look(&mut self, who: Who, slot: &SlotAddress) -> Option<Vec<u8>> {
        let at = self.relay(&slot.relay);
        self.relays[at].alive(self.now).ok()?;
        if self.relays[at].deceived.contains(&who) {
            return self.relays[at].remembered(slot.id).map(|body| body.to_vec());
        }
        if self.hit(Fault::Invent) {
            let size = self.dice.pick(&SLOT_SIZES);
            return Some(self.dice.octets(size));
        }
        if self.hit(Fault::Omit) {
            return None;
        }
        if self.hit(Fault::Stale) {
            let back = self.dice.index(4);
            return self.relays[at].stale(slot.id, back).map(|body| body.to_vec());
        }
        if self.hit(Fault::Swap) {
            let other = self.dice.index(1_000);
            return self.relays[at].some_slot(other).map(|body| body.to_vec());
        }
        let body = self.relays[at].get(slot.id)?.clone();
        self.damaged(&body).or_else(|| Some(body.to_vec()))
    }

    /// Something a relay does by itself: it goes away, or mixes up what it has.
    pub(super) fn mischief(&mut self, at: usize) {
        if self.hit(Fault::Dead) {
            let back = self.now + self.dice.between(HOUR, 2 * DAY);
            self.relays[at].dead_until = self.relays[at].dead_until.max(back);
        }
        let (one, other) = (self.dice.index(100_000), self.dice.index(100_000));
        if self.hit(Fault::Swap) {
            self.relays[at].swap(one, other);
        }
        if self.hit(Fault::Replay)
            && let Some(body) = self.relays[at].some_history(one)
        {
            self.relays[at].slip_in(other, body);
        }
        if self.plan.dishonest && self.hit(Fault::Early) {
            self.relays[at].show_early();
        }
        self.show_another_time(at, other);
        let slow = if self.chapter == Chapter::Quiet { 4 } else { 1 };
        self.soon(slow * 3 * HOUR, slow * 12 * HOUR, Task::Mischief(at));
    }

    /// A relay remembers, goes back to what it remembers, shows it to some people only, or makes something up.
    fn show_another_time(&mut self, at: usize, place: usize) {
        if self.hit(Fault::Rollback) {
            match self.dice.chance(500) {
                true => self.relays[at].remember(),
                false => {
                    self.relays[at].roll_back();
                    self.ledger.deceived = true;
                }
            }
        }
        if self.hit(Fault::Split) {
            let people = (0..self.people.len()).map(Who::Person);
            let all: Vec<Who> = people.chain((0..self.newcomers.len()).map(Who::New)).collect();
            let half = all.into_iter().filter(|_| self.dice.chance(500)).collect();
            self.relays[at].deceived = half;
            if self.dice.chance(500) {
                self.relays[at].remember();
            }
        }
        if self.hit(Fault::Invent) {
            let size = self.dice.pick(&MESSAGE_SIZES);
            let body = Body::new(&self.dice.octets(size));
            self.relays[at].slip_in(place, body);
        }
    }

    /// A person's device reads its mailboxes now and then.
    pub(super) fn poll(&mut self, who: usize) {
        if who == 0 && self.lost {
            return;
        }
        let slow = if self.chapter == Chapter::Quiet { 4 } else { 1 };
        self.soon(slow * 3 * HOUR, slow * 8 * HOUR, Task::Poll(Who::Person(who)));
        self.read_mail(who);
    }

    /// A person's device reads all its mailboxes, acts on what came and does what is due.
    pub(super) fn read_mail(&mut self, who: usize) {
        let watches = self.people[who].state.watches();
        for watch in &watches {
            let at = self.relay(&watch.relay);
            let id = watch.base.mailbox(watch.relay.as_str()).id();
            let after = self.people[who].notes.cursors.get(&(at, id)).copied().unwrap_or(0);
            let listed = self.read(at, id, after);
            let Some(last) = listed.iter().map(|(seq, _)| *seq).max() else { continue };
            let mut all = Step::default();
            for (_, body) in listed {
                let places = places(&watches, watch.source);
                all.then(self.handle(who, (watch.source, &places), &body));
            }
            if self.throws_away(who, &all) {
                continue;
            }
            self.people[who].notes.cursors.insert((at, id), last);
            self.commit(who, all);
        }
        let released = self.to_release(who);
        let version = self.people[who].state.vault().version;
        let tidied = self.act(who, |device, ctx| device.tidy(ctx));
        self.note_released(who, &released, &tidied);
        if self.did_something(who, version, &tidied) {
            self.commit(who, tidied);
        }
        if who == 0 {
            self.answer_alarms();
        }
        if who == 0 || who == self.plan.other() {
            self.sync(who);
        }
    }

    /// Whether there is anything to keep of a step: as clients do, also a change of the vault that nobody is
    /// told of, before it is sealed for relays.
    fn did_something(&self, who: usize, before: u64, step: &Step) -> bool {
        let version = self.people[who].state.vault().version;
        version != before || !step.outbox.is_empty() || !step.events.is_empty()
    }

    /// One message; what nobody sent to this place, or had its effect before, must change nothing.
    fn handle(
        &mut self,
        who: usize,
        (source, places): (Source, &[MailboxId]),
        body: &Body,
    ) -> Step {
        let posted = self.ledger.was_posted(places, body);
        let again = self.people[who].notes.handled.contains(&body.hash);
        if again && !self.dice.chance(REPEATS) {
            return Step::default();
        }
        let before = (!posted || again).then(|| self.people[who].state.pack());
        let step = self.act(who, |device, ctx| device.handle(source, &body.octets, ctx));
        if let Some(before) = before {
            let same = self.people[who].state.pack() == before && step.outbox.is_empty();
            if !same {
                let why =
                    if again { "a message that came before" } else { "a message nobody sent" };
                self.is_excused(who, &before, (&body.octets, why), &step);
            }
        } else if step.events.iter().all(had_effect) {
            self.people[who].notes.handled.insert(body.hash);
        }
        self.note_lacking(who, &step);
        step
    }

    /// Brings an owner's vault to the relays that hold an older one, as `flows::VaultCopy` says.
    pub(super) fn sync(&mut self, who: usize) {
        let mut behind = false;
        for place in self.people[who].state.places() {
            behind |= self.sync_place(who, &place);
        }
        let version = self.people[who].state.vault().version;
        let settled = self.act(who, |device, ctx| device.settle(ctx));
        if behind || self.did_something(who, version, &settled) {
            self.commit(who, settled);
        }
    }

    /// True if something was to be done.
    fn sync_place(&mut self, who: usize, place: &Place) -> bool {
        let device = &self.people[who].state;
        let version = device.vault().version;
        let behind: Vec<VaultCopy> =
            device.copies(place).into_iter().filter(|copy| copy.version < version).collect();
        if behind.is_empty() {
            return false;
        }
        let container = self.act(who, |device, ctx| device.container(place, ctx));
        let Ok(container) = container else {
            self.ledger.fail("the vault fits no container");
            return false;
        };
        for copy in behind {
            let relay = self.relay(&copy.relay);
            if self.relays[relay].alive(self.now).is_err() {
                continue;
            }
            self.ledger.observe_slot(&container);
            let known = copy.etag.as_ref().and_then(|etag| etag.parse().ok());
            let etag = self.put_vault(relay, copy.slot, &container, known);
            let copy = VaultCopy { etag, version, ..copy };
            self.people[who].state.copied(copy);
        }
        true
    }

    fn put_vault(
        &mut self,
        relay: usize,
        id: SlotId,
        container: &[u8],
        known: Option<u64>,
    ) -> Option<String> {
        if self.hit(Fault::Drop) {
            // It says that it is written.
            self.ledger.deceived = true;
            return Some("0".to_owned());
        }
        let relay = &mut self.relays[relay];
        let put = match relay.put(id, container.into(), known, None) {
            Err(Refused::Conflict(found)) => relay.put(id, container.into(), found, None),
            other => other,
        };
        put.ok().map(|version| version.to_string())
    }
}

/// All mailboxes where one person writes: two inboxes, if they may know a former identity.
fn places(watches: &[Watch], source: Source) -> Vec<MailboxId> {
    let same = watches.iter().filter(|watch| watch.source == source);
    same.map(|watch| watch.base.mailbox(watch.relay.as_str()).id()).collect()
}

/// Not an event that says that nothing was done.
fn had_effect(event: &Event) -> bool {
    !matches!(event, Event::Ignored { .. } | Event::SamePerson { .. } | Event::PieceRefused { .. })
}

/// One bit is another.
pub(super) fn flipped(octets: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut changed = octets.to_vec();
    let at = dice.index(changed.len());
    changed[at] ^= 1 << dice.below(8);
    changed
}
