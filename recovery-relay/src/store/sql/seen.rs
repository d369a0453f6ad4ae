//! The damage that a store has seen.

use super::Fault;
use crate::store::{Damage, StoreError};
use std::sync::{Mutex, PoisonError};

/// The first damage since the store was opened; every one is logged.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Option<Damage>>);

impl Seen {
    /// The first, if there was any.
    pub(crate) fn first(&self) -> Option<Damage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes damage.
    pub(crate) fn note(&self, damage: &Damage) {
        tracing::error!(%damage, "a record is damaged");
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| damage.clone());
    }

    /// Notes damage on its way out.
    pub(crate) fn error(&self, fault: Fault) -> StoreError {
        let error = fault.into();
        if let StoreError::Damaged(damage) = &error {
            self.note(damage);
        }
        error
    }
}
