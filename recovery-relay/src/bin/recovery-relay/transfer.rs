//! `backup`, `restore`, `copy`: everything from one store into another, checked on arrival.

use crate::arguments::Written;
use crate::report::{Failure, failed, say};
use crate::stats::open;
use recovery_relay::config::StorePlace;
use recovery_relay::store::transfer::{self, TransferError};
use recovery_relay::store::{Checked, Store};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

#[derive(clap::Args)]
pub(crate) struct Copy {
    /// The store to copy: sqlite:PATH or postgres://…
    #[arg(long, value_name = "STORE")]
    from: StorePlace,
    /// An empty store, or one that this copy was begun into
    #[arg(long, value_name = "STORE")]
    to: StorePlace,
}

/// Writes everything into a file that is not there yet.
pub(crate) fn backup(written: &Written, file: &Path) -> Result<(), Failure> {
    let checked = transfer::backup(&*open(written)?, file).map_err(broken)?;
    tell(&checked);
    Ok(())
}

/// Makes the store that the settings name out of a backup.
pub(crate) fn restore(written: &Written, file: &Path) -> Result<(), Failure> {
    // Looked at first, so that a wrong name makes no empty store.
    let from = StorePlace::Sqlite(file.to_owned()).open_beside()?;
    let to = written.settings()?.config()?.store.receive()?;
    move_over(&*from, &*to)
}

/// Copies a store, or goes on with it.
pub(crate) fn copy(copy: &Copy) -> Result<(), Failure> {
    let from = copy.from.open_beside()?;
    move_over(&*from, &*copy.to.receive()?)
}

fn move_over(from: &dyn Store, to: &dyn Store) -> Result<(), Failure> {
    let shows = io::stderr().is_terminal();
    let mut err = io::stderr();
    let moved = transfer::copy(from, to, &mut |records| {
        if shows {
            let _ = write!(err, "\r{records} records");
        }
    });
    if shows {
        let _ = writeln!(io::stderr());
    }
    tell(&moved.map_err(broken)?);
    to.close().map_err(failed)
}

fn tell(checked: &Checked) {
    say(format_args!(
        "{} records and {} octets written and checked",
        checked.records, checked.octets
    ));
}

fn broken(error: TransferError) -> Failure {
    let hint = match &error {
        TransferError::Store(error) => return failed(error.clone()),
        TransferError::NotEmpty => "name a store that is not there yet, or move this one away",
        TransferError::Exists(_) => "name a file that is not there yet",
        TransferError::Memory => "name a store with --store",
        TransferError::Damaged(_) => {
            "try again with another disk or file; do not serve from this copy"
        }
        _ => "check the folder and the room on the disk, then run it again",
    };
    Failure::new(&error, hint)
}
