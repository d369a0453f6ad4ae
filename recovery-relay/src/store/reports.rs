//! What a store tells its operator: counts, and what is damaged. No ids, no addresses.

use crate::clock::UnixMillis;
use std::fmt;

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Mailboxes, those that are expired and not yet collected included, as in every count here.
    pub mailboxes: u64,
    /// Messages that can be read.
    pub messages: u64,
    /// Messages that are held.
    pub held: u64,
    /// Deleted messages that are remembered.
    pub deleted: u64,
    /// Octets of messages' bodies.
    pub message_octets: u64,
    /// When the oldest message that is still there was posted.
    pub oldest_message: Option<UnixMillis>,
    /// When the next held message falls due.
    pub next_due: Option<UnixMillis>,
    /// Slots.
    pub slots: u64,
    /// Octets of their bodies.
    pub slot_octets: u64,
    /// Vetoes.
    pub vetoes: u64,
    /// Passes, guest passes included.
    pub passes: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Of them, those that are not confirmed.
    pub unconfirmed: u64,
    /// Jobs of notification that are there.
    pub jobs: u64,
    /// Of them, those that failed at least once.
    pub jobs_failing: u64,
    /// When the oldest of them fell due.
    pub oldest_job: Option<UnixMillis>,
}

/// A record that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// `mailbox`, `message`, `slot`, `veto`, `pass`, `subscription`, or `file`.
    pub kind: &'static str,
    /// Names the record without giving its id away: 12 hexadecimal digits of a hash of what identifies it.
    pub name: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.name, self.what)
    }
}

/// How much was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Records.
    pub records: u64,
    /// Octets of bodies, all hashed.
    pub octets: u64,
    /// Records that are damaged.
    pub bad: u64,
}
