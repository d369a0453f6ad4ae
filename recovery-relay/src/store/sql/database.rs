//! What a database has to bring along.

use super::Fault;
use super::rows::{MailboxRow, MessageRow, PassRow};
use super::tables::Owned;
use crate::store::Body;
use recovery_core::ids::{MailboxId, PassId};

/// A value that goes into a statement, for `?1` and so on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// A whole number.
    Number(i64),
    /// Octets.
    Octets(&'a [u8]),
    /// Nothing.
    Null,
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self::Octets(octets)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(octets: &'a [u8; N]) -> Self {
        Self::Octets(octets)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The fields of a row that was read. A field of another type than asked for is damage.
pub(crate) trait Fields {
    /// A whole number, or nothing.
    fn maybe_number(&self, column: usize) -> Result<Option<i64>, Fault>;
    /// Octets, or nothing.
    fn maybe_octets(&self, column: usize) -> Result<Option<&[u8]>, Fault>;

    /// A whole number.
    fn number(&self, column: usize) -> Result<i64, Fault> {
        self.maybe_number(column)?.ok_or_else(|| super::rows::damaged("a number is missing", None))
    }

    /// Octets.
    fn octets(&self, column: usize) -> Result<&[u8], Fault> {
        self.maybe_octets(column)?.ok_or_else(|| super::rows::damaged("octets are missing", None))
    }

    /// What is there, whatever it is.
    fn owned(&self, column: usize) -> Result<Owned, Fault>;
}

impl dyn Fields + '_ {
    /// Octets of a fixed number.
    pub(crate) fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], Fault> {
        array(self.octets(column)?)
    }

    /// Octets of a fixed number, or nothing.
    pub(crate) fn maybe_array<const N: usize>(
        &self,
        column: usize,
    ) -> Result<Option<[u8; N]>, Fault> {
        self.maybe_octets(column)?.map(array).transpose()
    }
}

fn array<const N: usize>(octets: &[u8]) -> Result<[u8; N], Fault> {
    octets.try_into().map_err(|_| super::rows::damaged("a field has another length", None))
}

/// What `walk` hands over row by row, in a list.
fn collected<T>(
    mut read: impl FnMut(&dyn Fields) -> Result<T, Fault>,
    walk: impl FnOnce(&mut dyn FnMut(&dyn Fields) -> Result<(), Fault>) -> Result<(), Fault>,
) -> Result<Vec<T>, Fault> {
    let mut found = Vec::new();
    walk(&mut |row| {
        found.push(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// A connection inside a transaction. The methods with a body are those that the commonest writes need; a database
/// far away does them for a whole batch at once.
pub(crate) trait Database {
    /// All rows of an answer, one after the other.
    fn each(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: &mut dyn FnMut(&dyn Fields) -> Result<(), Fault>,
    ) -> Result<(), Fault>;

    /// Like [`Database::each`], of rows that will be changed: nobody else changes them before the transaction ends.
    fn each_locked(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: &mut dyn FnMut(&dyn Fields) -> Result<(), Fault>,
    ) -> Result<(), Fault>;

    /// Changes something; how many rows.
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault>;

    /// An id for a new mailbox that no other one has.
    fn fresh_id(&mut self) -> Result<i64, Fault>;

    /// All rows of an answer.
    fn all<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnMut(&dyn Fields) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        collected(read, |push| self.each(sql, values, push))
    }

    /// Like [`Database::all`], locked.
    fn all_locked<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnMut(&dyn Fields) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        collected(read, |push| self.each_locked(sql, values, push))
    }

    /// A mailbox's record, locked.
    fn mailbox(&mut self, name: &MailboxId) -> Result<Option<MailboxRow>, Fault> {
        let found =
            self.all_locked(MailboxRow::BY_NAME, &[name.as_bytes().into()], MailboxRow::read);
        found.map(|rows| rows.into_iter().next())
    }

    /// A pass's record, locked.
    fn pass(&mut self, id: &PassId) -> Result<Option<PassRow>, Fault> {
        let found = self.all_locked(PassRow::BY_NAME, &[id.as_bytes().into()], PassRow::read);
        found.map(|rows| rows.into_iter().next())
    }

    /// The message with this body, if it was posted before.
    fn message(&mut self, mailbox: i64, hash: &[u8]) -> Result<Option<MessageRow>, Fault> {
        let found = self.all(MessageRow::BY_HASH, &[mailbox.into(), hash.into()], MessageRow::read);
        found.map(|rows| rows.into_iter().next())
    }

    /// Inserts a message; `false` if its body is there already.
    fn insert_message(&mut self, row: &MessageRow, body: &Body) -> Result<bool, Fault> {
        Ok(self.execute(MessageRow::INSERT, &row.values(&row.seal(), body.octets()))? == 1)
    }

    /// Forgets a message with this number if it was deleted.
    fn forget(&mut self, mailbox: i64, seq: i64) -> Result<(), Fault> {
        self.execute(MessageRow::FORGET, &[mailbox.into(), seq.into()]).map(drop)
    }

    /// Writes changed mailboxes back.
    fn save_mailboxes(&mut self, rows: &[MailboxRow]) -> Result<(), Fault> {
        for row in rows {
            self.execute(MailboxRow::UPDATE, &row.values(&row.seal()))?;
        }
        Ok(())
    }

    /// Writes changed passes back.
    fn save_passes(&mut self, rows: &[PassRow]) -> Result<(), Fault> {
        for row in rows {
            self.execute(PassRow::UPDATE, &row.values(&row.seal()))?;
        }
        Ok(())
    }
}
