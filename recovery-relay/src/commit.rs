//! Group commit: many waiting writers, one sync.
//!
//! One thread owns all writing. It takes whatever waits, has the store do it in one transaction, and only when
//! that is durable tells each writer what became of its write. While it waits for the disk, the next batch
//! gathers, so the more writers there are, the more share one sync.

use crate::clock::Clock;
use crate::store::{Done, Outcome, Refusal, Store, StoreError, Write};
use crate::waiters::Waiters;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::sync::{oneshot, watch};

/// Most writes in one transaction.
const BATCH_WRITES: usize = 1_024;
/// Most octets in one transaction, beyond its first write: 8 MiB.
const BATCH_OCTETS: u64 = 8 * 1_024 * 1_024;

/// Why a write was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteError {
    /// The store says no.
    Refused(Refusal),
    /// The store can't.
    Store(StoreError),
    /// The relay is stopping.
    Stopping,
}

/// The way to the writing thread.
pub(crate) struct Committer {
    jobs: Sender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
    health: Arc<Health>,
}

/// What the writing thread knows about the store.
pub(crate) struct Health {
    /// The last write found no room.
    full: AtomicBool,
    /// Why nothing can be written or read any more, once that is so.
    failed: watch::Sender<Option<String>>,
}

enum Job {
    Write(Write, oneshot::Sender<Result<Done, WriteError>>),
    /// The wall clock was set: move all deadlines, then the clock.
    Shift(i64, oneshot::Sender<()>),
    Stop,
}

type Waiting = (Write, oneshot::Sender<Result<Done, WriteError>>);

impl Health {
    /// Whether the last write found no room.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Why the store failed, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failed.borrow().clone()
    }

    /// Waits until the store fails.
    pub(crate) async fn failed(&self) -> String {
        let mut failed = self.failed.subscribe();
        let failure = failed.wait_for(Option::is_some).await;
        failure
            .ok()
            .and_then(|failure| failure.clone())
            .unwrap_or_default()
    }

    /// From now on nothing works: what is on disk is unknown.
    pub(crate) fn fail(&self, why: &str) {
        tracing::error!(why, "the store failed");
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert_with(|| why.to_owned());
            first
        });
    }
}

impl Committer {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        clock: Arc<Clock>,
        waiters: Arc<Waiters>,
    ) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let health = Arc::new(Health {
            full: AtomicBool::new(false),
            failed: watch::Sender::default(),
        });
        let writer = Writer {
            store,
            clock,
            waiters,
            health: Arc::clone(&health),
        };
        let thread = thread::Builder::new()
            .name("writer".into())
            .spawn(move || writer.run(&queue))?;
        Ok(Self {
            jobs,
            thread: Mutex::new(Some(thread)),
            health,
        })
    }

    /// Does a write; when this returns `Ok`, it is durable.
    ///
    /// A caller that goes away does not take its write back: it is done or not done, but never half.
    pub(crate) async fn write(&self, write: Write) -> Result<Done, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.jobs
            .send(Job::Write(write, reply))
            .map_err(|_| self.gone())?;
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Moves all deadlines and the clock.
    pub(crate) async fn shift(&self, by: i64) {
        let (reply, done) = oneshot::channel();
        if self.jobs.send(Job::Shift(by, reply)).is_ok() {
            let _ = done.await;
        }
    }

    /// What is known about the store.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// Lets the thread finish what waits and waits for its end. Blocks.
    pub(crate) fn stop(&self) {
        let _ = self.jobs.send(Job::Stop);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            self.health.fail("the writing thread broke off");
        }
    }

    /// Why the thread does not answer.
    fn gone(&self) -> WriteError {
        match self.health.failure() {
            Some(why) => WriteError::Store(StoreError::Failed(why)),
            None => WriteError::Stopping,
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        let _ = self.jobs.send(Job::Stop);
    }
}

/// The writing thread.
struct Writer {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    waiters: Arc<Waiters>,
    health: Arc<Health>,
}

impl Writer {
    fn run(&self, queue: &Receiver<Job>) {
        let _alarm = Alarm(Arc::clone(&self.health));
        while let Ok(mut next) = queue.recv() {
            let mut batch = Vec::new();
            let mut octets = 0;
            // The first job that is no write, if there is one, comes after the batch.
            let last = loop {
                match next {
                    Job::Write(write, reply) => {
                        octets += write.octets();
                        batch.push((write, reply));
                    }
                    other => break Some(other),
                }
                if batch.len() >= BATCH_WRITES || octets >= BATCH_OCTETS {
                    break None;
                }
                match queue.try_recv() {
                    Ok(job) => next = job,
                    Err(_) => break None,
                }
            };
            self.commit(batch);
            match last {
                Some(Job::Shift(by, reply)) => {
                    self.shift(by);
                    let _ = reply.send(());
                }
                Some(Job::Stop) => return,
                Some(Job::Write(..)) | None => {}
            }
            if self.health.failure().is_some() {
                return;
            }
        }
    }

    /// Does a batch. One that can't be done whole is done write by write, so that none suffers for another.
    fn commit(&self, batch: Vec<Waiting>) {
        if batch.is_empty() {
            return;
        }
        let (writes, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match self.apply(&writes) {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    let _ = reply.send(outcome.map_err(WriteError::Refused));
                }
            }
            Err(StoreError::Failed(why)) => self.health.fail(&why),
            Err(error) if writes.len() == 1 => {
                for reply in replies {
                    let _ = reply.send(Err(WriteError::Store(error.clone())));
                }
            }
            Err(_) => {
                for waiting in writes.into_iter().zip(replies) {
                    self.commit(vec![waiting]);
                }
            }
        }
    }

    fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        if let Some(why) = self.health.failure() {
            return Err(StoreError::Failed(why));
        }
        let outcomes = self.store.apply(writes, self.clock.now());
        let full = outcomes == Err(StoreError::Full);
        if self.health.full.swap(full, Ordering::Relaxed) != full {
            tracing::warn!(full, "room on the disk");
        }
        let outcomes = outcomes?;
        for (write, outcome) in writes.iter().zip(&outcomes) {
            self.ring(write, outcome);
        }
        Ok(outcomes)
    }

    /// Wakes who waits for what just became visible, or for a mailbox that is no more.
    fn ring(&self, write: &Write, outcome: &Outcome) {
        match (write, outcome) {
            (
                Write::Post {
                    mailbox,
                    hold: None,
                    ..
                },
                Ok(Done::Posted {
                    repeated: false, ..
                }),
            )
            | (Write::CloseMailbox { id: mailbox }, Ok(_)) => self.waiters.ring(mailbox),
            (_, Ok(Done::Released { mailboxes, .. })) => {
                mailboxes
                    .iter()
                    .for_each(|mailbox| self.waiters.ring(mailbox));
            }
            _ => {}
        }
    }

    /// Nothing is released between the two steps: that, too, is this thread's work.
    fn shift(&self, by: i64) {
        match self.store.shift_deadlines(by) {
            Ok(()) => {
                self.clock.step(by);
                tracing::warn!(
                    seconds = by / 1_000,
                    "the clock was set: all deadlines moved with it"
                );
            }
            Err(StoreError::Failed(why)) => self.health.fail(&why),
            Err(error) => tracing::error!(%error, "the clock was set; the deadlines move later"),
        }
    }
}

/// Reports a panic of the thread it lives in.
struct Alarm(Arc<Health>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("the writing thread broke off");
        }
    }
}

impl Write {
    /// How many octets it adds.
    fn octets(&self) -> u64 {
        match self {
            Self::Post { body, .. } | Self::PutSlot { body, .. } => body.length(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Committer, WriteError};
    use crate::clock::{Clock, SystemTimeSource, UnixMillis};
    use crate::store::conformance::{open, post};
    use crate::store::memory::MemoryStore;
    use crate::store::{
        Done, Epoch, Message, Outcome, Query, Quota, Refusal, Slot, Store, StoreError, Write,
    };
    use recovery_core::ids::SlotId;
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
        fn messages(&self, _: &Query, _: UnixMillis) -> Result<Option<Vec<Message>>, StoreError> {
            Ok(None)
        }
        fn slot(&self, _: &SlotId, _: UnixMillis) -> Result<Option<Slot>, StoreError> {
            Ok(None)
        }
        fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
            Ok(None)
        }
        fn close(&self) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn gated() -> (Arc<Committer>, Arc<Gated>, Sender<()>) {
        let (open_gate, gate) = channel();
        let inner = MemoryStore::new(Quota::default()).unwrap();
        let store = Arc::new(Gated {
            inner,
            gate: Mutex::new(gate),
            sizes: Mutex::default(),
        });
        let clock = Arc::new(Clock::new(Arc::new(SystemTimeSource)));
        let committer = Committer::start(store.clone(), clock, Arc::default()).unwrap();
        (Arc::new(committer), store, open_gate)
    }

    /// Sends writes in order, then opens the gate for good; answers in order.
    async fn all(
        writes: Vec<Write>,
    ) -> (Vec<Result<Done, WriteError>>, Vec<usize>, Arc<Committer>) {
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
        let sizes = store
            .sizes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
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
        let writes = vec![
            open(1),
            post(1, "a"),
            post(1, "full"),
            post(2, "b"),
            post(1, "c"),
        ];
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
                assert!(
                    matches!(answer, Err(WriteError::Store(StoreError::Failed(_)))),
                    "{answer:?}"
                );
            }
            assert!(!committer.health().failed().await.is_empty());
            let later = committer.write(post(1, "d")).await;
            assert!(
                matches!(later, Err(WriteError::Store(StoreError::Failed(_)))),
                "{later:?}"
            );
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
}
