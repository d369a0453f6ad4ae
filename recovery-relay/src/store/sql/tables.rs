//! Every table, and a walk through all of its rows, page by page.

use super::Fault;
use super::database::{Database, Fields, Value};

/// A table: its columns in the order in which they are read and written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// What a record of it is called.
    pub(crate) kind: &'static str,
    /// Its columns; where there are bodies, `body` is the last one.
    pub(crate) columns: &'static [&'static str],
    /// How many of them, from the first on, say which record it is.
    key: usize,
    /// How many rows are read at a time.
    page: usize,
}

/// All tables, each after those that it refers to.
pub(crate) const TABLES: [Table; 6] = [
    Table {
        name: "passes",
        kind: "pass",
        columns: &[
            "name",
            "label",
            "most_mailboxes",
            "most_slots",
            "most_octets",
            "mailboxes",
            "slots",
            "octets",
            "made",
            "ends",
            "revoked",
            "parent",
            "seal",
        ],
        key: 1,
        page: 1_000,
    },
    Table {
        name: "mailboxes",
        kind: "mailbox",
        columns: &[
            "id",
            "name",
            "last_seq",
            "messages",
            "octets",
            "ends",
            "session",
            "pass",
            "subscribers",
            "seal",
        ],
        key: 1,
        page: 1_000,
    },
    Table {
        name: "subscriptions",
        kind: "subscription",
        columns: &[
            "name",
            "mailbox",
            "target",
            "confirmed",
            "ends",
            "due",
            "tries",
            "sent",
            "ticket",
            "leased",
            "again",
            "seal",
        ],
        key: 1,
        page: 1_000,
    },
    Table {
        name: "vetoes",
        kind: "veto",
        columns: &["hold", "mailbox", "ends", "seal"],
        key: 2,
        page: 1_000,
    },
    Table {
        name: "slots",
        kind: "slot",
        columns: &["name", "version", "ends", "session", "pass", "hash", "seal", "body"],
        key: 1,
        page: 16,
    },
    // The id is the place in the order of posting, which no seal covers.
    Table {
        name: "messages",
        kind: "message",
        columns: &[
            "mailbox", "hash", "id", "seq", "posted", "due", "hold_a", "hold_b", "gone", "seal",
            "body",
        ],
        key: 2,
        page: 64,
    },
];

/// A value out of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owned {
    /// A whole number.
    Number(i64),
    /// Octets.
    Octets(Vec<u8>),
    /// Nothing.
    Null,
    /// What no column holds, as text.
    Other(String),
}

impl<'a> From<&'a Owned> for Value<'a> {
    fn from(value: &'a Owned) -> Self {
        match value {
            Owned::Number(number) => Self::Number(*number),
            Owned::Octets(octets) => Self::Octets(octets),
            Owned::Null | Owned::Other(_) => Self::Null,
        }
    }
}

/// A row of a table, as it is stored.
pub(crate) type Values = Vec<Owned>;

impl Fields for Values {
    fn maybe_number(&self, column: usize) -> Result<Option<i64>, Fault> {
        match self.get(column) {
            Some(Owned::Number(number)) => Ok(Some(*number)),
            Some(Owned::Null) => Ok(None),
            _ => Err(super::rows::damaged("a field has another type", None)),
        }
    }

    fn maybe_octets(&self, column: usize) -> Result<Option<&[u8]>, Fault> {
        match self.get(column) {
            Some(Owned::Octets(octets)) => Ok(Some(octets)),
            Some(Owned::Null) => Ok(None),
            _ => Err(super::rows::damaged("a field has another type", None)),
        }
    }

    fn owned(&self, column: usize) -> Result<Owned, Fault> {
        Ok(self.get(column).cloned().unwrap_or(Owned::Null))
    }
}

/// Where a walk is: the key of the last row seen.
pub(crate) type Place = Vec<Owned>;

/// How a database goes through a table in order.
pub(crate) trait Walk: Database {
    /// The columns to order by, if not the table's key: a row that is damaged may have any key.
    const ORDER: Option<&'static str>;

    /// The next rows after a place; with each, its own place.
    fn page(
        &mut self,
        table: &Table,
        after: Option<&Place>,
    ) -> Result<Vec<(Place, Values)>, Fault> {
        let (order, keys) = match Self::ORDER {
            Some(order) => (order.to_owned(), 1),
            None => (table.columns.get(..table.key).unwrap_or_default().join(", "), table.key),
        };
        let (columns, count) = (table.columns.join(", "), table.columns.len());
        let (name, page) = (table.name, table.page);
        let marks: Vec<_> = (1..=keys).map(|n| format!("?{n}")).collect();
        let from = match after {
            Some(_) => format!("WHERE ({order}) > ({})", marks.join(", ")),
            None => String::new(),
        };
        let sql =
            format!("SELECT {order}, {columns} FROM {name} {from} ORDER BY {order} LIMIT {page}");
        let values: Vec<_> = after.into_iter().flatten().map(Value::from).collect();
        self.all(&sql, &values, |row| {
            let mut place: Place =
                (0..keys + count).map(|at| row.owned(at)).collect::<Result<_, _>>()?;
            let values = place.split_off(keys);
            Ok((place, values))
        })
    }
}
