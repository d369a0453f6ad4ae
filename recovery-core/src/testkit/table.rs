//! People around one table: they hand each other everything, at once and unchanged.
//!
//! For tests of single flows. What a step wants done is done when it is [`Table::put`]; what is posted
//! reaches its reader at [`Table::settle`].

mod forged;

use crate::{
    address::{MailboxAddress, SlotAddress},
    circle::Reach,
    flows::{
        Context, Delivery, Device, Event, Step, VaultCopy,
        approve::{Consent, Sent},
        protect::{Plan, Protected},
        request::{NewDevice, RequestError},
    },
    ids::{ContactId, HoldId, RequestId},
    kdf::KdfCost,
    name::Name,
    policy::Policy,
    wire::link::Link,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::collections::BTreeMap;

/// When every table is set: 2026-01-01.
pub const START: u64 = 1_767_225_600;

/// The relay that everybody at a table uses.
pub const RELAY: &str = "https://relay.example.org";

/// People, slots and mailboxes where nothing goes wrong.
#[derive(Debug)]
pub struct Table {
    /// Unix seconds.
    pub now: u64,
    /// Who sits there.
    pub people: Vec<Device>,
    /// What Argon2id may cost.
    pub cost: KdfCost,
    rng: ChaCha20Rng,
    slots: BTreeMap<SlotAddress, Vec<u8>>,
    mail: Vec<(MailboxAddress, Vec<u8>)>,
    held: Vec<Held>,
}

/// When it is shown, under which holds, where, and what.
type Held = (u64, Vec<HoldId>, MailboxAddress, Vec<u8>);

impl Table {
    /// A table with people of these names, who all use the same relay.
    #[must_use]
    pub fn new(seed: u64, names: &[&str]) -> Self {
        let mut table = Self {
            now: START,
            people: Vec::new(),
            cost: super::CHEAP,
            rng: ChaCha20Rng::seed_from_u64(seed),
            slots: BTreeMap::new(),
            mail: Vec::new(),
            held: Vec::new(),
        };
        for name in names {
            let relays = vec![RELAY.parse().expect("a relay's address")];
            let device = table.context(|ctx| Device::new(named(name), relays, ctx));
            table.people.push(device);
        }
        table
    }

    /// A table with these people.
    #[must_use]
    pub fn over(people: Vec<Device>, now: u64, seed: u64) -> Self {
        Self { now, people, ..Self::new(seed, &[]) }
    }

    /// Does something that needs time and randomness.
    pub fn context<R>(&mut self, act: impl FnOnce(&mut Context<'_>) -> R) -> R {
        act(&mut Context { now: self.now, rng: &mut self.rng, cost: self.cost })
    }

    /// Lets one person do something.
    ///
    /// # Panics
    /// If nobody sits at that place.
    pub fn with<R>(
        &mut self,
        who: usize,
        act: impl FnOnce(&mut Device, &mut Context<'_>) -> R,
    ) -> R {
        let mut ctx = Context { now: self.now, rng: &mut self.rng, cost: self.cost };
        act(&mut self.people[who], &mut ctx)
    }

    /// The id of a person.
    ///
    /// # Panics
    /// If nobody sits at that place.
    #[must_use]
    pub fn id(&self, who: usize) -> ContactId {
        self.people[who].id()
    }

    /// Does what a step wants done, and gives what it tells.
    pub fn put(&mut self, step: Step) -> Vec<Event> {
        for delivery in step.outbox {
            match delivery {
                Delivery::Post { to, body } => self.mail.push((to, body)),
                Delivery::PostHeld { to, body, holds, delay } => {
                    self.held.push((self.now + delay, holds, to, body));
                }
                Delivery::Veto { base, mailbox } => {
                    let hold = base.hold(mailbox.relay.as_str()).id();
                    self.held.retain(|(_, holds, to, _)| *to != mailbox || !holds.contains(&hold));
                }
                Delivery::PutSlot { base, relay, body, .. } => {
                    let id = base.slot(relay.as_str()).id();
                    self.slots.insert(SlotAddress { relay, id }, body);
                }
                Delivery::DeleteSlot { base, relay } => {
                    let id = base.slot(relay.as_str()).id();
                    self.slots.remove(&SlotAddress { relay, id });
                }
                Delivery::OpenMailbox { .. } | Delivery::CloseMailbox { .. } => {}
            }
        }
        step.events
    }

    /// What a link's slot holds.
    ///
    /// # Panics
    /// If it is empty.
    #[must_use]
    pub fn slot(&self, link: &Link) -> Vec<u8> {
        let found = link.slots.iter().find_map(|slot| self.slots.get(slot));
        found.expect("the slot is full").clone()
    }

    /// Whether a link's slot holds anything.
    #[must_use]
    pub fn holds(&self, link: &Link) -> bool {
        link.slots.iter().any(|slot| self.slots.contains_key(slot))
    }

    /// What waits to be read: addresses and bodies.
    pub fn mail(&mut self) -> &mut Vec<(MailboxAddress, Vec<u8>)> {
        &mut self.mail
    }

    /// Delivers until nothing is under way between these people, and brings every vault to the relay; gives
    /// who was told what.
    pub fn settle(&mut self) -> Vec<(usize, Event)> {
        let mut told = Vec::new();
        loop {
            for who in 0..self.people.len() {
                self.upload(who);
                let step = self.with(who, |device, ctx| device.settle(ctx));
                told.extend(self.put(step).into_iter().map(|event| (who, event)));
                self.upload(who);
            }
            let Some((at, who, source)) = self.next_mail() else { return told };
            let (_, body) = self.mail.remove(at);
            let step = self.with(who, |device, ctx| device.handle(source, &body, ctx));
            told.extend(self.put(step).into_iter().map(|event| (who, event)));
        }
    }

    /// Brings an owner's vault to the relay, under each of its root keys.
    ///
    /// # Panics
    /// If the vault is too large.
    pub fn upload(&mut self, who: usize) {
        for place in self.people[who].places() {
            let version = self.people[who].vault().version;
            for copy in self.people[who].copies(&place) {
                if copy.version < version {
                    let container = self
                        .with(who, |device, ctx| device.container(&place, ctx))
                        .expect("it fits");
                    let slot = SlotAddress { relay: copy.relay.clone(), id: copy.slot };
                    self.slots.insert(slot, container);
                    self.people[who].copied(VaultCopy { version, ..copy });
                }
            }
        }
    }

    /// What a slot holds.
    #[must_use]
    pub fn at(&self, slot: &SlotAddress) -> Option<&Vec<u8>> {
        self.slots.get(slot)
    }

    /// Shows what was held back and is due.
    fn show_due(&mut self) {
        let now = self.now;
        let due = self.held.extract_if(.., |(due, ..)| *due <= now);
        self.mail.extend(due.map(|(_, _, to, body)| (to, body)));
    }

    /// The first mail that somebody here waits for.
    fn next_mail(&self) -> Option<(usize, usize, crate::flows::Source)> {
        for (at, (to, _)) in self.mail.iter().enumerate() {
            for (who, device) in self.people.iter().enumerate() {
                let watches = device.watches();
                let here = watches.iter().find(|watch| {
                    watch.relay == to.relay
                        && watch.base.mailbox(watch.relay.as_str()).id() == to.id
                });
                if let Some(watch) = here {
                    return Some((at, who, watch.source));
                }
            }
        }
        None
    }

    /// Makes `friend` a contact of `owner`, under the friend's own name.
    ///
    /// # Panics
    /// If that can't be.
    pub fn pair(&mut self, owner: usize, friend: usize) {
        let name = self.people[friend].name().clone();
        let invited = self.with(owner, |device, ctx| device.invite(name, ctx)).expect("an invite");
        self.put(invited.step);
        let boxed = self.slot(&invited.link);
        let accepted = self
            .with(friend, |device, ctx| device.accept(&invited.link, &boxed, Reach::default(), ctx))
            .expect("accepted");
        self.put(accepted.step);
        self.settle();
    }

    /// Pairs `owner` with all `friends`, protects the owner's key with any `k` of them, and lets the
    /// pieces arrive.
    ///
    /// # Panics
    /// If that can't be.
    pub fn circle(&mut self, owner: usize, k: u8, friends: &[usize]) -> Protected {
        for friend in friends {
            if self.people[owner].contact(self.id(*friend)).is_none() {
                self.pair(owner, *friend);
            }
        }
        let protected = self.protect(owner, k, friends, None);
        self.settle();
        protected
    }

    /// Makes a circle; its pieces wait to be delivered.
    ///
    /// # Panics
    /// If that can't be.
    pub fn protect(
        &mut self,
        owner: usize,
        k: u8,
        friends: &[usize],
        passphrase: Option<&str>,
    ) -> Protected {
        let ids = friends.iter().map(|friend| self.id(*friend)).collect();
        let policy = Policy::any(k, ids).expect("a policy");
        let protected = self
            .with(owner, |device, ctx| device.protect(Plan { passphrase, ..policy.into() }, ctx))
            .expect("protected");
        let Protected { circle, generation, step } = protected;
        self.put(step);
        Protected { circle, generation, step: Step::default() }
    }

    /// A new device that claims to be of a person of this name; its request is published.
    ///
    /// # Panics
    /// If that can't be.
    pub fn ask(&mut self, name: &str) -> NewDevice {
        let relays = [RELAY.parse().expect("a relay's address")];
        let device = Some(named("laptop"));
        let (new, step) = self
            .context(|ctx| NewDevice::start(named(name), device, &relays, ctx))
            .expect("a request");
        self.put(step);
        new
    }

    /// A friend opens a new device's request as one of `owner`, types its number and approves; the
    /// approval waits to be read.
    ///
    /// # Panics
    /// If that can't be.
    pub fn approve(&mut self, friend: usize, new: &NewDevice, owner: ContactId) -> Sent {
        let id = self.open(friend, &new.link(false), owner).expect("opened");
        let sent = self
            .with(friend, |device, ctx| {
                let number = new.number(ctx).expect("a number");
                let tried = device.try_number(id, &number, ctx);
                tried.map(|_| ()).and_then(|()| device.approve(id, Consent::default(), ctx))
            })
            .expect("approved");
        let Sent { message, to_requester, to_owner, release_at } = sent;
        self.put(to_requester);
        self.put(to_owner);
        Sent { message, to_requester: Step::default(), to_owner: Step::default(), release_at }
    }

    /// A friend opens a new device's request as one of `owner`; the alert waits to be read.
    ///
    /// # Errors
    /// Those of [`Device::open_request`].
    pub fn open(
        &mut self,
        friend: usize,
        link: &Link,
        owner: ContactId,
    ) -> Result<RequestId, RequestError> {
        let boxed = self.slot(link);
        let opened =
            self.with(friend, |device, ctx| device.open_request(link, &boxed, owner, ctx))?;
        self.put(opened.step);
        Ok(opened.id)
    }

    /// Gives a new device what came for it.
    pub fn collect(&mut self, new: &mut NewDevice) {
        self.show_due();
        let session = new.session().addresses();
        for (_, body) in self.mail.extract_if(.., |(to, _)| session.contains(to)) {
            let _ = new.take(&body);
        }
    }

    /// What the relay holds of an owner's vault, as a new device would find it.
    ///
    /// # Panics
    /// If the vault is too large.
    pub fn vault(&mut self, owner: usize) -> Vec<u8> {
        self.with(owner, |device, ctx| {
            let places = device.places();
            device.container(&places[0], ctx)
        })
        .expect("a container")
    }
}

/// A name.
///
/// # Panics
/// If the text is none.
#[must_use]
pub fn named(text: &str) -> Name {
    text.parse().expect("a name")
}
