//! The store that keeps everything in memory and nothing for long: for tests and demonstrations.

use super::{
    Answer, Body, Condition, Done, Epoch, Hold, Message, Outcome, Page, Query, Quota, Refusal,
    SEEN_MESSAGES, SEEN_MILLIS, Slot, Store, StoreError, VETO_MILLIS, Version, Write, later,
};
use crate::clock::UnixMillis;
use bytes::Bytes;
use recovery_core::ids::{HoldId, MailboxId, SlotId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the [module](self).
pub struct MemoryStore {
    epoch: Epoch,
    quota: Quota,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mailboxes: HashMap<MailboxId, Mailbox>,
    slots: HashMap<SlotId, KeptSlot>,
    vetoes: HashMap<(HoldId, Option<MailboxId>), UnixMillis>,
    /// What is held, in the order in which it becomes visible: (due, place in the order of posting).
    held: BTreeMap<(UnixMillis, u64), Held>,
    posted: u64,
}

#[derive(Default)]
struct Mailbox {
    end: Option<UnixMillis>,
    last_seq: u64,
    /// Visible and held.
    messages: u64,
    octets: u64,
    visible: BTreeMap<u64, Visible>,
    /// The answer to every body posted, by its hash.
    answers: HashMap<[u8; 32], Answer>,
    /// What was deleted: number to (hash, when).
    deleted: BTreeMap<u64, ([u8; 32], UnixMillis)>,
}

struct Visible {
    posted_at: UnixMillis,
    body: Body,
}

struct Held {
    mailbox: MailboxId,
    hold: Hold,
    message: Visible,
}

struct KeptSlot {
    end: Option<UnixMillis>,
    version: Version,
    body: Bytes,
}

impl MemoryStore {
    /// An empty store with a fresh epoch.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the operating system gives no randomness.
    pub fn new(quota: Quota) -> Result<Self, StoreError> {
        Ok(Self { epoch: Epoch::draw()?, quota, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn apply(&self, batch: &[Write], now: UnixMillis) -> Result<Vec<Outcome>, StoreError> {
        let mut turn = Turn { state: &mut self.state(), now, quota: self.quota };
        batch.iter().map(|write| turn.apply(write)).collect()
    }

    fn shift_deadlines(&self, by: i64) -> Result<(), StoreError> {
        self.state().shift(by);
        Ok(())
    }

    fn messages(&self, query: &Query, now: UnixMillis) -> Result<Option<Page>, StoreError> {
        let state = self.state();
        let Some(mailbox) = state.mailboxes.get(&query.mailbox).filter(|m| lives(m.end, now))
        else {
            return Ok(None);
        };
        let mut octets = 0;
        let in_range = mailbox.visible.range(query.after.saturating_add(1)..).take(query.limit);
        let messages = in_range.enumerate().map_while(|(place, (&seq, message))| {
            let body = message.body.octets().clone();
            octets += body.len();
            let fits = place == 0 || octets <= query.octets;
            fits.then_some(Message { seq, posted_at: message.posted_at, body })
        });
        Ok(Some(Page { ends: mailbox.end, messages: messages.collect() }))
    }

    fn slot(&self, id: &SlotId, now: UnixMillis) -> Result<Option<Slot>, StoreError> {
        let state = self.state();
        let slot = state.slots.get(id).filter(|slot| lives(slot.end, now));
        Ok(slot.map(|slot| Slot { version: slot.version, body: slot.body.clone() }))
    }

    fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        Ok(self.state().held.first_key_value().map(|(&(due, _), _)| due))
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The writes, at one time.
struct Turn<'a> {
    state: &'a mut State,
    now: UnixMillis,
    quota: Quota,
}

impl Turn<'_> {
    fn apply(&mut self, write: &Write) -> Result<Outcome, StoreError> {
        Ok(match write {
            Write::OpenMailbox { id, ttl_millis } => Ok(self.open(*id, *ttl_millis)),
            Write::CloseMailbox { id } => Ok(self.close(id)),
            Write::Post { mailbox, body, hold } => self.post(*mailbox, body, *hold),
            Write::DeleteMessage { mailbox, seq } => Ok(self.delete(mailbox, *seq)),
            Write::PutSlot { id, body, condition, ttl_millis } => {
                return self.put_slot(*id, body, condition, *ttl_millis);
            }
            Write::DeleteSlot { id } => {
                self.state.slots.remove(id);
                Ok(Done::Gone)
            }
            Write::Veto { hold, mailbox } => Ok(self.veto(*hold, *mailbox)),
            Write::Release => Ok(self.release()),
            Write::Collect => Ok(self.collect()),
            Write::Probe => Ok(Done::Gone),
        })
    }

    fn open(&mut self, id: MailboxId, ttl: Option<i64>) -> Done {
        let end = ttl.map(|ttl| self.now.plus(ttl));
        let new = match self.living(&id) {
            Some(mailbox) => {
                mailbox.end = later(mailbox.end, end);
                false
            }
            None => {
                self.state.mailboxes.insert(id, Mailbox { end, ..Mailbox::default() });
                true
            }
        };
        Done::Opened { new }
    }

    fn close(&mut self, id: &MailboxId) -> Done {
        self.state.mailboxes.remove(id);
        self.state.held.retain(|_, held| held.mailbox != *id);
        Done::Gone
    }

    /// The mailbox, unless its time is over; then it is closed.
    fn living(&mut self, id: &MailboxId) -> Option<&mut Mailbox> {
        if self.state.mailboxes.get(id).is_some_and(|mailbox| !lives(mailbox.end, self.now)) {
            self.close(id);
        }
        self.state.mailboxes.get_mut(id)
    }

    fn post(&mut self, id: MailboxId, body: &Body, hold: Option<Hold>) -> Outcome {
        let (now, quota) = (self.now, self.quota);
        let vetoed = hold.is_some_and(|hold| self.vetoed(&hold, id));
        let mailbox = self.living(&id).ok_or(Refusal::NoMailbox)?;
        if let Some(&answer) = mailbox.answers.get(body.hash()) {
            return Ok(Done::Posted { answer, repeated: true });
        }
        if vetoed {
            return Err(Refusal::Vetoed);
        }
        if !quota.fits(mailbox.messages, mailbox.octets, body.length()) {
            return Err(Refusal::MailboxFull);
        }
        mailbox.messages += 1;
        mailbox.octets += body.length();
        let message = Visible { posted_at: now, body: body.clone() };
        let Some(hold) = hold else {
            let answer = Answer::Seq(mailbox.show(message));
            mailbox.answers.insert(*body.hash(), answer);
            return Ok(Done::Posted { answer, repeated: false });
        };
        let due = now.plus(hold.millis);
        let answer = Answer::ReleaseAt(due);
        mailbox.answers.insert(*body.hash(), answer);
        self.state.posted += 1;
        self.state.held.insert((due, self.state.posted), Held { mailbox: id, hold, message });
        Ok(Done::Posted { answer, repeated: false })
    }

    fn delete(&mut self, id: &MailboxId, seq: u64) -> Done {
        let now = self.now;
        if let Some(mailbox) = self.living(id)
            && let Some(message) = mailbox.visible.remove(&seq)
        {
            mailbox.messages -= 1;
            mailbox.octets -= message.body.length();
            mailbox.deleted.insert(seq, (*message.body.hash(), now));
            mailbox.forget_up_to(mailbox.last_seq.saturating_sub(SEEN_MESSAGES));
        }
        Done::Gone
    }

    fn vetoed(&self, hold: &Hold, mailbox: MailboxId) -> bool {
        let holds = std::iter::once(hold.first).chain(hold.second);
        holds
            .flat_map(|id| [(id, None), (id, Some(mailbox))])
            .any(|key| self.state.vetoes.get(&key).is_some_and(|&end| lives(Some(end), self.now)))
    }

    fn veto(&mut self, hold: HoldId, only: Option<MailboxId>) -> Done {
        self.state.vetoes.insert((hold, only), self.now.plus(VETO_MILLIS));
        let drops = |held: &Held| {
            let named = held.hold.first == hold || held.hold.second == Some(hold);
            named && only.is_none_or(|mailbox| held.mailbox == mailbox)
        };
        for (_, held) in self.state.held.extract_if(.., |_, held| drops(held)) {
            if let Some(mailbox) = self.state.mailboxes.get_mut(&held.mailbox) {
                mailbox.messages -= 1;
                mailbox.octets -= held.message.body.length();
                mailbox.answers.remove(held.message.body.hash());
            }
        }
        Done::Gone
    }

    fn release(&mut self) -> Done {
        let mut mailboxes = Vec::new();
        let waiting = self.state.held.split_off(&(self.now.plus(1), 0));
        for (_, held) in std::mem::replace(&mut self.state.held, waiting) {
            if let Some(mailbox) = self.living(&held.mailbox) {
                mailbox.show(held.message);
                mailboxes.push(held.mailbox);
            }
        }
        Done::Released { mailboxes, more: false }
    }

    fn collect(&mut self) -> Done {
        let now = self.now;
        let over =
            |(id, mailbox): (&MailboxId, &Mailbox)| (!lives(mailbox.end, now)).then_some(*id);
        let over: Vec<_> = self.state.mailboxes.iter().filter_map(over).collect();
        for id in over {
            self.close(&id);
        }
        self.state.slots.retain(|_, slot| lives(slot.end, now));
        self.state.vetoes.retain(|_, end| lives(Some(*end), now));
        for mailbox in self.state.mailboxes.values_mut() {
            let old =
                |_: &u64, (_, when): &mut ([u8; 32], UnixMillis)| when.plus(SEEN_MILLIS) <= now;
            for (_, (hash, _)) in mailbox.deleted.extract_if(.., old) {
                mailbox.answers.remove(&hash);
            }
        }
        Done::Collected { more: false }
    }

    fn put_slot(
        &mut self,
        id: SlotId,
        body: &Body,
        condition: &Condition,
        ttl: Option<i64>,
    ) -> Result<Outcome, StoreError> {
        let old = self.state.slots.get(&id).filter(|slot| lives(slot.end, self.now));
        let current = old.map(|slot| slot.version);
        if !condition.holds(current) {
            return Ok(Err(Refusal::Mismatch(current)));
        }
        let end = ttl.map(|ttl| self.now.plus(ttl));
        let end = old.map_or(end, |slot| later(slot.end, end));
        let version = Version::draw()?;
        self.state.slots.insert(id, KeptSlot { end, version, body: body.octets().clone() });
        Ok(Ok(Done::Slot { version, new: current.is_none() }))
    }
}

impl State {
    fn shift(&mut self, by: i64) {
        for ((due, place), held) in std::mem::take(&mut self.held) {
            let due = due.plus(by);
            if let Some(mailbox) = self.mailboxes.get_mut(&held.mailbox) {
                mailbox.answers.insert(*held.message.body.hash(), Answer::ReleaseAt(due));
            }
            self.held.insert((due, place), held);
        }
        let mailboxes = self.mailboxes.values_mut().filter_map(|mailbox| mailbox.end.as_mut());
        let slots = self.slots.values_mut().filter_map(|slot| slot.end.as_mut());
        mailboxes.chain(slots).chain(self.vetoes.values_mut()).for_each(|end| *end = end.plus(by));
    }
}

impl Mailbox {
    /// Gives a message its number.
    fn show(&mut self, message: Visible) -> u64 {
        self.last_seq += 1;
        self.visible.insert(self.last_seq, message);
        self.forget_up_to(self.last_seq.saturating_sub(SEEN_MESSAGES));
        self.last_seq
    }

    /// Forgets the deleted messages up to this number.
    fn forget_up_to(&mut self, oldest: u64) {
        for (_, (hash, _)) in self.deleted.extract_if(..=oldest, |_, _| true) {
            self.answers.remove(&hash);
        }
    }
}

/// Whether what ends then is still there now.
fn lives(end: Option<UnixMillis>, now: UnixMillis) -> bool {
    end.is_none_or(|end| now < end)
}
