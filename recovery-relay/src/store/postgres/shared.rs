//! What several relays on one database need of each other: who changed what, and what time it is.

use super::connect::{Heard, Session, Trouble};
use super::{Inner, PostgresStore, schema};
use crate::clock::{SystemTimeSource, TimeSource, UnixMillis};
use crate::store::{OnChange, Page, Query, Shared, StoreError};
use futures_util::future::BoxFuture;
use recovery_core::ids::MailboxId;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;

/// Under which name relays notify each other.
const CHANNEL: &str = "recovery_relay";
/// Ids in one notification; it takes less than 8,000 octets.
const IDS_AT_ONCE: usize = 150;
/// How often the database is asked for the time, and again after a connection was lost.
const ROUND: Duration = Duration::from_secs(1);
/// From how many milliseconds on the database's clock counts as having been set.
const JUMP_MILLIS: i64 = 2_000;

/// Who hears of changed mailboxes; and the way out for changes of this process.
pub(super) struct Ears {
    heard: Mutex<Option<OnChange>>,
    out: UnboundedSender<Vec<MailboxId>>,
    waiting: Mutex<Option<UnboundedReceiver<Vec<MailboxId>>>>,
    /// Notifications arrive: asking is only for what may have been missed.
    listening: std::sync::atomic::AtomicBool,
}

impl Default for Ears {
    fn default() -> Self {
        let (out, waiting) = unbounded_channel();
        let (heard, waiting) = (Mutex::default(), Mutex::new(Some(waiting)));
        Self { heard, out, waiting, listening: false.into() }
    }
}

impl Ears {
    /// Notifies the other processes: a speed-up, and lost without harm.
    pub(super) fn tell<'a>(&self, changed: impl Iterator<Item = &'a MailboxId>) {
        let mut changed: Vec<_> = changed.copied().collect();
        changed.sort_unstable();
        changed.dedup();
        if !changed.is_empty() && self.listening.load(Ordering::Relaxed) {
            let _ = self.out.send(changed);
        }
    }

    fn hear(&self, payload: &str) {
        let changed: Vec<_> = payload.split(',').filter_map(|id| id.parse().ok()).collect();
        if let Some(heard) = &*self.heard.lock().unwrap_or_else(PoisonError::into_inner) {
            heard(&changed);
        }
    }
}

/// Listens to the other processes and notifies them, as long as the store is open. A database that knows no
/// notifications leaves it at asking.
pub(super) async fn listen(inner: Weak<Inner>) {
    let taken = |inner: Arc<Inner>| {
        inner.ears.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    };
    let Some(mut waiting) = inner.upgrade().and_then(taken) else {
        return;
    };
    while let Some(strong) = inner.upgrade().filter(|inner| inner.check_open().is_ok()) {
        let heard: Heard = Arc::new({
            let inner = Weak::clone(&inner);
            move |payload| inner.upgrade().iter().for_each(|inner| inner.ears.hear(payload))
        });
        let url = strong.url.clone();
        drop(strong);
        if let Ok(session) = Session::connect(&url, Some(heard)).await
            && session.simple(&format!("LISTEN {CHANNEL}")).await.is_ok()
        {
            listening(&inner, true);
            notify(&session, &mut waiting).await;
            listening(&inner, false);
        }
        sleep(ROUND).await;
    }
}

fn listening(inner: &Weak<Inner>, now: bool) {
    if let Some(inner) = inner.upgrade() {
        inner.ears.listening.store(now, Ordering::Relaxed);
    }
}

/// Sends what waits until the connection is lost.
async fn notify(session: &Session, waiting: &mut UnboundedReceiver<Vec<MailboxId>>) {
    while !session.is_closed() {
        let changed = tokio::select! {
            changed = waiting.recv() => changed,
            () = sleep(ROUND) => continue,
        };
        let Some(changed) = changed else { return };
        for ids in changed.chunks(IDS_AT_ONCE) {
            let payload = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let sql = "SELECT pg_notify($1, $2)";
            if session.query(sql, &[&CHANNEL, &payload]).await.is_err() {
                return;
            }
        }
    }
}

impl Shared for PostgresStore {
    fn listen(&self, heard: OnChange) {
        *self.inner.ears.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
    }

    fn hears(&self) -> bool {
        self.inner.ears.listening.load(Ordering::Relaxed)
    }

    fn news(&self, waiting: &[(MailboxId, u64)]) -> Result<Vec<MailboxId>, StoreError> {
        let names: Vec<&[u8]> = waiting.iter().map(|(id, _)| id.as_bytes().as_slice()).collect();
        let after: Vec<i64> =
            waiting.iter().map(|(_, after)| i64::try_from(*after).unwrap_or(i64::MAX)).collect();
        let sql = "SELECT q.name FROM UNNEST($1::BYTEA[], $2::BIGINT[]) AS q (name, after) \
            LEFT JOIN mailboxes m ON m.name = q.name WHERE m.name IS NULL OR m.last_seq > q.after";
        self.read(|postgres| {
            let rows = postgres.handle.block_on(postgres.session.query(sql, &[&names, &after]));
            let rows = postgres.noted(rows)?;
            let ids = rows.iter().map(|row| row.try_get::<_, Vec<u8>>(0).ok()?.try_into().ok());
            Ok(ids.flatten().map(MailboxId::new).collect())
        })
    }

    fn page(
        &self,
        query: Query,
        now: UnixMillis,
    ) -> BoxFuture<'_, Result<Option<Page>, StoreError>> {
        Box::pin(async move { self.inner.page(&query, now).await })
    }

    fn time(&self) -> Arc<dyn TimeSource> {
        Arc::clone(&self.clock) as _
    }
}

/// The time that all relays on one database have in common: the database's clock, moved by what it was set since
/// the store was made.
///
/// Between two questions it goes on with the machine's steady clock. When the database's clock is set, the relay
/// that sees it first writes down by how much, and time goes on for all as if nothing had been. So it never jumps,
/// and no deadline has to be moved.
pub(super) struct SharedClock {
    /// This time, less the steady clock.
    ahead: AtomicI64,
    /// The latest time told: it never goes back.
    latest: AtomicI64,
}

impl SharedClock {
    /// Asks for the time, and again each second as long as the store is open.
    pub(super) async fn start(inner: &Arc<Inner>) -> Result<Arc<Self>, Trouble> {
        let session = Session::connect(&inner.url, None).await?;
        let (time, _) = ask(&session).await?;
        let ahead = AtomicI64::new(time.saturating_sub(SystemTimeSource.steady()));
        let clock = Arc::new(Self { ahead, latest: AtomicI64::new(i64::MIN) });
        tokio::spawn(keep(Arc::downgrade(&clock), Arc::downgrade(inner), session));
        Ok(clock)
    }

    fn now(&self) -> i64 {
        let now = SystemTimeSource.steady().saturating_add(self.ahead.load(Ordering::Acquire));
        self.latest.fetch_max(now, Ordering::AcqRel).max(now)
    }
}

impl TimeSource for SharedClock {
    fn wall(&self) -> i64 {
        self.now()
    }

    fn steady(&self) -> i64 {
        self.now()
    }
}

/// Follows small differences, and writes down large ones.
async fn keep(clock: Weak<SharedClock>, inner: Weak<Inner>, mut session: Session) {
    loop {
        sleep(ROUND).await;
        let (Some(clock), Some(inner)) = (clock.upgrade(), inner.upgrade()) else { return };
        if inner.check_open().is_err() {
            return;
        }
        if session.is_closed() {
            match Session::connect(&inner.url, None).await {
                Ok(fresh) => session = fresh,
                Err(_) => continue,
            }
        }
        let Ok((time, set)) = ask(&session).await else { continue };
        let by = time.saturating_sub(clock.now());
        if by.abs() < JUMP_MILLIS {
            clock.ahead.fetch_add(by, Ordering::AcqRel);
        } else if write_down(&session, set, set.saturating_sub(by)).await.is_ok() {
            tracing::warn!(
                seconds = by / 1_000,
                "the database's clock was set: time goes on as before"
            );
        }
    }
}

/// The common time, and by how much the database's clock was set in all.
async fn ask(session: &Session) -> Result<(i64, i64), Trouble> {
    let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
    let rows = session.query(sql, &[]).await?;
    let wall: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(Trouble::from)?;
    let set = schema::get(session, "clock").await?.and_then(|octets| octets.try_into().ok());
    let set = set.map_or(0, i64::from_be_bytes);
    Ok((wall.saturating_add(set), set))
}

/// Writes down by how much the clock was set, unless another relay did meanwhile.
async fn write_down(session: &Session, old: i64, new: i64) -> Result<(), Trouble> {
    let insert =
        "INSERT INTO meta (name, value) VALUES ('clock', $1) ON CONFLICT (name) DO NOTHING";
    session.execute(insert, &[&old.to_be_bytes().as_slice()]).await?;
    let update = "UPDATE meta SET value = $1 WHERE name = 'clock' AND value = $2";
    let (new, old) = (new.to_be_bytes(), old.to_be_bytes());
    session.execute(update, &[&new.as_slice(), &old.as_slice()]).await.map(drop)
}
