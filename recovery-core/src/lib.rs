//! Social key recovery without I/O.

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
