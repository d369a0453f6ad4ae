//! Single flows, each with what must not work: pairing, protecting, asking, restoring.
//!
//! The people sit around a table: everything arrives at once and unchanged, unless the test itself
//! changes it. What goes wrong between devices and relays is the matter of `world.rs`.
#![cfg(feature = "testkit")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what can't be")]

#[path = "flows/ask.rs"]
mod ask;
#[path = "flows/check.rs"]
mod check;
#[path = "flows/drill.rs"]
mod drill;
#[path = "flows/hold.rs"]
mod hold;
#[path = "flows/pair.rs"]
mod pair;
#[path = "flows/protect.rs"]
mod protect;
#[path = "flows/renew.rs"]
mod renew;
#[path = "flows/restore.rs"]
mod restore;
#[path = "flows/takeover.rs"]
mod takeover;

use recovery_core::{flows::Device, testkit::table::named};

const DAY: u64 = 86_400;

/// Everything that lasts of a device.
fn octets(device: &Device) -> Vec<u8> {
    device.encode().to_vec()
}

/// A device whose only piece of `owner`'s key has another last octet.
fn spoilt(device: &Device, owner: &str) -> Device {
    let held = device.held_named(&named(owner)).unwrap();
    let share = held.bundles[0].pieces.shares[0].expose();
    let mut octets = octets(device);
    let at = octets.windows(share.len()).position(|window| window == share).unwrap();
    octets[at + share.len() - 1] ^= 1;
    Device::decode(&octets).unwrap()
}
