//! Records leave a store and enter another one as they are, seals included.

use super::Fault;
use super::database::{Database, Value};
use super::rows::damaged;
use super::tables::{Owned, Place, TABLES, Table, Values, Walk};
use crate::store::StoreError;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Where a transfer is: which table, and after which row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    table: usize,
    place: Place,
}

/// Some rows of one table.
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Records {
    table: usize,
    rows: Vec<Values>,
    /// Where the transfer is with them.
    pub(crate) cursor: Cursor,
}

impl Records {
    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.rows.len() as u64
    }
}

impl Cursor {
    /// As octets, to be kept in the receiving store.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut cbor = Encoder::new(Vec::new());
        // Writing into memory can't fail.
        let _ =
            cbor.array(self.place.len() as u64 + 1).and_then(|cbor| cbor.u64(self.table as u64));
        for value in &self.place {
            let _ = match value {
                Owned::Number(number) => cbor.i64(*number).map(drop),
                Owned::Octets(octets) => cbor.bytes(octets).map(drop),
                Owned::Null | Owned::Other(_) => cbor.null().map(drop),
            };
        }
        cbor.into_writer()
    }

    /// Out of octets.
    pub(crate) fn decode(octets: &[u8]) -> Option<Self> {
        let mut cbor = Decoder::new(octets);
        let length = cbor.array().ok()??;
        let table = usize::try_from(cbor.u64().ok()?).ok()?;
        let mut place = Vec::new();
        for _ in 1..length {
            place.push(match cbor.datatype().ok()? {
                Type::Bytes => Owned::Octets(cbor.bytes().ok()?.to_vec()),
                Type::Null => cbor.null().map(|()| Owned::Null).ok()?,
                _ => Owned::Number(cbor.i64().ok()?),
            });
        }
        (table < TABLES.len()).then_some(Self { table, place })
    }
}

/// Hands out all rows after a place, some at a time.
pub(crate) fn export(
    db: &mut impl Walk,
    from: Option<Cursor>,
    sink: &mut dyn FnMut(Records) -> Result<(), StoreError>,
) -> Result<(), Fault> {
    let (first, mut after) = match from {
        Some(cursor) => (cursor.table, Some(cursor.place)),
        None => (0, None),
    };
    for (at, table) in TABLES.iter().enumerate().skip(first) {
        loop {
            let page = db.page(table, after.as_ref())?;
            let Some((place, _)) = page.last() else { break };
            let cursor = Cursor { table: at, place: place.clone() };
            after = Some(place.clone());
            let rows = page.into_iter().map(|(_, values)| values).collect();
            sink(Records { table: at, rows, cursor })?;
        }
        after = None;
    }
    Ok(())
}

/// Whether there is nothing in the store.
pub(crate) fn is_empty(db: &mut impl Database) -> Result<bool, Fault> {
    for table in &TABLES {
        let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        let mut found = false;
        db.each(&sql, &[], &mut |_| {
            found = true;
            Ok(())
        })?;
        if found {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes rows in; those that are there already stay as they are.
pub(crate) fn import(db: &mut impl Database, records: &Records) -> Result<(), Fault> {
    let table =
        TABLES.get(records.table).ok_or_else(|| damaged("transfer: no such table", None))?;
    let sql = insert(table);
    for row in &records.rows {
        let values: Vec<_> = row.iter().map(Value::from).collect();
        db.execute(&sql, &values)?;
    }
    Ok(())
}

fn insert(table: &Table) -> String {
    let marks: Vec<_> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
    let (name, columns, marks) = (table.name, table.columns.join(", "), marks.join(", "));
    format!("INSERT INTO {name} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING")
}
