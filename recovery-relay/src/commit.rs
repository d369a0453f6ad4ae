//! Group commit: many waiting writers, one sync.
//!
//! One thread owns all writing. It takes whatever waits, has the store do it in one transaction, and only when
//! that is durable tells each writer what became of its write. While it waits for the disk, the next batch
//! gathers, so the more writers there are, the more share one sync.

use crate::answers::Answers;
use crate::clock::Clock;
use crate::store::{Done, Outcome, Refusal, Store, StoreError, Write};
use crate::waiters::Waiters;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// Most writes in one transaction.
const BATCH_WRITES: usize = 1_024;
/// Most octets in one transaction, beyond its first write: 8 MiB.
const BATCH_OCTETS: u64 = 8 * 1_024 * 1_024;

/// The part of a commit's time that the next one may wait for company.
const PATIENCE_PART: u32 = 4;
/// And at most.
const PATIENCE_MAX: Duration = Duration::from_millis(2);
/// In so many steps.
const PATIENCE_STEPS: u32 = 4;
/// For so many writers a commit to this machine's disk waits at most: many take longer to come back than the sync takes
/// that is saved, and meanwhile the disk rests.
const COMPANY_MAX: usize = 8;

/// Why a write was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The store says no.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The store can't.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The relay is stopping.
    #[error("the relay is stopping")]
    Stopping,
}

/// The way to the writing thread.
pub(crate) struct Committer {
    jobs: Sender<Job>,
    /// Writes sent and not yet taken.
    waiting: Arc<AtomicUsize>,
    thread: Mutex<Option<JoinHandle<()>>>,
    health: Arc<Health>,
}

/// Who has to hear of a commit before it is acknowledged.
#[derive(Default)]
pub(crate) struct Readers {
    /// Those who wait for messages.
    pub(crate) waiters: Waiters,
    /// The answers kept.
    pub(crate) answers: Answers,
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
        failure.ok().and_then(|failure| failure.clone()).unwrap_or_default()
    }

    /// From now on nothing works: what is on disk is unknown.
    pub(crate) fn fail(&self, why: &str) {
        let first = self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert_with(|| why.to_owned());
            first
        });
        if first {
            tracing::error!(why, "the store failed");
        }
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
        readers: Arc<Readers>,
    ) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let health =
            Arc::new(Health { full: AtomicBool::new(false), failed: watch::Sender::default() });
        let waiting = Arc::<AtomicUsize>::default();
        let (h, w) = (Arc::clone(&health), Arc::clone(&waiting));
        let writer = Writer { store, clock, readers, health: h, waiting: w };
        let thread =
            thread::Builder::new().name("writer".into()).spawn(move || writer.run(&queue))?;
        Ok(Self { jobs, waiting, thread: Mutex::new(Some(thread)), health })
    }

    /// Does a write; when this returns `Ok`, it is durable.
    ///
    /// A caller that goes away does not take its write back: it is done or not done, but never half.
    pub(crate) async fn write(&self, write: Write) -> Result<Done, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.send(Job::Write(write, reply)).map_err(|_| self.gone())?;
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
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
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
    readers: Arc<Readers>,
    health: Arc<Health>,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    fn run(&self, queue: &Receiver<Job>) {
        let _alarm = Alarm(Arc::clone(&self.health));
        let mut pace = Pace::for_store(&*self.store);
        while let Ok(first) = queue.recv() {
            if matches!(first, Job::Write(..)) {
                pace.wait_for_company(&self.waiting);
            }
            let (batch, last) = self.gather(queue, first);
            let (begun, size) = (Instant::now(), batch.len());
            self.commit(batch, &mut || pace.learn(begun, size, &self.waiting));
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

    /// Takes the writes that wait; the first job that is none, if there is one, comes after them.
    fn gather(&self, queue: &Receiver<Job>, first: Job) -> (Vec<Waiting>, Option<Job>) {
        let mut batch = Vec::new();
        let mut octets = 0;
        let mut next = first;
        loop {
            match next {
                Job::Write(write, reply) => {
                    octets += write.octets();
                    batch.push((write, reply));
                }
                other => return (batch, Some(other)),
            }
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if batch.len() >= BATCH_WRITES || octets >= BATCH_OCTETS {
                return (batch, None);
            }
            match queue.try_recv() {
                Ok(job) => next = job,
                Err(_) => return (batch, None),
            }
        }
    }

    /// Does a batch. One that has no room or meets damage is done write by write, so that none suffers for another.
    ///
    /// `durable` is called before the first writer is told.
    fn commit(&self, batch: Vec<Waiting>, durable: &mut dyn FnMut()) {
        if batch.is_empty() {
            return;
        }
        let (writes, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        // Younger than the replies, so it is heard before they are dropped.
        let _alarm = Alarm(Arc::clone(&self.health));
        match self.apply(&writes) {
            Ok(outcomes) => {
                durable();
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    let _ = reply.send(outcome.map_err(WriteError::Refused));
                }
            }
            Err(StoreError::Failed(why)) => self.health.fail(&why),
            Err(error) if writes.len() == 1 || is_for_all(&error) => {
                for reply in replies {
                    let _ = reply.send(Err(WriteError::Store(error.clone())));
                }
            }
            Err(_) => {
                for waiting in writes.into_iter().zip(replies) {
                    self.commit(vec![waiting], &mut || ());
                }
            }
        }
    }

    fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, StoreError> {
        if let Some(why) = self.health.failure() {
            return Err(StoreError::Failed(why));
        }
        let outcomes = self.store.apply(writes, self.clock.now());
        self.note_room(writes, &outcomes);
        match &outcomes {
            Ok(outcomes) => self.tell(writes, outcomes),
            Err(_) => self.readers.answers.forget_all(),
        }
        outcomes
    }

    /// Notes that there is no room, or that something was written again.
    fn note_room(&self, writes: &[Write], outcomes: &Result<Vec<Outcome>, StoreError>) {
        let full = &self.health.full;
        let Ok(outcomes) = outcomes else {
            if *outcomes == Err(StoreError::Full) && !full.swap(true, Ordering::Relaxed) {
                tracing::error!("the disk is full: writes are refused");
            }
            return;
        };
        let mut done = writes.iter().zip(outcomes);
        if full.load(Ordering::Relaxed) && done.any(|(write, outcome)| took_room(write, outcome)) {
            full.store(false, Ordering::Relaxed);
            tracing::info!("there is room on the disk again");
        }
    }

    /// Forgets what is no longer so; wakes who waits for what just became visible, or for a mailbox that is gone.
    fn tell(&self, writes: &[Write], outcomes: &[Outcome]) {
        let changed =
            || writes.iter().zip(outcomes).flat_map(|(write, outcome)| write.changed(outcome));
        self.readers.answers.forget(changed());
        changed().for_each(|mailbox| self.readers.waiters.ring(mailbox));
    }

    /// Nothing is released between the two steps: that, too, is this thread's work.
    fn shift(&self, by: i64) {
        match self.store.shift_deadlines(by) {
            Ok(()) => {
                self.readers.answers.forget_all();
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

/// Whether every write would meet the same.
fn is_for_all(error: &StoreError) -> bool {
    matches!(error, StoreError::Busy | StoreError::Unreachable(_) | StoreError::Closed)
}

/// Whether it certainly wrote something.
fn took_room(write: &Write, outcome: &Outcome) -> bool {
    let new = matches!(outcome, Ok(Done::Posted { repeated: false, .. } | Done::Slot { .. }));
    new || matches!((write, outcome), (Write::Probe, Ok(_)))
}

/// How long a commit may wait for more writers.
///
/// Writers that were told together come back together, a little apart. A commit that began with the first of
/// them would let all the others wait for two syncs, so it waits for as many as there were, but never longer than
/// a fraction of what the last commit took. A single writer never waits. Neither do many whose store is a file here:
/// one part of them is told and comes back while the other is committed.
struct Pace {
    /// For more writers than these no commit waits.
    company_max: usize,
    /// How many writers there were: those of the last batch and those who waited meanwhile.
    writers: usize,
    patience: Duration,
}

impl Pace {
    fn for_store(store: &dyn Store) -> Self {
        // A commit to a database elsewhere costs its server as well, each time.
        let company_max = if store.shared().is_some() { BATCH_WRITES } else { COMPANY_MAX };
        Self { company_max, writers: 0, patience: Duration::ZERO }
    }

    /// Waits in a few short sleeps, because being woken for each arrival would cost more.
    fn wait_for_company(&self, waiting: &AtomicUsize) {
        if self.writers > self.company_max {
            return;
        }
        for _ in 0..PATIENCE_STEPS {
            if waiting.load(Ordering::Relaxed) >= self.writers {
                return;
            }
            thread::sleep(self.patience / PATIENCE_STEPS);
        }
    }

    fn learn(&mut self, begun: Instant, batch: usize, waiting: &AtomicUsize) {
        self.writers = batch + waiting.load(Ordering::Relaxed);
        self.patience = (begun.elapsed() / PATIENCE_PART).min(PATIENCE_MAX);
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

#[cfg(test)]
mod tests;
