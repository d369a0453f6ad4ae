//! What the relay keeps, and the contract that every backend fulfils.
//!
//! The relay talks to a store in two ways: it *applies* batches of [`Write`]s, all from one thread, and it
//! *reads* from many. Time is an argument, so the suite in `conformance.rs` runs on a store alone.
//!
//! # The contract
//! 1. **Durable.** When [`Store::apply`] returns `Ok`, all the batch did survives the loss of power (the memory
//!    store excepted, which survives nothing). When it returns `Err`, nothing of the batch happened, except
//!    after [`StoreError::Failed`], where nobody knows and the process must end.
//! 2. **One after the other.** The writes of a batch act in order, each on what the one before left. A refused
//!    write changes nothing and spoils no other.
//! 3. **Numbers.** In a mailbox, the first visible message has number 1 and each further one the next number,
//!    in the order in which they become visible. No number is given twice while the mailbox exists, also not
//!    after its message was deleted. Batches become visible whole, so a reader that has seen number `n` has
//!    seen, or can never again see, all below `n`.
//! 4. **Idempotent.** A body already posted to the mailbox gets the answer it got the first time, whatever
//!    hold is named now and even if the mailbox is full or the hold vetoed by now. A deleted message is
//!    remembered for [`SEEN_MILLIS`], or until [`SEEN_MESSAGES`] numbers later. A message that a veto dropped
//!    is not.
//! 5. **Held.** A held message has no number and no reader sees it until a [`Write::Release`] at or after its
//!    due time; then messages become visible in the order (due, posted). It counts against the quota.
//! 6. **Vetoed.** A veto drops what is held under the hold and refuses what comes under it for
//!    [`VETO_MILLIS`]; both only in one mailbox, if it names one.
//! 7. **Expired is gone.** At and after its end a mailbox or slot is not there, whether collected or not.
//!    Opening a mailbox again extends its end and never shortens it; writing a slot likewise.
//! 8. **Counted.** What is opened with a pass counts against its quota as long as it is there; a guest pass's
//!    whole quota counts against the pass it was made with. What is opened in a session has the quotas of one.
//! 9. **Told.** Whatever becomes visible in a mailbox makes a job for each confirmed subscription to it, in the
//!    same commit. A job that was taken is not given to anybody else before its lease ends.
//! 10. **Checked.** Every record carries a hash of its own. A record that does not match it is never served:
//!     the answer is [`Refusal::Damaged`] or [`StoreError::Damaged`].

pub mod memory;
pub mod postgres;
pub mod sqlite;
pub mod transfer;

mod notices;
mod passes;
mod reports;
mod sql;
mod values;
mod writes;

pub use notices::{
    CONFIRM_MILLIS, Job, QUIET_MILLIS, SUBSCRIPTIONS_MAX, Settled, Subscription, SubscriptionState,
};
pub use passes::{Pass, PassQuota, Right};
pub use reports::{Bad, Checked, Stats};
pub use values::{
    Answer, Body, Condition, Epoch, Hold, Message, Page, Query, Quota, Quotas, Slot, Version,
    random,
};
pub use writes::{Done, Outcome, Refusal, Write};

use writes::later;

#[cfg(test)]
pub(crate) mod conformance;

use crate::clock::{TimeSource, UnixMillis};
use futures_util::future::BoxFuture;
use recovery_core::ids::{MailboxId, PassId, SlotId};
use recovery_core::wire::limits::VETO_SECONDS;
use std::fmt;
use std::sync::Arc;

/// How long a vetoed hold refuses messages: 30 days.
pub const VETO_MILLIS: i64 = VETO_SECONDS.cast_signed() * 1_000;
/// How long a deleted message is remembered, so that posting it again does not bring it back: 30 days.
pub const SEEN_MILLIS: i64 = 30 * 86_400 * 1_000;
/// For how many further numbers a deleted message is remembered at most.
pub const SEEN_MESSAGES: u64 = 4_096;

/// A place that keeps mailboxes, slots and vetoes. See the [contract](self).
pub trait Store: Send + Sync + 'static {
    /// Drawn at random when the store was made.
    fn epoch(&self) -> Epoch;

    /// Does all writes in order, durably, and says for each what became of it.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of the batch happened.
    fn apply(&self, batch: &[Write], now: UnixMillis) -> Result<Vec<Outcome>, StoreError>;

    /// Moves every stored deadline by `by` milliseconds: the clock was set.
    ///
    /// # Errors
    /// [`StoreError`]; then no deadline moved.
    fn shift_deadlines(&self, by: i64) -> Result<(), StoreError>;

    /// The visible messages of a mailbox, oldest first; `None` if there is no such mailbox.
    ///
    /// If the first message in range is damaged, that is the error; if a later one is, the answer ends before it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn messages(&self, query: &Query, now: UnixMillis) -> Result<Option<Page>, StoreError>;

    /// What a slot holds; `None` if there is no such slot.
    ///
    /// # Errors
    /// [`StoreError`].
    fn slot(&self, id: &SlotId, now: UnixMillis) -> Result<Option<Slot>, StoreError>;

    /// When the next held message falls due.
    ///
    /// # Errors
    /// [`StoreError`].
    fn next_due(&self) -> Result<Option<UnixMillis>, StoreError>;

    /// A pass; `None` if there is no such pass.
    ///
    /// # Errors
    /// [`StoreError`].
    fn pass(&self, id: &PassId) -> Result<Option<Pass>, StoreError>;

    /// All passes, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn passes(&self) -> Result<Vec<Pass>, StoreError>;

    /// The subscriptions to a mailbox.
    ///
    /// # Errors
    /// [`StoreError`].
    fn subscriptions(&self, mailbox: &MailboxId) -> Result<Vec<SubscriptionState>, StoreError>;

    /// When the next job of notification is due, leased ones included.
    ///
    /// # Errors
    /// [`StoreError`].
    fn next_job(&self) -> Result<Option<UnixMillis>, StoreError>;

    /// Counts what is there; reads much, so not for every minute.
    ///
    /// # Errors
    /// [`StoreError`].
    fn stats(&self) -> Result<Stats, StoreError>;

    /// Reads and hashes everything, and tells of every record that is damaged.
    ///
    /// # Errors
    /// [`StoreError`] if reading itself fails.
    fn verify(&self, tell: &mut dyn FnMut(Bad)) -> Result<Checked, StoreError>;

    /// The first damage met since the store was opened: a store that has met some should be looked after.
    fn damage(&self) -> Option<Damage>;

    /// What relays that share the store need of each other; `None` if nobody else can have it open. Reading from a
    /// shared store takes a while, and what was read may have changed since.
    fn shared(&self) -> Option<&dyn Shared> {
        None
    }

    /// What records leave and enter by; `None` if they can't.
    #[doc(hidden)]
    fn transfer(&self) -> Option<Door<'_>> {
        None
    }

    /// Ends cleanly; nothing else may be called afterwards.
    ///
    /// # Errors
    /// [`StoreError`]; the store is then as after a crash, which it survives.
    fn close(&self) -> Result<(), StoreError>;
}

/// The way in and out of a store, for [`transfer`] alone.
#[doc(hidden)]
pub struct Door<'a>(pub(crate) &'a dyn transfer::Transfer);

impl fmt::Debug for Door<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

/// Who is told of mailboxes in which something changed.
pub type OnChange = Box<dyn Fn(&[MailboxId]) + Send + Sync>;

/// What several relays on one store need of each other.
pub trait Shared: Send + Sync {
    /// From now on tells of mailboxes in which another relay changed something, as far as it hears of it.
    fn listen(&self, heard: OnChange);

    /// Whether it hears of others; if not, [`Shared::news`] has to be asked for often.
    fn hears(&self) -> bool;

    /// In which of these mailboxes there is a number after the one named, or which are not there.
    ///
    /// # Errors
    /// [`StoreError`].
    fn news(&self, waiting: &[(MailboxId, u64)]) -> Result<Vec<MailboxId>, StoreError>;

    /// Like [`Store::messages`], without a thread that waits for the answer.
    ///
    /// # Errors
    /// [`StoreError`].
    fn page(
        &self,
        query: Query,
        now: UnixMillis,
    ) -> BoxFuture<'_, Result<Option<Page>, StoreError>>;

    /// The time that all relays on the store have in common.
    fn time(&self) -> Arc<dyn TimeSource>;
}

/// Why a store could not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk.
    #[error("the disk is full")]
    Full,
    /// Another program holds the store's lock for too long.
    #[error("the store is locked by another program")]
    Busy,
    /// A record does not match its hash, or a page makes no sense.
    #[error("damaged record: {0}")]
    Damaged(Damage),
    /// It was closed.
    #[error("the store is closed")]
    Closed,
    /// The database can't be reached, or gives up on us again and again; it may be back any moment.
    #[error("the database can't be reached: {0}")]
    Unreachable(String),
    /// This store can't do that.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Reading or writing failed: what is on disk is unknown until the store is opened again.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Where the damage is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What kind of record, and what is wrong; no ids.
    pub what: String,
    /// The message's number, if it is one.
    pub seq: Option<u64>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
