//! Mailboxes and their messages.

use super::Fault;
use super::database::{Database, Fields};
use super::rows::{MailboxRow, MessageRow, damaged};
use super::turn::Turn;
use crate::clock::UnixMillis;
use crate::store::{
    Answer, Body, Done, Hold, PassQuota, Refusal, Right, SEEN_MESSAGES, StoreError, later,
};
use recovery_core::ids::MailboxId;

impl<D: Database> Turn<'_, D> {
    pub(super) fn open(
        &mut self,
        name: &MailboxId,
        ttl: Option<i64>,
        right: Right,
    ) -> Result<Done, Fault> {
        let ends = ttl.map(|ttl| self.now.plus(ttl));
        for _ in 0..2 {
            if let Some(row) = self.mailbox(name)? {
                self.extend(row, ends, right)?;
                return Ok(Done::Opened { new: false });
            }
            let id = self.db.fresh_id()?;
            let mut row = MailboxRow {
                id,
                name: *name,
                last_seq: 0,
                messages: 0,
                octets: 0,
                ends: ends.map(|ends| ends.0),
                session: 0,
                pass: None,
                subscribers: 0,
            };
            (row.session, row.pass) = columns(right);
            self.may_charge(right, &PassQuota { mailboxes: 1, ..PassQuota::default() })?;
            if self.db.execute(MailboxRow::INSERT, &row.values(&row.seal()))? == 1 {
                self.charge(right, 1, 0, 0)?;
                self.keep(row);
                return Ok(Done::Opened { new: true });
            }
            // Another process was faster: now it can be read.
        }
        Err(StoreError::Failed("a mailbox is there and is not".into()).into())
    }

    /// Its end becomes the later one; a session's mailbox becomes an ordinary one.
    fn extend(
        &mut self,
        mut row: MailboxRow,
        ends: Option<UnixMillis>,
        right: Right,
    ) -> Result<(), Fault> {
        let old = (row.ends, row.session);
        if row.right() == Right::Session && right != Right::Session {
            let octets = row.octets.cast_unsigned();
            self.may_charge(right, &PassQuota { mailboxes: 1, slots: 0, octets })?;
            self.charge(right, 1, 0, row.octets)?;
            (row.session, row.pass) = columns(right);
        }
        row.ends = later(row.ends.map(UnixMillis), ends).map(|ends| ends.0);
        if (row.ends, row.session) != old {
            self.keep(row);
        }
        Ok(())
    }

    /// Also closes a mailbox whose row is damaged.
    pub(super) fn close(&mut self, name: &MailboxId) -> Result<Done, Fault> {
        match self.mailbox(name) {
            Ok(Some(row)) => self.remove(&row)?,
            Err(Fault::Damaged(_)) => {
                let sql = "SELECT id FROM mailboxes WHERE name = ?1";
                for id in self.db.all(sql, &[name.as_bytes().into()], |row| row.number(0))? {
                    self.remove_rows(name, id)?;
                }
            }
            Ok(None) => {}
            Err(fault) => return Err(fault),
        }
        Ok(Done::Gone)
    }

    /// Removes a mailbox and all that is in it.
    pub(super) fn remove(&mut self, row: &MailboxRow) -> Result<(), Fault> {
        self.remove_rows(&row.name, row.id)?;
        self.charge(row.right(), -1, 0, -row.octets)
    }

    /// Removes what is stored of a mailbox, damaged or not.
    pub(super) fn remove_rows(&mut self, name: &MailboxId, id: i64) -> Result<(), Fault> {
        self.drop_kept(name);
        self.news.remove(&id);
        for sql in [
            "DELETE FROM messages WHERE mailbox = ?1",
            "DELETE FROM subscriptions WHERE mailbox = ?1",
            "DELETE FROM mailboxes WHERE id = ?1",
        ] {
            self.db.execute(sql, &[id.into()])?;
        }
        Ok(())
    }

    pub(super) fn post(
        &mut self,
        name: &MailboxId,
        body: &Body,
        hold: Option<&Hold>,
    ) -> Result<Done, Fault> {
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
            gone: None,
            hash: *body.hash(),
        };
        if !self.db.insert_message(&message, body)? {
            let answer = self.earlier(&row, body)?;
            let answer = answer.ok_or_else(|| damaged("message: there and not there", None))?;
            return Ok(Done::Posted { answer, repeated: true });
        }
        let octets = body.length().cast_signed();
        row.messages += 1;
        row.octets += octets;
        if message.seq.is_some() {
            self.became_visible(&row)?;
        }
        self.charge(row.right(), 0, 0, octets)?;
        self.keep(row);
        Ok(Done::Posted { answer: message.answer()?, repeated: false })
    }

    /// Why a new message is not taken.
    fn refusal(
        &mut self,
        row: &MailboxRow,
        body: &Body,
        hold: Option<&Hold>,
    ) -> Result<Option<Refusal>, Fault> {
        let holds = hold.iter().flat_map(|hold| std::iter::once(&hold.first).chain(&hold.second));
        for id in holds {
            if self.vetoed(id.as_bytes(), &row.name)? {
                return Ok(Some(Refusal::Vetoed));
            }
        }
        let quota = match row.right() {
            Right::Session => self.quotas.session,
            _ => self.quotas.mailbox,
        };
        let (messages, octets) = (row.messages.cast_unsigned(), row.octets.cast_unsigned());
        let more = PassQuota { octets: body.length(), ..PassQuota::default() };
        let fits =
            quota.fits(messages, octets, body.length()) && self.has_room(row.right(), &more)?;
        Ok((!fits).then_some(Refusal::MailboxFull))
    }

    /// The answer to a body that was posted before.
    fn earlier(&mut self, row: &MailboxRow, body: &Body) -> Result<Option<Answer>, Fault> {
        self.db.message(row.id, body.hash())?.map(|message| message.answer()).transpose()
    }

    /// After a number was given: forgets a deleted message whose number is now too long ago, and notes that there
    /// is news.
    pub(super) fn became_visible(&mut self, row: &MailboxRow) -> Result<(), Fault> {
        if row.subscribers > 0 {
            self.news.insert(row.id);
        }
        let oldest = row.last_seq.saturating_sub(SEEN_MESSAGES.cast_signed());
        match oldest > 0 {
            true => self.db.forget(row.id, oldest),
            false => Ok(()),
        }
    }

    pub(super) fn delete(&mut self, name: &MailboxId, seq: u64) -> Result<Done, Fault> {
        let (Some(mut row), Ok(seq)) = (self.mailbox(name)?, i64::try_from(seq)) else {
            return Ok(Done::Gone);
        };
        let sql = "SELECT hash, length(body), seq FROM messages \
            WHERE mailbox = ?1 AND seq = ?2 AND gone IS NULL";
        // Damaged or not: deleting is the way to be rid of it.
        let read = |row: &dyn Fields| Ok((row.octets(0)?.to_vec(), row.number(1)?));
        let found = self.db.all(sql, &[row.id.into(), seq.into()], read)?;
        let Some((hash, octets)) = found.into_iter().next() else {
            return Ok(Done::Gone);
        };
        let recent = seq.saturating_add(SEEN_MESSAGES.cast_signed()) > row.last_seq;
        let message = match self.db.message(row.id, &hash) {
            Ok(message) => message.filter(|_| recent),
            Err(Fault::Damaged(_)) => None,
            Err(fault) => return Err(fault),
        };
        // SQLite overwrites with zeros what is removed (secure_delete), in either case.
        match message {
            Some(mut message) => {
                message.gone = Some(self.now.0);
                let seal = message.seal();
                let values = [
                    self.now.0.into(),
                    (&seal).into(),
                    (&[]).into(),
                    row.id.into(),
                    hash.as_slice().into(),
                ];
                self.db.execute(MessageRow::ERASE, &values)?;
            }
            None => {
                self.db.execute(MessageRow::REMOVE, &[row.id.into(), hash.as_slice().into()])?;
            }
        }
        row.messages -= 1;
        row.octets -= octets;
        self.charge(row.right(), 0, 0, -octets)?;
        self.keep(row);
        Ok(Done::Gone)
    }

    /// Whether a message under this hold is refused in this mailbox.
    pub(super) fn vetoed(&mut self, hold: &[u8], mailbox: &MailboxId) -> Result<bool, Fault> {
        Ok(self.veto_stands(hold, mailbox.as_bytes())? || self.veto_stands(hold, &[])?)
    }
}

/// A right as the columns `session` and `pass`.
pub(super) fn columns(right: Right) -> (i64, Option<[u8; 32]>) {
    match right {
        Right::Open => (0, None),
        Right::Session => (1, None),
        Right::Pass(id) => (0, Some(*id.as_bytes())),
    }
}
