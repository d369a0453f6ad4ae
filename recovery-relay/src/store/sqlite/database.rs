//! SQLite as a [`Database`].

use super::sort;
use crate::store::sql::Fault;
use crate::store::sql::database::{Database, Fields, Value};
use crate::store::sql::rows::damaged;
use crate::store::sql::tables::{Owned, Walk};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql, params_from_iter};

/// A connection inside a transaction.
pub(super) struct Sql<'c>(pub(super) &'c Connection);

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        sort(&error).into()
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Octets(octets) => ValueRef::Blob(octets),
            Self::Null => ValueRef::Null,
        }))
    }
}

impl Fields for Row<'_> {
    fn maybe_number(&self, column: usize) -> Result<Option<i64>, Fault> {
        match self.get_ref(column)? {
            ValueRef::Integer(number) => Ok(Some(number)),
            ValueRef::Null => Ok(None),
            _ => Err(damaged("a field has another type", None)),
        }
    }

    fn maybe_octets(&self, column: usize) -> Result<Option<&[u8]>, Fault> {
        match self.get_ref(column)? {
            ValueRef::Blob(octets) => Ok(Some(octets)),
            ValueRef::Null => Ok(None),
            _ => Err(damaged("a field has another type", None)),
        }
    }

    fn owned(&self, column: usize) -> Result<Owned, Fault> {
        Ok(match self.get_ref(column)? {
            ValueRef::Integer(number) => Owned::Number(number),
            ValueRef::Blob(octets) => Owned::Octets(octets.to_vec()),
            ValueRef::Null => Owned::Null,
            // No column holds these; a flipped bit can make them.
            ValueRef::Real(real) => Owned::Other(format!("{real:?}")),
            ValueRef::Text(text) => Owned::Other(format!("{text:?}")),
        })
    }
}

impl Database for Sql<'_> {
    fn each(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: &mut dyn FnMut(&dyn Fields) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            read(row)?;
        }
        Ok(())
    }

    /// SQLite has one writer, who has locked everything.
    fn each_locked(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: &mut dyn FnMut(&dyn Fields) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.each(sql, values, read)
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault> {
        Ok(self.0.prepare_cached(sql)?.execute(params_from_iter(values))? as u64)
    }

    fn fresh_id(&mut self) -> Result<i64, Fault> {
        let sql = "SELECT coalesce(max(id), 0) + 1 FROM mailboxes";
        Ok(self.0.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }
}

impl Walk for Sql<'_> {
    const ORDER: Option<&'static str> = Some("id");
}
