//! Deadlines move with the clock, and with them every seal; a damaged record stays as it is.

use super::Fault;
use super::database::{Database, Fields};
use super::rows::{MailboxRow, MessageRow, PassRow, SlotRow, SubscriptionRow, VetoRow};
use crate::clock::UnixMillis;

/// Moves every deadline by `by` milliseconds.
pub(crate) fn shift(db: &mut impl Database, by: i64) -> Result<(), Fault> {
    let moved = |ends: i64| ends.saturating_add(by);
    let sql = "SELECT mailbox, seq, posted, due, hold_a, hold_b, gone, hash, seal FROM messages \
        WHERE seq IS NULL AND due IS NOT NULL";
    for mut row in intact(db.all(sql, &[], |row| Ok(MessageRow::read(row)))?)? {
        row.due = row.due.map(moved);
        let seal = row.seal();
        let values = [row.due.into(), (&seal).into(), row.mailbox.into(), (&row.hash).into()];
        db.execute(MessageRow::MOVE, &values)?;
    }
    let sql = "SELECT id, name, last_seq, messages, octets, ends, session, pass, subscribers, \
        seal FROM mailboxes WHERE ends IS NOT NULL";
    let mut rows = intact(db.all(sql, &[], |row| Ok(MailboxRow::read(row)))?)?;
    rows.iter_mut().for_each(|row| row.ends = row.ends.map(moved));
    db.save_mailboxes(&rows)?;
    let sql = "SELECT name, version, ends, session, pass, hash, seal FROM slots \
        WHERE ends IS NOT NULL";
    for mut row in intact(db.all(sql, &[], |row| Ok(SlotRow::read(row)))?)? {
        row.ends = row.ends.map(moved);
        let seal = row.seal();
        db.execute(SlotRow::MOVE, &[row.ends.into(), (&seal).into(), (&row.name).into()])?;
    }
    let sql = "SELECT hold, mailbox, ends, seal FROM vetoes";
    for mut row in intact(db.all(sql, &[], |row| Ok(VetoRow::read(row)))?)? {
        row.ends = moved(row.ends);
        db.execute(VetoRow::PUT, &row.values(&row.seal()))?;
    }
    shift_people(db, moved)
}

fn shift_people(db: &mut impl Database, moved: impl Fn(i64) -> i64) -> Result<(), Fault> {
    let mut rows = intact(db.all(PassRow::ALL, &[], |row| Ok(PassRow::read(row)))?)?;
    for row in &mut rows {
        row.pass.ends = row.pass.ends.map(|ends| UnixMillis(moved(ends.0)));
    }
    db.save_passes(&rows)?;
    let read = |row: &dyn Fields| Ok(SubscriptionRow::read(row));
    for mut row in intact(db.all(SubscriptionRow::TIMED, &[], read)?)? {
        row.ends = row.ends.map(&moved);
        row.due = row.due.map(&moved);
        row.sent = row.sent.map(&moved);
        db.execute(SubscriptionRow::UPDATE, &row.values(&row.seal()))?;
    }
    Ok(())
}

/// The rows that match their seals.
fn intact<T>(rows: Vec<Result<T, Fault>>) -> Result<Vec<T>, Fault> {
    let intact = rows.into_iter().filter(|row| !matches!(row, Err(Fault::Damaged(_))));
    intact.collect()
}
