//! Records as Rust values, each with its seal: the first 16 octets of a SHA-256 over all its fields.
//!
//! A flipped bit on disk is otherwise found only if it breaks the file's structure. A body is covered through
//! its own hash, which the seal covers.

use super::Fault;
use crate::clock::UnixMillis;
use crate::store::{Answer, Damage};
use recovery_core::ids::MailboxId;
use rusqlite::Row;
use sha2::{Digest, Sha256};

/// A record's own hash.
pub(super) type Seal = [u8; 16];

/// A row of `mailboxes`.
#[derive(Clone, Copy)]
pub(super) struct MailboxRow {
    pub(super) id: i64,
    pub(super) name: MailboxId,
    pub(super) last_seq: i64,
    pub(super) messages: i64,
    pub(super) octets: i64,
    pub(super) ends: Option<i64>,
}

impl MailboxRow {
    /// Reads `id, last_seq, messages, octets, ends, seal` and checks the seal.
    pub(super) fn read(name: MailboxId, row: &Row<'_>) -> Result<Self, Fault> {
        let (id, last_seq) = (row.get(0)?, row.get(1)?);
        let (messages, octets, ends) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let read = Self { id, name, last_seq, messages, octets, ends };
        check(read.seal(), row.get(5)?, "mailbox", None)?;
        Ok(read)
    }

    /// Takes the next number.
    pub(super) fn next_seq(&mut self) -> i64 {
        self.last_seq += 1;
        self.last_seq
    }

    pub(super) fn seal(&self) -> Seal {
        Sealer::new("mailbox")
            .octets(self.name.as_bytes())
            .number(self.id)
            .number(self.last_seq)
            .number(self.messages)
            .number(self.octets)
            .maybe_number(self.ends)
            .finish()
    }
}

/// A row of `messages`, without its body.
#[derive(Clone, Copy)]
pub(super) struct MessageRow {
    pub(super) mailbox: i64,
    pub(super) seq: Option<i64>,
    pub(super) posted: i64,
    pub(super) due: Option<i64>,
    pub(super) hold_a: Option<[u8; 32]>,
    pub(super) hold_b: Option<[u8; 32]>,
    pub(super) hash: [u8; 32],
}

impl MessageRow {
    /// Reads `mailbox, seq, posted, due, hold_a, hold_b, hash, seal` from column `first` on and checks the seal;
    /// the body is checked apart.
    pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Self, Fault> {
        let read = Self {
            mailbox: row.get(first)?,
            seq: row.get(first + 1)?,
            posted: row.get(first + 2)?,
            due: row.get(first + 3)?,
            hold_a: row.get(first + 4)?,
            hold_b: row.get(first + 5)?,
            hash: row.get(first + 6)?,
        };
        check(read.seal(), row.get(first + 7)?, "message", read.seq)?;
        Ok(read)
    }

    pub(super) fn seal(&self) -> Seal {
        Sealer::new("message")
            .number(self.mailbox)
            .maybe_number(self.seq)
            .number(self.posted)
            .maybe_number(self.due)
            .maybe_octets(self.hold_a.as_ref())
            .maybe_octets(self.hold_b.as_ref())
            .octets(&self.hash)
            .finish()
    }

    /// What its sender was told.
    pub(super) fn answer(&self) -> Result<Answer, Fault> {
        match (self.due, self.seq) {
            (Some(due), _) => Ok(Answer::ReleaseAt(UnixMillis(due))),
            (None, Some(seq)) => Ok(Answer::Seq(seq.cast_unsigned())),
            (None, None) => Err(damaged("message: neither visible nor due", None)),
        }
    }
}

/// A row of `slots`, without its body.
pub(super) struct SlotRow {
    pub(super) name: [u8; 32],
    pub(super) version: i64,
    pub(super) ends: Option<i64>,
    pub(super) hash: [u8; 32],
}

impl SlotRow {
    /// Reads `name, version, ends, hash, seal` and checks the seal; the body is checked apart.
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let (name, version, ends, hash) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let read = Self { name, version, ends, hash };
        check(read.seal(), row.get(4)?, "slot", None)?;
        Ok(read)
    }

    pub(super) fn seal(&self) -> Seal {
        Sealer::new("slot")
            .octets(&self.name)
            .number(self.version)
            .maybe_number(self.ends)
            .octets(&self.hash)
            .finish()
    }
}

/// A row of `vetoes`.
pub(super) struct VetoRow {
    pub(super) hold: [u8; 32],
    /// Empty: any.
    pub(super) mailbox: Vec<u8>,
    pub(super) ends: i64,
}

impl VetoRow {
    /// Reads `hold, mailbox, ends, seal` and checks the seal.
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let read = Self { hold: row.get(0)?, mailbox: row.get(1)?, ends: row.get(2)? };
        check(read.seal(), row.get(3)?, "veto", None)?;
        Ok(read)
    }

    pub(super) fn seal(&self) -> Seal {
        Sealer::new("veto").octets(&self.hold).octets(&self.mailbox).number(self.ends).finish()
    }
}

/// The body in column `column`, if it has this hash.
pub(super) fn body(
    row: &Row<'_>,
    column: usize,
    hash: &[u8; 32],
    seq: Option<i64>,
) -> Result<Vec<u8>, Fault> {
    let octets = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
    if Sha256::digest(octets).as_slice() != hash {
        return Err(damaged("body does not match its hash", seq));
    }
    Ok(octets.to_vec())
}

fn check(computed: Seal, stored: Seal, what: &str, seq: Option<i64>) -> Result<(), Fault> {
    match computed == stored {
        true => Ok(()),
        false => Err(damaged(&format!("{what} does not match its seal"), seq)),
    }
}

fn damaged(what: &str, seq: Option<i64>) -> Fault {
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
