//! A relay in memory: mailboxes and slots, and what it does wrong when told to.

use super::world::Who;
use crate::{
    address::RelayUrl,
    ids::{HoldId, MailboxId, SlotId},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(super) type Hash = [u8; 32];
/// What lies in a slot.
pub(super) type Octets = Arc<[u8]>;

/// SHA-256 of octets.
pub(super) fn hash(octets: &[u8]) -> Hash {
    Sha256::digest(octets).into()
}

/// What lies at a relay.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) octets: Octets,
    pub(super) hash: Hash,
}

impl Body {
    pub(super) fn new(octets: &[u8]) -> Self {
        Self { octets: octets.into(), hash: hash(octets) }
    }
}

/// What happens to a message that a relay has said to take.
pub(super) enum Fate {
    /// It is kept as it is.
    Keep,
    /// It is lost.
    Lose,
    /// It becomes visible at this time.
    Later(u64),
    /// It stands there so often.
    Copies(u64),
    /// This stands there in its place.
    Instead(Body),
}

/// Why a relay did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not answer.
    Dead,
    /// There is no such mailbox.
    NotThere,
    /// The hold was vetoed.
    Vetoed,
    /// The slot has another version: this one, or none.
    Conflict(Option<u64>),
}

#[derive(Default)]
struct Mailbox {
    ends: Option<u64>,
    entries: Vec<Body>,
    waiting: Vec<(u64, Body)>,
    held: Vec<HeldBody>,
    known: BTreeSet<Hash>,
}

/// A message that its sender wants shown only later.
struct HeldBody {
    due: u64,
    /// Seconds that it stays away beyond that.
    further: u64,
    copies: u64,
    holds: Vec<HoldId>,
    body: Body,
}

#[derive(Clone)]
struct Slot {
    ends: Option<u64>,
    versions: Vec<Octets>,
    deleted: bool,
}

/// What a relay showed at some time.
#[derive(Default)]
struct Memory {
    slots: BTreeMap<SlotId, Slot>,
    /// How many messages stood in each mailbox.
    mail: BTreeMap<MailboxId, usize>,
}

/// A relay.
pub(super) struct Relay {
    pub(super) url: RelayUrl,
    pub(super) dead_until: u64,
    /// It obeys no stop.
    pub(super) stubborn: bool,
    /// Who sees slots as they are remembered.
    pub(super) deceived: Vec<Who>,
    memory: Memory,
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    /// Also in mailboxes that are opened only later.
    vetoed: BTreeSet<(HoldId, MailboxId)>,
    slots: BTreeMap<SlotId, Slot>,
    history: Vec<Body>,
}

impl Relay {
    pub(super) fn new(url: RelayUrl) -> Self {
        Self {
            url,
            dead_until: 0,
            stubborn: false,
            deceived: Vec::new(),
            memory: Memory::default(),
            mailboxes: BTreeMap::new(),
            vetoed: BTreeSet::new(),
            slots: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    /// Whether it answers.
    pub(super) fn alive(&self, now: u64) -> Result<(), Refused> {
        if now < self.dead_until { Err(Refused::Dead) } else { Ok(()) }
    }

    /// Ends what has had its time.
    pub(super) fn expire(&mut self, now: u64) {
        self.mailboxes.retain(|_, mailbox| mailbox.ends.is_none_or(|ends| ends > now));
        self.slots.retain(|_, slot| slot.ends.is_none_or(|ends| ends > now));
    }

    pub(super) fn open(&mut self, id: MailboxId, ends: Option<u64>) {
        let mailbox = self.mailboxes.entry(id).or_default();
        mailbox.ends = ends;
    }

    pub(super) fn close(&mut self, id: MailboxId) {
        self.mailboxes.remove(&id);
    }

    /// Takes a message; the same one again changes nothing.
    pub(super) fn post(&mut self, id: MailboxId, body: Body, fate: Fate) -> Result<(), Refused> {
        let mailbox = self.mailboxes.get_mut(&id).ok_or(Refused::NotThere)?;
        if mailbox.known.contains(&body.hash) {
            return Ok(());
        }
        if !matches!(fate, Fate::Lose) {
            mailbox.known.insert(body.hash);
        }
        self.history.push(body.clone());
        match fate {
            Fate::Keep => mailbox.entries.push(body),
            Fate::Lose => {}
            Fate::Later(when) => mailbox.waiting.push((when, body)),
            Fate::Copies(count) => (0..count).for_each(|_| mailbox.entries.push(body.clone())),
            Fate::Instead(other) => mailbox.entries.push(other),
        }
        Ok(())
    }

    /// Takes a message that is shown at `due`, unless one of its holds is vetoed before. It is never
    /// shown earlier, whatever its fate.
    pub(super) fn post_held(
        &mut self,
        id: MailboxId,
        body: Body,
        (holds, due): (&[HoldId], u64),
        fate: Fate,
    ) -> Result<(), Refused> {
        let mailbox = self.mailboxes.get_mut(&id).ok_or(Refused::NotThere)?;
        if mailbox.known.contains(&body.hash) {
            return Ok(());
        }
        if holds.iter().any(|hold| self.vetoed.contains(&(*hold, id))) {
            return Err(Refused::Vetoed);
        }
        if matches!(fate, Fate::Lose) {
            return Ok(());
        }
        mailbox.known.insert(body.hash);
        let mut held = HeldBody { due, further: 0, copies: 1, holds: holds.to_vec(), body };
        match fate {
            Fate::Keep | Fate::Lose => {}
            Fate::Later(when) => held.further = when.saturating_sub(due),
            Fate::Copies(count) => held.copies = count,
            Fate::Instead(other) => held.body = other,
        }
        mailbox.held.push(held);
        Ok(())
    }

    /// Drops what is held under a hold in a mailbox, and refuses more. False if it does not obey.
    pub(super) fn veto(&mut self, hold: HoldId, id: MailboxId) -> bool {
        if self.stubborn {
            return false;
        }
        self.vetoed.insert((hold, id));
        if let Some(mailbox) = self.mailboxes.get_mut(&id) {
            mailbox.held.retain(|held| !held.holds.contains(&hold));
        }
        true
    }

    /// Shows at once what it should hold back.
    pub(super) fn show_early(&mut self) {
        for mailbox in self.mailboxes.values_mut() {
            for held in &mut mailbox.held {
                (held.due, held.further) = (0, 0);
            }
        }
    }

    /// Messages after `after`, oldest first; a message gets its number when it becomes visible.
    pub(super) fn read(
        &mut self,
        id: MailboxId,
        after: u64,
        now: u64,
    ) -> Result<Vec<(u64, Body)>, Refused> {
        let mailbox = self.mailboxes.get_mut(&id).ok_or(Refused::NotThere)?;
        let due = mailbox.waiting.extract_if(.., |(when, _)| *when <= now);
        mailbox.entries.extend(due.map(|(_, body)| body));
        for held in mailbox.held.extract_if(.., |held| held.due.saturating_add(held.further) <= now)
        {
            self.history.push(held.body.clone());
            (0..held.copies).for_each(|_| mailbox.entries.push(held.body.clone()));
        }
        let numbered = (1..).zip(&mailbox.entries).skip(after as usize);
        Ok(numbered.map(|(seq, body)| (seq, body.clone())).collect())
    }

    /// Shows everything that was delayed, and what is held as soon as it is due.
    pub(super) fn release(&mut self) {
        for mailbox in self.mailboxes.values_mut() {
            mailbox.entries.extend(mailbox.waiting.drain(..).map(|(_, body)| body));
            mailbox.held.iter_mut().for_each(|held| held.further = 0);
        }
    }

    /// Writes a slot if it has the version `only_if` (`None`: if it is empty).
    pub(super) fn put(
        &mut self,
        id: SlotId,
        body: Octets,
        only_if: Option<u64>,
        ends: Option<u64>,
    ) -> Result<u64, Refused> {
        let found = self.version(id);
        if found != only_if {
            return Err(Refused::Conflict(found));
        }
        let empty = || Slot { ends: None, versions: Vec::new(), deleted: false };
        let slot = self.slots.entry(id).or_insert_with(empty);
        slot.ends = ends;
        slot.deleted = false;
        slot.versions.push(body);
        Ok(slot.versions.len() as u64)
    }

    /// The version of a slot that is not empty.
    pub(super) fn version(&self, id: SlotId) -> Option<u64> {
        let slot = self.slots.get(&id).filter(|slot| !slot.deleted)?;
        Some(slot.versions.len() as u64)
    }

    /// What a slot holds.
    pub(super) fn get(&self, id: SlotId) -> Option<&Octets> {
        self.slots.get(&id).filter(|slot| !slot.deleted)?.versions.last()
    }

    /// What a slot held before.
    pub(super) fn stale(&self, id: SlotId, back: usize) -> Option<&Octets> {
        let versions = &self.slots.get(&id)?.versions;
        versions.get(versions.len().checked_sub(back + 1)?)
    }

    /// Remembers what stands here now.
    pub(super) fn remember(&mut self) {
        let mail = self.mailboxes.iter().map(|(id, mailbox)| (*id, mailbox.entries.len()));
        self.memory = Memory { slots: self.slots.clone(), mail: mail.collect() };
    }

    /// Is as it was when it last remembered; mailboxes that were opened since then are empty.
    pub(super) fn roll_back(&mut self) {
        self.slots = self.memory.slots.clone();
        for (id, mailbox) in &mut self.mailboxes {
            mailbox.entries.truncate(self.memory.mail.get(id).copied().unwrap_or(0));
            mailbox.known = mailbox.entries.iter().map(|body| body.hash).collect();
        }
    }

    /// What a slot held when it was last remembered.
    pub(super) fn remembered(&self, id: SlotId) -> Option<&Octets> {
        self.memory.slots.get(&id).filter(|slot| !slot.deleted)?.versions.last()
    }

    /// What some slot holds.
    pub(super) fn some_slot(&self, at: usize) -> Option<&Octets> {
        self.slots.values().nth(at.checked_rem(self.slots.len())?)?.versions.last()
    }

    pub(super) fn delete(&mut self, id: SlotId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.deleted = true;
        }
    }

    /// Some message that was posted here once.
    pub(super) fn some_history(&self, at: usize) -> Option<Body> {
        self.history.get(at.checked_rem(self.history.len())?).cloned()
    }

    /// Puts a message into some mailbox, whatever is known of it there.
    pub(super) fn slip_in(&mut self, at: usize, body: Body) {
        let Some(at) = at.checked_rem(self.mailboxes.len()) else { return };
        if let Some(mailbox) = self.mailboxes.values_mut().nth(at) {
            mailbox.entries.push(body);
        }
    }

    /// Lets two messages change places.
    pub(super) fn swap(&mut self, one: usize, other: usize) {
        let mut all: Vec<&mut Body> =
            self.mailboxes.values_mut().flat_map(|mailbox| &mut mailbox.entries).collect();
        let places = (one.checked_rem(all.len()), other.checked_rem(all.len()));
        let (Some(one), Some(other)) = places else { return };
        let kept = all[one].clone();
        *all[one] = all[other].clone();
        *all[other] = kept;
    }
}
