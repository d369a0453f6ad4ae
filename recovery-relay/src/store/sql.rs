//! What the stores on SQL have in common: the tables, the records with their hashes, and every write.
//!
//! `database.rs` is all that a database has to bring along, and what it may do faster; `rows.rs` gives every
//! record its own hash; `turn.rs` does a batch, with the writes by kind in `mailboxes.rs`, `slots.rs`, `holds.rs`,
//! `passes.rs`, `notices.rs` and `collect.rs`; `shift.rs` moves deadlines; `reads.rs` answers the questions that
//! need no speed; `tables.rs` walks through everything, for `verify.rs` and
//! `transfer.rs`; `seen.rs` keeps the damage that was met. The statements are written once, in the
//! SQL that SQLite, PostgreSQL and the databases that speak like it understand.

pub(super) mod database;
pub(super) mod reads;
pub(super) mod rows;
pub(super) mod seen;
pub(super) mod shift;
pub(super) mod tables;
pub(super) mod transfer;
pub(super) mod turn;
pub(super) mod verify;

mod collect;
mod holds;
mod mailboxes;
mod notices;
mod passes;
mod slots;

use super::{Damage, Refusal, StoreError};
use crate::clock::UnixMillis;

/// Why a statement or a write was not done.
#[derive(Debug)]
pub(super) enum Fault {
    /// The write is refused.
    Refused(Refusal),
    /// A record is damaged.
    Damaged(Damage),
    /// The store can't.
    Store(StoreError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged(damage) => Self::Damaged(damage),
            Fault::Refused(refusal) => Self::Failed(format!("{refusal:?} outside a batch")),
            Fault::Store(error) => error,
        }
    }
}

/// Whether what ends then is still there now.
pub(super) fn lives(ends: Option<i64>, now: UnixMillis) -> bool {
    ends.is_none_or(|ends| now.0 < ends)
}
