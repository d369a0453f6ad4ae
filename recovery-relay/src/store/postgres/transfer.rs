//! Records leave and enter.

use super::connect::Trouble;
use super::database::Postgres;
use super::{PostgresStore, schema};
use crate::store::sql::Fault;
use crate::store::sql::transfer::{self, Cursor, Records};
use crate::store::transfer::Transfer;
use crate::store::{Epoch, StoreError};

impl PostgresStore {
    /// Where the copy into this store is, if one is under way; empty at its beginning.
    pub(super) fn copy_under_way(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|postgres| {
            let found = postgres.handle.block_on(schema::get(postgres.session, "copy"));
            postgres.noted(found)
        })
    }
}

impl Transfer for PostgresStore {
    fn export(
        &self,
        from: Option<Cursor>,
        sink: &mut dyn FnMut(Records) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.snapshot(|postgres| transfer::export(postgres, from, sink))
    }

    fn import(&self, records: &Records) -> Result<(), StoreError> {
        self.change(|postgres| {
            transfer::import(postgres, records)?;
            put(postgres, "copy", &records.cursor.encode())
        })
    }

    fn begin(&self) -> Result<Result<Option<Cursor>, ()>, StoreError> {
        let under_way = self.copy_under_way()?;
        self.change(|postgres| match under_way {
            Some(at) => Ok(Ok(Cursor::decode(&at))),
            None if !transfer::is_empty(postgres)? => Ok(Err(())),
            None => put(postgres, "copy", &[]).map(|()| Ok(None)),
        })
    }

    fn finish(&self) -> Result<(), StoreError> {
        // So that what is posted from now on comes after what arrived. A database without sequences of its own
        // draws numbers from the time.
        let after = "SELECT setval(pg_get_serial_sequence('messages', 'id'), \
            (SELECT coalesce(max(id), 0) + 1 FROM messages), false)";
        let session = self.inner.session(&self.inner.writer)?;
        if let Err(Trouble::Lost(why)) = self.inner.handle.block_on(session.simple(after)) {
            return Err(StoreError::Unreachable(why));
        }
        let epoch = Epoch::draw()?;
        self.change(|postgres| {
            put(postgres, "epoch", &epoch.0)?;
            let sql = "DELETE FROM meta WHERE name = 'copy'";
            let ended = postgres.handle.block_on(postgres.session.execute(sql, &[]));
            postgres.noted(ended).map(drop)
        })
    }
}

fn put(postgres: &mut Postgres<'_>, name: &str, value: &[u8]) -> Result<(), Fault> {
    let put = postgres.handle.block_on(schema::put(postgres.session, name, value));
    postgres.noted(put)
}
