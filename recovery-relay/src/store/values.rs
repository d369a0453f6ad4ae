//! The small values that go into a store and come out of it.

use super::StoreError;
use crate::clock::UnixMillis;
use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use recovery_core::ids::{HoldId, MailboxId};
use recovery_core::wire::limits::{MAILBOX_BYTES_MAX, MAILBOX_MESSAGES_MAX};
use sha2::{Digest, Sha256};
use std::fmt;

/// Octets to keep, with their SHA-256: hashed once, before the writer's turn.
#[derive(Clone)]
pub struct Body {
    octets: Bytes,
    hash: [u8; 32],
}

impl Body {
    /// Hashes the octets.
    #[must_use]
    pub fn new(octets: Bytes) -> Self {
        let hash = Sha256::digest(&octets).into();
        Self { octets, hash }
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &Bytes {
        &self.octets
    }

    /// Their SHA-256.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// How many there are.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.octets.len() as u64
    }
}

/// Bodies are never shown, only their length.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} octets)", self.octets.len())
    }
}

/// Under which holds a message waits, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Whoever controls this hold may drop the message.
    pub first: HoldId,
    /// And whoever controls this one.
    pub second: Option<HoldId>,
    /// How long.
    pub millis: i64,
}

/// What a post is answered with, the first time and every time after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The message is visible under this number.
    Seq(u64),
    /// The message becomes, or became, visible then.
    ReleaseAt(UnixMillis),
}

/// Which messages to read.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// Of which mailbox.
    pub mailbox: MailboxId,
    /// Only those with a greater number.
    pub after: u64,
    /// At most this many.
    pub limit: usize,
    /// At most this many octets, but always at least one message.
    pub octets: usize,
}

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// When the mailbox ends.
    pub ends: Option<UnixMillis>,
    /// Oldest first.
    pub messages: Vec<Message>,
}

/// A visible message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub seq: u64,
    /// When it was posted.
    pub posted_at: UnixMillis,
    /// What was posted.
    pub body: Bytes,
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Drawn at random at each write, so no version comes twice.
    pub version: Version,
    /// What was put.
    pub body: Bytes,
}

/// Names one write to a slot; 64 random bits, shown as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Version {
    /// A fresh version.
    pub(crate) fn draw() -> Result<Self, StoreError> {
        random().map(u64::from_be_bytes).map(Self)
    }
}

/// What must be so for a slot to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It is not there.
    Absent,
    /// It is there.
    Present,
    /// It has one of these versions.
    AnyOf(Vec<Version>),
}

impl Condition {
    /// Whether it holds for a slot with this version, or for none.
    #[must_use]
    pub fn holds(&self, current: Option<Version>) -> bool {
        match (self, current) {
            (Self::Absent, None) | (Self::Present, Some(_)) => true,
            (Self::AnyOf(versions), Some(version)) => versions.contains(&version),
            _ => false,
        }
    }
}

/// Names one making of a store: 16 random octets, shown in unpadded base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub [u8; 16]);

impl Epoch {
    /// A fresh epoch.
    pub(crate) fn draw() -> Result<Self, StoreError> {
        random().map(Self)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

/// How much a mailbox takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Messages, visible and held.
    pub messages: u64,
    /// Octets of their bodies.
    pub octets: u64,
}

impl Default for Quota {
    /// 4,096 messages, 16 MiB.
    fn default() -> Self {
        Self { messages: MAILBOX_MESSAGES_MAX, octets: MAILBOX_BYTES_MAX }
    }
}

impl Quota {
    /// Whether a body of `length` octets fits beside what is there.
    #[must_use]
    pub fn fits(&self, messages: u64, octets: u64, length: u64) -> bool {
        messages < self.messages && octets.saturating_add(length) <= self.octets
    }
}

/// How much mailboxes and slots take, by the right they were made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// A mailbox.
    pub mailbox: Quota,
    /// A mailbox of a session on a closed relay.
    pub session: Quota,
    /// Octets of a slot of a session on a closed relay.
    pub session_slot: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Quota::default().into()
    }
}

impl From<Quota> for Quotas {
    /// A session's mailbox takes at most 256 messages and 4 MiB, enough for the approvals of 16 people twice
    /// over; its slot takes 32 KiB, the longest request.
    fn from(mailbox: Quota) -> Self {
        let (messages, octets) = (mailbox.messages.min(256), mailbox.octets.min(4 * 1_024 * 1_024));
        Self { mailbox, session: Quota { messages, octets }, session_slot: 32 * 1_024 }
    }
}

/// Random octets from the operating system.
///
/// # Errors
/// [`StoreError::Failed`] if it has none.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)
        .map_err(|error| StoreError::Failed(format!("no randomness: {error}")))?;
    Ok(octets)
}
