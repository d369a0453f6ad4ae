//! The first half of the story: pairing, protecting, mending, changing.

use super::{
    asking::Asking,
    faults::Fault,
    host::Lasting,
    ledger::Truth,
    newcomer::Kind,
    relay::hash,
    table::{Table, named},
    world::{Chapter, DAY, HOUR, Task, Who, World, person_name},
};
use crate::{
    circle::Reach,
    flows::{Device, Step, pair::PairError},
    kdf::KdfCost,
    name::Name,
    shamir,
    wire::link::Link,
};

/// Something that a person does.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// The owner invites a contact.
    Invite(usize),
    /// Somebody opens an invite's link.
    Accept { who: usize, link: String, tries: u8 },
    /// The owner makes a circle.
    Protect,
    /// The owner looks whether all is well.
    Mend,
    /// The owner changes something.
    Change,
    /// The owner deals fresh pieces.
    Renew,
    /// The owner ends a renewal.
    Finish,
    /// The owner asks for proofs.
    Check,
    /// A friend compares the number of the owner's new device.
    Compare(usize),
    /// Who has the lost device takes over too.
    Thief,
    /// Who has it writes a vault that is newer than any.
    Forge,
    /// A contact leaves.
    Leave(usize),
    /// Something about a recovery.
    Asking(Asking),
}

/// The least that a stored passphrase may cost.
pub(super) const GUARDED: KdfCost = KdfCost { memory_kib: 19 * 1_024, passes: 1, lanes: 1 };

impl World {
    pub(super) fn errand(&mut self, from: u64, to: u64, errand: Errand) {
        self.soon(from, to, Task::Errand(errand));
    }

    /// A chapter begins.
    pub(super) fn begin(&mut self, chapter: Chapter) {
        self.chapter = chapter;
        match chapter {
            Chapter::Setup => self.begin_setup(),
            Chapter::Mend if self.plan.mends => {
                self.set_calm();
                (0..7).for_each(|n| self.errand(n * 6 * HOUR, n * 6 * HOUR, Errand::Mend));
            }
            Chapter::Change => {
                self.is_mended();
                self.faults.set_calm(false);
                for _ in 0..self.dice.below(5) {
                    self.errand(HOUR, 4 * DAY - HOUR, Errand::Change);
                }
                self.owner_is_busy(4, 4 * DAY);
                for friend in 1..=self.plan.contacts {
                    if self.wants_to_leave() {
                        self.errand(HOUR, 10 * DAY + self.plan.gap, Errand::Leave(friend));
                    }
                }
            }
            Chapter::Quiet if self.plan.gap > 0 => self.owner_is_busy(5, self.plan.gap),
            Chapter::Ask => self.begin_asking(),
            Chapter::Calm => {
                self.set_calm();
                self.errand(HOUR, HOUR, Errand::Asking(Asking::Start(Kind::Last)));
            }
            Chapter::Anew => self.begin_anew(),
            Chapter::Rest => {
                self.set_calm();
                self.begin_rest();
            }
            Chapter::Mend | Chapter::Quiet | Chapter::End => {}
        }
    }

    fn begin_setup(&mut self) {
        for _ in 0..self.dice.between(1, 4) {
            self.add_entry();
        }
        for friend in 1..=self.plan.contacts {
            self.errand(HOUR, DAY, Errand::Invite(friend));
        }
        self.errand(3 * DAY, 5 * DAY, Errand::Protect);
        for relay in 0..self.relays.len() {
            self.soon(HOUR, DAY, Task::Mischief(relay));
        }
        if self.plan.other_owner {
            self.other_circle();
        }
        self.shares_come_back();
    }

    /// Beneath the circles: enough plain shares give their secret back, and none can be for x = 0, where
    /// the secret itself is.
    fn shares_come_back(&mut self) {
        let (secret, threshold) = (self.dice.octets(32), self.dice.between(2, 4) as u8);
        let Ok(mut shares) = shamir::split(&secret, threshold, threshold + 2, &mut self.rng) else {
            return self.ledger.fail("a secret can't be shared");
        };
        self.dice.shuffle(&mut shares);
        let back = shamir::combine(threshold, &shares);
        let same = back.is_ok_and(|back| *back == secret);
        self.ledger.ensure(same, || "shares give another secret".to_owned());
        let mut zero = shares[0].to_bytes();
        zero[0] = 0;
        let refused = shamir::Share::from_bytes(&zero).is_err();
        self.ledger.ensure(refused, || "a share says what the secret is".to_owned());
    }

    /// Relays are as they should be; devices that notice a change there read everything again, new ones
    /// always.
    fn set_calm(&mut self) {
        self.faults.set_calm(true);
        for (at, relay) in self.relays.iter_mut().enumerate() {
            let late = matches!(self.chapter, Chapter::Calm | Chapter::Rest);
            let gone = self.plan.relay_lost && at == 1 && late;
            relay.dead_until = if gone { u64::MAX } else { 0 };
            relay.deceived.clear();
            relay.release();
        }
        let rolled_back = self.faults.counts.of(Fault::Rollback) > 0;
        for host in &mut self.people {
            if rolled_back || self.dice.chance(300) {
                host.notes.cursors.clear();
                host.persist();
            }
        }
        for new in &mut self.newcomers {
            new.host.notes.cursors.clear();
            new.host.persist();
        }
    }

    pub(super) fn run_errand(&mut self, errand: Errand) {
        let of_the_owner =
            !matches!(errand, Errand::Asking(_) | Errand::Accept { .. } | Errand::Leave(_));
        if self.lost && of_the_owner {
            return;
        }
        match errand {
            Errand::Invite(friend) => self.invite(friend),
            Errand::Accept { who, link, tries } => self.accept(who, link, tries),
            Errand::Protect => self.protect(),
            Errand::Mend => self.mend(),
            Errand::Change => self.change(),
            Errand::Renew => self.renew(),
            Errand::Finish => self.finish_renewal(),
            Errand::Check => self.check(),
            Errand::Compare(friend) => self.compare(friend),
            Errand::Thief => self.thief(),
            Errand::Forge => self.forge_vault(),
            Errand::Leave(friend) => self.leave(friend),
            Errand::Asking(asking) => self.run_asking(asking),
        }
    }

    /// The owner keeps another secret.
    fn add_entry(&mut self) {
        // Seldom too large for the contacts' copies.
        let size = match self.dice.below(40) {
            0 => self.dice.between(30_000, 65_536),
            1..=4 => self.dice.between(1_000, 8_000),
            _ => self.dice.between(1, 200),
        };
        let content = self.dice.octets(size as usize);
        let label = named(&format!("entry {}", self.dice.below(1_000_000)));
        let added = self.act(0, |device, ctx| device.add(label, &content, ctx.now));
        if added.is_ok() {
            self.commit(0, Step::default());
        }
    }

    /// What the owner calls a friend, the first time and later.
    pub(super) fn calls(friend: usize, attempt: usize) -> Name {
        match attempt {
            0 => person_name(friend),
            _ => named(&format!("{} ({attempt})", person_name(friend))),
        }
    }

    pub(super) fn invite(&mut self, friend: usize) {
        let device = &self.people[0].state;
        let taken = |name: &Name| {
            device.contact_named(name).is_some() || device.invites().iter().any(|i| i.name == *name)
        };
        let free = (0..).map(|attempt| Self::calls(friend, attempt)).find(|name| !taken(name));
        let name = free.expect("a free name");
        let Ok(invited) = self.act(0, |device, ctx| device.invite(name, ctx)) else {
            return self.ledger.fail("an invite was refused");
        };
        if !self.commit(0, invited.step) {
            return self.errand(HOUR, 3 * HOUR, Errand::Invite(friend));
        }
        let link = invited.link.expose().to_string();
        if self.plan.contested.contains(&friend) && self.chapter == Chapter::Setup {
            let (who, link) = (self.plan.stranger(), link.clone());
            self.errand(HOUR, 2 * DAY, Errand::Accept { who, link, tries: 0 });
        }
        self.errand(
            HOUR,
            if self.faults.calm() { HOUR } else { DAY },
            Errand::Accept { who: friend, link, tries: 0 },
        );
    }

    fn accept(&mut self, who: usize, link: String, tries: u8) {
        let Ok(parsed) = link.parse::<Link>() else {
            return self.ledger.fail("a link does not parse");
        };
        for slot in &parsed.slots {
            let Some(boxed) = self.look(Who::Person(who), slot) else { continue };
            let before = self.people[who].state.pack();
            let accepted =
                self.act(who, |device, ctx| device.accept(&parsed, &boxed, Reach::default(), ctx));
            match accepted {
                Ok(accepted) => {
                    self.note_answer(who, &parsed, &accepted.step);
                    if self.commit(who, accepted.step) {
                        return;
                    }
                    break;
                }
                Err(error) => {
                    self.unchanged(who, &before, "accept");
                    if matches!(error, PairError::Expired | PairError::Known) {
                        return;
                    }
                }
            }
        }
        if tries < 8 {
            self.errand(HOUR, 12 * HOUR, Errand::Accept { who, link, tries: tries + 1 });
        }
    }

    fn change(&mut self) {
        match self.dice.below(6) {
            0 | 1 => self.add_entry(),
            2 => {
                let entries = &self.people[0].state.vault().entries;
                let label = entries.first().map(|entry| entry.label.clone());
                if let Some(label) = label.filter(|_| entries.len() > 1) {
                    let removed = self.act(0, |device, ctx| device.remove(&label, ctx.now));
                    self.ledger.ensure(removed.is_ok(), || "an entry stays".to_owned());
                    self.commit(0, Step::default());
                }
            }
            3 if self.people[0].state.contacts().len() > 2 => {
                let contact = self.dice.index(self.people[0].state.contacts().len());
                let name = self.people[0].state.contacts()[contact].name.clone();
                let _ = self.act(0, |device, ctx| device.remove_contact(&name, ctx.now));
                self.commit(0, Step::default());
            }
            _ => self.protect(),
        }
    }

    /// Somebody else protects a key with some of the same contacts, around a table.
    fn other_circle(&mut self) {
        let other = self.plan.other();
        let friends = self.plan.contacts.min(3);
        let places: Vec<usize> = std::iter::once(other).chain(1..=friends).collect();
        let copy = |who: &usize| Device::decode(&self.people[*who].state.pack());
        let people = places.iter().map(|who| copy(who).expect("a device")).collect();
        let mut table = Table::over(people, self.now, self.dice.below(u64::MAX));
        let at: Vec<usize> = (1..=friends).collect();
        let protected = table.circle(0, 2.min(friends as u8), &at);
        let owner = table.id(0);
        let bundle = table.people[1].held_of(owner).and_then(|held| held.bundles.first()?.bundle());
        let version = bundle.map_or(0, |bundle| bundle.vault_version);
        let truth = Truth { version, ..Truth::of(&table.people[0], protected.circle, None) };
        self.ledger.circles.insert(protected.circle, truth);
        for (who, device) in places.into_iter().zip(table.people) {
            self.people[who].state = device;
            self.people[who].persist();
        }
    }

    /// A digest of a person's state, for the trace.
    pub(super) fn digest(&self, who: usize) -> [u8; 32] {
        hash(&self.people[who].state.pack())
    }

    pub(super) fn begin_asking(&mut self) {
        self.lost = !self.plan.found;
        if self.plan.relay_lost {
            self.relays[1].dead_until = u64::MAX;
        }
        let start = |kind| Errand::Asking(Asking::Start(kind));
        self.errand(HOUR, DAY, start(Kind::Real));
        if self.hit(Fault::Concurrent) {
            self.errand(HOUR, 3 * DAY, start(Kind::Real));
        }
        if self.hit(Fault::Impostor) {
            self.errand(HOUR, 3 * DAY, start(Kind::Impostor));
        }
        if self.plan.found {
            self.errand(HOUR, 4 * DAY, Errand::Change);
            self.errand(HOUR, 4 * DAY, Errand::Protect);
            self.owner_is_busy(4, 8 * DAY);
        }
    }
}
