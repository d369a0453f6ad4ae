//! What time does: the expired is removed. What is damaged is not believed and stays, for the operator to see.

use super::Fault;
use super::database::Database;
use super::rows::{MessageRow, VetoRow};
use super::turn::Turn;
use crate::store::{Done, SEEN_MILLIS};
use recovery_core::ids::{MailboxId, SlotId};

/// How many mailboxes, each with up to its quota, one [`Turn::collect`] removes.
const MAILBOXES_AT_ONCE: i64 = 16;
/// How many slots, of up to 512 KiB each.
const SLOTS_AT_ONCE: i64 = 64;
/// How many small records of each other kind.
const ROWS_AT_ONCE: i64 = 1_000;

impl<D: Database> Turn<'_, D> {
    /// Removes some of what is expired.
    pub(super) fn collect(&mut self) -> Result<Done, Fault> {
        let mut more = self.collect_mailboxes()?;
        more |= self.collect_slots()?;
        more |= self.collect_vetoes()?;
        more |= self.collect_deleted()?;
        more |= self.end_unconfirmed(ROWS_AT_ONCE)?;
        self.end_passes()?;
        Ok(Done::Collected { more })
    }

    fn collect_mailboxes(&mut self) -> Result<bool, Fault> {
        let sql = "SELECT name FROM mailboxes WHERE ends <= ?1 LIMIT ?2";
        let values = [self.now.0.into(), MAILBOXES_AT_ONCE.into()];
        let over = self.db.all(sql, &values, |row| row.array(0).map(MailboxId::new))?;
        let mut read = 0;
        for name in &over {
            // Reading one whose time is over removes it. The batch may have extended it a moment ago.
            match self.mailbox(name) {
                Ok(_) => read += 1,
                Err(Fault::Damaged(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(read == MAILBOXES_AT_ONCE)
    }

    fn collect_slots(&mut self) -> Result<bool, Fault> {
        let sql = "SELECT name FROM slots WHERE ends <= ?1 LIMIT ?2";
        let values = [self.now.0.into(), SLOTS_AT_ONCE.into()];
        let over = self.db.all(sql, &values, |row| row.array(0).map(SlotId::new))?;
        let mut read = 0;
        for id in &over {
            match self.living_slot(id) {
                Ok(_) => read += 1,
                Err(Fault::Damaged(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(read == SLOTS_AT_ONCE)
    }

    fn collect_vetoes(&mut self) -> Result<bool, Fault> {
        let sql = "SELECT hold, mailbox, ends, seal FROM vetoes WHERE ends <= ?1 LIMIT ?2";
        let values = [self.now.0.into(), ROWS_AT_ONCE.into()];
        let over = self.db.all(sql, &values, |row| Ok(VetoRow::read(row).ok()))?;
        let sound: Vec<_> = over.into_iter().flatten().collect();
        let sql = "DELETE FROM vetoes WHERE hold = ?1 AND mailbox = ?2 AND ends <= ?3";
        for veto in &sound {
            let values = [(&veto.hold).into(), veto.mailbox.as_slice().into(), self.now.0.into()];
            self.db.execute(sql, &values)?;
        }
        Ok(sound.len() as i64 == ROWS_AT_ONCE)
    }

    /// Forgets messages that were deleted long ago.
    fn collect_deleted(&mut self) -> Result<bool, Fault> {
        let sql = "SELECT mailbox, seq, posted, due, hold_a, hold_b, gone, hash, seal \
            FROM messages WHERE gone <= ?1 LIMIT ?2";
        let values = [self.now.0.saturating_sub(SEEN_MILLIS).into(), ROWS_AT_ONCE.into()];
        let over = self.db.all(sql, &values, |row| Ok(MessageRow::read(row).ok()))?;
        let sound: Vec<_> = over.into_iter().flatten().collect();
        for message in &sound {
            let values = [message.mailbox.into(), (&message.hash).into()];
            self.db.execute(MessageRow::REMOVE, &values)?;
        }
        Ok(sound.len() as i64 == ROWS_AT_ONCE)
    }
}
