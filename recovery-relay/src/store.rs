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
//! 8. **Checked.** Every record carries a hash of its own. A record that does not match it is never served:
//!    the answer is [`Refusal::Damaged`] or [`StoreError::Damaged`].

pub mod memory;
pub mod sqlite;

mod values;

pub use values::{
    Answer, Body, Condition, Epoch, Hold, Message, Page, Query, Quota, Slot, Version,
};

#[cfg(test)]
pub(crate) mod conformance;

use crate::clock::UnixMillis;
use recovery_core::ids::{HoldId, MailboxId, SlotId};
use recovery_core::wire::limits::VETO_SECONDS;
use std::fmt;

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

    /// Ends cleanly; nothing else may be called afterwards.
    ///
    /// # Errors
    /// [`StoreError`]; the store is then as after a crash, which it survives.
    fn close(&self) -> Result<(), StoreError>;
}

/// What became of one write of a batch.
pub type Outcome = Result<Done, Refusal>;

/// A change that can be asked of a store.
#[derive(Debug, Clone)]
pub enum Write {
    /// Makes a mailbox, or extends its time. Answers [`Done::Opened`].
    OpenMailbox {
        /// Which one.
        id: MailboxId,
        /// Its end; `None`: it lasts until closed.
        ttl_millis: Option<i64>,
    },
    /// Removes a mailbox with everything in it. Answers [`Done::Gone`], also if there is none.
    CloseMailbox {
        /// Which one.
        id: MailboxId,
    },
    /// Appends a message, at once or after a delay. Answers [`Done::Posted`].
    Post {
        /// Where to.
        mailbox: MailboxId,
        /// What.
        body: Body,
        /// Under which holds and how long; `None`: visible at once.
        hold: Option<Hold>,
    },
    /// Removes a visible message and frees its room. Answers [`Done::Gone`], also if there is none.
    DeleteMessage {
        /// From where.
        mailbox: MailboxId,
        /// Its number.
        seq: u64,
    },
    /// Writes a slot if `condition` holds. Answers [`Done::Slot`].
    PutSlot {
        /// Which one.
        id: SlotId,
        /// What it holds from now on.
        body: Body,
        /// What must be so for the write to happen.
        condition: Condition,
        /// Its end; `None`: it lasts until deleted.
        ttl_millis: Option<i64>,
    },
    /// Empties a slot. Answers [`Done::Gone`], also if there is none.
    DeleteSlot {
        /// Which one.
        id: SlotId,
    },
    /// Drops what is held under a hold and refuses more. Answers [`Done::Gone`].
    Veto {
        /// Which hold.
        hold: HoldId,
        /// Only in this mailbox; `None`: in all.
        mailbox: Option<MailboxId>,
    },
    /// Makes visible what is due, a bounded number at a time. Answers [`Done::Released`].
    Release,
    /// Removes what is expired, a bounded number at a time. Answers [`Done::Collected`].
    Collect,
    /// Writes something small, to see whether writing works. Answers [`Done::Gone`].
    Probe,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The mailbox is open.
    Opened {
        /// It was not there before.
        new: bool,
    },
    /// The message is kept.
    Posted {
        /// Its number, or when it becomes visible.
        answer: Answer,
        /// It was kept before: nothing changed.
        repeated: bool,
    },
    /// The slot is written.
    Slot {
        /// Its new version.
        version: Version,
        /// It was not there before.
        new: bool,
    },
    /// It is not there (any more).
    Gone,
    /// What was due is visible.
    Released {
        /// Where messages became visible.
        mailboxes: Vec<MailboxId>,
        /// More is due: release again.
        more: bool,
    },
    /// Some of what is expired is removed.
    Collected {
        /// More is expired: collect again.
        more: bool,
    },
}

/// Why a write was not done. It changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such mailbox, or its time is over.
    NoMailbox,
    /// The hold was vetoed.
    Vetoed,
    /// The mailbox holds as many messages or octets as it may.
    MailboxFull,
    /// The slot's condition does not hold; what version it has, if it is there.
    Mismatch(Option<Version>),
    /// A record that the write needs does not match its hash.
    Damaged,
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

/// The end after extending: the later one, and none is the latest.
fn later(old: Option<UnixMillis>, new: Option<UnixMillis>) -> Option<UnixMillis> {
    Some(old?.max(new?))
}
