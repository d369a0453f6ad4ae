//! Who waits for messages in which mailbox.

use recovery_core::ids::MailboxId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The long polls under way, by mailbox.
#[derive(Default)]
pub(crate) struct Waiters {
    mailboxes: Mutex<HashMap<MailboxId, Bell>>,
}

struct Bell {
    notify: Arc<Notify>,
    waiting: usize,
    /// Somebody waits for a number after this one; nobody for one before.
    after: u64,
}

/// One long poll; dropping it ends its waiting.
pub(crate) struct Waiter<'a> {
    waiters: &'a Waiters,
    mailbox: MailboxId,
    notify: Arc<Notify>,
}

impl Waiters {
    /// Begins to wait for what comes after this number: whatever is posted from now on rings.
    pub(crate) fn wait(&self, mailbox: MailboxId, after: u64) -> Waiter<'_> {
        let mut mailboxes = self.lock();
        let fresh = || Bell { notify: Arc::default(), waiting: 0, after };
        let bell = mailboxes.entry(mailbox).or_insert_with(fresh);
        bell.waiting += 1;
        bell.after = bell.after.min(after);
        Waiter { waiters: self, mailbox, notify: Arc::clone(&bell.notify) }
    }

    /// Wakes all who wait for this mailbox.
    pub(crate) fn ring(&self, mailbox: &MailboxId) {
        if let Some(bell) = self.lock().get(mailbox) {
            bell.notify.notify_waiters();
        }
    }

    /// Every mailbox somebody waits for, and after which number.
    pub(crate) fn waiting(&self) -> Vec<(MailboxId, u64)> {
        self.lock().iter().map(|(id, bell)| (*id, bell.after)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxId, Bell>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter<'_> {
    /// Ends at the next ring after it was enabled or first polled.
    pub(crate) fn rung(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut mailboxes = self.waiters.lock();
        if let Some(bell) = mailboxes.get_mut(&self.mailbox) {
            bell.waiting -= 1;
            if bell.waiting == 0 {
                mailboxes.remove(&self.mailbox);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Waiters;
    use recovery_core::ids::MailboxId;

    #[tokio::test]
    async fn a_ring_between_registering_and_waiting_is_heard() {
        let waiters = Waiters::default();
        let id = MailboxId::new([1; 32]);
        let waiter = waiters.wait(id, 0);
        let rung = waiter.rung();
        waiters.ring(&MailboxId::new([2; 32]));
        waiters.ring(&id);
        rung.await;
    }

    #[test]
    fn nothing_is_left_of_those_who_went_away() {
        let waiters = Waiters::default();
        let id = MailboxId::new([1; 32]);
        let (first, second) = (waiters.wait(id, 0), waiters.wait(id, 0));
        drop(first);
        assert_eq!(waiters.lock().len(), 1);
        drop(second);
        assert!(waiters.lock().is_empty());
    }
}
