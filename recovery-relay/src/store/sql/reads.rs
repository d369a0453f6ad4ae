//! Questions that need no speed.

use super::database::{Database, Fields};
use super::rows::{MailboxRow, PassRow, SlotRow, SubscriptionRow, check_body};
use super::{Fault, lives};
use crate::clock::UnixMillis;
use crate::store::{Pass, Slot, Stats, SubscriptionState, Version};
use bytes::Bytes;
use recovery_core::ids::{MailboxId, PassId, SlotId};

/// What a slot holds.
pub(crate) fn slot<D: Database>(
    db: &mut D,
    id: &SlotId,
    now: UnixMillis,
) -> Result<Option<Slot>, Fault> {
    let found = db.all(SlotRow::WITH_BODY, &[id.as_bytes().into()], |row| {
        let slot = SlotRow::read(row)?;
        let body = row.octets(7)?;
        check_body(body, &slot.hash, None)?;
        let version = Version(slot.version.cast_unsigned());
        Ok((slot.ends, Slot { version, body: Bytes::copy_from_slice(body) }))
    })?;
    let slot = found.into_iter().next().filter(|(ends, _)| lives(*ends, now));
    Ok(slot.map(|(_, slot)| slot))
}

/// When the next held message falls due.
pub(crate) fn next_due(db: &mut impl Database) -> Result<Option<UnixMillis>, Fault> {
    one_number(db, "SELECT min(due) FROM messages WHERE seq IS NULL AND due IS NOT NULL")
}

/// When the next job of notification is due.
pub(crate) fn next_job(db: &mut impl Database) -> Result<Option<UnixMillis>, Fault> {
    one_number(db, "SELECT min(due) FROM subscriptions")
}

fn one_number(db: &mut impl Database, sql: &str) -> Result<Option<UnixMillis>, Fault> {
    let found = db.all(sql, &[], |row| row.maybe_number(0))?;
    Ok(found.into_iter().next().flatten().map(UnixMillis))
}

/// A pass.
pub(crate) fn pass(db: &mut impl Database, id: &PassId) -> Result<Option<Pass>, Fault> {
    let found = db.all(PassRow::BY_NAME, &[id.as_bytes().into()], PassRow::read)?;
    Ok(found.into_iter().next().map(|row| row.pass))
}

/// All passes.
pub(crate) fn passes(db: &mut impl Database) -> Result<Vec<Pass>, Fault> {
    db.all(PassRow::ALL, &[], |row| Ok(PassRow::read(row)?.pass))
}

/// The subscriptions to a mailbox.
pub(crate) fn subscriptions<D: Database>(
    db: &mut D,
    mailbox: &MailboxId,
) -> Result<Vec<SubscriptionState>, Fault> {
    let found = db.all(MailboxRow::BY_NAME, &[mailbox.as_bytes().into()], MailboxRow::read)?;
    let Some(row) = found.into_iter().next() else {
        return Ok(Vec::new());
    };
    db.all(SubscriptionRow::BY_MAILBOX, &[row.id.into()], |row| {
        Ok(SubscriptionRow::read(row)?.state(*mailbox))
    })
}

/// Counts what is there.
pub(crate) fn stats<D: Database>(db: &mut D) -> Result<Stats, Fault> {
    let mut row = |sql: &str, columns: usize| -> Result<Vec<Option<i64>>, Fault> {
        let read = |row: &dyn Fields| (0..columns).map(|at| row.maybe_number(at)).collect();
        Ok(db.all(sql, &[], read)?.into_iter().next().unwrap_or_default())
    };
    let messages = row(
        "SELECT count(*), \
        CAST(sum(CASE WHEN seq IS NULL THEN 1 ELSE 0 END) AS BIGINT), \
        CAST(sum(CASE WHEN gone IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT), \
        CAST(sum(length(body)) AS BIGINT), min(CASE WHEN gone IS NULL THEN posted END), \
        min(CASE WHEN seq IS NULL THEN due END) FROM messages",
        6,
    )?;
    let slots = row("SELECT count(*), CAST(sum(length(body)) AS BIGINT) FROM slots", 2)?;
    let subscriptions = row(
        "SELECT count(*), CAST(sum(1 - confirmed) AS BIGINT), count(due), \
        CAST(sum(CASE WHEN due IS NOT NULL AND tries > 0 THEN 1 ELSE 0 END) AS BIGINT), min(due) \
        FROM subscriptions",
        5,
    )?;
    let [mailboxes, vetoes, passes] = [
        row("SELECT count(*) FROM mailboxes", 1)?,
        row("SELECT count(*) FROM vetoes", 1)?,
        row("SELECT count(*) FROM passes", 1)?,
    ];
    let maybe = |row: &[Option<i64>], at: usize| row.get(at).copied().flatten();
    let count = |row: &[Option<i64>], at: usize| maybe(row, at).unwrap_or(0).cast_unsigned();
    let (held, deleted) = (count(&messages, 1), count(&messages, 2));
    Ok(Stats {
        mailboxes: count(&mailboxes, 0),
        messages: count(&messages, 0).saturating_sub(held).saturating_sub(deleted),
        held,
        deleted,
        message_octets: count(&messages, 3),
        oldest_message: maybe(&messages, 4).map(UnixMillis),
        next_due: maybe(&messages, 5).map(UnixMillis),
        slots: count(&slots, 0),
        slot_octets: count(&slots, 1),
        vetoes: count(&vetoes, 0),
        passes: count(&passes, 0),
        subscriptions: count(&subscriptions, 0),
        unconfirmed: count(&subscriptions, 1),
        jobs: count(&subscriptions, 2),
        jobs_failing: count(&subscriptions, 3),
        oldest_job: maybe(&subscriptions, 4).map(UnixMillis),
    })
}
