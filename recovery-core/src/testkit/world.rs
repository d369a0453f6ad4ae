//! The world: its clock, its people, and what all of their devices have in common.

use super::{
    Options, Outcome,
    asking::Asking,
    dice::Dice,
    faults::{Fault, Faults},
    host::{Host, Lasting},
    ledger::Ledger,
    newcomer::Newcomer,
    plan::Plan,
    relay::Relay,
    setup::Errand,
    succeeding::Succession,
    table::{START, named},
    whole::Opens,
};
use crate::{
    flows::{Context, Delivery, Device, Event, Step, keep::KEPT_SECONDS},
    ids::{CircleId, ContactId},
    name::Name,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const HOUR: u64 = 3_600;
pub(super) const DAY: u64 = 24 * HOUR;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// The next chapter begins.
    Chapter(Chapter),
    /// A device sends what waits in its outbox.
    Send(Who),
    /// A device looks for messages, and will again.
    Poll(Who),
    /// A friend's device looks for messages and for what is due, this once.
    Look(usize),
    /// A relay does something of its own accord.
    Mischief(usize),
    /// A person does something.
    Errand(Errand),
}

/// A device: a person's, or a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Person(usize),
    New(usize),
}

/// The story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chapter {
    /// Pairing and protecting, with faults.
    Setup,
    /// The owner puts right what went wrong; no faults.
    Mend,
    /// Changes, with faults.
    Change,
    /// Weeks in which little happens; with faults.
    Quiet,
    /// The device is lost, new ones ask; with faults.
    Ask,
    /// No faults any more; one last recovery.
    Calm,
    /// The new device takes over, if it is to, and others hear of it; with faults.
    Anew,
    /// No faults any more; the last recovery once more.
    Rest,
    /// The end.
    End,
}

/// A world.
pub struct World {
    pub(super) options: Options,
    pub(super) now: u64,
    pub(super) chapter: Chapter,
    pub(super) people: Vec<Host<Device>>,
    /// Their ids.
    pub(super) ids: Vec<ContactId>,
    pub(super) newcomers: Vec<Newcomer>,
    pub(super) relays: Vec<Relay>,
    pub(super) plan: Plan,
    pub(super) faults: Faults,
    pub(super) dice: Dice,
    pub(super) ledger: Ledger,
    pub(super) rng: ChaCha20Rng,
    /// The owner's device is gone.
    pub(super) lost: bool,
    /// Enough contacts were known to hold their pieces, once.
    pub(super) safe: bool,
    /// The same of the device that is the owner's now.
    pub(super) counts: bool,
    pub(super) succession: Succession,
    /// Contacts that the owner's device knew to have left after its last step.
    pub(super) farewells: BTreeSet<ContactId>,
    /// The owner ends a renewal by choice.
    pub(super) finishing: bool,
    /// Generations that the owner gave up.
    pub(super) retired: BTreeSet<CircleId>,
    pub(super) opens: Opens,
    seed: u64,
    queue: BTreeMap<(u64, u64), Task>,
    queued: u64,
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64, options: Options) -> Self {
        let mut dice = Dice::new(seed, 1);
        let mut faults = Faults::new(&options.swarm, &mut dice);
        let standard = options.cost == crate::kdf::KdfCost::STANDARD;
        let plan = Plan::draw(&mut dice, &mut faults, standard);
        let url = |at| format!("https://relay{at}.example.org").parse().expect("a relay's address");
        let mut world = Self {
            ledger: Ledger::new(options.log),
            options,
            now: START,
            chapter: Chapter::Setup,
            people: Vec::new(),
            ids: Vec::new(),
            newcomers: Vec::new(),
            // One more, which the owner does not use.
            relays: (0..=plan.relays).map(|at| Relay::new(url(at))).collect(),
            plan,
            faults,
            dice,
            rng: ChaCha20Rng::seed_from_u64(seed),
            lost: false,
            safe: false,
            counts: false,
            succession: Succession::default(),
            farewells: BTreeSet::new(),
            finishing: false,
            retired: BTreeSet::new(),
            opens: Opens::new(),
            seed,
            queue: BTreeMap::new(),
            queued: 0,
        };
        (0..=world.plan.other()).for_each(|who| world.bear(who));
        let (gap, delay) = (world.plan.gap, world.plan.delay.max(2 * DAY));
        for (chapter, time) in [
            (Chapter::Setup, 0),
            (Chapter::Mend, 6 * DAY),
            (Chapter::Change, 8 * DAY),
            (Chapter::Quiet, 12 * DAY),
            (Chapter::Ask, 12 * DAY + gap),
            (Chapter::Calm, 20 * DAY + gap),
            (Chapter::Anew, 24 * DAY + gap + delay),
        ] {
            world.at(START + time, Task::Chapter(chapter));
        }
        let stubborn = world.plan.dishonest && world.dice.chance(500);
        world.relays.iter_mut().for_each(|relay| relay.stubborn = stubborn);
        world
    }

    /// A person comes into the world.
    fn bear(&mut self, who: usize) {
        let skew = self.skew();
        let own = self.relays.iter().take(self.plan.relays);
        let mut relays: Vec<_> = own.map(|relay| relay.url.clone()).collect();
        self.dice.shuffle(&mut relays);
        if who != 0 && who != self.plan.other() {
            // Some know one relay only, or none before they read an invite.
            relays.truncate(self.dice.index(relays.len() + 1));
        }
        let mut ctx = Context { now: self.now, rng: &mut self.rng, cost: self.options.cost };
        let device = Device::new(person_name(who), relays, &mut ctx);
        self.ids.push(device.id());
        self.people.push(Host::new(device, skew));
        let first = self.dice.below(8 * HOUR);
        self.at(self.now + first, Task::Poll(Who::Person(who)));
    }

    /// How far the clock of another device is off: a day either way at most.
    pub(super) fn skew(&mut self) -> i64 {
        match self.hit(Fault::Skew) {
            true => self.dice.between(0, 2 * DAY) as i64 - DAY as i64,
            false => 0,
        }
    }

    /// Lets time pass until the end, or until an invariant does not hold.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        while let Some(((now, _), task)) = self.queue.pop_first() {
            self.now = now;
            if matches!(task, Task::Chapter(Chapter::End)) {
                if self.chapter == Chapter::Rest {
                    self.finish();
                    self.is_succeeded();
                }
                break;
            }
            self.perform(task);
            if self.ledger.violation().is_some() {
                break;
            }
        }
        self.outcome()
    }

    fn outcome(self) -> Outcome {
        let restored = self.newcomers.iter().filter(|new| new.restored).count() as u64;
        let violation = self.ledger.violation().map(str::to_owned);
        let deeds = self.ledger.deeds.clone();
        let (steps, trace, log) = self.ledger.finish();
        Outcome {
            seed: self.seed,
            violation,
            restored,
            refused: self.newcomers.len() as u64 - restored,
            came_back: self.newcomers.last().is_some_and(|new| new.restored),
            faults: self.faults.counts,
            deeds,
            steps,
            trace,
            log: log.unwrap_or_default(),
        }
    }

    fn perform(&mut self, task: Task) {
        self.ledger.note(self.now, &format!("{task:?}"));
        self.relays.iter_mut().for_each(|relay| relay.expire(self.now));
        match task {
            Task::Chapter(chapter) => self.begin(chapter),
            Task::Send(who) => self.send(who),
            Task::Poll(Who::Person(who)) => self.poll(who),
            Task::Poll(Who::New(at)) => self.poll_new(at),
            Task::Look(who) => self.read_mail(who),
            Task::Mischief(relay) => self.mischief(relay),
            Task::Errand(errand) => self.run_errand(errand),
        }
    }

    /// Puts a task at a time.
    pub(super) fn at(&mut self, when: u64, task: Task) {
        self.queued += 1;
        self.queue.insert((when, self.queued), task);
    }

    /// Puts a task between two moments from now on.
    pub(super) fn soon(&mut self, from: u64, to: u64, task: Task) {
        let when = self.now + self.dice.between(from, to);
        self.at(when, task);
    }

    /// Whether a fault happens now.
    pub(super) fn hit(&mut self, fault: Fault) -> bool {
        self.faults.hit(fault, &mut self.dice)
    }

    /// The owner's id.
    pub(super) fn owner(&self) -> ContactId {
        self.ids[0]
    }

    /// Lets a person's device do something; nothing of it lasts before [`World::commit`].
    pub(super) fn act<R>(
        &mut self,
        who: usize,
        act: impl FnOnce(&mut Device, &mut Context<'_>) -> R,
    ) -> R {
        let host = &mut self.people[who];
        let now = self.now.saturating_add_signed(host.skew);
        let mut ctx = Context { now, rng: &mut self.rng, cost: self.options.cost };
        act(&mut host.state, &mut ctx)
    }

    /// The same for what must not change anything: an error.
    pub(super) fn unchanged(&mut self, who: usize, before: &[u8], why: &str) {
        let same = self.people[who].state.pack() == before;
        self.ledger.ensure(same, || format!("{who}: an error changed the state: {why}"));
    }

    /// Writes what a device did to its disk, with what it wants sent; or it crashes before that, and
    /// did nothing at all. True if it lasts.
    pub(super) fn commit(&mut self, who: usize, step: Step) -> bool {
        if self.hit(Fault::Crash) {
            self.restart(who);
            return false;
        }
        self.told(who, &step.events);
        for delivery in &step.outbox {
            self.is_silent(who, delivery);
        }
        let quiet = step.outbox.is_empty() && step.events.is_empty();
        if planted!(SentBeforeKept) {
            for delivery in &step.outbox {
                let _ = self.deliver(Who::Person(who), delivery);
            }
            if self.hit(Fault::Crash) {
                self.restart(who);
                return false;
            }
        }
        let host = &mut self.people[who];
        host.outbox.extend(step.outbox);
        host.persist();
        if self.hit(Fault::Crash) {
            self.restart(who);
        }
        self.look_after(who);
        if !quiet {
            self.something_opens();
        }
        self.wake(Who::Person(who));
        true
    }

    /// A device starts again from what it had stored.
    pub(super) fn restart(&mut self, who: usize) {
        let same = self.people[who].crash();
        self.ledger.ensure(same, || format!("{who}: what is on disk is not what was written"));
        self.wake(Who::Person(who));
    }

    /// Sees to it that a device sends what waits.
    pub(super) fn wake(&mut self, who: Who) {
        let (waiting, sending) = match who {
            Who::Person(who) => {
                let host = &mut self.people[who];
                (!host.outbox.is_empty(), &mut host.sending)
            }
            Who::New(at) => {
                let host = &mut self.newcomers[at].host;
                (!host.outbox.is_empty(), &mut host.sending)
            }
        };
        if waiting && !std::mem::replace(sending, true) {
            self.soon(1, 300, Task::Send(who));
        }
    }

    /// Events are noted, and some of them are promises.
    fn told(&mut self, who: usize, events: &[Event]) {
        for event in events {
            self.ledger.note(self.now, &format!("{who} {event:?}"));
            if let Event::ProofFailed { contact, generation } = event {
                let contact = self.people[0].state.contact_named(contact);
                let lied = contact.is_some_and(|contact| {
                    self.plan.byzantine.iter().any(|who| self.ids[*who] == contact.card.id())
                });
                let lacked =
                    self.ids.iter().position(|id| contact.is_some_and(|c| c.card.id() == *id));
                let lacked =
                    lacked.is_some_and(|who| self.ledger.lacked.contains(&(who, *generation)));
                self.ledger.ensure(lied || lacked, || "an honest proof failed".to_owned());
            }
            self.heard(who, event);
        }
    }

    /// Friends who hear of a stop may meet the owner after all; and some events are counted.
    fn heard(&mut self, who: usize, event: &Event) {
        match event {
            Event::Stopped { request, withdrawn, .. } => {
                self.ledger.heard_stop(who, *request, self.clock_of(who));
                self.ledger.did(if *withdrawn { "stopped in time" } else { "stopped" });
                let at = self.newcomers.iter().position(|new| new.host.state.id() == *request);
                if let Some(at) = at.filter(|_| self.dice.chance(500)) {
                    self.asking(HOUR, DAY, Asking::Decide { friend: who, at });
                }
            }
            Event::PieceForgotten { .. } => self.ledger.did("forget"),
            Event::PieceStored { owner, generation } => {
                let clock = self.clock_of(who);
                // Another identity of the same owner may count from where this one did.
                self.ledger.stored.entry((who, owner.clone(), *generation)).or_insert(clock);
            }
            Event::PieceDeleted { owner, generation } => {
                let stored = self.ledger.stored.get(&(who, owner.clone(), *generation));
                let early = stored.is_some_and(|at| self.clock_of(who) < at + KEPT_SECONDS);
                self.ledger.ensure(!early, || format!("{who} deleted {generation} early"));
                self.ledger.deleted.insert((who, *generation));
                self.ledger.did("delete");
            }
            Event::ContactLeft { .. } => self.ledger.did("farewell"),
            Event::OwnerMoved { .. } => self.accepted(who),
            Event::Proved { holds: true, .. } => self.ledger.did("prove"),
            _ => {}
        }
    }

    /// Until the number was right, an honest contact sends the requester nothing.
    fn is_silent(&mut self, who: usize, delivery: &Delivery) {
        let (Delivery::Post { to, .. } | Delivery::PostHeld { to, .. }) = delivery else { return };
        if who == 0 || !self.plan.is_honest(who) {
            return;
        }
        let here = |new: &&Newcomer| new.host.state.session().addresses().contains(to);
        let Some(request) = self.newcomers.iter().find(here).map(|new| new.host.state.id()) else {
            return;
        };
        let checked = self.ledger.checked.contains(&(who, request));
        self.ledger.ensure(checked, || format!("{who} answered before the number was right"));
    }
}

/// What a person is called: some share names with nobody, and all are hard to read.
pub(super) fn person_name(who: usize) -> Name {
    const NAMES: [&str; 6] =
        ["Anna", "Bob", "Carol O'Hara", "Ἄννα", "👵 Oma", "a\u{202e}b; rm -rf /"];
    named(&format!("{} {who}", NAMES[who % NAMES.len()]))
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World({}, {:?})", self.seed, self.chapter)
    }
}
