//! The store that keeps everything in memory and nothing for long: for tests and demonstrations.

mod notices;
mod passes;
mod slots;

use self::notices::Kept;
use super::{
    Answer, Bad, Body, Checked, Damage, Done, Epoch, Hold, Message, Outcome, Page, Pass, PassQuota,
    Query, Quotas, Refusal, Right, SEEN_MESSAGES, SEEN_MILLIS, Slot, Stats, Store, StoreError,
    SubscriptionState, VETO_MILLIS, Version, Write, later,
};
use crate::clock::UnixMillis;
use bytes::Bytes;
use recovery_core::ids::{HoldId, MailboxId, PassId, SlotId, SubscriptionId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the [module](self).
pub struct MemoryStore {
    epoch: Epoch,
    quotas: Quotas,
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
    passes: HashMap<PassId, Pass>,
    subscriptions: BTreeMap<SubscriptionId, Kept>,
}

struct Mailbox {
    end: Option<UnixMillis>,
    right: Right,
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
    right: Right,
    version: Version,
    body: Bytes,
}

impl MemoryStore {
    /// An empty store with a fresh epoch.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the operating system gives no randomness.
    pub fn new(quotas: impl Into<Quotas>) -> Result<Self, StoreError> {
        Ok(Self { epoch: Epoch::draw()?, quotas: quotas.into(), state: Mutex::default() })
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
        let mut turn = Turn { state: &mut self.state(), now, quotas: self.quotas };
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

    fn pass(&self, id: &PassId) -> Result<Option<Pass>, StoreError> {
        Ok(self.state().passes.get(id).cloned())
    }

    fn passes(&self) -> Result<Vec<Pass>, StoreError> {
        let mut passes: Vec<_> = self.state().passes.values().cloned().collect();
        passes.sort_by_key(|pass| (pass.made, pass.id));
        Ok(passes)
    }

    fn subscriptions(&self, mailbox: &MailboxId) -> Result<Vec<SubscriptionState>, StoreError> {
        let state = self.state();
        let of = state.subscriptions.values().filter(|kept| kept.subscription.mailbox == *mailbox);
        Ok(of.map(Kept::state).collect())
    }

    fn next_job(&self) -> Result<Option<UnixMillis>, StoreError> {
        Ok(self.state().subscriptions.values().filter_map(|kept| kept.due).min())
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        Ok(self.state().stats())
    }

    /// Nothing is damaged in memory.
    fn verify(&self, _: &mut dyn FnMut(Bad)) -> Result<Checked, StoreError> {
        let stats = self.state().stats();
        let messages = stats.messages + stats.held + stats.deleted;
        let rest = stats.slots + stats.vetoes + stats.passes + stats.subscriptions;
        let octets = stats.message_octets + stats.slot_octets;
        Ok(Checked { records: stats.mailboxes + messages + rest, octets, bad: 0 })
    }

    fn damage(&self) -> Option<Damage> {
        None
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The writes, at one time.
struct Turn<'a> {
    state: &'a mut State,
    now: UnixMillis,
    quotas: Quotas,
}

impl Turn<'_> {
    fn apply(&mut self, write: &Write) -> Result<Outcome, StoreError> {
        Ok(match write {
            Write::OpenMailbox { id, ttl_millis, right } => self.open(*id, *ttl_millis, *right),
            Write::CloseMailbox { id } => Ok(self.close(id)),
            Write::Post { mailbox, body, hold } => self.post(*mailbox, body, *hold),
            Write::DeleteMessage { mailbox, seq } => Ok(self.delete(mailbox, *seq)),
            Write::PutSlot { id, body, condition, ttl_millis, right } => {
                let end = ttl_millis.map(|ttl| self.now.plus(ttl));
                self.put_slot(*id, body, condition, (end, *right))?
            }
            Write::DeleteSlot { id } => {
                self.remove_slot(id);
                Ok(Done::Gone)
            }
            Write::AddPass { .. } => self.add_pass(write),
            Write::RevokePass { id } => Ok(self.revoke_pass(id)),
            Write::Subscribe(subscription) => self.subscribe(subscription),
            Write::ConfirmSubscription { id } => self.confirm(id),
            Write::Unsubscribe { id, mailbox } => Ok(self.unsubscribe(id, mailbox.as_ref())),
            Write::TakeJobs { limit, lease_millis } => Ok(self.take_jobs(*limit, *lease_millis)),
            Write::SettleJob { id, ticket, settled } => Ok(self.settle(id, *ticket, *settled)),
            Write::Veto { hold, mailbox } => Ok(self.veto(*hold, *mailbox)),
            Write::Release => Ok(self.release()),
            Write::Collect => Ok(self.collect()),
            Write::Probe => Ok(Done::Gone),
        })
    }

    fn open(&mut self, id: MailboxId, ttl: Option<i64>, right: Right) -> Outcome {
        let end = ttl.map(|ttl| self.now.plus(ttl));
        let old = self.living(&id).map(|mailbox| (mailbox.right, mailbox.octets));
        let (right, new) = match old {
            Some((Right::Session, octets)) if right != Right::Session => {
                self.charge(right, PassQuota { mailboxes: 1, slots: 0, octets })?;
                (right, false)
            }
            Some((right, _)) => (right, false),
            None => {
                self.charge(right, PassQuota { mailboxes: 1, slots: 0, octets: 0 })?;
                (right, true)
            }
        };
        let fresh = || Mailbox::new(end, right);
        let mailbox = self.state.mailboxes.entry(id).or_insert_with(fresh);
        mailbox.end = if new { end } else { later(mailbox.end, end) };
        mailbox.right = right;
        Ok(Done::Opened { new })
    }

    fn close(&mut self, id: &MailboxId) -> Done {
        if let Some(mailbox) = self.state.mailboxes.remove(id) {
            let octets = mailbox.octets;
            self.state.refund(mailbox.right, PassQuota { mailboxes: 1, slots: 0, octets });
        }
        self.state.held.retain(|_, held| held.mailbox != *id);
        self.state.subscriptions.retain(|_, kept| kept.subscription.mailbox != *id);
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
        let (now, quotas) = (self.now, self.quotas);
        let vetoed = hold.is_some_and(|hold| self.vetoed(&hold, id));
        let mailbox = self.living(&id).ok_or(Refusal::NoMailbox)?;
        let quota = if mailbox.right == Right::Session { quotas.session } else { quotas.mailbox };
        if let Some(&answer) = mailbox.answers.get(body.hash()) {
            return Ok(Done::Posted { answer, repeated: true });
        }
        if vetoed {
            return Err(Refusal::Vetoed);
        }
        if !quota.fits(mailbox.messages, mailbox.octets, body.length()) {
            return Err(Refusal::MailboxFull);
        }
        let (right, more) = (mailbox.right, octets(body.length()));
        if !self.state.has_room(right, more) {
            return Err(Refusal::MailboxFull);
        }
        self.state.add(right, more);
        let mailbox = self.living(&id).ok_or(Refusal::NoMailbox)?;
        mailbox.messages += 1;
        mailbox.octets += body.length();
        let message = Visible { posted_at: now, body: body.clone() };
        let Some(hold) = hold else {
            let answer = Answer::Seq(mailbox.show(message));
            mailbox.answers.insert(*body.hash(), answer);
            self.ask_for_notices(&id);
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
            let right = mailbox.right;
            self.state.refund(right, octets(message.body.length()));
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
        let dropped: Vec<_> = self.state.held.extract_if(.., |_, held| drops(held)).collect();
        for (_, held) in dropped {
            if let Some(mailbox) = self.state.mailboxes.get_mut(&held.mailbox) {
                mailbox.messages -= 1;
                mailbox.octets -= held.message.body.length();
                mailbox.answers.remove(held.message.body.hash());
                let right = mailbox.right;
                self.state.refund(right, octets(held.message.body.length()));
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
                self.ask_for_notices(&held.mailbox);
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
        let slots = self.state.slots.iter();
        let over: Vec<_> =
            slots.filter(|(_, slot)| !lives(slot.end, now)).map(|(id, _)| *id).collect();
        for id in over {
            self.remove_slot(&id);
        }
        self.end_passes();
        self.state.subscriptions.retain(|_, kept| lives(kept.ends, now));
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
}

/// So many octets, and nothing else.
fn octets(octets: u64) -> PassQuota {
    PassQuota { octets, ..PassQuota::default() }
}

impl State {
    fn stats(&self) -> Stats {
        let mailboxes = || self.mailboxes.values();
        let visible = || mailboxes().flat_map(|mailbox| mailbox.visible.values());
        let held = || self.held.values().map(|held| &held.message);
        let jobs = || self.subscriptions.values().filter(|kept| kept.due.is_some());
        let unconfirmed = |kept: &&Kept| !kept.subscription.confirmed;
        Stats {
            mailboxes: self.mailboxes.len() as u64,
            messages: visible().count() as u64,
            held: self.held.len() as u64,
            deleted: mailboxes().map(|mailbox| mailbox.deleted.len() as u64).sum(),
            message_octets: visible().chain(held()).map(|message| message.body.length()).sum(),
            oldest_message: visible().chain(held()).map(|message| message.posted_at).min(),
            next_due: self.held.keys().map(|(due, _)| *due).next(),
            slots: self.slots.len() as u64,
            slot_octets: self.slots.values().map(|slot| slot.body.len() as u64).sum(),
            vetoes: self.vetoes.len() as u64,
            passes: self.passes.len() as u64,
            subscriptions: self.subscriptions.len() as u64,
            unconfirmed: self.subscriptions.values().filter(unconfirmed).count() as u64,
            jobs: jobs().count() as u64,
            jobs_failing: jobs().filter(|kept| kept.tries > 0).count() as u64,
            oldest_job: jobs().filter_map(|kept| kept.due).min(),
        }
    }

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
        let passes = self.passes.values_mut().filter_map(|pass| pass.ends.as_mut());
        let subscriptions = self.subscriptions.values_mut().flat_map(Kept::deadlines);
        let all = mailboxes.chain(slots).chain(self.vetoes.values_mut()).chain(passes);
        all.chain(subscriptions).for_each(|end| *end = end.plus(by));
    }
}

impl Mailbox {
    fn new(end: Option<UnixMillis>, right: Right) -> Self {
        Self {
            end,
            right,
            last_seq: 0,
            messages: 0,
            octets: 0,
            visible: BTreeMap::new(),
            answers: HashMap::new(),
            deleted: BTreeMap::new(),
        }
    }

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
