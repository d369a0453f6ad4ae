//! What goes to relays and comes back, as types.

use recovery_core::ids::HoldId;
use std::{fmt, str::FromStr, time::Duration};

/// How long a relay is given.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// For a whole call. For a read, its wait and a second per message asked for come on top.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, 30 s for a call.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), total: Duration::from_secs(30) }
    }
}

/// Under what a message is held back, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who holds its token may drop the message.
    pub id: HoldId,
    /// Whose token may drop it as well.
    pub also: Option<HoldId>,
    /// How long, in seconds; at most 604,800.
    pub seconds: u64,
}

/// What became of a posted message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is there, under this number.
    Seq(u64),
    /// It is held back.
    Held {
        /// When it will be shown, in Unix seconds.
        release_at: u64,
    },
}

/// Which messages to read, and how long to wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Only messages with higher numbers.
    pub after: u64,
    /// At most so many; 1 to 256.
    pub limit: usize,
    /// How long to wait if there are none, in seconds; at most 60.
    pub wait: u64,
}

/// Messages of a mailbox, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Names the life of the relay's store: when it changes, numbers start anew.
    pub epoch: String,
    /// The messages.
    pub messages: Vec<Message>,
    /// Numbers of messages that the relay can't serve any more; they lie before the others.
    pub damaged: Vec<u64>,
}

/// A message in a mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number in the mailbox; from 1, rising.
    pub seq: u64,
    /// When the relay took it, by the relay's clock, in Unix seconds.
    pub posted_at: u64,
    /// Its octets, as posted.
    pub body: Vec<u8>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}, {} octets, at {})", self.seq, self.body.len(), self.posted_at)
    }
}

/// The version of a slot: `"…"` with at most 64 visible ASCII characters between the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(pub(super) String);

/// A text is no version of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a quoted entity tag")]
pub struct ParseEtagError;

impl FromStr for Etag {
    type Err = ParseEtagError;

    fn from_str(text: &str) -> Result<Self, ParseEtagError> {
        let inner =
            text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(ParseEtagError)?;
        let fine = inner.len() <= 64 && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        if fine { Ok(Self(text.to_owned())) } else { Err(ParseEtagError) }
    }
}

/// With its quotes.
impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Under which condition a slot is written, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// What must be there now.
    pub only_if: If,
    /// How long it lasts, in seconds; without, until it is deleted.
    pub ttl: Option<u64>,
}

/// What must be in a slot for a write to succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum If {
    /// Nothing.
    None,
    /// This version.
    Match(Etag),
}
