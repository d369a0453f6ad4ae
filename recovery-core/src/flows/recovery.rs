//! A recovery of the owner's key, as the owner's device knows it: who told what, and what the owner said.

use crate::{
    ids::{ContactId, RequestId},
    name::Name,
    sign::Signed,
    wire::messages::AlertKind,
};
use minicbor::Encode;
use recovery_derive::Decode;

/// A recovery of this owner's key that contacts told of.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recovery {
    /// The request.
    #[n(0)]
    pub request: RequestId,
    /// Whom it claims to be from.
    #[n(1)]
    pub claims: Name,
    /// What the new device says it is.
    #[n(2)]
    pub device: Option<Name>,
    /// Unix seconds when the first contact told.
    #[n(3)]
    pub opened: u64,
    /// What each contact did last.
    #[n(4)]
    pub reports: Vec<Report>,
    /// The request itself.
    #[n(5)]
    pub signed: Signed,
    /// What the owner said to it.
    #[n(6)]
    pub answer: Option<OwnerAnswer>,
}

/// What an owner says to a recovery of their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum OwnerAnswer {
    /// "It was me."
    #[n(0)]
    Mine,
    /// Stopped it.
    #[n(1)]
    Stopped {
        /// Unix seconds.
        #[n(0)]
        at: u64,
    },
}

/// What one contact did with a request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Report {
    /// The contact.
    #[n(0)]
    pub contact: ContactId,
    /// What it did.
    #[n(1)]
    pub kind: AlertKind,
    /// Its words.
    #[n(2)]
    pub reason: Option<Name>,
    /// Unix seconds, by the contact's clock.
    #[n(3)]
    pub made: u64,
    /// Unix seconds when its approval is released, if that is held back.
    #[n(4)]
    pub due: Option<u64>,
}

impl Report {
    /// Whether this says nothing new beside another report of the same contact; of the same second, the
    /// graver one is the later.
    pub(crate) fn is_old_beside(&self, other: &Self) -> bool {
        let order = |report: &Self| (report.made, report.kind.gravity());
        self.contact == other.contact && order(self) <= order(other)
    }
}
