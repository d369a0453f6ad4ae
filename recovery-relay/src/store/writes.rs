//! What can be asked of a store, and what becomes of it.

use super::{Answer, Body, Condition, Hold, Job, PassQuota, Right, Settled, Subscription, Version};
use crate::clock::UnixMillis;
use recovery_core::ids::{HoldId, MailboxId, PassId, SlotId, SubscriptionId};

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
        /// By what right, if it is new. A session mailbox becomes an ordinary one with a pass.
        right: Right,
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
        /// By what right, if it is new. A session slot becomes an ordinary one with a pass.
        right: Right,
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
    /// Makes a pass. Answers [`Done::Opened`]; one that is there already stays as it is.
    AddPass {
        /// Which one: the hash of its token.
        id: PassId,
        /// What the operator calls it; empty for a guest pass.
        name: String,
        /// How much can be opened under it.
        quota: PassQuota,
        /// Its end; `None`: it lasts until revoked.
        ttl_millis: Option<i64>,
        /// A guest pass is made out of the quota of this one, and ends with it.
        parent: Option<PassId>,
    },
    /// Ends a pass: nothing more is opened under it; what was opened stays. Answers [`Done::Gone`].
    RevokePass {
        /// Which one.
        id: PassId,
    },
    /// Tells somebody when something becomes visible in a mailbox. Answers [`Done::Opened`]; one that is there
    /// already stays as it is. An unconfirmed one gets a job to ask for confirmation at once, and is removed
    /// after [`CONFIRM_MILLIS`](super::CONFIRM_MILLIS).
    Subscribe(Subscription),
    /// The address said yes. Answers [`Done::Gone`].
    ConfirmSubscription {
        /// Which one.
        id: SubscriptionId,
    },
    /// Ends a subscription. Answers [`Done::Gone`], also if there is none.
    Unsubscribe {
        /// Which one.
        id: SubscriptionId,
        /// Only if it is one of this mailbox.
        mailbox: Option<MailboxId>,
    },
    /// Takes jobs that are due and leases them, so that nobody else does them. Answers [`Done::Jobs`].
    TakeJobs {
        /// At most this many.
        limit: usize,
        /// For how long; then they are due again unless settled.
        lease_millis: i64,
    },
    /// Says what became of a job. Answers [`Done::Gone`], also if somebody else took it meanwhile.
    SettleJob {
        /// Of which subscription.
        id: SubscriptionId,
        /// [`Job::ticket`] of the job.
        ticket: u64,
        /// What became of it.
        settled: Settled,
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
    /// The mailbox is open; the pass or subscription is there.
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
    /// These are to be done now.
    Jobs(Vec<Job>),
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
    /// The mailbox holds as many messages or octets as it may, or its pass has no octets left.
    MailboxFull,
    /// The slot's condition does not hold; what version it has, if it is there.
    Mismatch(Option<Version>),
    /// A session slot takes no body of that size.
    SessionSlotTooLarge,
    /// No such pass, or it was revoked, or its time is over.
    NoPass,
    /// The pass has no mailbox, slot or octet left.
    PassUsedUp,
    /// No such subscription, or its time is over.
    NoSubscription,
    /// The mailbox has as many subscriptions as it may.
    TooManySubscriptions,
    /// A record that the write needs does not match its hash.
    Damaged,
}

impl Write {
    /// How many octets it adds.
    pub(crate) fn octets(&self) -> u64 {
        match self {
            Self::Post { body, .. } | Self::PutSlot { body, .. } => body.length(),
            _ => 0,
        }
    }

    /// The mailboxes in which a reader finds something else than before.
    pub(crate) fn changed<'a>(&'a self, outcome: &'a Outcome) -> &'a [MailboxId] {
        match (self, outcome) {
            (Self::Post { mailbox: id, .. }, _)
            | (Self::DeleteMessage { mailbox: id, .. }, _)
            | (Self::OpenMailbox { id, .. } | Self::CloseMailbox { id }, _) => {
                std::slice::from_ref(id)
            }
            (_, Ok(Done::Released { mailboxes, .. })) => mailboxes,
            _ => &[],
        }
    }
}

/// The end after extending: the later one, and none is the latest.
pub(super) fn later(old: Option<UnixMillis>, new: Option<UnixMillis>) -> Option<UnixMillis> {
    Some(old?.max(new?))
}
