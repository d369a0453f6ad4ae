//! The suite that every backend passes: the contract of [`super`], sentence by sentence.

use super::memory::MemoryStore;
use super::sqlite::SqliteStore;
use super::{
    Answer, Body, Condition, Done, Hold, Message, Outcome, Query, Quota, Refusal, SEEN_MESSAGES,
    SEEN_MILLIS, Store, StoreError, VETO_MILLIS, Version, Write,
};
use crate::clock::UnixMillis;
use bytes::Bytes;
use recovery_core::ids::{HoldId, MailboxId, SlotId};
use tempfile::TempDir;

mod against_each_other;
mod holds;
mod mailboxes;
mod slots;

/// A store of the backend under test, with the folder it may live in.
pub(super) struct Bench {
    pub(super) store: Box<dyn Store>,
    _folder: Option<TempDir>,
}

/// A time to begin with, in 2023.
pub(crate) const T0: UnixMillis = UnixMillis(1_700_000_000_000);
const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;

pub(super) fn memory(quota: Quota) -> Bench {
    Bench { store: Box::new(MemoryStore::new(quota).unwrap()), _folder: None }
}

pub(super) fn sqlite(quota: Quota) -> Bench {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("relay.db"), quota).unwrap();
    Bench { store: Box::new(store), _folder: Some(folder) }
}

/// Each named function of the suite becomes a test of each backend.
macro_rules! conformance {
    ($($module:ident: $($name:ident)+;)+) => {
        mod in_memory { $(mod $module { $(#[test] fn $name() {
            super::super::$module::$name(super::super::memory);
        })+ })+ }
        mod in_sqlite { $(mod $module { $(#[test] fn $name() {
            super::super::$module::$name(super::super::sqlite);
        })+ })+ }
    };
}

conformance! {
    mailboxes:
        opening_again_extends_and_never_shortens
        an_expired_mailbox_is_gone_before_it_is_collected
        a_closed_mailbox_begins_anew
        numbers_begin_at_one_and_never_come_twice
        a_read_keeps_to_its_range
        the_same_body_gets_the_same_answer
        a_deleted_message_does_not_come_back
        a_deleted_message_is_forgotten_in_time
        a_deleted_message_is_forgotten_in_number
        the_quota_counts_messages_and_octets
        writes_of_a_batch_see_each_other;
    holds:
        a_held_message_is_hidden_until_it_is_due
        messages_become_visible_in_the_order_due_then_posted
        a_held_message_counts_against_the_quota
        either_hold_drops_it
        a_veto_may_name_one_mailbox
        a_veto_ends
        a_veto_leaves_the_visible
        the_clock_moves_all_deadlines
        what_is_held_goes_with_its_mailbox;
    slots:
        a_slot_is_written_under_a_condition_only
        no_version_comes_twice
        an_expired_slot_is_gone_before_it_is_collected
        a_deleted_slot_is_gone;
}

pub(crate) fn mailbox(n: u8) -> MailboxId {
    MailboxId::new([n; 32])
}

fn slot(n: u8) -> SlotId {
    SlotId::new([n; 32])
}

fn hold(n: u8) -> HoldId {
    HoldId::new([n; 32])
}

pub(crate) fn body(text: &str) -> Body {
    Body::new(Bytes::copy_from_slice(text.as_bytes()))
}

pub(crate) fn open(id: u8) -> Write {
    Write::OpenMailbox { id: mailbox(id), ttl_millis: None }
}

fn open_for(id: u8, ttl_millis: i64) -> Write {
    Write::OpenMailbox { id: mailbox(id), ttl_millis: Some(ttl_millis) }
}

pub(crate) fn post(id: u8, text: &str) -> Write {
    Write::Post { mailbox: mailbox(id), body: body(text), hold: None }
}

fn post_held(id: u8, text: &str, first: u8, millis: i64) -> Write {
    let hold = Hold { first: hold(first), second: None, millis };
    Write::Post { mailbox: mailbox(id), body: body(text), hold: Some(hold) }
}

fn veto(id: u8) -> Write {
    Write::Veto { hold: hold(id), mailbox: None }
}

fn delete(id: u8, seq: u64) -> Write {
    Write::DeleteMessage { mailbox: mailbox(id), seq }
}

fn seq(seq: u64) -> Outcome {
    Ok(Done::Posted { answer: Answer::Seq(seq), repeated: false })
}

fn seq_again(seq: u64) -> Outcome {
    Ok(Done::Posted { answer: Answer::Seq(seq), repeated: true })
}

fn due(at: UnixMillis) -> Outcome {
    Ok(Done::Posted { answer: Answer::ReleaseAt(at), repeated: false })
}

fn due_again(at: UnixMillis) -> Outcome {
    Ok(Done::Posted { answer: Answer::ReleaseAt(at), repeated: true })
}

impl Bench {
    /// One write in a batch of its own.
    pub(super) fn write(&self, write: Write, now: UnixMillis) -> Outcome {
        self.store.apply(&[write], now).unwrap().remove(0)
    }

    /// All messages: number and text.
    fn texts(&self, id: u8, now: UnixMillis) -> Option<Vec<(u64, String)>> {
        let query = Query { mailbox: mailbox(id), after: 0, limit: 10_000, octets: usize::MAX };
        let text =
            |message: Message| (message.seq, String::from_utf8(message.body.to_vec()).unwrap());
        let messages = self.store.messages(&query, now).unwrap()?.messages;
        Some(messages.into_iter().map(text).collect())
    }

    /// All messages must be these.
    fn holds(&self, id: u8, now: UnixMillis, expected: &[(u64, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(seq, text)| (*seq, (*text).to_owned())).collect();
        assert_eq!(self.texts(id, now), Some(expected));
    }
}
