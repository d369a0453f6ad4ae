//! The suite that every backend passes: the contract of [`super`], sentence by sentence.

use super::memory::MemoryStore;
use super::postgres::tests::{Database, other_store, postgres_store};
use super::sqlite::SqliteStore;
use super::{
    Answer, Body, CONFIRM_MILLIS, Condition, Done, Hold, Job, Message, Outcome, Page, PassQuota,
    QUIET_MILLIS, Query, Quota, Refusal, Right, SEEN_MESSAGES, SEEN_MILLIS, SUBSCRIPTIONS_MAX,
    Settled, Store, StoreError, Subscription, VETO_MILLIS, Version, Write,
};
use crate::clock::UnixMillis;
use bytes::Bytes;
use recovery_core::ids::{HoldId, MailboxId, PassId, SlotId, SubscriptionId};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

mod against_each_other;
mod holds;
mod mailboxes;
mod notices;
mod passes;
mod slots;
mod transfers;

/// A store of the backend under test, with what it lives in. Where several processes may have it open, `others` are
/// open, too, and calls go to each in turn.
pub(super) struct Bench {
    pub(super) store: Box<dyn Store>,
    others: Vec<Box<dyn Store>>,
    turn: AtomicUsize,
    /// For reads that wait on no thread.
    runtime: Runtime,
    _folder: Option<TempDir>,
    _database: Option<Database>,
}

/// A time to begin with, in 2023.
pub(crate) const T0: UnixMillis = UnixMillis(1_700_000_000_000);
const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;

fn bench(store: impl Store) -> Bench {
    let (others, turn) = (Vec::new(), AtomicUsize::new(0));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    Bench { store: Box::new(store), others, turn, runtime, _folder: None, _database: None }
}

pub(super) fn memory(quota: Quota) -> Option<Bench> {
    Some(bench(MemoryStore::new(quota).unwrap()))
}

pub(super) fn sqlite(quota: Quota) -> Option<Bench> {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("relay.db"), quota).unwrap();
    Some(Bench { _folder: Some(folder), ..bench(store) })
}

/// `None` where PostgreSQL is not installed.
pub(super) fn postgres(quota: Quota) -> Option<Bench> {
    let (database, store) = postgres_store(quota)?;
    Some(Bench { _database: Some(database), ..bench(store) })
}

/// Two stores on one database, as of two relays.
pub(super) fn two_on_postgres(quota: Quota) -> Option<Bench> {
    let (database, store) = postgres_store(quota)?;
    let others: Vec<Box<dyn Store>> = vec![Box::new(other_store(&database, quota))];
    Some(Bench { others, _database: Some(database), ..bench(store) })
}

/// Each named function of the suite becomes a test of each backend.
macro_rules! conformance {
    ($($module:ident: $($name:ident)+;)+) => {
        conformance! { in_memory = memory; $($module: $($name)+;)+ }
        conformance! { in_sqlite = sqlite; $($module: $($name)+;)+ }
        /// All tests, by name.
        const ALL: &[(&str, fn(fn(Quota) -> Option<Bench>))] =
            &[$($((concat!(stringify!($module), "::", stringify!($name)), $module::$name),)+)+];
    };
    ($backend:ident = $new:ident; $($module:ident: $($name:ident)+;)+) => {
        mod $backend { $(mod $module { $(#[test] fn $name() {
            super::super::$module::$name(super::super::$new);
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
    passes:
        what_is_opened_counts_and_what_is_closed_does_not
        octets_count_against_the_pass
        a_pass_that_is_over_opens_nothing_and_takes_nothing_away
        a_guest_pass_is_made_out_of_another
        a_guest_pass_makes_no_others
        a_guest_pass_is_used_in_time_and_then_lasts
        a_session_is_small_and_becomes_ordinary_with_a_pass
        an_unused_pass_is_removed_when_it_is_over;
    notices:
        what_becomes_visible_makes_one_job
        a_job_is_taken_by_one_and_due_again_if_not_settled
        news_since_it_was_taken_makes_another_job
        a_failed_job_is_tried_again_and_given_up
        a_subscription_asks_for_confirmation_first
        an_unconfirmed_subscription_ends
        subscriptions_are_limited_and_go_with_their_mailbox;
}

/// All tests in one, so that they share one cluster however they are run; a failed one is named.
fn all_on(new: fn(Quota) -> Option<Bench>) {
    let Some(_kept) = new(Quota::default()) else { return };
    let failed = ALL.iter().filter(|(name, test)| {
        let failed = std::panic::catch_unwind(|| test(new)).is_err();
        if failed {
            eprintln!("failed: {name}");
        }
        failed
    });
    assert_eq!(failed.count(), 0);
}

#[test]
fn all_in_postgres() {
    all_on(postgres);
}

#[test]
fn all_in_two_on_postgres() {
    all_on(two_on_postgres);
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
    Write::OpenMailbox { id: mailbox(id), ttl_millis: None, right: Right::Open }
}

fn open_for(id: u8, ttl_millis: i64) -> Write {
    let ttl_millis = Some(ttl_millis);
    Write::OpenMailbox { id: mailbox(id), ttl_millis, right: Right::Open }
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
    /// The store whose turn it is.
    pub(super) fn any(&self) -> &dyn Store {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % (1 + self.others.len());
        turn.checked_sub(1).map_or(&*self.store, |turn| &*self.others[turn])
    }

    /// A read of messages; where it can also be done without a thread that waits, both must say the same.
    pub(super) fn page(&self, query: &Query, now: UnixMillis) -> Option<Page> {
        let store = self.any();
        let page = store.messages(query, now).unwrap();
        if let Some(shared) = store.shared() {
            assert_eq!(self.runtime.block_on(shared.page(*query, now)).unwrap(), page);
        }
        page
    }

    /// One write in a batch of its own.
    pub(super) fn write(&self, write: Write, now: UnixMillis) -> Outcome {
        self.any().apply(&[write], now).unwrap().remove(0)
    }

    /// All messages: number and text.
    fn texts(&self, id: u8, now: UnixMillis) -> Option<Vec<(u64, String)>> {
        let query = Query { mailbox: mailbox(id), after: 0, limit: 10_000, octets: usize::MAX };
        let text =
            |message: Message| (message.seq, String::from_utf8(message.body.to_vec()).unwrap());
        let messages = self.page(&query, now)?.messages;
        Some(messages.into_iter().map(text).collect())
    }

    /// All messages must be these.
    fn holds(&self, id: u8, now: UnixMillis, expected: &[(u64, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(seq, text)| (*seq, (*text).to_owned())).collect();
        assert_eq!(self.texts(id, now), Some(expected));
    }
}
