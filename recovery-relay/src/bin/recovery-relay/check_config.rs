//! `check-config`: whether the settings are good.

use crate::arguments::Written;
use crate::report::{Failure, say};
use std::io::{self, Write};

/// Checks all that can be checked without serving.
pub(crate) fn run(written: &Written) -> Result<(), Failure> {
    let config = written.settings()?.config()?;
    config.check_files()?;
    for name in Written::unknown_variables() {
        note(&format!("{name} is not a setting"));
    }
    config.warnings().into_iter().for_each(note);
    say("the settings are good");
    Ok(())
}

/// Prints every setting with its origin; wrong ones are refused first.
pub(crate) fn print(written: &Written) -> Result<(), Failure> {
    let settings = written.settings()?;
    settings.config()?;
    say(settings.shown().trim_end());
    Ok(())
}

fn note(what: &str) {
    let _ = writeln!(io::stderr(), "recovery-relay: warning: {what}");
}
