//! Reading messages: what a relay is asked most.
//!
//! A question waits for the database on the task that asks, over connections of that task's runtime. No thread is held
//! up meanwhile, and neither question nor answer goes from one thread to another on its way.

use super::connect::{Session, Trouble};
use super::database::{Fetched, Postgres};
use super::{Inner, Place, Places, forget, locked};
use crate::clock::UnixMillis;
use crate::store::sql::database::Fields;
use crate::store::sql::rows::{MailboxRow, MessageRow, check_body};
use crate::store::sql::{Fault, lives};
use crate::store::{Message, Page, Query, StoreError};
use bytes::Bytes;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// One statement, so mailbox and messages are of one moment; no message leaves one row of NULLs. The mailbox's number is
/// a single value and the limit comes before the sums, so that no more is read and nothing is sorted: the index on both has
/// the order.
const MESSAGES: &str = "WITH box AS (SELECT id, name, last_seq, messages, octets, ends, session, \
    pass, subscribers, seal FROM mailboxes WHERE name = ?1), \
    next AS (SELECT mailbox, seq, posted, due, hold_a, hold_b, gone, hash, seal, body \
        FROM messages WHERE mailbox = (SELECT id FROM box) AND seq > ?2 AND gone IS NULL \
        ORDER BY seq LIMIT ?3), \
    page AS (SELECT next.*, \
        CAST(sum(length(next.body)) OVER (ORDER BY next.seq) AS BIGINT) AS running, \
        row_number() OVER (ORDER BY next.seq) AS place FROM next) \
    SELECT box.*, page.* FROM box LEFT JOIN page ON page.running <= ?4 OR page.place = 1 \
    ORDER BY page.seq";

/// The connections of the runtime that asks.
#[derive(Default)]
pub(super) struct Pages {
    pub(super) places: Places,
    /// Held by who connects, with when and why it last failed: the others wait for what comes of it, so that not each
    /// of them connects, or waits in vain, as well.
    connecting: tokio::sync::Mutex<Option<(Instant, StoreError)>>,
}

impl Inner {
    /// What [`Store::messages`](crate::store::Store::messages) answers.
    pub(super) async fn page(
        &self,
        query: &Query,
        now: UnixMillis,
    ) -> Result<Option<Page>, StoreError> {
        let place = self.pages.places.next();
        let mut last = StoreError::Closed;
        // A connection that was lost while nobody looked is no reason to refuse.
        for _ in 0..2 {
            let session = self.near(place).await?;
            match ask(&session, query).await {
                Ok(rows) => {
                    return page(rows, query.after, now).map_err(|fault| self.damage.error(fault));
                }
                Err(Trouble::Lost(why)) => {
                    last = StoreError::Unreachable(why);
                    forget(place, &session);
                }
                Err(trouble) => return Err(self.damage.error(StoreError::from(trouble).into())),
            }
        }
        Err(last)
    }

    /// The connection of this place, made anew on the runtime that asks if it was lost.
    async fn near(&self, place: &Place) -> Result<Arc<Session>, StoreError> {
        if let Some(session) = self.kept(place)? {
            return Ok(session);
        }
        let came = Instant::now();
        let mut failed = self.pages.connecting.lock().await;
        if let Some(session) = self.kept(place)? {
            return Ok(session);
        }
        if let Some((_, error)) = failed.as_ref().filter(|(at, _)| *at >= came) {
            return Err(error.clone());
        }
        let connected = Session::connect(&self.url, None).await.map_err(StoreError::from);
        *failed = connected.as_ref().err().map(|error| (Instant::now(), error.clone()));
        let session = Arc::new(connected?);
        *locked(place) = Some(Arc::clone(&session));
        self.check_open().inspect_err(|_| *locked(place) = None)?;
        Ok(session)
    }

    fn kept(&self, place: &Place) -> Result<Option<Arc<Session>>, StoreError> {
        self.check_open()?;
        Ok(locked(place).as_ref().filter(|session| !session.is_closed()).cloned())
    }
}

async fn ask(session: &Session, query: &Query) -> Result<Vec<Row>, Trouble> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (name, after) = (query.mailbox.as_bytes().as_slice(), number(query.after));
    let (limit, octets) = (number(query.limit as u64), number(query.octets as u64));
    let values: [&(dyn ToSql + Sync); 4] = [&name, &after, &limit, &octets];
    session.query(MESSAGES, &values).await
}

/// The same for a thread that waits.
pub(super) fn messages(
    postgres: &mut Postgres<'_>,
    query: &Query,
    now: UnixMillis,
) -> Result<Option<Page>, Fault> {
    let rows = postgres.handle.block_on(ask(postgres.session, query));
    page(postgres.noted(rows)?, query.after, now)
}

/// The page in the rows of [`MESSAGES`].
fn page(rows: Vec<Row>, after: u64, now: UnixMillis) -> Result<Option<Page>, Fault> {
    let rows: Vec<Fetched> = rows.into_iter().map(Fetched).collect();
    let Some(first) = rows.first() else { return Ok(None) };
    let ends = MailboxRow::read(first)?.ends;
    if !lives(ends, now) {
        return Ok(None);
    }
    let mut messages: Vec<Message> = Vec::with_capacity(rows.len());
    for row in &rows {
        let before = messages.last().map_or(after, |message| message.seq);
        match message(row, before) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break,
            // What is before the damage is served; the next read starts at it and says so.
            Err(Fault::Damaged(_)) if !messages.is_empty() => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(Some(Page { ends: ends.map(UnixMillis), messages }))
}

/// The message in a row of [`MESSAGES`], if there is one; it must come after this number.
fn message(row: &dyn Fields, before: u64) -> Result<Option<Message>, Fault> {
    if row.maybe_number(11)?.is_none() {
        return Ok(None);
    }
    let message = MessageRow::read_from(row, 10)?;
    let octets = row.octets(19)?;
    check_body(octets, &message.hash, message.seq)?;
    let seq = message.seq_after(before)?;
    let body = Bytes::copy_from_slice(octets);
    Ok(Some(Message { seq, posted_at: UnixMillis(message.posted), body }))
}
