//! The embedded store: one SQLite file in WAL mode, synced at every commit.
//!
//! `open.rs` makes, checks and locks the file; `schema.rs` has the tables; `rows.rs` gives every record its own
//! hash; `batch.rs`, `holds.rs`, `slots.rs` and `collect.rs` write; this file reads and ties them together.

mod batch;
mod collect;
mod holds;
mod open;
mod rows;
mod schema;
mod slots;
#[cfg(test)]
mod tests;

pub use open::OpenError;

use self::batch::Batch;
use self::rows::{MailboxRow, MessageRow, SlotRow};
use super::{
    Damage, Epoch, Message, Outcome, Page, Query, Quota, Refusal, Slot, Store, StoreError, Version,
    Write,
};
use crate::clock::UnixMillis;
use bytes::Bytes;
use recovery_core::ids::SlotId;
use rusqlite::{Connection, ErrorCode, Params, Row, TransactionBehavior, ffi, params};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// See the [module](self).
pub struct SqliteStore {
    path: PathBuf,
    epoch: Epoch,
    quota: Quota,
    /// `None` once closed.
    writer: Mutex<Option<Connection>>,
    readers: Mutex<Vec<Connection>>,
    /// Damage was seen: the next start checks the whole file.
    suspect: AtomicBool,
    closed: AtomicBool,
    /// Held as long as the store is open, so that no second relay opens it.
    _lock: File,
}

/// Why a statement was not done.
#[derive(Debug)]
enum Fault {
    Refused(Refusal),
    Damaged(Damage),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl SqliteStore {
    /// Opens the store in this file, or makes it.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(path: &Path, quota: Quota) -> Result<Self, OpenError> {
        open::open(path, quota)
    }

    /// Runs a read on a connection of its own.
    fn read<T>(&self, run: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let spare = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match spare {
            Some(connection) => connection,
            None => open::reader(&self.path).map_err(|error| self.error(error.into()))?,
        };
        let result = run(&connection).map_err(|fault| self.error(fault));
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }

    /// Runs changes in one transaction that is durable when this returns `Ok`.
    fn write<T>(&self, run: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = writer.as_mut().ok_or(StoreError::Closed)?;
        let commit = || {
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = run(&change)?;
            change.commit()?;
            Ok(done)
        };
        commit().map_err(|fault| self.error(fault))
    }

    /// Sorts faults by what the relay can do about them.
    fn error(&self, fault: Fault) -> StoreError {
        let error = match fault {
            Fault::Damaged(damage) => StoreError::Damaged(damage),
            Fault::Refused(refusal) => StoreError::Failed(format!("{refusal:?} outside a batch")),
            Fault::Sql(error) => sort(&error),
        };
        if matches!(error, StoreError::Damaged(_)) {
            self.suspect.store(true, Ordering::Relaxed);
        }
        error
    }
}

impl Store for SqliteStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn apply(&self, writes: &[Write], now: UnixMillis) -> Result<Vec<Outcome>, StoreError> {
        self.write(|connection| {
            let mut batch = Batch::new(connection, now, self.quota);
            let mut outcomes = Vec::with_capacity(writes.len());
            for write in writes {
                outcomes.push(match batch.apply(write) {
                    Ok(done) => Ok(done),
                    Err(Fault::Refused(refusal)) => Err(refusal),
                    Err(Fault::Damaged(damage)) => {
                        self.suspect.store(true, Ordering::Relaxed);
                        tracing::error!(%damage, "a record is damaged");
                        Err(Refusal::Damaged)
                    }
                    Err(error) => return Err(error),
                });
            }
            batch.finish()?;
            Ok(outcomes)
        })
    }

    fn shift_deadlines(&self, by: i64) -> Result<(), StoreError> {
        self.write(|connection| collect::shift(connection, by))
    }

    fn messages(&self, query: &Query, now: UnixMillis) -> Result<Option<Page>, StoreError> {
        self.read(|connection| messages(connection, query, now))
    }

    fn slot(&self, id: &SlotId, now: UnixMillis) -> Result<Option<Slot>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT name, version, ends, hash, seal, body FROM slots WHERE name = ?1";
            let slot = first(connection, sql, [id.as_bytes()], |row| {
                let slot = SlotRow::read(row)?;
                let body = Bytes::from(rows::body(row, 5, &slot.hash, None)?);
                let version = Version(slot.version.cast_unsigned());
                Ok((slot.ends, Slot { version, body }))
            })?;
            Ok(slot.filter(|(ends, _)| lives(*ends, now)).map(|(_, slot)| slot))
        })
    }

    fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT min(due) FROM messages WHERE seq IS NULL AND due IS NOT NULL";
            let due = first(connection, sql, [], |row| Ok(row.get::<_, Option<i64>>(0)?))?;
            Ok(due.flatten().map(UnixMillis))
        })
    }

    fn close(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::Release);
        let clean = !self.suspect.load(Ordering::Relaxed);
        self.write(|connection| Ok(open::mark_clean(connection, clean)?))?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Closing the last connection moves the log into the file and removes it.
        let closed = writer.map_or(Ok(()), |writer| writer.close().map_err(|(_, error)| error));
        closed.map_err(|error| self.error(error.into()))
    }
}

fn messages(
    connection: &Connection,
    query: &Query,
    now: UnixMillis,
) -> Result<Option<Page>, Fault> {
    // One statement, so mailbox and messages are of one moment; no message leaves one row of NULLs.
    let sql = "SELECT m.id, m.last_seq, m.messages, m.octets, m.ends, m.seal,
            s.mailbox, s.seq, s.posted, s.due, s.hold_a, s.hold_b, s.hash, s.seal, s.body
        FROM mailboxes m LEFT JOIN messages s INDEXED BY messages_seq
            ON s.mailbox = m.id AND s.seq > ?2 AND s.gone IS NULL
        WHERE m.name = ?1 ORDER BY s.seq LIMIT ?3";
    let after = i64::try_from(query.after).unwrap_or(i64::MAX);
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![query.mailbox.as_bytes(), after, limit])?;
    let mut found: Option<Page> = None;
    let mut octets = 0;
    while let Some(row) = rows.next()? {
        let messages = match found.as_mut() {
            Some(page) => &mut page.messages,
            None => {
                let ends = MailboxRow::read(query.mailbox, row)?.ends;
                if !lives(ends, now) {
                    return Ok(None);
                }
                let ends = ends.map(UnixMillis);
                &mut found.insert(Page { ends, messages: Vec::new() }).messages
            }
        };
        if row.get::<_, Option<i64>>(7)?.is_none() {
            break;
        }
        match message(row) {
            Ok(message) => {
                octets += message.body.len();
                if octets > query.octets && !messages.is_empty() {
                    break;
                }
                messages.push(message);
            }
            // What is before the damage is served; the next read starts at it and says so.
            Err(Fault::Damaged(_)) if !messages.is_empty() => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

fn message(row: &Row<'_>) -> Result<Message, Fault> {
    let message = MessageRow::read(row, 6)?;
    let seq = message.seq.unwrap_or_default().cast_unsigned();
    let body = Bytes::from(rows::body(row, 14, &message.hash, message.seq)?);
    Ok(Message { seq, posted_at: UnixMillis(message.posted), body })
}

/// The first row of an answer.
fn first<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    rows.next()?.map(read).transpose()
}

/// All rows of an answer.
fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut read_all = Vec::new();
    while let Some(row) = rows.next()? {
        read_all.push(read(row)?);
    }
    Ok(read_all)
}

/// Whether what ends then is still there now.
fn lives(ends: Option<i64>, now: UnixMillis) -> bool {
    ends.is_none_or(|ends| now.0 < ends)
}

/// Sorts SQLite's errors: no room, locked, damaged, or failed.
fn sort(error: &rusqlite::Error) -> StoreError {
    use rusqlite::Error as E;
    let damaged = || StoreError::Damaged(Damage { what: error.to_string(), seq: None });
    match error {
        E::SqliteFailure(code, _) => match (code.code, code.extended_code) {
            (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full,
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Busy,
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => damaged(),
            _ => StoreError::Failed(error.to_string()),
        },
        // A flipped bit in a row's header turns a value into one of another type or length.
        E::InvalidColumnType(..)
        | E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..) => damaged(),
        _ => StoreError::Failed(error.to_string()),
    }
}
