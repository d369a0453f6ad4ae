//! Social key recovery without I/O.

// What is derived names this crate, in it and elsewhere.
extern crate self as recovery_core;

#[cfg(all(recovery_planted, not(feature = "testkit")))]
compile_error!("planted faults are for the simulated world alone");

// First: its macro is used by what follows.
#[macro_use]
mod planted;
#[cfg(recovery_planted)]
pub use planted::{Planted, force};

pub mod address;
pub mod boxed;
pub mod circle;
pub mod flows;
pub mod hpke_suite;
pub mod ids;
pub mod kdf;
pub mod keys;
pub mod labels;
pub mod name;
pub mod number;
pub mod own;
pub mod package;
pub mod policy;
pub mod seal;
pub mod secret;
pub mod shamir;
pub mod sign;
pub mod slip39;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod vault;
pub mod wire;
