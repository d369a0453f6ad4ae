//! Notifications: who is told that something waits in a mailbox, and the queue of what is to be sent.
//!
//! Each subscription has at most one job at a time, so a hundred posts make one notice. The job is written in the
//! transaction that makes a message visible. Whoever takes a job leases it; if the lease ends before it was
//! settled, it is due again: a notice may be sent twice, but is not lost.

use crate::clock::UnixMillis;
use recovery_core::ids::{MailboxId, SubscriptionId};
use std::fmt;

/// How long a subscription waits for its confirmation: 7 days.
pub const CONFIRM_MILLIS: i64 = 7 * 86_400 * 1_000;
/// Shortest time between two notices to one subscription: 10 minutes.
pub const QUIET_MILLIS: i64 = 600 * 1_000;
/// Most subscriptions of a mailbox.
pub const SUBSCRIPTIONS_MAX: u64 = 4;

/// Somebody who is told. The store knows nothing of the ways to tell them.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The hash of the token in its links.
    pub id: SubscriptionId,
    /// Told of which mailbox.
    pub mailbox: MailboxId,
    /// Where: an address in a form of the caller's choice, at most 1,024 octets.
    pub target: String,
    /// The address said yes, or need not be asked.
    pub confirmed: bool,
}

/// Addresses are never shown.
impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({:?}, confirmed: {})", self.id, self.confirmed)
    }
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// To whom. If it is not confirmed, it is to be asked; otherwise told.
    pub subscription: Subscription,
    /// Names this taking of the job, for [`Write::SettleJob`](super::Write::SettleJob).
    pub ticket: u64,
    /// How often it was taken before, without success.
    pub tries: u32,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was sent. What became visible since it was taken makes a new job, due after [`QUIET_MILLIS`].
    Sent,
    /// It could not be sent; to be tried again then.
    Retry(UnixMillis),
    /// It is not tried again; the next message makes a new job.
    GivenUp,
}

/// How a subscription fares, for its mailbox's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Which one.
    pub subscription: Subscription,
    /// When something was last sent.
    pub sent: Option<UnixMillis>,
    /// When the next job is due, if there is one.
    pub due: Option<UnixMillis>,
    /// How often the present job, or the last one, failed.
    pub tries: u32,
}
