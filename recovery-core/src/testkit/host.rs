//! A device as a process: what is in memory, what is on disk, and what a crash leaves.

use super::relay::Hash;
use crate::{
    flows::{Delivery, Device, request::NewDevice},
    ids::MailboxId,
};
use std::collections::{BTreeMap, BTreeSet};

/// What can be stored and started again.
pub(super) trait Lasting: Sized {
    fn pack(&self) -> Vec<u8>;
    fn unpack(octets: &[u8]) -> Option<Self>;
}

impl Lasting for Device {
    fn pack(&self) -> Vec<u8> {
        // As `encode` gives it, but nothing here has to be wiped.
        minicbor::to_vec(&self.state).expect("a state has an encoding")
    }
    fn unpack(octets: &[u8]) -> Option<Self> {
        Self::decode(octets).ok()
    }
}

impl Lasting for NewDevice {
    fn pack(&self) -> Vec<u8> {
        // As `encode` gives it, but nothing here has to be wiped.
        minicbor::to_vec(&self.state).expect("a state has an encoding")
    }
    fn unpack(octets: &[u8]) -> Option<Self> {
        Self::decode(octets).ok()
    }
}

/// What a driver stores beside the state.
#[derive(Clone, Default)]
pub(super) struct Notes {
    /// How far each mailbox at each relay was read.
    pub(super) cursors: BTreeMap<(usize, MailboxId), u64>,
    /// Messages that had their effect.
    pub(super) handled: BTreeSet<Hash>,
    /// Letters that a new device kept, in their order.
    pub(super) letters: Vec<Hash>,
}

#[derive(Clone, Default)]
struct Disk {
    state: Vec<u8>,
    outbox: Vec<u8>,
    notes: Notes,
}

/// A device and its disk.
pub(super) struct Host<T> {
    pub(super) state: T,
    pub(super) outbox: Vec<Delivery>,
    pub(super) notes: Notes,
    pub(super) skew: i64,
    /// It will try to send what is in the outbox.
    pub(super) sending: bool,
    disk: Disk,
}

impl<T: Lasting> Host<T> {
    pub(super) fn new(state: T, skew: i64) -> Self {
        let (outbox, notes) = (Vec::new(), Notes::default());
        let mut host = Self { state, outbox, notes, skew, sending: false, disk: Disk::default() };
        host.persist();
        host
    }

    /// Sees to it that the next reading starts from the first message.
    pub(super) fn reread(&mut self) {
        self.notes.cursors.clear();
        self.notes.handled.clear();
    }

    /// Writes everything to disk, at once or not at all.
    pub(super) fn persist(&mut self) {
        let outbox = minicbor::to_vec(&self.outbox).expect("an outbox has an encoding");
        let disk = Disk { state: self.state.pack(), outbox, notes: self.notes.clone() };
        // Of some of what it writes, the disk knows nothing after a crash.
        if planted!(NotPersisted) && !self.disk.state.is_empty() && disk.outbox.len() % 2 == 1 {
            return;
        }
        self.disk = disk;
    }

    /// Stops and starts again from the disk. False if what is there is not what was written.
    #[must_use]
    pub(super) fn crash(&mut self) -> bool {
        let state = T::unpack(&self.disk.state).filter(|state| state.pack() == self.disk.state);
        let outbox = minicbor::decode::<Vec<Delivery>>(&self.disk.outbox).ok();
        let (Some(state), Some(outbox)) = (state, outbox) else {
            return false;
        };
        let again = minicbor::to_vec(&outbox).is_ok_and(|octets| octets == self.disk.outbox);
        (self.state, self.outbox, self.notes) = (state, outbox, self.disk.notes.clone());
        again
    }
}
