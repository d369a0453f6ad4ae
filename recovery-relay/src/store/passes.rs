//! By what right things are made on a relay: on an open one anybody's, on a closed one a pass's or a session's.

use crate::clock::UnixMillis;
use recovery_core::ids::PassId;

/// By what right a mailbox or slot is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Anybody may, on an open relay.
    Open,
    /// Anybody may, on a closed relay: with the quotas of a session ([`Quotas`](super::Quotas)). That it ends
    /// within 14 days is for the caller to see to.
    Session,
    /// Who has the pass may. It counts against the pass's quota as long as it is there.
    Pass(PassId),
}

/// How much can be opened under a pass, or is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassQuota {
    /// Mailboxes, those of its guest passes included.
    pub mailboxes: u64,
    /// Slots.
    pub slots: u64,
    /// Octets of bodies in them, and all that its guest passes may fill.
    pub octets: u64,
}

impl PassQuota {
    /// Whether `more` fits beside `used`.
    #[must_use]
    pub fn fits(&self, used: &Self, more: &Self) -> bool {
        used.mailboxes.saturating_add(more.mailboxes) <= self.mailboxes
            && used.slots.saturating_add(more.slots) <= self.slots
            && used.octets.saturating_add(more.octets) <= self.octets
    }
}

/// A pass, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The hash of its token.
    pub id: PassId,
    /// What the operator calls it; empty for a guest pass.
    pub name: String,
    /// How much can be opened under it.
    pub quota: PassQuota,
    /// How much is.
    pub used: PassQuota,
    /// When it was made.
    pub made: UnixMillis,
    /// When it ends.
    pub ends: Option<UnixMillis>,
    /// It was revoked; it is kept as long as something is that was opened under it.
    pub revoked: bool,
    /// Out of whose quota it was made, if it is a guest pass.
    pub parent: Option<PassId>,
}

impl Pass {
    /// Whether its time is over. A guest pass has to be used in time and then lasts as long as something is there that
    /// was opened under it: its quota was taken from the other pass all along.
    #[must_use]
    pub fn is_over(&self, now: UnixMillis) -> bool {
        let in_use = self.parent.is_some() && self.used != PassQuota::default();
        !in_use && self.ends.is_some_and(|ends| ends <= now)
    }
}
