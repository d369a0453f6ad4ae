//! The store for several machines: relays beside each other on one PostgreSQL database, or on one that speaks like it.
//!
//! `connect.rs` says where the database is and what its errors mean; `schema.rs` has the tables; `database.rs` lends a
//! connection to what all stores on SQL share, and does a batch's commonest work at once; `shared.rs` is what several
//! relays on one database need of each other: news and a common time; `pages.rs` reads messages; `transfer.rs` copies.
//! This file ties them together.
//!
//! # Every commit once
//! A batch begins by writing its own name into `commits`. If the answer to COMMIT is lost, the batch is done again
//! under the same name: if the name is there by then, it was done, and its outcomes hold; if it is not yet decided,
//! the database lets the second one wait for the first.

mod connect;
mod database;
mod pages;
mod schema;
mod shared;
#[cfg(test)]
pub(crate) mod tests;
mod transfer;

pub use connect::PostgresUrl;

use self::connect::{Session, Trouble};
use self::database::Postgres;
use self::pages::Pages;
use self::shared::{Ears, SharedClock};
use super::sql::seen::Seen;
use super::sql::{Fault, reads, shift, turn, verify};
use super::{
    Bad, Checked, Damage, Door, Epoch, Outcome, Page, Pass, Query, Quotas, Shared, Slot, Stats,
    Store, StoreError, SubscriptionState, Write,
};
use crate::clock::UnixMillis;
use recovery_core::ids::{MailboxId, PassId, SlotId};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};

/// Connections for each kind of reading; each takes many questions at once.
const READERS: usize = 4;
/// How often a batch is tried, each time after a longer pause: some ten seconds in all.
const TRIES: u32 = 9;
/// The first pause.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the names of commits are kept.
const COMMITS_KEPT_MILLIS: i64 = 86_400 * 1_000;

/// See the [module](self).
pub struct PostgresStore {
    inner: Arc<Inner>,
    epoch: Epoch,
    quotas: Quotas,
    clock: Arc<SharedClock>,
    /// What keeps the connections going; `None` once closed.
    runtime: Mutex<Option<Runtime>>,
}

/// Where a connection is kept.
type Place = Mutex<Option<Arc<Session>>>;

fn locked(place: &Place) -> MutexGuard<'_, Option<Arc<Session>>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next one connects anew: that this connection is lost may not show on it yet.
fn forget(place: &Place, lost: &Arc<Session>) {
    locked(place).take_if(|kept| Arc::ptr_eq(kept, lost));
}

/// Connections that are asked in turn.
#[derive(Default)]
struct Places {
    all: [Place; READERS],
    turn: AtomicUsize,
}

impl Places {
    fn next(&self) -> &Place {
        let [first, ..] = &self.all;
        self.all.get(self.turn.fetch_add(1, Ordering::Relaxed) % READERS).unwrap_or(first)
    }
}

/// What the tasks in the background share with the store.
struct Inner {
    url: PostgresUrl,
    handle: Handle,
    writer: Place,
    readers: Places,
    pages: Pages,
    damage: Seen,
    closed: AtomicBool,
    ears: Ears,
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresOpenError {
    /// No connection, or no rights.
    #[error("the database {place} can't be used: {why}")]
    Unusable {
        /// Where it is.
        place: String,
        /// What it says.
        why: String,
    },
    /// A newer relay made the tables.
    #[error("the database {place} has layout {found}; this version knows layouts up to {known}")]
    Newer {
        /// Where it is.
        place: String,
        /// Its layout.
        found: i64,
        /// The newest one known.
        known: i64,
    },
    /// A copy into it was begun and not brought to its end.
    #[error("the database {0} was only copied in part")]
    HalfCopied(String),
    /// The operating system gives no thread.
    #[error("no thread for the database's connections: {0}")]
    Thread(#[from] io::Error),
}

impl PostgresOpenError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unusable { .. } => {
                "check that the database runs and exists, and that the URL of \
                --store names a user who may log in and make tables there"
                    .into()
            }
            Self::Newer { .. } => "install the newer recovery-relay that made them".into(),
            Self::HalfCopied(_) => "run the same copy or restore again: it goes on".into(),
            Self::Thread(_) => "check the limits on threads".into(),
        }
    }
}

impl PostgresStore {
    /// Opens the store, or makes its tables. Blocks.
    ///
    /// # Errors
    /// [`PostgresOpenError`], which says what to do.
    pub fn open(url: &PostgresUrl, quotas: impl Into<Quotas>) -> Result<Self, PostgresOpenError> {
        let store = Self::receive(url, quotas)?;
        match store.copy_under_way() {
            Ok(None) => Ok(store),
            Ok(Some(_)) => Err(PostgresOpenError::HalfCopied(url.to_string())),
            Err(error) => {
                let (place, why) = (url.to_string(), error.to_string());
                Err(PostgresOpenError::Unusable { place, why })
            }
        }
    }

    /// Opens a store to copy into, or makes its tables; also one that a copy was begun into. Blocks.
    ///
    /// # Errors
    /// [`PostgresOpenError`], which says what to do.
    pub fn receive(
        url: &PostgresUrl,
        quotas: impl Into<Quotas>,
    ) -> Result<Self, PostgresOpenError> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).thread_name("database").enable_all().build()?;
        let inner = Arc::new(Inner {
            url: url.clone(),
            handle: runtime.handle().clone(),
            writer: Mutex::default(),
            readers: Places::default(),
            pages: Pages::default(),
            damage: Seen::default(),
            closed: AtomicBool::new(false),
            ears: Ears::default(),
        });
        let unusable = |trouble: Trouble| PostgresOpenError::Unusable {
            place: url.to_string(),
            why: StoreError::from(trouble).to_string(),
        };
        let epoch = match inner.prepare().map_err(unusable)? {
            Ok(epoch) => epoch,
            Err(found) => {
                let (place, known) = (url.to_string(), schema::VERSION);
                return Err(PostgresOpenError::Newer { place, found, known });
            }
        };
        let clock = runtime.block_on(SharedClock::start(&inner)).map_err(unusable)?;
        runtime.spawn(shared::listen(Arc::downgrade(&inner)));
        let (quotas, runtime) = (quotas.into(), Mutex::new(Some(runtime)));
        Ok(Self { inner, epoch, quotas, clock, runtime })
    }

    /// One try at a batch; `done` has the outcomes of an earlier one whose end is not known.
    fn attempt(
        &self,
        name: &[u8; 16],
        (writes, now): (&[Write], UnixMillis),
        done: &mut Option<Vec<Outcome>>,
    ) -> Result<Vec<Outcome>, Trouble> {
        let session = self.inner.session(&self.inner.writer)?;
        let mut postgres = Postgres::new(&self.inner.handle, &session);
        let result = self.transaction(&mut postgres, name, (writes, now), done);
        result.map_err(|error| {
            let trouble = postgres.trouble.take().unwrap_or(Trouble::Store(error));
            if !matches!(trouble, Trouble::Lost(_)) {
                // It did not come to a commit, so nothing is in doubt.
                *done = None;
                let _ = self.inner.handle.block_on(session.simple("ROLLBACK"));
            }
            trouble
        })
    }

    fn transaction(
        &self,
        postgres: &mut Postgres<'_>,
        name: &[u8; 16],
        (writes, now): (&[Write], UnixMillis),
        done: &mut Option<Vec<Outcome>>,
    ) -> Result<Vec<Outcome>, StoreError> {
        if !postgres.begin(name, now)? {
            postgres.end()?;
            return done.take().ok_or_else(|| StoreError::Failed("a commit of nobody".into()));
        }
        postgres.load(writes)?;
        let noted = |damage: &Damage| self.inner.damage.note(damage);
        let outcomes = turn::run(postgres, writes, (now, self.quotas), &noted)?;
        if writes.iter().any(|write| matches!(write, Write::Collect)) {
            postgres.forget_commits(now.plus(-COMMITS_KEPT_MILLIS))?;
        }
        *done = Some(outcomes.clone());
        postgres.commit()?;
        Ok(outcomes)
    }

    /// Changes something in one transaction.
    fn change<T>(
        &self,
        run: impl FnOnce(&mut Postgres<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let session = self.inner.session(&self.inner.writer)?;
        let mut postgres = Postgres::new(&self.inner.handle, &session);
        let changed = (|| {
            postgres.begin(&Epoch::draw()?.0, UnixMillis(0))?;
            let done = run(&mut postgres)?;
            postgres.commit()?;
            Ok(done)
        })();
        changed.map_err(|fault| {
            let _ = self.inner.handle.block_on(session.simple("ROLLBACK"));
            self.inner.damage.error(fault)
        })
    }

    /// Answers a question on one of the reading connections.
    fn read<T>(
        &self,
        run: impl Fn(&mut Postgres<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let place = self.inner.readers.next();
        let mut last = StoreError::Closed;
        // A connection that was lost while nobody looked is no reason to refuse.
        for _ in 0..2 {
            let session = self.inner.session(place)?;
            let mut postgres = Postgres::new(&self.inner.handle, &session);
            match run(&mut postgres).map_err(|fault| self.inner.damage.error(fault)) {
                Err(error) if matches!(postgres.trouble, Some(Trouble::Lost(_))) => {
                    last = error;
                    forget(place, &session);
                }
                result => return result,
            }
        }
        Err(last)
    }

    /// Answers a question for the operator on a connection of its own, all of it at one moment.
    fn snapshot<T>(
        &self,
        run: impl FnOnce(&mut Postgres<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.inner.check_open()?;
        let connecting = Session::connect(&self.inner.url, None);
        let session = self.inner.handle.block_on(connecting)?;
        let mut postgres = Postgres::new(&self.inner.handle, &session);
        postgres.moment()?;
        run(&mut postgres).map_err(|fault| self.inner.damage.error(fault))
    }
}

impl Inner {
    fn check_open(&self) -> Result<(), StoreError> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(StoreError::Closed),
            false => Ok(()),
        }
    }

    /// The tables; tried a few times, because of several processes that make them, one is faster.
    fn prepare(&self) -> Result<Result<Epoch, i64>, Trouble> {
        let mut tries = 0;
        loop {
            let session = self.session(&self.writer)?;
            let trouble = match self.handle.block_on(schema::prepare(&session)) {
                Ok(found) => return Ok(found),
                Err(trouble) => trouble,
            };
            let _ = self.handle.block_on(session.simple("ROLLBACK"));
            tries += 1;
            if tries == 3 {
                return Err(trouble);
            }
            std::thread::sleep(PAUSE * 5);
        }
    }

    /// The connection of this place, made anew if it was lost.
    fn session(&self, place: &Place) -> Result<Arc<Session>, StoreError> {
        self.check_open()?;
        let mut kept = locked(place);
        if let Some(session) = kept.as_ref().filter(|session| !session.is_closed()) {
            return Ok(Arc::clone(session));
        }
        let session = self.handle.block_on(Session::connect(&self.url, None));
        let session = Arc::new(session.map_err(StoreError::from)?);
        *kept = Some(Arc::clone(&session));
        Ok(session)
    }
}

impl Store for PostgresStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn apply(&self, writes: &[Write], now: UnixMillis) -> Result<Vec<Outcome>, StoreError> {
        let (name, mut done) = (Epoch::draw()?.0, None);
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            match self.attempt(&name, (writes, now), &mut done) {
                Ok(outcomes) => {
                    let changed = writes.iter().zip(&outcomes);
                    let changed = changed.flat_map(|(write, outcome)| write.changed(outcome));
                    self.inner.ears.tell(changed);
                    return Ok(outcomes);
                }
                Err(Trouble::Again(why) | Trouble::Lost(why)) if left > 0 => {
                    tracing::warn!(why, "the database asks to try again");
                }
                // Whether it is done nobody knows: it is not acknowledged, and doing it again doubles nothing.
                Err(trouble) => return Err(trouble.into()),
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        Err(StoreError::Unreachable("it did not answer".into()))
    }

    fn shift_deadlines(&self, by: i64) -> Result<(), StoreError> {
        self.change(|postgres| shift::shift(postgres, by))
    }

    fn messages(&self, query: &Query, now: UnixMillis) -> Result<Option<Page>, StoreError> {
        self.read(|postgres| pages::messages(postgres, query, now))
    }

    fn slot(&self, id: &SlotId, now: UnixMillis) -> Result<Option<Slot>, StoreError> {
        self.read(|postgres| reads::slot(postgres, id, now))
    }

    fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.read(|postgres| reads::next_due(postgres))
    }

    fn pass(&self, id: &PassId) -> Result<Option<Pass>, StoreError> {
        self.read(|postgres| reads::pass(postgres, id))
    }

    fn passes(&self) -> Result<Vec<Pass>, StoreError> {
        self.read(|postgres| reads::passes(postgres))
    }

    fn subscriptions(&self, mailbox: &MailboxId) -> Result<Vec<SubscriptionState>, StoreError> {
        self.read(|postgres| reads::subscriptions(postgres, mailbox))
    }

    fn next_job(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.read(|postgres| reads::next_job(postgres))
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        self.snapshot(|postgres| reads::stats(postgres))
    }

    fn verify(&self, tell: &mut dyn FnMut(Bad)) -> Result<Checked, StoreError> {
        self.snapshot(|postgres| verify::verify(postgres, tell))
    }

    fn damage(&self) -> Option<Damage> {
        self.inner.damage.first()
    }

    fn transfer(&self) -> Option<Door<'_>> {
        Some(Door(self))
    }

    fn shared(&self) -> Option<&dyn Shared> {
        Some(self)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.inner.closed.store(true, Ordering::Release);
        locked(&self.inner.writer).take();
        for reader in self.inner.readers.all.iter().chain(&self.inner.pages.places.all) {
            locked(reader).take();
        }
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
        Ok(())
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
