//! Peers behind one interface, all fed by the same seeded generator.

pub mod peers;
