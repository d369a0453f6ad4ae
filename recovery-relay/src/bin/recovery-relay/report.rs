//! Results go to standard output; what went wrong to standard error: what happened, and what to do.

use recovery_relay::config::StartError;
use recovery_relay::store::StoreError;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command ends without having done its work.
pub(crate) struct Failure {
    what: String,
    hint: String,
    code: u8,
}

impl Failure {
    /// With what happened and what to do.
    pub(crate) fn new(what: impl Display, hint: impl Display) -> Self {
        Self { what: what.to_string(), hint: hint.to_string(), code: 1 }
    }

    /// Says it and gives the exit code.
    pub(crate) fn tell(self) -> ExitCode {
        let Self { what, hint, code } = self;
        let _ =
            writeln!(io::stderr(), "recovery-relay: error: {what}\nrecovery-relay: hint: {hint}");
        ExitCode::from(code)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let code = if error.is_usage() { 2 } else { 1 };
        Self { code, ..Self::new(&error, error.hint()) }
    }
}

/// Prints a result. That nobody reads it is no failure.
pub(crate) fn say(text: impl Display) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A store's error with what to do.
pub(crate) fn failed(error: StoreError) -> Failure {
    let hint = match &error {
        StoreError::Full => "make room on the disk",
        StoreError::Busy => "try again; if it stays so, find what holds the store",
        StoreError::Damaged(_) => "`recovery-relay verify` names all that is damaged",
        StoreError::Unsupported(_) => "use another store",
        _ => "check the disk, or the way to the database",
    };
    Failure::new(&error, hint)
}
