//! Batches, failures and the end, with a store that does as it is told.

use super::{Committer, WriteError};
use crate::clock::{Clock, SystemTimeSource, UnixMillis};
use crate::store::conformance::{open, post};
use crate::store::memory::MemoryStore;
use crate::store::{
    Bad, Checked, Damage, Done, Epoch, Outcome, Page, Pass, Query, Quota, Refusal, Slot, Stats,
    Store, StoreError, SubscriptionState, Write,
};
use recovery_core::ids::{MailboxId, PassId, SlotId};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// A store that does each batch only when told to, notes its size, and fails on certain texts.
struct Gated {
    inner: MemoryStore,
    gate: Mutex<Receiver<()>>,
    sizes: Mutex<Vec<usize>>,
}

impl Store for Gated {
    fn epoch(&self) -> Epoch {
        self.inner.epoch()
    }
    fn apply(&self, batch: &[Write], now: UnixMillis) -> Result<Vec<Outcome>, StoreError> {
        let _ = self.gate.lock().unwrap().recv();
        self.sizes.lock().unwrap().push(batch.len());
        for write in batch {
            if let Write::Post { body, .. } = write {
                match body.octets().as_ref() {
                    b"full" => return Err(StoreError::Full),
                    b"fail" => return Err(StoreError::Failed("test".into())),
                    b"panic" => panic!("as asked"),
                    _ => {}
                }
            }
        }
        self.inner.apply(batch, now)
    }
    fn shift_deadlines(&self, by: i64) -> Result<(), StoreError> {
        self.inner.shift_deadlines(by)
    }
    fn messages(&self, _: &Query, _: UnixMillis) -> Result<Option<Page>, StoreError> {
        Ok(None)
    }
    fn slot(&self, _: &SlotId, _: UnixMillis) -> Result<Option<Slot>, StoreError> {
        Ok(None)
    }
    fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        Ok(None)
    }
    fn pass(&self, id: &PassId) -> Result<Option<Pass>, StoreError> {
        self.inner.pass(id)
    }
    fn passes(&self) -> Result<Vec<Pass>, StoreError> {
        self.inner.passes()
    }
    fn subscriptions(&self, mailbox: &MailboxId) -> Result<Vec<SubscriptionState>, StoreError> {
        self.inner.subscriptions(mailbox)
    }
    fn next_job(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.inner.next_job()
    }
    fn stats(&self) -> Result<Stats, StoreError> {
        self.inner.stats()
    }
    fn verify(&self, tell: &mut dyn FnMut(Bad)) -> Result<Checked, StoreError> {
        self.inner.verify(tell)
    }
    fn damage(&self) -> Option<Damage> {
        None
    }
    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn gated() -> (Arc<Committer>, Arc<Gated>, Sender<()>) {
    let (open_gate, gate) = channel();
    let inner = MemoryStore::new(Quota::default()).unwrap();
    let store = Arc::new(Gated { inner, gate: Mutex::new(gate), sizes: Mutex::default() });
    let clock = Arc::new(Clock::new(Arc::new(SystemTimeSource)));
    let committer = Committer::start(store.clone(), clock, Arc::default()).unwrap();
    (Arc::new(committer), store, open_gate)
}

/// Sends writes in order, then opens the gate for good; answers in order.
async fn all(writes: Vec<Write>) -> (Vec<Result<Done, WriteError>>, Vec<usize>, Arc<Committer>) {
    let (committer, store, gate) = gated();
    let mut answers = Vec::new();
    for write in writes {
        let committer = Arc::clone(&committer);
        answers.push(tokio::spawn(async move { committer.write(write).await }));
        tokio::task::yield_now().await;
    }
    drop(gate);
    let mut told = Vec::new();
    for answer in answers {
        told.push(answer.await.unwrap());
    }
    let sizes = store.sizes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    (told, sizes, committer)
}

#[tokio::test]
async fn what_waits_shares_a_commit() {
    let writes = (0..50).map(|n| post(1, &n.to_string()));
    let (told, sizes, _) = all(std::iter::once(open(1)).chain(writes).collect()).await;
    assert!(told.iter().all(Result::is_ok));
    assert_eq!(sizes.iter().sum::<usize>(), 51);
    assert!(sizes.len() <= 3, "{sizes:?}");
}

#[tokio::test]
async fn one_that_fails_spoils_no_other() {
    let writes = vec![open(1), post(1, "a"), post(1, "full"), post(2, "b"), post(1, "c")];
    let (told, ..) = all(writes).await;
    assert!(told[0].is_ok() && told[1].is_ok() && told[4].is_ok());
    assert_eq!(told[2], Err(WriteError::Store(StoreError::Full)));
    assert_eq!(told[3], Err(WriteError::Refused(Refusal::NoMailbox)));
}

#[tokio::test]
async fn after_a_failure_nothing_is_acknowledged() {
    for text in ["fail", "panic"] {
        let (told, _, committer) = all(vec![open(1), post(1, text), post(1, "c")]).await;
        for answer in &told[1..] {
            assert!(matches!(answer, Err(WriteError::Store(StoreError::Failed(_)))), "{answer:?}");
        }
        assert!(!committer.health().failed().await.is_empty());
        let later = committer.write(post(1, "d")).await;
        assert!(matches!(later, Err(WriteError::Store(StoreError::Failed(_)))), "{later:?}");
    }
}

#[tokio::test]
async fn what_waits_is_done_before_the_end() {
    let (committer, _, gate) = gated();
    let waiting = Arc::clone(&committer);
    let write = tokio::spawn(async move { waiting.write(open(1)).await });
    tokio::task::yield_now().await;
    let stopping = Arc::clone(&committer);
    let stop = tokio::task::spawn_blocking(move || stopping.stop());
    drop(gate);
    stop.await.unwrap();
    assert_eq!(write.await.unwrap(), Ok(Done::Opened { new: true }));
    assert_eq!(committer.write(open(2)).await, Err(WriteError::Stopping));
}

#[tokio::test]
async fn a_full_disk_is_noted_until_something_was_written() {
    let (_, _, committer) = all(vec![open(1), post(1, "full")]).await;
    assert!(committer.health().is_full());
    let _ = committer.write(post(9, "refused")).await;
    let _ = committer.write(Write::Release).await;
    assert!(committer.health().is_full(), "nothing was written");
    committer.write(Write::Probe).await.unwrap();
    assert!(!committer.health().is_full());
}
