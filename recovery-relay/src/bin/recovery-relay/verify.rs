//! `verify`: reads and hashes everything.

use crate::arguments::Written;
use crate::report::{Failure, failed, say};
use crate::stats::open;

/// Names every damaged record; any at all is a failure.
pub(crate) fn run(written: &Written) -> Result<(), Failure> {
    let checked = open(written)?.verify(&mut |bad| say(bad)).map_err(failed)?;
    say(format_args!(
        "{} records and {} octets read, {} damaged",
        checked.records, checked.octets, checked.bad
    ));
    match checked.bad {
        0 => Ok(()),
        bad => Err(Failure::new(
            format_args!("{bad} records are damaged"),
            "they are not served; check the disk, and restore a backup if there is a good one",
        )),
    }
}
