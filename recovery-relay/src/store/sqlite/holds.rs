//! Holds: what is due becomes visible, what is vetoed is dropped.

use super::batch::Batch;
use super::rows::{MessageRow, VetoRow};
use super::{Fault, all, first, lives};
use crate::store::{Done, VETO_MILLIS};
use recovery_core::ids::{HoldId, MailboxId};
use rusqlite::params;

/// How many messages one [`Batch::release`] makes visible.
const RELEASE_AT_ONCE: i64 = 1_000;

impl Batch<'_> {
    /// When the veto of this hold in this mailbox (empty: any) ends, if it has not.
    pub(super) fn veto_end(&self, hold: &HoldId, mailbox: &[u8]) -> Result<Option<i64>, Fault> {
        let sql = "SELECT hold, mailbox, ends, seal FROM vetoes WHERE hold = ?1 AND mailbox = ?2";
        let veto = first(self.sql, sql, params![hold.as_bytes(), mailbox], VetoRow::read)?;
        Ok(veto.map(|veto| veto.ends).filter(|&ends| lives(Some(ends), self.now)))
    }

    /// Drops what is held under the hold, damaged or not, and refuses more.
    pub(super) fn veto(&mut self, hold: &HoldId, only: Option<&MailboxId>) -> Result<Done, Fault> {
        let sql = "SELECT s.id, length(s.body), m.name
            FROM messages s LEFT JOIN mailboxes m ON m.id = s.mailbox
            WHERE s.seq IS NULL AND (s.hold_a = ?1 OR s.hold_b = ?1)";
        let held = all(self.sql, sql, params![hold.as_bytes()], |row| {
            let mailbox = row.get::<_, Option<[u8; 32]>>(2)?.map(MailboxId::new);
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, mailbox))
        })?;
        for (id, octets, mailbox) in held {
            if only.is_some() && mailbox.as_ref() != only {
                continue;
            }
            self.sql.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([id])?;
            // A mailbox that is damaged keeps its count: it answers nothing any more but its removal.
            if let Some(Ok(Some(mut row))) = mailbox.map(|mailbox| self.mailbox(&mailbox)) {
                row.messages -= 1;
                row.octets -= octets;
                self.keep(row);
            }
        }
        self.refuse_from_now_on(hold, only)?;
        Ok(Done::Gone)
    }

    fn refuse_from_now_on(&self, hold: &HoldId, only: Option<&MailboxId>) -> Result<(), Fault> {
        let mailbox = only.map_or(Vec::new(), |mailbox| mailbox.as_bytes().to_vec());
        let veto = VetoRow { hold: *hold.as_bytes(), mailbox, ends: self.now.plus(VETO_MILLIS).0 };
        let sql = "INSERT INTO vetoes (hold, mailbox, ends, seal) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (hold, mailbox) DO UPDATE SET ends = excluded.ends, seal = excluded.seal";
        let values = params![veto.hold, veto.mailbox, veto.ends, veto.seal()];
        self.sql.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Gives what is due its number.
    pub(super) fn release(&mut self) -> Result<Done, Fault> {
        let sql = "SELECT s.id, m.name FROM messages s LEFT JOIN mailboxes m ON m.id = s.mailbox
            WHERE s.seq IS NULL AND s.due <= ?1 ORDER BY s.due, s.id LIMIT ?2";
        let due = all(self.sql, sql, [self.now.0, RELEASE_AT_ONCE], |row| {
            let mailbox = row.get::<_, Option<[u8; 32]>>(1)?.map(MailboxId::new);
            Ok((row.get::<_, i64>(0)?, mailbox))
        })?;
        let mut mailboxes = Vec::new();
        for &(id, mailbox) in &due {
            match mailbox.map_or(Ok(false), |mailbox| self.show(id, &mailbox)) {
                Ok(true) => mailboxes.extend(mailbox),
                Ok(false) => {}
                Err(Fault::Damaged(damage)) => self.set_aside(id, &damage)?,
                Err(fault) => return Err(fault),
            }
        }
        Ok(Done::Released { mailboxes, more: due.len() as i64 == RELEASE_AT_ONCE })
    }

    /// Makes one held message visible; `false` if its mailbox is gone.
    fn show(&mut self, id: i64, mailbox: &MailboxId) -> Result<bool, Fault> {
        let Some(mut row) = self.mailbox(mailbox)? else {
            return Ok(false);
        };
        let sql = "SELECT mailbox, seq, posted, due, hold_a, hold_b, hash, seal FROM messages
            WHERE id = ?1";
        let Some(mut message) = first(self.sql, sql, [id], |row| MessageRow::read(row, 0))? else {
            return Ok(false);
        };
        let seq = row.next_seq();
        message.seq = Some(seq);
        let sql = "UPDATE messages SET seq = ?2, seal = ?3 WHERE id = ?1";
        self.sql.prepare_cached(sql)?.execute(params![id, seq, message.seal()])?;
        self.forget(&row)?;
        self.keep(row);
        Ok(true)
    }

    /// Never shows a damaged message, and never again tries to.
    fn set_aside(&self, id: i64, damage: &crate::store::Damage) -> Result<(), Fault> {
        tracing::error!(%damage, "a held message is damaged and stays hidden");
        self.sql.prepare_cached("UPDATE messages SET due = NULL WHERE id = ?1")?.execute([id])?;
        Ok(())
    }
}
