//! Why something could not be done, one kind for each thing that can go wrong.

use crate::{
    home::{FileError, HomeError},
    relays::RelayError,
};
use recovery_core::{
    flows::{
        approve::ApproveError,
        drill::DrillError,
        pair::PairError,
        protect::ProtectError,
        request::RequestError,
        restore::{ImportError, RestoreError},
    },
    policy::PolicyError,
    vault::VaultError,
    wire::DecodeError,
};

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The home on disk.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Another file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The home opened, but its content is not what this program writes.
    #[error("the home's state can't be read: {0}")]
    State(DecodeError),
    /// The home has no person yet: a recovery is in progress.
    #[error("a recovery is in progress here, so this device is nobody's yet")]
    Restoring,
    /// No recovery is in progress.
    #[error("no recovery is in progress here")]
    NotRestoring,
    /// The home belongs to somebody already.
    #[error("this device belongs to {0} already")]
    Owned(String),
    /// A relay.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The slot behind a link is empty.
    #[error("nothing is left behind this link: it was used, cancelled, or has expired")]
    LinkUsed,
    /// A request's slot is empty, and the request was never opened here.
    #[error("nothing is left behind this link: the request was cancelled, done, or has expired")]
    RequestGone,
    /// Pairing.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// Protecting.
    #[error(transparent)]
    Protect(#[from] ProtectError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Approving.
    #[error(transparent)]
    Approve(#[from] ApproveError),
    /// Rehearsing.
    #[error(transparent)]
    Drill(#[from] DrillError),
    /// A wrong number.
    #[error("that is not the right number")]
    WrongNumber {
        /// Tries that are left.
        tries_left: u8,
    },
    /// Restoring.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// More than one owner's key could be restored, or one piece alone is a key.
    #[error("{why}")]
    AmbiguousOwner {
        /// Which of the two.
        why: &'static str,
        /// The owners, as (name, id).
        owners: Vec<(String, String)>,
    },
    /// An approval file.
    #[error("the file {path} can't be used: {error}")]
    Import {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: ImportError,
    },
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
