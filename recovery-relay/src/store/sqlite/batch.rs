//! Mailboxes and their messages: one batch of writes inside one transaction.
//!
//! A write first reads and checks all it needs and only then changes anything, so that a refusal leaves nothing
//! behind without a savepoint. Mailbox rows touched by the batch are kept here and written once at its end.

use super::rows::{MailboxRow, MessageRow};
use super::{Fault, first, lives};
use crate::clock::UnixMillis;
use crate::store::{Answer, Body, Done, Hold, Quota, Refusal, SEEN_MESSAGES, Write, later};
use recovery_core::ids::{HoldId, MailboxId};
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;

/// See the [module](self).
pub(super) struct Batch<'a> {
    pub(super) sql: &'a Connection,
    pub(super) now: UnixMillis,
    quota: Quota,
    touched: HashMap<MailboxId, Touched>,
}

struct Touched {
    row: MailboxRow,
    changed: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(sql: &'a Connection, now: UnixMillis, quota: Quota) -> Self {
        Self { sql, now, quota, touched: HashMap::new() }
    }

    /// Does one write.
    pub(super) fn apply(&mut self, write: &Write) -> Result<Done, Fault> {
        match write {
            Write::OpenMailbox { id, ttl_millis } => self.open(id, *ttl_millis),
            Write::CloseMailbox { id } => self.close(id),
            Write::Post { mailbox, body, hold } => self.post(mailbox, body, hold.as_ref()),
            Write::DeleteMessage { mailbox, seq } => self.delete(mailbox, *seq),
            Write::PutSlot { id, body, condition, ttl_millis } => {
                self.put_slot(id, body, condition, *ttl_millis)
            }
            Write::DeleteSlot { id } => self.delete_slot(id),
            Write::Veto { hold, mailbox } => self.veto(hold, mailbox.as_ref()),
            Write::Release => self.release(),
            Write::Collect => self.collect(),
            Write::Probe => self.probe(),
        }
    }

    /// Writes the mailbox rows back.
    pub(super) fn finish(self) -> Result<(), Fault> {
        let sql =
            "UPDATE mailboxes SET last_seq = ?2, messages = ?3, octets = ?4, ends = ?5, seal = ?6
            WHERE id = ?1";
        let mut statement = self.sql.prepare_cached(sql)?;
        for Touched { row, .. } in self.touched.values().filter(|touched| touched.changed) {
            let (messages, octets) = (row.messages, row.octets);
            statement.execute(params![
                row.id,
                row.last_seq,
                messages,
                octets,
                row.ends,
                row.seal()
            ])?;
        }
        Ok(())
    }

    /// The mailbox as the batch has left it; one whose time is over is removed.
    pub(super) fn mailbox(&mut self, name: &MailboxId) -> Result<Option<MailboxRow>, Fault> {
        let row = match self.touched.get(name) {
            Some(touched) => touched.row,
            None => {
                let sql = "SELECT id, last_seq, messages, octets, ends, seal FROM mailboxes WHERE name = ?1";
                let read = |row: &Row<'_>| MailboxRow::read(*name, row);
                let Some(row) = first(self.sql, sql, [name.as_bytes()], read)? else {
                    return Ok(None);
                };
                self.touched.insert(*name, Touched { row, changed: false });
                row
            }
        };
        if lives(row.ends, self.now) {
            return Ok(Some(row));
        }
        self.remove(name, row.id)?;
        Ok(None)
    }

    /// Keeps a changed row until the end of the batch.
    pub(super) fn keep(&mut self, row: MailboxRow) {
        self.touched.insert(row.name, Touched { row, changed: true });
    }

    /// Removes a mailbox and all that is in it.
    pub(super) fn remove(&mut self, name: &MailboxId, id: i64) -> Result<(), Fault> {
        self.touched.remove(name);
        self.sql.prepare_cached("DELETE FROM messages WHERE mailbox = ?1")?.execute([id])?;
        self.sql.prepare_cached("DELETE FROM mailboxes WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    fn open(&mut self, name: &MailboxId, ttl: Option<i64>) -> Result<Done, Fault> {
        let ends = ttl.map(|ttl| self.now.plus(ttl));
        if let Some(mut row) = self.mailbox(name)? {
            let old = row.ends;
            row.ends = later(old.map(UnixMillis), ends).map(|ends| ends.0);
            if row.ends != old {
                self.keep(row);
            }
            return Ok(Done::Opened { new: false });
        }
        // The seal covers the row's id, which is known only once the row is there: it is written again at the end.
        let sql = "INSERT INTO mailboxes (name, last_seq, messages, octets, ends, seal)
            VALUES (?1, 0, 0, 0, ?2, x'')";
        let ends = ends.map(|ends| ends.0);
        let id = self.sql.prepare_cached(sql)?.insert(params![name.as_bytes(), ends])?;
        self.keep(MailboxRow { id, name: *name, last_seq: 0, messages: 0, octets: 0, ends });
        Ok(Done::Opened { new: true })
    }

    /// Also closes a mailbox whose row is damaged.
    fn close(&mut self, name: &MailboxId) -> Result<Done, Fault> {
        let sql = "SELECT id FROM mailboxes WHERE name = ?1";
        if let Some(id) = first(self.sql, sql, [name.as_bytes()], |row| Ok(row.get(0)?))? {
            self.remove(name, id)?;
        }
        Ok(Done::Gone)
    }

    fn post(&mut self, name: &MailboxId, body: &Body, hold: Option<&Hold>) -> Result<Done, Fault> {
        let mut row = self.mailbox(name)?.ok_or(Refusal::NoMailbox)?;
        if let Some(refusal) = self.refusal(&row, body, hold)? {
            // What was posted before is answered as before, even if it would be refused by now.
            let answer = self.earlier(&row, body)?.ok_or(refusal)?;
            return Ok(Done::Posted { answer, repeated: true });
        }
        let message = MessageRow {
            mailbox: row.id,
            seq: hold.is_none().then(|| row.next_seq()),
            posted: self.now.0,
            due: hold.map(|hold| self.now.plus(hold.millis).0),
            hold_a: hold.map(|hold| *hold.first.as_bytes()),
            hold_b: hold.and_then(|hold| hold.second.as_ref()).map(|second| *second.as_bytes()),
            hash: *body.hash(),
        };
        if !self.insert(&message, body)? {
            let answer = self.earlier(&row, body)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            return Ok(Done::Posted { answer, repeated: true });
        }
        if message.seq.is_some() {
            self.forget(&row)?;
        }
        row.messages += 1;
        row.octets += body.length().cast_signed();
        self.keep(row);
        Ok(Done::Posted { answer: message.answer()?, repeated: false })
    }

    /// Why a new message is not taken.
    fn refusal(
        &self,
        row: &MailboxRow,
        body: &Body,
        hold: Option<&Hold>,
    ) -> Result<Option<Refusal>, Fault> {
        for id in hold.iter().flat_map(|hold| std::iter::once(&hold.first).chain(&hold.second)) {
            if self.vetoed(id, &row.name)? {
                return Ok(Some(Refusal::Vetoed));
            }
        }
        let (messages, octets) = (row.messages.cast_unsigned(), row.octets.cast_unsigned());
        let fits = self.quota.fits(messages, octets, body.length());
        Ok((!fits).then_some(Refusal::MailboxFull))
    }

    /// The answer to a body that was posted before.
    fn earlier(&self, row: &MailboxRow, body: &Body) -> Result<Option<Answer>, Fault> {
        let sql = "SELECT mailbox, seq, posted, due, hold_a, hold_b, hash, seal FROM messages
            WHERE mailbox = ?1 AND hash = ?2";
        let read = |row: &Row<'_>| MessageRow::read(row, 0)?.answer();
        first(self.sql, sql, params![row.id, body.hash()], read)
    }

    /// Inserts a message unless its body is there already.
    fn insert(&self, message: &MessageRow, body: &Body) -> Result<bool, Fault> {
        let sql =
            "INSERT INTO messages (mailbox, seq, posted, due, hold_a, hold_b, hash, seal, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (mailbox, hash) DO NOTHING";
        let changed = self.sql.prepare_cached(sql)?.execute(params![
            message.mailbox,
            message.seq,
            message.posted,
            message.due,
            message.hold_a,
            message.hold_b,
            message.hash,
            message.seal(),
            body.octets().as_ref(),
        ])?;
        Ok(changed == 1)
    }

    /// Forgets a deleted message whose number is now too long ago.
    pub(super) fn forget(&self, row: &MailboxRow) -> Result<(), Fault> {
        let oldest = row.last_seq.saturating_sub(SEEN_MESSAGES.cast_signed());
        if oldest > 0 {
            let sql = "DELETE FROM messages WHERE mailbox = ?1 AND seq = ?2 AND gone IS NOT NULL";
            self.sql.prepare_cached(sql)?.execute([row.id, oldest])?;
        }
        Ok(())
    }

    fn delete(&mut self, name: &MailboxId, seq: u64) -> Result<Done, Fault> {
        let (Some(mut row), Ok(seq)) = (self.mailbox(name)?, i64::try_from(seq)) else {
            return Ok(Done::Gone);
        };
        let sql = "SELECT id, length(body) FROM messages WHERE mailbox = ?1 AND seq = ?2 AND gone IS NULL";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found: Option<(i64, i64)> = first(self.sql, sql, [row.id, seq], read)?;
        let Some((id, octets)) = found else {
            return Ok(Done::Gone);
        };
        // Overwritten with zeros by SQLite (secure_delete), in either case.
        if seq.saturating_add(SEEN_MESSAGES.cast_signed()) > row.last_seq {
            let sql = "UPDATE messages SET gone = ?2, body = x'' WHERE id = ?1";
            self.sql.prepare_cached(sql)?.execute([id, self.now.0])?;
        } else {
            self.sql.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([id])?;
        }
        row.messages -= 1;
        row.octets -= octets;
        self.keep(row);
        Ok(Done::Gone)
    }

    fn probe(&self) -> Result<Done, Fault> {
        let sql = "INSERT INTO meta (name, value) VALUES ('probe', ?1)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.sql.prepare_cached(sql)?.execute([self.now.0])?;
        Ok(Done::Gone)
    }

    /// Whether a message under this hold is refused in this mailbox.
    fn vetoed(&self, hold: &HoldId, mailbox: &MailboxId) -> Result<bool, Fault> {
        Ok(self.veto_end(hold, mailbox.as_bytes())?.is_some()
            || self.veto_end(hold, &[])?.is_some())
    }
}
