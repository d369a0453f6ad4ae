//! From one store into another: copies, backups, and the way back.
//!
//! Records go over as they are, with their own hashes, out of one moment of the source. The receiving store keeps
//! where it is, in the same commit as what it took in, so that a transfer that was broken off goes on where it was;
//! until it is complete and checked no relay opens it. It then has an epoch of its own, by which clients see that
//! they have to read anew.
//!
//! A backup is such a copy in a SQLite file of its own, whatever store it is of.

use super::sql::transfer::{Cursor, Records};
use super::sqlite::{OpenError, SqliteStore};
use super::{Bad, Checked, Quotas, Store, StoreError};
use std::io;
use std::path::{Path, PathBuf};

/// A store that records leave and enter.
pub(crate) trait Transfer {
    /// Hands out everything after a place, all of one moment.
    fn export(
        &self,
        from: Option<Cursor>,
        sink: &mut dyn FnMut(Records) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Takes records in and notes where the transfer is.
    fn import(&self, records: &Records) -> Result<(), StoreError>;

    /// Begins or goes on: where it is; `Err(())` if the store holds things and no transfer is under way.
    fn begin(&self) -> Result<Result<Option<Cursor>, ()>, StoreError>;

    /// It is complete: the store may be opened.
    fn finish(&self) -> Result<(), StoreError>;
}

/// Why a transfer did not get to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// One of the stores can't.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receiving file can't be made or opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The receiving store has things in it already.
    #[error("the store to copy to is not empty")]
    NotEmpty,
    /// The receiving file is there already.
    #[error("{0} is there already")]
    Exists(PathBuf),
    /// A store in memory is gone with its relay.
    #[error("a store in memory can't be copied")]
    Memory,
    /// What arrived does not check.
    #[error("the copy is damaged in {} places; the first is {}", .0.len(), first(.0))]
    Damaged(Vec<Bad>),
    /// A file could not be moved or synced.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn first(bad: &[Bad]) -> String {
    bad.first().map_or_else(|| "unknown".into(), ToString::to_string)
}

/// Copies everything into an empty store, or goes on with a copy that was broken off, and checks it; `told` hears
/// how many records arrived so far. Nothing may write to the source of a copy that is gone on with.
///
/// # Errors
/// [`TransferError`]; what arrived stays, and the same call goes on with it.
pub fn copy(
    from: &dyn Store,
    to: &dyn Store,
    told: &mut dyn FnMut(u64),
) -> Result<Checked, TransferError> {
    let source = from.transfer().ok_or(TransferError::Memory)?.0;
    let target = to.transfer().ok_or(TransferError::Memory)?.0;
    let at = target.begin()?.map_err(|()| TransferError::NotEmpty)?;
    let mut count = 0;
    source.export(at, &mut |records| {
        target.import(&records)?;
        count += records.count();
        told(count);
        Ok(())
    })?;
    let mut bad = Vec::new();
    let checked = to.verify(&mut |found| bad.push(found))?;
    if checked.bad > 0 {
        return Err(TransferError::Damaged(bad));
    }
    target.finish()?;
    Ok(checked)
}

/// Copies everything, as it is at one moment, into a SQLite file that is not there yet. A relay may go on using the
/// store meanwhile. The file has its name only once it is complete, checked and synced.
///
/// # Errors
/// [`TransferError`].
pub fn backup(from: &dyn Store, file: &Path) -> Result<Checked, TransferError> {
    if file.exists() {
        return Err(TransferError::Exists(file.to_owned()));
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    // What is left of an earlier try is of another moment.
    SqliteStore::remove(&part)?;
    let to = SqliteStore::receive(&part, Quotas::default())?;
    let checked = copy(from, &to, &mut |_| {})?;
    to.close()?;
    drop(to);
    SqliteStore::rename(&part, file)?;
    Ok(checked)
}

/// Copies a backup into an empty store and checks it.
///
/// # Errors
/// [`TransferError`]; the same call goes on with what arrived.
pub fn restore(
    file: &Path,
    to: &dyn Store,
    told: &mut dyn FnMut(u64),
) -> Result<Checked, TransferError> {
    let from = SqliteStore::beside(file, Quotas::default())?;
    copy(&from, to, told)
}
