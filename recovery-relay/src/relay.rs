//! A relay: a store, its writing thread, its clock, and the one task that keeps time.

use crate::answers::Answer;
use crate::api::{Code, Problem};
use crate::checks;
use crate::clock::{Clock, SystemTimeSource, TimeSource, UnixMillis};
use crate::commit::{Committer, Readers, WriteError};
use crate::config::{Config, StartError, StorePlace};
use crate::limits::Limits;
use crate::metrics::{self, Metrics};
use crate::notify::Notifier;
use crate::ratelimit::Limiter;
use crate::store::{Done, Page, Query, Slot, Store, StoreError, SubscriptionState, Write};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;
use recovery_core::ids::{MailboxId, SlotId};
use recovery_core::wire::limits::MESSAGE_MAX;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// How long `/readyz` waits for the writing thread.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// Octets of messages that are read without handing the work to another thread.
const READ_AT_ONCE: usize = 2 * MESSAGE_MAX;

/// How many reads of more than that may be under way.
const LONG_READS: usize = 8;
/// How many questions to a store that is shared may be under way.
const SHARED_READS: usize = 64;
/// How many mailboxes are asked for at a time.
const NEWS_AT_ONCE: usize = 1_000;
/// Octets of an answer that count against no limit.
const UNCOUNTED: usize = 16_384;

/// Octets that keep their share of the memory for bodies.
struct Counted {
    octets: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

/// A relay without a socket: what [`app`](crate::app) serves. Clones are the same relay.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    committer: Committer,
    clock: Arc<Clock>,
    readers: Arc<Readers>,
    limits: Limits,
    page: bool,
    epoch: HeaderValue,
    stopping: watch::Sender<bool>,
    bodies: Arc<Semaphore>,
    long_reads: Semaphore,
    shared_reads: Semaphore,
    limiter: Limiter,
    notifier: Arc<Notifier>,
    open: bool,
    place: StorePlace,
    metrics: Metrics,
    /// Rings when a message was held that falls due before the time keeper looks again.
    soon: Notify,
}

impl Relay {
    /// Opens the store and begins to keep time.
    ///
    /// # Errors
    /// [`StartError`] if the store can't be opened.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        Self::open_at(config, Arc::new(SystemTimeSource)).await
    }

    /// Like [`Relay::open`], with another source of time, for tests and simulations.
    ///
    /// # Errors
    /// [`StartError`] if the store can't be opened.
    pub async fn open_at(config: &Config, time: Arc<dyn TimeSource>) -> Result<Self, StartError> {
        let (place, limits) = (config.store.clone(), config.limits.clone());
        let opened = tokio::task::spawn_blocking(move || place.open(limits.quota.into())).await;
        let store = opened.map_err(|_| StartError::Broken)??;
        let time = store.shared().map_or(time, |shared| shared.time());
        let (clock, readers) = (Arc::new(Clock::new(time)), Arc::<Readers>::default());
        if let Some(shared) = store.shared() {
            let readers = Arc::clone(&readers);
            shared.listen(Box::new(move |ids| ids.iter().for_each(|id| readers.waiters.ring(id))));
        }
        let (s, c, r) = (Arc::clone(&store), Arc::clone(&clock), Arc::clone(&readers));
        let committer = Committer::start(s, c, r).map_err(StartError::Thread)?;
        let epoch = HeaderValue::try_from(store.epoch().to_string());
        let inner = Arc::new(Inner {
            store,
            committer,
            clock,
            readers,
            limits: config.limits.clone(),
            page: config.page,
            epoch: epoch.map_err(|_| StartError::Broken)?,
            stopping: watch::Sender::new(false),
            bodies: Arc::new(Semaphore::new(config.limits.bodies)),
            long_reads: Semaphore::new(LONG_READS),
            shared_reads: Semaphore::new(SHARED_READS),
            notifier: Arc::new(Notifier::new(&config.notices)?),
            open: config.open,
            place: config.store.clone(),
            limiter: Limiter::new(&config.rates, &config.trusted_proxies),
            metrics: Metrics::new(),
            soon: Notify::new(),
        });
        let relay = Self(inner);
        // What fell due while the relay was down is visible from the first answer on.
        relay.release().await;
        tokio::spawn(crate::keeper::keep_time(Arc::downgrade(&relay.0)));
        if relay.0.store.shared().is_some() {
            tokio::spawn(crate::keeper::ask_for_news(Arc::downgrade(&relay.0)));
        }
        Ok(relay)
    }

    /// Finishes all writes and closes the store; from then on every call is refused.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be closed cleanly; nothing acknowledged is lost.
    pub async fn stop(&self) -> Result<(), StoreError> {
        self.begin_to_stop();
        let inner = Arc::clone(&self.0);
        let closed = tokio::task::spawn_blocking(move || {
            inner.committer.stop();
            match inner.committer.health().failure() {
                Some(why) => Err(StoreError::Failed(why)),
                None => inner.store.close(),
            }
        });
        closed.await.unwrap_or_else(|_| Err(StoreError::Failed("closing broke off".into())))
    }

    /// Waits until the store fails, and says why. The process should then end: what is on disk is unknown.
    pub async fn failed(&self) -> String {
        self.0.committer.health().failed().await
    }

    /// Why the store failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.0.committer.health().failure()
    }

    /// Long polls end; what was asked for is still answered.
    pub(crate) fn begin_to_stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Whether friends get the page at the addresses of links.
    pub(crate) fn serves_page(&self) -> bool {
        self.0.page
    }

    /// Whether the relay stops.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }

    /// Ends when the relay begins to stop.
    pub(crate) async fn stopped(&self) {
        let _ = self.0.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    /// Whether anybody may open what lasts.
    pub(crate) fn is_open(&self) -> bool {
        self.0.open
    }

    pub(crate) fn notifier(&self) -> &Arc<Notifier> {
        &self.0.notifier
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// All figures, as an answer.
    pub(crate) async fn figures(&self) -> impl IntoResponse + use<> {
        let figures = self.0.metrics.store();
        figures.ready.set(i64::from(self.ready().await.is_ok()));
        let free = self.0.place.file().and_then(checks::free);
        figures.disk_free_octets.set(free.map_or(-1, |free| free.try_into().unwrap_or(i64::MAX)));
        if self.0.metrics.is_time_to_count()
            && let Ok(stats) = self.read(|store, _| store.stats()).await
        {
            figures.note(&stats, self.now());
        }
        ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], self.0.metrics.text())
    }

    pub(crate) fn epoch_header(&self) -> HeaderValue {
        self.0.epoch.clone()
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }

    /// An answer's octets; many of them count against the memory for bodies until they are sent.
    pub(crate) fn counted(&self, octets: Bytes) -> Result<Bytes, Problem> {
        if octets.len() <= UNCOUNTED {
            return Ok(octets);
        }
        let _room = self.room(octets.len())?;
        Ok(Bytes::from_owner(Counted { octets, _room }))
    }

    /// Sets memory aside for so many octets of a body.
    pub(crate) fn room(&self, octets: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0.bodies).try_acquire_many_owned(octets);
        room.map_err(|_| Code::Busy.into())
    }

    /// Does a write without HTTP; when this returns `Ok`, it is durable.
    ///
    /// # Errors
    /// [`WriteError`]; then it was not done, except if the store failed, when nobody knows.
    pub async fn write(&self, write: Write) -> Result<Done, WriteError> {
        let hold = match &write {
            Write::Post { hold, .. } => *hold,
            _ => None,
        };
        let done = self.0.committer.write(write).await?;
        if hold.is_some_and(|hold| hold.millis < 2 * crate::keeper::ROUND.as_millis() as i64) {
            self.0.soon.notify_one();
        }
        Ok(done)
    }

    /// The messages in range; if there are none yet, waits for some.
    pub(crate) async fn read_messages(
        &self,
        query: Query,
        wait: Duration,
    ) -> Result<Option<Answer>, StoreError> {
        // Boxed: a read that does not wait need not carry what waiting takes.
        match wait.is_zero() {
            true => self.read_now(query).await,
            false => Box::pin(self.read_waiting(query, Instant::now() + wait)).await,
        }
    }

    async fn read_waiting(
        &self,
        query: Query,
        deadline: Instant,
    ) -> Result<Option<Answer>, StoreError> {
        let waiter = self.0.readers.waiters.wait(query.mailbox, query.after);
        loop {
            // Listening begins before reading, so nothing falls between the two.
            let rung = waiter.rung();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let found = self.read_now(query).await?;
            let empty = found.as_ref().is_some_and(Answer::is_empty);
            if !empty || self.is_stopping() || Instant::now() >= deadline {
                return Ok(found);
            }
            tokio::select! {
                _ = timeout_at(deadline, rung) => {}
                () = self.stopped() => {}
            }
        }
    }

    /// The messages in range as they are now.
    async fn read_now(&self, query: Query) -> Result<Option<Answer>, StoreError> {
        let encode = |page: &Page| {
            Answer::new(&page.messages)
                .map_err(|error| StoreError::Failed(format!("messages can't be encoded: {error}")))
        };
        if let Some(shared) = self.0.store.shared() {
            // What is kept here would not hear of what others write.
            let _turn = self.0.shared_reads.acquire().await;
            let page = self.noted(shared.page(query, self.now()).await)?;
            return page.as_ref().map(encode).transpose();
        }
        let before = match self.0.readers.answers.find(&query, self.now()) {
            Ok(answer) => return Ok(Some(answer)),
            Err(before) => before,
        };
        let Some(page) = self.read_store(query).await? else { return Ok(None) };
        let answer = encode(&page)?;
        self.0.readers.answers.keep(before, &query, &page, &answer);
        Ok(Some(answer))
    }

    /// A few microseconds of reading are done at once: handing them to another thread takes longer. Only what
    /// turns out to be much is.
    async fn read_store(&self, query: Query) -> Result<Option<Page>, StoreError> {
        let little = Query { octets: query.octets.min(READ_AT_ONCE), ..query };
        let found = self.noted(self.0.store.messages(&little, self.now()))?;
        let messages = found.iter().flat_map(|page| &page.messages);
        let read: usize = messages.map(|message| message.body.len()).sum();
        // Whatever came next would have fitted: the answer did not end for want of room.
        if read + MESSAGE_MAX <= little.octets {
            return Ok(found);
        }
        Box::pin(async {
            let _turn = self.0.long_reads.acquire().await;
            self.read(move |store, now| store.messages(&query, now)).await
        })
        .await
    }

    /// What a slot holds.
    pub(crate) async fn read_slot(&self, id: SlotId) -> Result<Option<Slot>, StoreError> {
        self.read(move |store, now| store.slot(&id, now)).await
    }

    /// Who is told of a mailbox.
    pub(crate) async fn read_subscriptions(
        &self,
        mailbox: MailboxId,
    ) -> Result<Vec<SubscriptionState>, StoreError> {
        self.read(move |store, _| store.subscriptions(&mailbox)).await
    }

    /// When the next notice is due.
    pub(crate) async fn next_job(&self) -> Option<UnixMillis> {
        self.read(|store, _| store.next_job()).await.ok().flatten()
    }

    /// Whether writes are taken.
    pub(crate) async fn ready(&self) -> Result<(), Problem> {
        if self.is_stopping() {
            return Err(Code::Stopping.into());
        }
        if self.0.committer.health().is_full() {
            return Err(Code::StoreFull.into());
        }
        if !checks::is_sane(self.now()) {
            return Err(Code::ClockWrong.into());
        }
        match timeout(READY_WITHIN, self.write(Write::Probe)).await {
            Ok(done) => done.map(drop)?,
            Err(_) => return Err(Code::Busy.into()),
        }
        if checks::is_stuck(self.next_due().await, self.now()) {
            return Err(Code::QueueStuck.into());
        }
        // Last, since a relay with one damaged record still serves the rest.
        self.0.store.damage().map_or(Ok(()), |damage| Err(Problem::met(damage)))
    }

    async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&dyn Store, UnixMillis) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, now) = (Arc::clone(&self.0.store), self.now());
        let read = tokio::task::spawn_blocking(move || run(&*store, now)).await;
        self.noted(read.unwrap_or_else(|_| Err(StoreError::Failed("a read broke off".into()))))
    }

    /// Passes on what a read said; a failure of the store is one for all.
    fn noted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Failed(why)) = &result {
            self.0.committer.health().fail(why);
        }
        result
    }
}

/// For the time keeper.
impl Relay {
    pub(crate) fn revive(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    /// By how many milliseconds the wall clock was set.
    pub(crate) fn skew(&self) -> i64 {
        self.0.clock.skew()
    }

    /// Moves all deadlines and the clock.
    pub(crate) async fn shift(&self, by: i64) {
        self.0.committer.shift(by).await;
    }

    /// Makes visible all that is due.
    pub(crate) async fn release(&self) {
        while let Ok(Done::Released { more: true, .. }) = self.write(Write::Release).await {}
    }

    /// Removes some of what is expired; whether there is more.
    pub(crate) async fn collect(&self) -> bool {
        matches!(self.write(Write::Collect).await, Ok(Done::Collected { more: true }))
    }

    /// After the disk was full: tries whether there is room again.
    pub(crate) async fn probe(&self) {
        if self.0.committer.health().is_full() {
            let _ = self.write(Write::Probe).await;
        }
    }

    /// When the next held message falls due.
    pub(crate) async fn next_due(&self) -> Option<UnixMillis> {
        self.read(|store, _| store.next_due()).await.ok().flatten()
    }

    /// Wakes those who wait for what another relay on the same store made visible; whether it heard of it anyway.
    pub(crate) async fn ring_for_news(&self) -> bool {
        for some in self.0.readers.waiters.waiting().chunks(NEWS_AT_ONCE) {
            let some = some.to_vec();
            let news = self.read(move |store, _| match store.shared() {
                Some(shared) => shared.news(&some),
                None => Ok(Vec::new()),
            });
            let news = news.await.unwrap_or_default();
            news.iter().for_each(|id| self.0.readers.waiters.ring(id));
        }
        self.0.store.shared().is_some_and(|shared| shared.hears())
    }

    /// Ends when a message was held that falls due soon.
    pub(crate) async fn soon(&self) {
        self.0.soon.notified().await;
    }
}
