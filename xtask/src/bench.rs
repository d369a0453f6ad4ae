//! The relay's figures for docs/performance.md.

use crate::run::{Outcome, all, cargo};

/// Builds the program and what measures it, and measures all parts or those that are named. Prints tables; a figure
/// is shown and never asserted.
pub fn relay(parts: &[&str]) -> Outcome {
    let mut command = cargo(&["bench", "-p", "recovery-relay", "--bench", "relay", "--"]);
    command.args(parts);
    all([command])
}
