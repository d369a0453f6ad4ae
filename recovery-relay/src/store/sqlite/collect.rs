//! What time does: the expired is removed, and deadlines move with the clock.

use super::batch::Batch;
use super::rows::{MailboxRow, MessageRow, SlotRow, VetoRow};
use super::{Fault, all};
use crate::store::{Done, SEEN_MILLIS};
use recovery_core::ids::MailboxId;
use rusqlite::{Connection, Row, params};

/// How many mailboxes, each with up to its quota, one [`Batch::collect`] removes.
const MAILBOXES_AT_ONCE: i64 = 16;
/// How many slots, of up to 512 KiB each.
const SLOTS_AT_ONCE: i64 = 64;
/// How many small records of each other kind.
const ROWS_AT_ONCE: i64 = 1_000;

impl Batch<'_> {
    /// Removes some of what is expired.
    pub(super) fn collect(&mut self) -> Result<Done, Fault> {
        let now = self.now.0;
        let sql = "SELECT id, name FROM mailboxes WHERE ends <= ?1 LIMIT ?2";
        let over = all(self.sql, sql, [now, MAILBOXES_AT_ONCE], |row| {
            Ok((row.get::<_, i64>(0)?, MailboxId::new(row.get(1)?)))
        })?;
        let mut more = over.len() as i64 == MAILBOXES_AT_ONCE;
        for (id, name) in over {
            // The batch may have extended it a moment ago.
            let living = self.mailbox(&name);
            if !matches!(living, Ok(Some(_))) {
                self.remove(&name, id)?;
            }
        }
        let small = [
            ("slots", "ends", now, SLOTS_AT_ONCE),
            ("vetoes", "ends", now, ROWS_AT_ONCE),
            ("messages", "gone", now.saturating_sub(SEEN_MILLIS), ROWS_AT_ONCE),
        ];
        for (table, column, until, limit) in small {
            let sql = format!(
                "DELETE FROM {table} WHERE id IN
                    (SELECT id FROM {table} WHERE {column} <= ?1 LIMIT ?2)"
            );
            more |= self.sql.prepare_cached(&sql)?.execute([until, limit])? as i64 == limit;
        }
        Ok(Done::Collected { more })
    }
}

/// Moves every deadline, and with it every seal; a damaged record stays as it is.
pub(super) fn shift(sql: &Connection, by: i64) -> Result<(), Fault> {
    let moved = |ends: i64| ends.saturating_add(by);
    let select = "SELECT id, mailbox, seq, posted, due, hold_a, hold_b, hash, seal FROM messages
        WHERE seq IS NULL AND due IS NOT NULL";
    let update = "UPDATE messages SET due = ?2, seal = ?3 WHERE id = ?1";
    for (id, mut row) in intact(sql, select, |row| Ok((row.get(0)?, MessageRow::read(row, 1)?)))? {
        row.due = row.due.map(moved);
        sql.prepare_cached(update)?.execute(params![id, row.due, row.seal()])?;
    }
    let select = "SELECT id, last_seq, messages, octets, ends, seal, name FROM mailboxes
        WHERE ends IS NOT NULL";
    let update = "UPDATE mailboxes SET ends = ?2, seal = ?3 WHERE id = ?1";
    let read = |row: &Row<'_>| Ok((0, MailboxRow::read(MailboxId::new(row.get(6)?), row)?));
    for (_, mut row) in intact(sql, select, read)? {
        row.ends = row.ends.map(moved);
        sql.prepare_cached(update)?.execute(params![row.id, row.ends, row.seal()])?;
    }
    let select = "SELECT name, version, ends, hash, seal FROM slots WHERE ends IS NOT NULL";
    let update = "UPDATE slots SET ends = ?2, seal = ?3 WHERE name = ?1";
    for (_, mut row) in intact(sql, select, |row| Ok((0, SlotRow::read(row)?)))? {
        row.ends = row.ends.map(moved);
        sql.prepare_cached(update)?.execute(params![row.name, row.ends, row.seal()])?;
    }
    let select = "SELECT hold, mailbox, ends, seal FROM vetoes";
    let update = "UPDATE vetoes SET ends = ?3, seal = ?4 WHERE hold = ?1 AND mailbox = ?2";
    for (_, mut row) in intact(sql, select, |row| Ok((0, VetoRow::read(row)?)))? {
        row.ends = moved(row.ends);
        sql.prepare_cached(update)?.execute(params![
            row.hold,
            row.mailbox,
            row.ends,
            row.seal()
        ])?;
    }
    Ok(())
}

/// The rows that match their seals, with their ids.
fn intact<T>(
    sql: &Connection,
    select: &str,
    read: impl Fn(&Row<'_>) -> Result<(i64, T), Fault>,
) -> Result<Vec<(i64, T)>, Fault> {
    let rows = all(sql, select, [], |row| match read(row) {
        Ok(row) => Ok(Some(row)),
        Err(Fault::Damaged(_)) => Ok(None),
        Err(fault) => Err(fault),
    })?;
    Ok(rows.into_iter().flatten().collect())
}
