//! PostgreSQL as a [`Database`]: a batch reads what it will need at once, and writes what it can at once.

use super::connect::{Session, Trouble};
use crate::clock::UnixMillis;
use crate::store::sql::Fault;
use crate::store::sql::database::{Database, Fields, Value};
use crate::store::sql::rows::{MailboxRow, MessageRow, damaged};
use crate::store::sql::tables::{Owned, Walk};
use crate::store::{Body, StoreError};
use recovery_core::ids::MailboxId;
use tokio::runtime::Handle;
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type};

pub(super) mod batch;

use self::batch::{Loaded, Pending};

/// A connection, inside a transaction if there is to be one.
pub(super) struct Postgres<'s> {
    pub(super) handle: &'s Handle,
    pub(super) session: &'s Session,
    pub(super) loaded: Loaded,
    pub(super) pending: Pending,
    /// Why the last statement failed, if that is more than a [`StoreError`] can say.
    pub(super) trouble: Option<Trouble>,
}

/// A row that was read.
pub(crate) struct Fetched(pub(super) Row);

impl Fields for Fetched {
    fn maybe_number(&self, column: usize) -> Result<Option<i64>, Fault> {
        let number = match self.0.columns().get(column).map(|column| column.type_()) {
            // What counts the length of something.
            Some(&Type::INT4) => {
                self.0.try_get(column).map(|number: Option<i32>| number.map(i64::from))
            }
            _ => self.0.try_get(column),
        };
        number.map_err(|_| damaged("a field has another type", None))
    }

    fn maybe_octets(&self, column: usize) -> Result<Option<&[u8]>, Fault> {
        match self.0.columns().get(column).map(|column| column.type_()) {
            Some(&Type::BYTEA) => {
                self.0.try_get(column).map_err(|_| damaged("a field has another type", None))
            }
            _ => Err(damaged("a field has another type", None)),
        }
    }

    fn owned(&self, column: usize) -> Result<Owned, Fault> {
        let of = self.0.columns().get(column).map(|column| column.type_());
        Ok(match of {
            Some(&Type::BYTEA) => self
                .maybe_octets(column)?
                .map_or(Owned::Null, |octets| Owned::Octets(octets.to_vec())),
            _ => self.maybe_number(column)?.map_or(Owned::Null, Owned::Number),
        })
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Number(number) => number.to_sql(of, out),
            Self::Octets(octets) => octets.to_sql(of, out),
            Self::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(of: &Type) -> bool {
        matches!(*of, Type::INT8 | Type::BYTEA)
    }

    tokio_postgres::types::to_sql_checked!();
}

impl<'s> Postgres<'s> {
    pub(super) fn new(handle: &'s Handle, session: &'s Session) -> Self {
        let (loaded, pending) = (Loaded::default(), Pending::default());
        Self { handle, session, loaded, pending, trouble: None }
    }

    /// Waits for the database, and notes what is wrong if it is more than a fault can say.
    pub(super) fn noted<T>(&mut self, result: Result<T, Trouble>) -> Result<T, Fault> {
        result.map_err(|trouble| {
            let error = match &trouble {
                Trouble::Again(why) | Trouble::Lost(why) => StoreError::Unreachable(why.clone()),
                Trouble::Store(error) => error.clone(),
            };
            self.trouble.get_or_insert(trouble);
            error.into()
        })
    }

    /// Begins a batch with this name; `false` if one with this name was committed.
    pub(super) fn begin(&mut self, name: &[u8; 16], now: UnixMillis) -> Result<bool, Fault> {
        let begun = self.handle.block_on(self.session.simple("BEGIN"));
        self.noted(begun)?;
        let sql = "INSERT INTO commits (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
        Ok(self.execute(sql, &[name.into(), now.0.into()])? == 1)
    }

    /// Ends a transaction that changed nothing.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        let ended = self.handle.block_on(self.session.simple("ROLLBACK"));
        self.noted(ended)
    }

    /// Begins a transaction that reads everything as it is now.
    pub(super) fn moment(&mut self) -> Result<(), Fault> {
        let sql = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        let begun = self.handle.block_on(self.session.simple(sql));
        self.noted(begun)
    }

    /// Forgets the names of commits that nobody asks for any more.
    pub(super) fn forget_commits(&mut self, before: UnixMillis) -> Result<(), Fault> {
        let sql = "DELETE FROM commits WHERE name IN \
            (SELECT name FROM commits WHERE at <= ?1 LIMIT 10000)";
        self.execute(sql, &[before.0.into()]).map(drop)
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        if sql.contains("messages") {
            self.flush()?;
        }
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let rows = self.handle.block_on(self.session.query(sql, &values));
        self.noted(rows)
    }
}

impl Database for Postgres<'_> {
    fn each(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: &mut dyn FnMut(&dyn Fields) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.query(sql, values)?.into_iter().try_for_each(|row| read(&Fetched(row)))
    }

    fn each_locked(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: &mut dyn FnMut(&dyn Fields) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.each(&format!("{sql} FOR UPDATE"), values, read)
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault> {
        if sql.contains(" messages ") {
            self.flush()?;
            // What was read before may no longer be so.
            self.loaded.forget_messages();
        }
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let changed = self.handle.block_on(self.session.execute(sql, &values));
        self.noted(changed)
    }

    /// Drawn at random, so that processes need not agree; positive, and with room above it.
    fn fresh_id(&mut self) -> Result<i64, Fault> {
        let mut octets = [0; 8];
        let failed = |error| StoreError::Failed(format!("no randomness: {error}"));
        getrandom::fill(&mut octets).map_err(failed)?;
        Ok(i64::from_be_bytes(octets) & (i64::MAX >> 1))
    }

    fn mailbox(&mut self, name: &MailboxId) -> Result<Option<MailboxRow>, Fault> {
        // Only the first time: from then on the batch knows better, or has removed it.
        if let Some(row) = self.loaded.take_mailbox(name) {
            return row;
        }
        let values = [name.as_bytes().into()];
        let found = self.all_locked(MailboxRow::BY_NAME, &values, MailboxRow::read);
        found.map(|rows| rows.into_iter().next())
    }

    fn message(&mut self, mailbox: i64, hash: &[u8]) -> Result<Option<MessageRow>, Fault> {
        if let Some(row) = self.pending.message(mailbox, hash) {
            return Ok(Some(row));
        }
        if let Some(known) = self.loaded.message(mailbox, hash) {
            return known;
        }
        let found = self.all(MessageRow::BY_HASH, &[mailbox.into(), hash.into()], MessageRow::read);
        found.map(|rows| rows.into_iter().next())
    }

    fn insert_message(&mut self, row: &MessageRow, body: &Body) -> Result<bool, Fault> {
        let there = match self.pending.message(row.mailbox, &row.hash) {
            Some(_) => true,
            None => match self.loaded.message(row.mailbox, &row.hash) {
                Some(known) => known?.is_some(),
                None => return self.insert_now(row, body),
            },
        };
        if !there {
            self.pending.insert(*row, body.clone());
        }
        Ok(!there)
    }

    fn forget(&mut self, mailbox: i64, seq: i64) -> Result<(), Fault> {
        self.loaded.forget(mailbox, seq);
        self.pending.forget(mailbox, seq);
        Ok(())
    }

    /// Written at the end, together with all else.
    fn save_mailboxes(&mut self, rows: &[MailboxRow]) -> Result<(), Fault> {
        self.pending.save(rows);
        Ok(())
    }
}

impl Postgres<'_> {
    fn insert_now(&mut self, row: &MessageRow, body: &Body) -> Result<bool, Fault> {
        let seal = row.seal();
        Ok(self.execute(MessageRow::INSERT, &row.values(&seal, body.octets()))? == 1)
    }
}

impl Walk for Postgres<'_> {
    const ORDER: Option<&'static str> = None;
}
