//! Records as Rust values, each with its seal: the first 16 octets of a SHA-256 over all its fields.
//!
//! A flipped bit on disk is otherwise found only if it breaks the file's structure. A body is covered through
//! its own hash, which the seal covers.

use super::Fault;
use super::database::{Database, Fields, Value};
use crate::clock::UnixMillis;
use crate::store::{Answer, Damage, Epoch, Right};
use recovery_core::ids::{MailboxId, PassId};
use sha2::{Digest, Sha256};

/// A record's own hash.
pub(crate) type Seal = [u8; 16];

/// By what right a record is there, as two columns: `session` (1 or 0) and `pass`.
fn right(session: i64, pass: Option<[u8; 32]>) -> Right {
    match pass {
        Some(pass) => Right::Pass(PassId::new(pass)),
        None if session != 0 => Right::Session,
        None => Right::Open,
    }
}

/// A row of `mailboxes`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MailboxRow {
    pub(crate) id: i64,
    pub(crate) name: MailboxId,
    pub(crate) last_seq: i64,
    pub(crate) messages: i64,
    pub(crate) octets: i64,
    pub(crate) ends: Option<i64>,
    pub(crate) session: i64,
    pub(crate) pass: Option<[u8; 32]>,
    /// How many subscriptions.
    pub(crate) subscribers: i64,
}

impl MailboxRow {
    /// Finds one.
    pub(crate) const BY_NAME: &str = "SELECT id, name, last_seq, messages, octets, ends, session, \
        pass, subscribers, seal FROM mailboxes WHERE name = ?1";
    /// Inserts one.
    pub(crate) const INSERT: &str = "INSERT INTO mailboxes (id, name, last_seq, messages, octets, \
        ends, session, pass, subscribers, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
        ON CONFLICT (name) DO NOTHING";
    /// Writes one back.
    pub(crate) const UPDATE: &str = "UPDATE mailboxes SET last_seq = ?3, messages = ?4, \
        octets = ?5, ends = ?6, session = ?7, pass = ?8, subscribers = ?9, seal = ?10 \
        WHERE id = ?1 AND name = ?2";

    /// Reads the columns in the order above and checks the seal.
    pub(crate) fn read(row: &dyn Fields) -> Result<Self, Fault> {
        let read = Self {
            id: row.number(0)?,
            name: MailboxId::new(row.array(1)?),
            last_seq: row.number(2)?,
            messages: row.number(3)?,
            octets: row.number(4)?,
            ends: row.maybe_number(5)?,
            session: row.number(6)?,
            pass: row.maybe_array(7)?,
            subscribers: row.number(8)?,
        };
        check(read.seal(), row.array(9)?, "mailbox", None)?;
        Ok(read)
    }

    /// All columns.
    pub(crate) fn values<'a>(&'a self, seal: &'a Seal) -> [Value<'a>; 10] {
        [
            self.id.into(),
            self.name.as_bytes().into(),
            self.last_seq.into(),
            self.messages.into(),
            self.octets.into(),
            self.ends.into(),
            self.session.into(),
            self.pass.as_ref().into(),
            self.subscribers.into(),
            seal.into(),
        ]
    }

    /// By what right it is there.
    pub(crate) fn right(&self) -> Right {
        right(self.session, self.pass)
    }

    /// Takes the next number.
    pub(crate) fn next_seq(&mut self) -> i64 {
        self.last_seq += 1;
        self.last_seq
    }

    /// Its own hash.
    pub(crate) fn seal(&self) -> Seal {
        let sealer = Sealer::new("mailbox")
            .octets(self.name.as_bytes())
            .number(self.id)
            .number(self.last_seq)
            .number(self.messages)
            .number(self.octets)
            .maybe_number(self.ends);
        // A record without these hashes as it did before there were any.
        match (self.session, self.pass, self.subscribers) {
            (0, None, 0) => sealer,
            _ => sealer
                .number(self.session)
                .maybe_octets(self.pass.as_ref())
                .number(self.subscribers),
        }
        .finish()
    }
}

/// A row of `messages`, without its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageRow {
    pub(crate) mailbox: i64,
    /// None while it is held.
    pub(crate) seq: Option<i64>,
    pub(crate) posted: i64,
    /// None if it was never held.
    pub(crate) due: Option<i64>,
    pub(crate) hold_a: Option<[u8; 32]>,
    pub(crate) hold_b: Option<[u8; 32]>,
    /// When it was deleted; its body is then empty.
    pub(crate) gone: Option<i64>,
    pub(crate) hash: [u8; 32],
}

impl MessageRow {
    /// Finds one.
    pub(crate) const BY_HASH: &str = "SELECT mailbox, seq, posted, due, hold_a, hold_b, gone, \
        hash, seal FROM messages WHERE mailbox = ?1 AND hash = ?2";
    /// Inserts one.
    pub(crate) const INSERT: &str = "INSERT INTO messages (mailbox, seq, posted, due, hold_a, \
        hold_b, gone, hash, seal, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
        ON CONFLICT (mailbox, hash) DO NOTHING";
    /// Gives one its number.
    pub(crate) const SHOW: &str =
        "UPDATE messages SET seq = ?1, seal = ?2 WHERE mailbox = ?3 AND hash = ?4";
    /// Moves the due time of one.
    pub(crate) const MOVE: &str =
        "UPDATE messages SET due = ?1, seal = ?2 WHERE mailbox = ?3 AND hash = ?4";
    /// Empties one: only that it was there is still known.
    pub(crate) const ERASE: &str = "UPDATE messages SET gone = ?1, seal = ?2, body = ?3 \
        WHERE mailbox = ?4 AND hash = ?5";
    /// Removes one.
    pub(crate) const REMOVE: &str = "DELETE FROM messages WHERE mailbox = ?1 AND hash = ?2";
    /// Removes a deleted one for good.
    pub(crate) const FORGET: &str =
        "DELETE FROM messages WHERE mailbox = ?1 AND seq = ?2 AND gone IS NOT NULL";

    /// Reads the columns in the order above and checks the seal; the body is checked apart.
    pub(crate) fn read(row: &dyn Fields) -> Result<Self, Fault> {
        Self::read_from(row, 0)
    }

    /// Reads the columns from `first` on.
    pub(crate) fn read_from(row: &dyn Fields, first: usize) -> Result<Self, Fault> {
        let read = Self {
            mailbox: row.number(first)?,
            seq: row.maybe_number(first + 1)?,
            posted: row.number(first + 2)?,
            due: row.maybe_number(first + 3)?,
            hold_a: row.maybe_array(first + 4)?,
            hold_b: row.maybe_array(first + 5)?,
            gone: row.maybe_number(first + 6)?,
            hash: row.array(first + 7)?,
        };
        check(read.seal(), row.array(first + 8)?, "message", read.seq)?;
        Ok(read)
    }

    /// All columns, and the body.
    pub(crate) fn values<'a>(&'a self, seal: &'a Seal, body: &'a [u8]) -> [Value<'a>; 10] {
        [
            self.mailbox.into(),
            self.seq.into(),
            self.posted.into(),
            self.due.into(),
            self.hold_a.as_ref().into(),
            self.hold_b.as_ref().into(),
            self.gone.into(),
            (&self.hash).into(),
            seal.into(),
            body.into(),
        ]
    }

    /// Its own hash.
    pub(crate) fn seal(&self) -> Seal {
        let sealer = Sealer::new("message")
            .number(self.mailbox)
            .maybe_number(self.seq)
            .number(self.posted)
            .maybe_number(self.due)
            .maybe_octets(self.hold_a.as_ref())
            .maybe_octets(self.hold_b.as_ref())
            .octets(&self.hash);
        match self.gone {
            None => sealer,
            Some(gone) => sealer.number(gone),
        }
        .finish()
    }

    /// The number it is read by, which must be greater than the one before: an index that is damaged may lead
    /// to the wrong message.
    pub(crate) fn seq_after(&self, before: u64) -> Result<u64, Fault> {
        let seq = self.seq.unwrap_or_default().cast_unsigned();
        match seq > before {
            true => Ok(seq),
            false => Err(damaged("message: out of order", None)),
        }
    }

    /// What its sender was told.
    pub(crate) fn answer(&self) -> Result<Answer, Fault> {
        match (self.due, self.seq) {
            (Some(due), _) => Ok(Answer::ReleaseAt(UnixMillis(due))),
            (None, Some(seq)) => Ok(Answer::Seq(seq.cast_unsigned())),
            (None, None) => Err(damaged("message: neither visible nor due", None)),
        }
    }
}

/// A row of `slots`, without its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotRow {
    pub(crate) name: [u8; 32],
    pub(crate) version: i64,
    pub(crate) ends: Option<i64>,
    pub(crate) session: i64,
    pub(crate) pass: Option<[u8; 32]>,
    pub(crate) hash: [u8; 32],
}

impl SlotRow {
    /// Finds one, with the length of its body.
    pub(crate) const BY_NAME: &str = "SELECT name, version, ends, session, pass, hash, seal, \
        length(body) FROM slots WHERE name = ?1";
    /// Finds one, with its body.
    pub(crate) const WITH_BODY: &str = "SELECT name, version, ends, session, pass, hash, seal, \
        body FROM slots WHERE name = ?1";
    /// Inserts one.
    pub(crate) const INSERT: &str = "INSERT INTO slots (name, version, ends, session, pass, hash, \
        seal, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO NOTHING";
    /// Writes one back.
    pub(crate) const UPDATE: &str = "UPDATE slots SET version = ?2, ends = ?3, session = ?4, \
        pass = ?5, hash = ?6, seal = ?7, body = ?8 WHERE name = ?1";
    /// Moves the end of one.
    pub(crate) const MOVE: &str = "UPDATE slots SET ends = ?1, seal = ?2 WHERE name = ?3";

    /// Reads the columns in the order above and checks the seal; the body is checked apart.
    pub(crate) fn read(row: &dyn Fields) -> Result<Self, Fault> {
        let read = Self {
            name: row.array(0)?,
            version: row.number(1)?,
            ends: row.maybe_number(2)?,
            session: row.number(3)?,
            pass: row.maybe_array(4)?,
            hash: row.array(5)?,
        };
        check(read.seal(), row.array(6)?, "slot", None)?;
        Ok(read)
    }

    /// All columns, and the body.
    pub(crate) fn values<'a>(&'a self, seal: &'a Seal, body: &'a [u8]) -> [Value<'a>; 8] {
        [
            (&self.name).into(),
            self.version.into(),
            self.ends.into(),
            self.session.into(),
            self.pass.as_ref().into(),
            (&self.hash).into(),
            seal.into(),
            body.into(),
        ]
    }

    /// By what right it is there.
    pub(crate) fn right(&self) -> Right {
        right(self.session, self.pass)
    }

    /// Its own hash.
    pub(crate) fn seal(&self) -> Seal {
        let sealer = Sealer::new("slot")
            .octets(&self.name)
            .number(self.version)
            .maybe_number(self.ends)
            .octets(&self.hash);
        match (self.session, self.pass) {
            (0, None) => sealer,
            _ => sealer.number(self.session).maybe_octets(self.pass.as_ref()),
        }
        .finish()
    }
}

/// A row of `vetoes`.
#[derive(Debug, Clone)]
pub(crate) struct VetoRow {
    pub(crate) hold: [u8; 32],
    /// Empty: any.
    pub(crate) mailbox: Vec<u8>,
    pub(crate) ends: i64,
}

impl VetoRow {
    /// Finds one.
    pub(crate) const BY_HOLD: &str =
        "SELECT hold, mailbox, ends, seal FROM vetoes WHERE hold = ?1 AND mailbox = ?2";
    /// Inserts one or writes it back.
    pub(crate) const PUT: &str = "INSERT INTO vetoes (hold, mailbox, ends, seal) \
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT (hold, mailbox) \
        DO UPDATE SET ends = excluded.ends, seal = excluded.seal";

    /// Reads the columns in the order above and checks the seal.
    pub(crate) fn read(row: &dyn Fields) -> Result<Self, Fault> {
        let (hold, mailbox) = (row.array(0)?, row.octets(1)?.to_vec());
        let read = Self { hold, mailbox, ends: row.number(2)? };
        check(read.seal(), row.array(3)?, "veto", None)?;
        Ok(read)
    }

    /// All columns.
    pub(crate) fn values<'a>(&'a self, seal: &'a Seal) -> [Value<'a>; 4] {
        [(&self.hold).into(), self.mailbox.as_slice().into(), self.ends.into(), seal.into()]
    }

    /// Its own hash.
    pub(crate) fn seal(&self) -> Seal {
        Sealer::new("veto").octets(&self.hold).octets(&self.mailbox).number(self.ends).finish()
    }
}

mod people;

pub(crate) use people::{PassRow, SubscriptionRow};

/// Seals the deleted messages of a store that did not know yet that their time is sealed, too.
pub(crate) fn seal_deleted(db: &mut impl Database) -> Result<(), Fault> {
    let sql = "SELECT mailbox, seq, posted, due, hold_a, hold_b, NULL, hash, seal, gone \
        FROM messages WHERE gone IS NOT NULL";
    let read = |row: &dyn Fields| Ok((MessageRow::read(row), row.number(9)?));
    for (row, gone) in db.all(sql, &[], read)? {
        // One that is damaged stays so.
        if let Ok(mut row) = row {
            row.gone = Some(gone);
            let seal = row.seal();
            let (mailbox, hash) = (row.mailbox.into(), (&row.hash).into());
            let values = [gone.into(), (&seal).into(), (&[]).into(), mailbox, hash];
            db.execute(MessageRow::ERASE, &values)?;
        }
    }
    Ok(())
}

/// The hash of an epoch.
pub(crate) fn seal_epoch(epoch: Epoch) -> Seal {
    Sealer::new("epoch").octets(&epoch.0).finish()
}

/// Whether a body has this hash.
pub(crate) fn check_body(octets: &[u8], hash: &[u8; 32], seq: Option<i64>) -> Result<(), Fault> {
    match Sha256::digest(octets).as_slice() == hash {
        true => Ok(()),
        false => Err(damaged("body does not match its hash", seq)),
    }
}

fn check(computed: Seal, stored: Seal, what: &str, seq: Option<i64>) -> Result<(), Fault> {
    match computed == stored {
        true => Ok(()),
        false => Err(damaged(&format!("{what} does not match its seal"), seq)),
    }
}

/// A record is damaged.
pub(crate) fn damaged(what: &str, seq: Option<i64>) -> Fault {
    Fault::Damaged(Damage { what: what.to_owned(), seq: seq.map(i64::cast_unsigned) })
}

/// Hashes fields so that no two lists of fields hash alike: each has its kind or length before it.
struct Sealer(Sha256);

impl Sealer {
    fn new(kind: &str) -> Self {
        Self(Sha256::new()).octets(b"recovery-relay/row/1").octets(kind.as_bytes())
    }

    fn octets(mut self, octets: &[u8]) -> Self {
        self.0.update((octets.len() as u64).to_be_bytes());
        self.0.update(octets);
        self
    }

    fn number(mut self, number: i64) -> Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn maybe_number(mut self, number: Option<i64>) -> Self {
        self.0.update([u8::from(number.is_some())]);
        self.number(number.unwrap_or(0))
    }

    fn maybe_octets(self, octets: Option<&[u8; 32]>) -> Self {
        self.octets(octets.map_or(&[], |octets| octets.as_slice()))
    }

    fn finish(self) -> Seal {
        let hash: [u8; 32] = self.0.finalize().into();
        let mut seal = [0; 16];
        seal.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        seal
    }
}
