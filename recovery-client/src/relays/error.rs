//! What can go wrong between this device and a relay.

use recovery_core::address::RelayUrl;

/// Why a call to a relay gave no result. Never carries a token, an id or a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Something answered, but not as a relay does.
    #[error("{relay} does not answer like a relay: {why}")]
    Answer {
        /// The relay.
        relay: RelayUrl,
        /// What is wrong with the answer.
        why: String,
    },
    /// The relay refuses, and says why.
    #[error("{relay} refused ({status}{}{code}): {detail}", if .code.is_empty() { "" } else { " " })]
    Refused {
        /// The relay.
        relay: RelayUrl,
        /// The HTTP status.
        status: u16,
        /// The stable word for it; empty if none came.
        code: String,
        /// A sentence, from the relay.
        detail: String,
        /// What to do, from the relay; may be empty.
        hint: String,
        /// The number of the message it is about, if it is about one.
        seq: Option<u64>,
    },
    /// HTTP cannot be used on this device at all.
    #[error("cannot use the network: {why}")]
    Setup {
        /// What is missing.
        why: String,
    },
    /// No answer: no network, no such host, no trust in its certificate, or too slow.
    #[error("cannot reach {relay}: {why}")]
    Unreachable {
        /// The relay.
        relay: RelayUrl,
        /// The cause, short.
        why: String,
    },
}

impl RelayError {
    /// The relay it was about; none if it was about this device.
    #[must_use]
    pub fn relay(&self) -> Option<&RelayUrl> {
        match self {
            Self::Answer { relay, .. }
            | Self::Refused { relay, .. }
            | Self::Unreachable { relay, .. } => Some(relay),
            Self::Setup { .. } => None,
        }
    }

    /// The HTTP status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The stable word of a refusal, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } if !code.is_empty() => Some(code),
            _ => None,
        }
    }

    /// The number of a message that the relay cannot serve any more: what it has of it is damaged.
    pub(super) fn damaged_seq(&self) -> Option<u64> {
        match self {
            Self::Refused { code, seq, .. } if code == "record-damaged" => *seq,
            _ => None,
        }
    }

    /// Whether the same call may succeed later. Only a relay's own clear refusal is final: what stands
    /// in the way now (a hotel's sign-in page, a proxy's error) may be gone tomorrow.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::Answer { .. } | Self::Setup { .. } | Self::Unreachable { .. } => true,
        }
    }

    /// The mailbox or slot does not exist there (any more).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.status(), Some(404 | 410))
    }

    /// Another device wrote the slot first.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(412)
    }

    /// The hold was vetoed: nothing more is taken under it.
    #[must_use]
    pub fn is_vetoed(&self) -> bool {
        self.status() == Some(409)
    }

    /// The mailbox is full until its owner reads it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.status() == Some(507)
    }

    /// The relay wants a pass, or does not take the token.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// The relay is closed, and this home has no pass for it that is good.
    #[must_use]
    pub fn needs_pass(&self) -> bool {
        matches!(self.code(), Some("pass-needed" | "pass-used-up"))
    }

    /// What to do about it, as one sentence.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Answer { .. } => {
                "Look at the address; a network that wants a sign-in first can also be the cause."
            }
            Self::Refused { .. } if self.needs_pass() => {
                "Ask who runs the relay for a pass, and give it with 'recovery pass'."
            }
            Self::Refused { hint, .. } if !hint.is_empty() => hint,
            Self::Refused { .. } if self.is_transient() => "Try again later.",
            Self::Refused { .. } => "Ask who runs the relay.",
            Self::Setup { .. } => "Look after the system's certificates and proxy settings.",
            Self::Unreachable { .. } => "Look at the network and the address, then run this again.",
        }
    }
}

/// A stranger's text, made fit to be shown: one line, no control or direction characters, at most `max`
/// characters.
pub(super) fn plain(text: &str, max: usize) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let shown: String = text.chars().map(|c| if hidden(c) { ' ' } else { c }).take(max).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}
