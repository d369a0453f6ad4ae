//! Holds: what is due becomes visible, what is vetoed is dropped.

use super::database::{Database, Fields};
use super::rows::{MailboxRow, MessageRow, VetoRow};
use super::turn::Turn;
use super::{Fault, lives};
use crate::store::{Damage, Done, VETO_MILLIS};
use recovery_core::ids::{HoldId, MailboxId};

/// How many messages one [`Turn::release`] makes visible.
const RELEASE_AT_ONCE: i64 = 1_000;

/// What is known of a held message before it is checked.
struct Held {
    mailbox: i64,
    hash: Vec<u8>,
    name: Option<MailboxId>,
    octets: i64,
}

impl Held {
    /// Reads `mailbox, hash, name, length(body)`.
    fn read(row: &dyn Fields) -> Result<Self, Fault> {
        let (mailbox, hash) = (row.number(0)?, row.octets(1)?.to_vec());
        let name = row.maybe_array(2)?.map(MailboxId::new);
        Ok(Self { mailbox, hash, name, octets: row.number(3)? })
    }
}

impl<D: Database> Turn<'_, D> {
    /// Whether a veto of this hold in this mailbox (empty: any) stands.
    pub(super) fn veto_stands(&mut self, hold: &[u8], mailbox: &[u8]) -> Result<bool, Fault> {
        let values = [hold.into(), mailbox.into()];
        let vetoes = self.db.all(VetoRow::BY_HOLD, &values, VetoRow::read)?;
        Ok(vetoes.iter().any(|veto| lives(Some(veto.ends), self.now)))
    }

    /// Drops what is held under the hold, damaged or not, and refuses more.
    pub(super) fn veto(&mut self, hold: &HoldId, only: Option<&MailboxId>) -> Result<Done, Fault> {
        let sql = "SELECT s.mailbox, s.hash, m.name, length(s.body) \
            FROM messages s LEFT JOIN mailboxes m ON m.id = s.mailbox \
            WHERE s.seq IS NULL AND (s.hold_a = ?1 OR s.hold_b = ?1)";
        for held in self.db.all(sql, &[hold.as_bytes().into()], Held::read)? {
            if only.is_none() || held.name.as_ref() == only {
                self.drop_held(&held)?;
            }
        }
        self.refuse_from_now_on(hold, only)?;
        Ok(Done::Gone)
    }

    fn drop_held(&mut self, held: &Held) -> Result<(), Fault> {
        // A mailbox that is damaged keeps its count: it answers nothing any more but its removal.
        let row = match held.name.map_or(Ok(None), |name| self.mailbox(&name)) {
            Ok(row) => row,
            Err(Fault::Damaged(_)) => None,
            Err(fault) => return Err(fault),
        };
        let sql = "DELETE FROM messages WHERE mailbox = ?1 AND hash = ?2 AND seq IS NULL";
        let removed = self.db.execute(sql, &[held.mailbox.into(), held.hash.as_slice().into()])?;
        if let Some(mut row) = row.filter(|_| removed == 1) {
            row.messages -= 1;
            row.octets -= held.octets;
            self.charge(row.right(), 0, 0, -held.octets)?;
            self.keep(row);
        }
        Ok(())
    }

    fn refuse_from_now_on(&mut self, hold: &HoldId, only: Option<&MailboxId>) -> Result<(), Fault> {
        let mailbox = only.map_or(Vec::new(), |mailbox| mailbox.as_bytes().to_vec());
        let veto = VetoRow { hold: *hold.as_bytes(), mailbox, ends: self.now.plus(VETO_MILLIS).0 };
        self.db.execute(VetoRow::PUT, &veto.values(&veto.seal())).map(drop)
    }

    /// Gives what is due its number.
    pub(super) fn release(&mut self) -> Result<Done, Fault> {
        let sql = "SELECT s.mailbox, s.hash, m.name, length(s.body) \
            FROM messages s LEFT JOIN mailboxes m ON m.id = s.mailbox \
            WHERE s.seq IS NULL AND s.due <= ?1 ORDER BY s.due, s.id LIMIT ?2";
        let due = self.db.all(sql, &[self.now.0.into(), RELEASE_AT_ONCE.into()], Held::read)?;
        let mut mailboxes = Vec::new();
        for held in &due {
            match self.show(held) {
                Ok(true) => mailboxes.extend(held.name),
                Ok(false) => {}
                Err(Fault::Damaged(damage)) => self.set_aside(held, &damage)?,
                Err(fault) => return Err(fault),
            }
        }
        Ok(Done::Released { mailboxes, more: due.len() as i64 == RELEASE_AT_ONCE })
    }

    /// Makes one held message visible; `false` if its mailbox is gone, or another process was faster.
    fn show(&mut self, held: &Held) -> Result<bool, Fault> {
        let orphan = || super::rows::damaged("message: without a mailbox", None);
        let Some(mut row) = self.mailbox(&held.name.ok_or_else(orphan)?)? else {
            return Ok(false);
        };
        let message = self.db.message(row.id, &held.hash)?;
        let Some(mut message) = message.filter(|message| message.seq.is_none()) else {
            return Ok(false);
        };
        if self.was_vetoed(&message, &row)? {
            self.drop_held(held)?;
            return Ok(false);
        }
        let seq = row.next_seq();
        message.seq = Some(seq);
        let seal = message.seal();
        let values = [seq.into(), (&seal).into(), row.id.into(), held.hash.as_slice().into()];
        self.db.execute(MessageRow::SHOW, &values)?;
        self.became_visible(&row)?;
        self.keep(row);
        Ok(true)
    }

    /// A veto drops what it finds. What another process was just about to post it does not find.
    fn was_vetoed(&mut self, message: &MessageRow, row: &MailboxRow) -> Result<bool, Fault> {
        for hold in message.hold_a.iter().chain(&message.hold_b) {
            if self.vetoed(hold, &row.name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Never shows a damaged message, and never again tries to.
    fn set_aside(&mut self, held: &Held, damage: &Damage) -> Result<(), Fault> {
        tracing::error!(%damage, "a held message is damaged and stays hidden");
        let sql = "UPDATE messages SET due = NULL WHERE mailbox = ?1 AND hash = ?2";
        self.db.execute(sql, &[held.mailbox.into(), held.hash.as_slice().into()]).map(drop)
    }
}
