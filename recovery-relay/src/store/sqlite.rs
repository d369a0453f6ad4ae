//! The embedded store: one SQLite file in WAL mode, synced at every commit.
//!
//! `open.rs` makes, checks and locks the file; `schema.rs` has the tables; `database.rs` lends the connection to
//! what all stores on SQL share; this file reads messages and ties them together.

mod database;
mod open;
mod schema;
#[cfg(test)]
mod tests;

pub use open::OpenError;

use self::database::Sql;
use super::sql::database::Fields;
use super::sql::rows::{MailboxRow, MessageRow, check_body};
use super::sql::seen::Seen;
use super::sql::transfer::{self, Cursor, Records};
use super::sql::{Fault, lives, reads, shift, turn, verify};
use super::transfer::Transfer;
use super::{
    Bad, Checked, Damage, Door, Epoch, Message, Outcome, Page, Pass, Query, Quotas, Slot, Stats,
    Store, StoreError, SubscriptionState, Write,
};
use crate::clock::UnixMillis;
use bytes::Bytes;
use recovery_core::ids::{MailboxId, PassId, SlotId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Row, TransactionBehavior, ffi, params};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// See the [module](self).
pub struct SqliteStore {
    path: PathBuf,
    epoch: Epoch,
    quotas: Quotas,
    /// `None` once closed.
    writer: Mutex<Option<Connection>>,
    readers: Mutex<Vec<Connection>>,
    /// The first damage that was seen: the next start checks the whole file.
    damage: Seen,
    closed: AtomicBool,
    /// Held as long as the store is open, so that no second relay opens it; none beside a relay.
    lock: Option<File>,
}

impl SqliteStore {
    /// Opens the store in this file, or makes it.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(path: &Path, quotas: impl Into<Quotas>) -> Result<Self, OpenError> {
        open::open(path, quotas.into(), false)
    }

    /// Opens a store to copy into, or makes it; also one that a copy was begun into.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn receive(path: &Path, quotas: impl Into<Quotas>) -> Result<Self, OpenError> {
        open::open(path, quotas.into(), true)
    }

    /// Removes a closed store with its logs and its lock, if it is there.
    pub(super) fn remove(path: &Path) -> Result<(), OpenError> {
        open::remove(path)
    }

    /// Gives a closed store another name, durably.
    pub(super) fn rename(from: &Path, to: &Path) -> Result<(), OpenError> {
        open::rename(from, to)
    }

    /// Opens a store that is there, beside a relay that may be using it: for the operator's commands. Writing
    /// waits its turn like every write; nothing that is held falls due here.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn beside(path: &Path, quotas: impl Into<Quotas>) -> Result<Self, OpenError> {
        open::beside(path, quotas.into())
    }

    /// Runs a read on a connection of its own.
    pub(super) fn read<T>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let spare = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match spare {
            Some(connection) => connection,
            None => open::reader(&self.path).map_err(|error| self.damage.error(error.into()))?,
        };
        let result = run(&connection).map_err(|fault| self.damage.error(fault));
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }

    /// Runs changes in one transaction that is durable when this returns `Ok`.
    pub(super) fn write<T>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = writer.as_mut().ok_or(StoreError::Closed)?;
        let commit = || {
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = run(&change)?;
            change.commit()?;
            Ok(done)
        };
        commit().map_err(|fault| self.damage.error(fault))
    }

    /// Runs a read for the operator, all of it at one moment, however long it takes.
    fn snapshot<T>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            let result = run(&moment);
            moment.rollback()?;
            result
        })
    }
}

impl Store for SqliteStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn apply(&self, writes: &[Write], now: UnixMillis) -> Result<Vec<Outcome>, StoreError> {
        self.write(|connection| {
            let noted = |damage: &Damage| self.damage.note(damage);
            Ok(turn::run(&mut Sql(connection), writes, (now, self.quotas), &noted)?)
        })
    }

    fn shift_deadlines(&self, by: i64) -> Result<(), StoreError> {
        self.write(|connection| shift::shift(&mut Sql(connection), by))
    }

    fn messages(&self, query: &Query, now: UnixMillis) -> Result<Option<Page>, StoreError> {
        self.read(|connection| messages(connection, query, now))
    }

    fn slot(&self, id: &SlotId, now: UnixMillis) -> Result<Option<Slot>, StoreError> {
        self.read(|connection| reads::slot(&mut Sql(connection), id, now))
    }

    fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.read(|connection| reads::next_due(&mut Sql(connection)))
    }

    fn pass(&self, id: &PassId) -> Result<Option<Pass>, StoreError> {
        self.read(|connection| reads::pass(&mut Sql(connection), id))
    }

    fn passes(&self) -> Result<Vec<Pass>, StoreError> {
        self.read(|connection| reads::passes(&mut Sql(connection)))
    }

    fn subscriptions(&self, mailbox: &MailboxId) -> Result<Vec<SubscriptionState>, StoreError> {
        self.snapshot(|connection| reads::subscriptions(&mut Sql(connection), mailbox))
    }

    fn next_job(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.read(|connection| reads::next_job(&mut Sql(connection)))
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        self.snapshot(|connection| reads::stats(&mut Sql(connection)))
    }

    /// Also checks the file's structure.
    fn verify(&self, tell: &mut dyn FnMut(Bad)) -> Result<Checked, StoreError> {
        self.snapshot(|connection| {
            let structure = open::structure(connection)?;
            let mut done = verify::verify(&mut Sql(connection), tell)?;
            for what in structure {
                done.bad += 1;
                tell(Bad { kind: "file", name: "structure".into(), what });
            }
            Ok(done)
        })
    }

    fn damage(&self) -> Option<Damage> {
        self.damage.first()
    }

    fn transfer(&self) -> Option<Door<'_>> {
        Some(Door(self))
    }

    fn close(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::Release);
        if self.lock.is_some() {
            let clean = self.damage().is_none();
            self.write(|connection| Ok(open::mark_clean(connection, clean)?))?;
        }
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Closing the last connection moves the log into the file and removes it.
        let closed = writer.map_or(Ok(()), |writer| writer.close().map_err(|(_, error)| error));
        closed.map_err(|error| self.damage.error(error.into()))
    }
}

impl Transfer for SqliteStore {
    fn export(
        &self,
        from: Option<Cursor>,
        sink: &mut dyn FnMut(Records) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.snapshot(|connection| transfer::export(&mut Sql(connection), from, sink))
    }

    fn import(&self, records: &Records) -> Result<(), StoreError> {
        self.write(|connection| {
            transfer::import(&mut Sql(connection), records)?;
            open::note_copy(connection, &records.cursor.encode()).map_err(Fault::from)
        })
    }

    fn begin(&self) -> Result<Result<Option<Cursor>, ()>, StoreError> {
        self.write(|connection| match open::copy_under_way(connection)? {
            Some(at) => Ok(Ok(Cursor::decode(&at))),
            None if !transfer::is_empty(&mut Sql(connection))? => Ok(Err(())),
            None => {
                open::note_copy(connection, &[])?;
                Ok(Ok(None))
            }
        })
    }

    fn finish(&self) -> Result<(), StoreError> {
        let epoch = Epoch::draw()?;
        self.write(|connection| open::end_copy(connection, epoch).map_err(Fault::from))
    }
}

fn messages(
    connection: &Connection,
    query: &Query,
    now: UnixMillis,
) -> Result<Option<Page>, Fault> {
    // One statement, so mailbox and messages are of one moment; no message leaves one row of NULLs.
    let sql = "SELECT m.id, m.name, m.last_seq, m.messages, m.octets, m.ends, m.session, m.pass,
            m.subscribers, m.seal, s.mailbox, s.seq, s.posted, s.due, s.hold_a, s.hold_b, s.gone,
            s.hash, s.seal, s.body
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
                let ends = MailboxRow::read(row)?.ends;
                if !lives(ends, now) {
                    return Ok(None);
                }
                let ends = ends.map(UnixMillis);
                &mut found.insert(Page { ends, messages: Vec::new() }).messages
            }
        };
        if row.get_ref(11)? == ValueRef::Null {
            break;
        }
        let before = messages.last().map_or(query.after, |message| message.seq);
        match message(row, before) {
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

/// The message in a row, if it comes after this number.
fn message(row: &Row<'_>, before: u64) -> Result<Message, Fault> {
    let message = MessageRow::read_from(row, 10)?;
    let seq = message.seq_after(before)?;
    let octets = row.octets(19)?;
    check_body(octets, &message.hash, message.seq)?;
    let body = Bytes::copy_from_slice(octets);
    Ok(Message { seq, posted_at: UnixMillis(message.posted), body })
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
