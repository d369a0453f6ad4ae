//! A simulated world: people, their devices and their relays in one thread, from one seed.
//!
//! [`World`] lets an owner find contacts, protect a key, renew it, ask for proofs, lose the device and come
//! back on a new one; contacts approve, perhaps after a delay, think again, warn each other and leave; and
//! an old device stops what it is told of. Who came back takes over, and may lose that device as well. All the while relays lose, delay, double, reorder, change,
//! swap, replay and withhold what they carry, or show early what they should hold; devices crash at every
//! edge, numbers are mistyped, strangers answer invites, contacts lie and somebody else asks for the key.
//! The flows are the real ones and know nothing of it: time, randomness and the cost of Argon2id are their
//! arguments. After the storm comes a calm, in which what can be restored must be.
//!
//! What really happened is kept in a ledger that nobody in the world can see, and after every step
//! the invariants are held against it. The same seed gives the same world, octet by octet.
//!
//! ```
//! use recovery_core::testkit::{Options, World};
//! let outcome = World::new(7, Options::default()).run();
//! assert_eq!(outcome.violation, None, "{}", outcome.again());
//! ```
//!
//! [`table::Table`] is the small sibling for tests of single flows: everything arrives at once.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a world for tests: what can't be stops it, and the seed tells where"
)]

mod asking;
mod calls;
mod deciding;
mod dice;
mod faults;
mod forge;
mod holding;
mod host;
mod keeping;
mod ledger;
mod lines;
mod newcomer;
mod owning;
mod plan;
mod relay;
mod setup;
mod succeeding;
pub mod table;
mod thoughts;
mod verdict;
mod whole;
mod world;

pub use faults::{Counts, Fault, Swarm};
pub use world::World;

use crate::kdf::KdfCost;
use std::collections::BTreeMap;

/// The least that Argon2id can cost; far too little for anything but tests.
pub const CHEAP: KdfCost = KdfCost { memory_kib: 8, passes: 1, lanes: 1 };

/// How a world is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// What numbers cost.
    pub cost: KdfCost,
    /// What goes wrong.
    pub swarm: Swarm,
    /// Keep a line for each step.
    pub log: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { cost: CHEAP, swarm: Swarm::Seeded, log: false }
    }
}

/// How a world ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The first invariant that did not hold, and how.
    pub violation: Option<String>,
    /// Recoveries that gave the owner's device back.
    pub restored: u64,
    /// Recoveries that rightly gave nothing.
    pub refused: u64,
    /// Whether the last recovery, in the calm, gave the owner's device back.
    pub came_back: bool,
    /// How often each fault happened.
    pub faults: Counts,
    /// How often people did what they can do.
    pub deeds: BTreeMap<&'static str, u64>,
    /// Steps.
    pub steps: u64,
    /// A hash over everything that happened.
    pub trace: [u8; 32],
    /// A line for each step, if that was asked for.
    pub log: Vec<String>,
}

impl Outcome {
    /// How to see it again.
    #[must_use]
    pub fn again(&self) -> String {
        let seed = self.seed;
        format!(
            "SEED={seed}: again with RECOVERY_SEED_START={seed} RECOVERY_SEEDS=1 \
             cargo test -p recovery-core --features testkit --test world, each step with \
             cargo run -p recovery-core --features testkit --example world -- --start {seed} --log"
        )
    }
}
