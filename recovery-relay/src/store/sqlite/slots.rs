//! Slots: compare-and-swap on a version.

use super::batch::Batch;
use super::rows::SlotRow;
use super::{Fault, first, lives};
use crate::clock::UnixMillis;
use crate::store::{Body, Condition, Done, Refusal, Version, later};
use recovery_core::ids::SlotId;
use rusqlite::params;

impl Batch<'_> {
    /// Writes a slot if the condition holds.
    pub(super) fn put_slot(
        &mut self,
        id: &SlotId,
        body: &Body,
        condition: &Condition,
        ttl: Option<i64>,
    ) -> Result<Done, Fault> {
        let sql = "SELECT name, version, ends, hash, seal FROM slots WHERE name = ?1";
        let old = first(self.sql, sql, [id.as_bytes()], SlotRow::read)?;
        let old = old.filter(|slot| lives(slot.ends, self.now));
        let current = old.as_ref().map(|slot| Version(slot.version.cast_unsigned()));
        if !condition.holds(current) {
            return Err(Refusal::Mismatch(current).into());
        }
        let ends = ttl.map(|ttl| self.now.plus(ttl));
        let ends = old.map_or(ends, |slot| later(slot.ends.map(UnixMillis), ends));
        let version = Version::draw().map_err(|_| rusqlite::Error::InvalidQuery)?;
        let slot = SlotRow {
            name: *id.as_bytes(),
            version: version.0.cast_signed(),
            ends: ends.map(|ends| ends.0),
            hash: *body.hash(),
        };
        let sql = "INSERT INTO slots (name, version, ends, hash, seal, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (name) DO UPDATE SET version = excluded.version, ends = excluded.ends,
                hash = excluded.hash, seal = excluded.seal, body = excluded.body";
        let octets = body.octets().as_ref();
        let values = params![slot.name, slot.version, slot.ends, slot.hash, slot.seal(), octets];
        self.sql.prepare_cached(sql)?.execute(values)?;
        Ok(Done::Slot { version, new: current.is_none() })
    }

    /// Empties a slot, damaged or not.
    pub(super) fn delete_slot(&mut self, id: &SlotId) -> Result<Done, Fault> {
        self.sql.prepare_cached("DELETE FROM slots WHERE name = ?1")?.execute([id.as_bytes()])?;
        Ok(Done::Gone)
    }
}
